#!/bin/bash
# A folder of keys that goes away while its store is mounted, and comes back.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
[[ -x $BUILD/mount.inkfs ]] || skip "$BUILD/mount.inkfs is not built"
[[ -r /dev/fuse && -w /dev/fuse ]] || skip "/dev/fuse cannot be used here"

run 0 "$inkfs" init store --origin a
mkdir mnt
"$BUILD/mount.inkfs" store mnt --foreground -o epoch=1,sync-interval=100 2>messages &
driver=$!

wait_for() { # at most 10 s
	local tries
	for ((tries = 0; tries < 100; tries++)); do
		"$@" && return 0
		sleep 0.1
	done
	fail "never came true: $*"
}

is_mounted() { mountpoint -q mnt; }
says() { (($(grep -cF -- "$1" messages) == $2)); }
epoch() { "$inkfs" status store --json | sed 's/.*"epoch": *\([0-9]*\).*/\1/'; }
is_behind() { (($(epoch) > $1)); }

wait_for is_mounted
mv store/keys away
echo one >mnt/a.log
wait_for says "the seal key cannot be changed: $PWD/store/keys: No such file" 1
for _ in 1 2 3; do
	echo more >>mnt/a.log
	sleep 1
done
says "cannot be changed" 1 || fail "told more than once: $(<messages)"
run 0 "$inkfs" status mnt --json
out_has '"epoch_length_s":1,'
[[ $(sed 's/.*"epoch_age_s": *\([0-9]*\).*/\1/' out) -ge 2 ]] || fail "age: $(<out)"

before=$(epoch)
mv away store/keys
wait_for says "the seal key was changed again" 1
wait_for is_behind "$before"
run 0 "$inkfs" umount mnt
wait "$driver" || fail "the driver ended with $?"
run 0 "$inkfs" verify store
out_has "intact"
