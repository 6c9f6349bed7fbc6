#!/bin/bash
# rsync --append brings a growing tree over, also with --append-verify, after it was killed in the
# middle of a file, and out of the mount again.

# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
need rsync

grow() {
	seq "$1" >>src/app.log
	head -c "$2" /dev/urandom >>src/deep/er/binary
	echo "$1" >"src/new-$1"
	printf 'no line feed' >>"src/ünï cödé"
}

bring() {
	local dir
	for dir in "$mnt" "$plain"; do
		rsync -a "$@" src/ "$dir/" || fail "rsync $* to $dir: exit $?"
	done
}

mkdir -p src/deep/er
mount_store strict

grow 1000 300000
bring --append
compare_all
grow 2000 1500000
bring --append
compare_all
grow 3000 70000
bring --append-verify
compare_all
bring --append # nothing to do
compare_all
diff -r src "$mnt" || fail "the mount is not what was brought"
[[ $(stat -c '%Y %a' src/app.log) == $(stat -c '%Y %a' "$mnt/app.log") ]] ||
	fail "app.log: other time or mode"
written_by rsync deep/er/binary

# Killed while it writes, it goes on where it stopped.
head -c 3000000 /dev/urandom >>src/deep/er/binary
has_begun() { (($(stat -c %s "$mnt/deep/er/binary") > size)); }
size=$(stat -c %s "$mnt/deep/er/binary")
start rsync -a --append --bwlimit=500 src/ "$mnt/" 2>/dev/null
wait_until "rsync writes" has_begun
kill -s KILL "$pid"
wait "$pid" 2>/dev/null || true
pid=
wait_until "its receiving half has ended" nobody_has "$mnt/"
(($(stat -c %s "$mnt/deep/er/binary") < $(stat -c %s src/deep/er/binary))) ||
	fail "it was over before it was killed"
bring --append
compare_all
diff -r src "$mnt" || fail "the mount is not what was brought"

# Out of the mount, as a backup does.
rsync -a "$mnt/" out/
diff -r src out || fail "what came out is not what was brought"
finish 0
