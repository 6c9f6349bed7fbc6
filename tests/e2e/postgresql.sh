#!/bin/bash
# PostgreSQL's logging collector: text, CSV and JSON, statements by several sessions at once;
# SIGHUP, pg_rotate_logfile() and `pg_ctl logrotate` with a % pattern; a second start.  Two servers
# made alike get the same statements: one logs into the mount, the other into the plain folder.

# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
need python3

# Debian keeps them where several versions have room.
PATH=$(printf '%s:' /usr/lib/postgresql/*/bin)$PATH
need initdb postgres psql pg_ctl
need_way_for_others
need_room_for_sockets

mkdir servers
(($(id -u) != 0)) || chown nobody:nogroup servers
cd servers # those of another user begin where that one may be

make_server() { # NAME
	[[ -d made ]] || (as_user initdb --auth=trust --username=admin --no-sync \
		--locale=C.UTF-8 made >"$TEST_TMPDIR/initdb.out" 2>&1) || {
		cat "$TEST_TMPDIR/initdb.out"
		fail "initdb"
	}
	cp -a made "$1"
	(as_user mkdir "sockets-$1")
	mkdir "$TEST_TMPDIR/$1/pg"
	(($(id -u) != 0)) || chown nobody:nogroup "$TEST_TMPDIR/$1/pg"
	cat >>"$1/postgresql.conf" <<-END
		listen_addresses = ''
		unix_socket_directories = '$PWD/sockets-$1'
		fsync = off
		autovacuum = off
		logging_collector = on
		log_destination = 'stderr,csvlog,jsonlog'
		log_directory = '$TEST_TMPDIR/$1/pg'
		log_filename = 'postgresql-%Y-%m-%d_%H%M%S.log'
		log_connections = on
		log_disconnections = on
		log_statement = 'all'
		log_rotation_age = 0
	END
}

ask() { # NAME, SQL on stdin
	psql --host="$PWD/sockets-$1" --username=admin --no-psqlrc --quiet postgres \
		>>"$TEST_TMPDIR/psql.out" 2>&1
}

# Asking would leave a line in one log and perhaps two in the other.
is_ready() { grep -qs '^ready' "$1/postmaster.pid"; }

declare -A server=()
start_servers() {
	local name
	for name in mnt plain; do
		start as_user postgres -D "$PWD/$name" 2>"$TEST_TMPDIR/$name.err"
		server[$name]=$pid
	done
	for name in mnt plain; do
		pid=${server[$name]}
		wait_until "PostgreSQL is ready" is_ready "$name"
	done
}

# The collector ends after everybody who could still log.
stop_servers() {
	local name
	for name in mnt plain; do
		stop "${server[$name]}" INT
		wait_until "the collector has ended" nobody_has "$TEST_TMPDIR/$name/pg/"
	done
}

statements() { # TEXT
	local name session jobs
	for name in mnt plain; do
		jobs=()
		for session in 1 2 3; do
			{
				seq -f "select '$1, session $session, statement %g';" 1 60
				echo "select no_such_column; -- $1"
				echo "do \$\$ begin raise log 'a log line, ünïcödé'; end \$\$;"
				printf "select length('%s');\n" "$(printf 'x%.0s' {1..20000})"
				printf 'select\n\t%s\n;\n' "1, 'two lines'"
			} | ask "$name" &
			jobs+=("$!")
		done
		wait "${jobs[@]}" || fail "psql"
	done
}

count_logs() { find "$1/pg" -name '*.log' | wc -l; }
has_rotated() { (($(count_logs "$mnt") == $1 && $(count_logs "$plain") == $1)); }

log_says() { cat "$mnt"/pg/*.log | grep -F "$1" >/dev/null; }

mount_store strict
make_server mnt
make_server plain

start_servers
statements "first"
kill -s HUP "${server[@]}"
wait_until "SIGHUP is heeded" log_says "received SIGHUP"

wait_for_second # the names end in it
for name in mnt plain; do
	ask "$name" <<<"select pg_rotate_logfile();"
done
wait_until "pg_rotate_logfile() has rotated" has_rotated 2
statements "after pg_rotate_logfile"

wait_for_second
for name in mnt plain; do
	(as_user pg_ctl logrotate --silent --pgdata="$PWD/$name")
done
wait_until "pg_ctl logrotate has rotated" has_rotated 3
statements "after pg_ctl logrotate"
stop_servers

wait_for_second
start_servers
statements "second start"
stop_servers
has_rotated 4 || fail "not four files each"

cd "$TEST_TMPDIR"
# Times, processes, folders and how long something took are of each server; sessions log at once.
cat >messages.py <<'END'
import csv
import json
import re
import sys

CSV_SEVERITY, CSV_STATE, CSV_MESSAGE, CSV_DETAIL, CSV_QUERY = 11, 12, 13, 14, 19
csv.field_size_limit(1 << 20)


def rows(kind):
    if kind == "csv":
        for row in csv.reader(sys.stdin):
            yield [row[i] for i in (CSV_SEVERITY, CSV_STATE, CSV_MESSAGE, CSV_DETAIL, CSV_QUERY)]
    elif kind == "json":
        for row in map(json.loads, sys.stdin):
            keys = ("error_severity", "state_code", "message", "detail", "statement")
            yield [row.get(key, "") for key in keys]
    else:
        prefix = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC \[\d+\] "
        text = re.split(prefix, sys.stdin.read(), flags=re.MULTILINE)
        assert text[0] == "", text[0]
        for message in text[1:]:
            yield [message]


for row in sorted(rows(sys.argv[1])):
    line = repr(row)
    line = re.sub(r"/(mnt|plain)/pg/|sockets-(mnt|plain)", "DIR", line)
    line = re.sub(r"\d{4}-\d\d-\d\d[ _]\d\d:?\d\d:?\d\d( UTC)?", "TIME", line)
    line = re.sub(r"session time: [0-9:.]+|\(PID \d+\)|wrote \d+ buffers.*", "", line)
    print(line)
END

for kind in log csv json; do
	mapfile -t files < <(files_of "$mnt" | grep "\.$kind\$")
	((${#files[@]} == 4)) || fail "*.$kind: not four files: ${files[*]}"
	"$inkfs" cat "$store" "${files[@]}" | cmp - <(cd "$mnt" && cat "${files[@]}") ||
		fail "*.$kind: 'inkfs cat' and the mount differ"
	cat "$mnt"/pg/*."$kind" | python3 messages.py "$kind" >mnt.messages
	cat "$plain"/pg/*."$kind" | python3 messages.py "$kind" >plain.messages
	diff mnt.messages plain.messages >&2 ||
		fail "*.$kind: the mount and the plain folder differ"
	count=$(grep -cE 'session [123], statement [0-9]+' mnt.messages)
	((count == 4 * 180)) || fail "*.$kind: $count statements and not 720"
done
written_by postgres "${files[0]}"
finish 0
