#!/bin/bash
# rsyslog writes what arrives on a socket, by TCP and from a followed file: plain, through the
# asynchronous writer, with a sync per message and to names made from the message.  SIGHUP makes
# it close and reopen its files in the middle; then a second start; then rotation by hand.

# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
need rsyslogd logger
need_room_for_sockets

# Every rule has two actions, one into each folder.
rule() {
	local name action
	echo "if $1 then {"
	for name in mnt plain; do
		action=${2//DIR/$TEST_TMPDIR/$name}
		echo "    action(type=\"omfile\" ${action//NAME/$name})"
	done
	echo "}"
}

configure() {
	cat <<-END
		global(workDirectory="$TEST_TMPDIR/work" processInternalMessages="on")
		module(load="imuxsock" SysSock.Name="$TEST_TMPDIR/log.sock")
		module(load="imtcp")
		module(load="imfile")
		input(type="imtcp" address="127.0.0.1" port="0" listenPortFileName="$TEST_TMPDIR/port")
		input(type="imfile" file="$TEST_TMPDIR/followed" tag="followed")
	END
	for name in mnt plain; do
		echo "template(name=\"$name\" type=\"string\"" \
			"string=\"$TEST_TMPDIR/$name/by-name/%programname%.log\")"
	done
	# shellcheck disable=SC2016 # rsyslog's variable
	{
		rule '$programname != ""' 'file="DIR/syslog"'
		rule '$programname == "job"' \
			'file="DIR/async.log" asyncWriting="on" ioBufferSize="16k" flushInterval="1"'
		rule '$programname == "net"' 'file="DIR/synced.log" sync="on"'
		rule '$programname != "rsyslogd"' 'dynaFile="NAME"'
	}
}

count() { cat -- "$@" 2>/dev/null | wc -l; }
has_lines() { (($(count "$mnt/$2") >= $1 && $(count "$plain/$2") >= $1)); }
was_hung_up() {
	(($(cat "$mnt/syslog" "$plain/syslog" 2>/dev/null | grep -cF "was HUPed") == 2 * $1))
}

start_rsyslog() {
	rm -f port
	start rsyslogd -n -f "$TEST_TMPDIR/rsyslog.conf" -i "$TEST_TMPDIR/pid"
	rsyslog=$pid
	wait_until "rsyslog listens" test -s port -a -S log.sock
}

# 300 messages: 200 by the socket, 60 by TCP, 40 from the file.
messages() {
	seq -f "$1, message %g" 1 200 | logger --socket "$TEST_TMPDIR/log.sock" --tag job
	seq -f "$1, message %g" 1 60 |
		logger --tcp --server 127.0.0.1 --port "$(<port)" --tag net
	seq -f "$1, message %g" 1 40 >>followed
}

hang_up() {
	kill -s HUP "$rsyslog"
	wait_until "rsyslog says it was hung up" was_hung_up "$1"
}

all_there() {
	wait_until "$1 messages in async.log" has_lines $(($1 * 2 / 3)) async.log
	wait_until "$1 messages in synced.log" has_lines $(($1 / 5)) synced.log
	wait_until "$1 messages followed" has_lines $(($1 * 2 / 15)) by-name/followed.log
	wait_until "$1 messages" has_lines "$1" syslog
}

mkdir work
configure >rsyslog.conf
: >followed
mount_store strict

start_rsyslog
messages "start 1"
hang_up 1
messages "start 1 after SIGHUP"
all_there 600
stop "$rsyslog"
compare_all

start_rsyslog
messages "start 2"
all_there 900
stop "$rsyslog"
compare_all
for file in by-name/job.log by-name/net.log by-name/followed.log; do
	[[ $(sort "$mnt/$file" | uniq -d | wc -l) -eq 0 ]] || fail "$file: a message came twice"
done
[[ $(count "$mnt/by-name/job.log") -eq 600 ]] || fail "by-name/job.log: not 600 messages"
written_by rsyslogd syslog
"$inkfs" umount "$mnt"

# What logrotate does, by hand.
mount_store rotate
start_rsyslog
messages "before the rename"
all_there 1200
for dir in "$mnt" "$plain"; do
	mv "$dir/synced.log" "$dir/synced.log.1"
done
messages "into the renamed file"
wait_until "the renamed file grows" has_lines 300 synced.log.1
hang_up 2
messages "into the new file"
wait_until "the new file grows" has_lines 60 synced.log
wait_until "1800 messages" has_lines 1800 syslog
stop "$rsyslog"
compare_all
[[ $(count "$mnt/synced.log.1") -eq 300 ]] || fail "synced.log.1: not 300 messages"
finish 0
