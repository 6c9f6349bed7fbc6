#!/bin/bash
# Debian's winston: two starts, and files opened anew on SIGHUP; then the same with the file renamed before.
# (node.sh has pino and a newer winston, where npm reaches its registry.)

# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
need node
[[ -d /usr/share/nodejs/winston ]] || skip "node-winston is not installed"
export NODE_PATH=/usr/share/nodejs:/usr/lib/nodejs
app=$top/tests/e2e/node/winston.js

said() { grep -q "$1" out; }

# hangup [SUFFIX]: SIGHUP in the middle; the files renamed before, if there is a suffix.
hangup() {
	local suffix=${1:-} dir
	: >out
	start node "$app" hangup "$mnt" "$plain" >out
	wait_until "the program is ready" said ready
	if [[ -n $suffix ]]; then
		for dir in "$mnt" "$plain"; do
			mv "$dir/winston.log" "$dir/winston.log.$suffix"
		done
	fi
	kill -s HUP "$pid"
	wait "$pid" || fail "node: exit $?"
	pid=
	said reopened || fail "not reopened"
}

mount_store strict
node "$app" run "$mnt" "$plain"
compare_all
hangup
compare_all
(($(wc -l <"$mnt/winston.log") == 1200)) || fail "a message is lost"
written_by node winston.log
"$inkfs" umount "$mnt"

mount_store rotate
hangup 1
compare_all
(($(wc -l <"$mnt/winston.log.1") == 1600 && $(wc -l <"$mnt/winston.log") == 400)) ||
	fail "a message is on the wrong side of the rotation, or lost"
finish 0
