#!/bin/bash
# logrotate turns nginx's logs over, create and dateext, while requests come in; none is lost.

# shellcheck source=tests/e2e/nginx_lib.sh
source "$(dirname "$0")/nginx_lib.sh"
need logrotate

mount_store rotate
configure_nginx 2

# As Debian's file for nginx, but for retention: what is recorded stays.
owner=$(id -un) group=$(id -gn)
cat >rotate.conf <<END
$mnt/*.log $plain/*.log {
	daily
	missingok
	rotate 1000
	dateext
	dateformat -%Y%m%d-%s
	notifempty
	create 0640 $owner $group
	sharedscripts
	postrotate
		kill -s USR1 \$(cat $TEST_TMPDIR/nginx.pid)
	endscript
}
END
chmod 0644 rotate.conf # logrotate heeds no file that others may write

# Under load: it began before and goes on.
rotate() {
	wait_for_second # the names end in it
	logrotate --force --state "$TEST_TMPDIR/logrotate.state" rotate.conf || fail "logrotate"
	is_alive "$load" || fail "the load ended before the rotation"
}

logs() { (cd "$1" && ls "$2.log" "$2.log"-*); }

start_nginx
start_load 1 3000 4 4
for requests in 200 600; do
	wait_until "$requests requests" has_requests "$requests"
	rotate
done
wait_for_load
stop "$nginx" QUIT

# A second start goes on where the first one stopped, and is turned over too.
start_nginx
start_load 3001 1600 4 4
rotate
wait_for_load
stop "$nginx" QUIT

for log in access buffered error; do
	mapfile -t names < <(logs "$mnt" "$log")
	((${#names[@]} == 4)) || fail "$log.log was not rotated three times: ${names[*]}"
	[[ ${names[*]} == $(logs "$plain" "$log" | xargs) ]] || fail "$log.log: other names"
	for name in "${names[@]}"; do
		"$inkfs" cat "$store" "$name" | cmp - "$mnt/$name" ||
			fail "$name: 'inkfs cat' and the mount differ"
	done
	# Two workers write; which line is first, or which side of a rotation it
	# is on, is not the same in both folders.
	diff <(cd "$mnt" && cat "${names[@]}" | grep -v ': exit$' | sort) \
		<(cd "$plain" && cat "${names[@]}" | grep -v ': exit$' | sort) >&2 ||
		fail "$log.log: the mount and the plain folder differ"
done
! grep -E "\[(alert|emerg|crit)\]" "$mnt"/error.log* >&2 || fail "nginx complains"
cd "$mnt"
every_request_once 4600 access.log*
every_request_once 4600 buffered.log*
[[ $(stat -c %a access.log) == 640 ]] || fail "access.log is not as 'create' says"
cd "$TEST_TMPDIR"
"$inkfs" log "$store" --kind RENAME | grep -F comm=logrotate >/dev/null ||
	fail "no record says that logrotate renamed"
finish 0
