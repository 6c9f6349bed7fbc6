#!/bin/bash
# Node.js: pino synchronous, asynchronous and in its worker thread, winston; SIGHUP reopens pino's
# files; a second start; then the same with the files renamed before SIGHUP.

# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
need node npm

# Installed once; later runs need no network.
modules=$BUILD/e2e-node
if ! cmp -s "$top/tests/e2e/node/package-lock.json" "$modules/installed"; then
	rm -rf "$modules"
	mkdir -p "$modules"
	cp "$top/tests/e2e/node/package.json" "$top/tests/e2e/node/package-lock.json" "$modules"
	timeout --kill-after=5 60 npm ci --prefix "$modules" --ignore-scripts --no-audit --no-fund \
		--fetch-retries=1 --fetch-timeout=20000 --loglevel=error >npm.log 2>&1 || {
		cat npm.log
		skip "npm cannot install pino and winston (no network?)"
	}
	cp "$modules/package-lock.json" "$modules/installed"
fi
cp "$top/tests/e2e/node/app.js" "$modules"

said() { grep -q "$1" out; }

# hangup [SUFFIX]: SIGHUP in the middle; the files renamed before, if there is a suffix.
hangup() {
	local suffix=${1:-} dir name
	: >out
	start node "$modules/app.js" hangup "$mnt" "$plain" >out
	wait_until "the program is ready" said ready
	if [[ -n $suffix ]]; then
		for dir in "$mnt" "$plain"; do
			for name in pino-sync.log pino-async.log; do
				mv "$dir/$name" "$dir/$name.$suffix"
			done
		done
	fi
	kill -s HUP "$pid"
	wait "$pid" || fail "node: exit $?"
	pid=
	said reopened || fail "no reopened"
}

# What is being written when the files are opened anew, and what comes next, go through two threads of Node's, in any order.
in_any_order() { sort; }

compare_each() {
	local files
	diff <(files_of "$mnt") <(files_of "$plain") >&2 ||
		fail "the mount and the plain folder hold different files"
	mapfile -t files < <(files_of "$mnt" | grep -v '^pino-async')
	compare "${files[@]}"
	mapfile -t files < <(files_of "$mnt" | grep '^pino-async')
	compare_as in_any_order "${files[@]}"
}

mount_store strict
node "$modules/app.js" run "$mnt" "$plain"
compare_each
hangup
compare_each
# Each burst is 400 messages, and an error to one of them.
(($(wc -l <"$mnt/pino-async.log") == 1200 && $(wc -l <"$mnt/winston.log") == 1200 &&
	$(wc -l <"$mnt/pino-transport.log") == 1200 && $(wc -l <"$mnt/pino-sync.log") == 1203)) ||
	fail "a message is lost"
written_by node pino-sync.log
"$inkfs" umount "$mnt"

mount_store rotate
hangup 1
compare_each
(($(wc -l <"$mnt/pino-async.log.1") == 1600 && $(wc -l <"$mnt/pino-async.log") == 400)) ||
	fail "a message is on the wrong side of the rotation, or lost"
finish 0
