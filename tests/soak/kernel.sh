#!/bin/bash
# Losses of power beneath a real ext4.
#
#   tests/soak/kernel.sh [SESSIONS [CUTS [SEED]]]     (10 sessions of 8 cuts; needs root, /dev/fuse and loop devices)
#
# soak_block is a disk with a volatile cache: what was not flushed is in memory only.  A loop device on it
# holds an ext4, that a store, that is mounted, and soak_writers logs into it in seven ways, counting what it was promised.
# At random moments the disk writes down what it would hold if the power went now.  On each such disk the kernel replays
# ext4's journal, the store is verified, mounted, and its files are held against the promises; RECOVERY must
# be in the log, and the verifier be content again.
#
# A disk that fails a check is kept, with its seed.

set -euo pipefail

cd "$(dirname "$0")/../.."

sessions=${1:-10}
cuts=${2:-8}
SEED=${3:-$SRANDOM}
RANDOM=$((SEED % 32768))

BUILD=$(realpath "${BUILD:-build}")
PATH=$BUILD:$BUILD/tests/soak:$PATH
export LC_ALL=C
[[ $(id -u) = 0 && -c /dev/fuse && -b /dev/loop0 ]] || {
	echo "kernel.sh: needs root, /dev/fuse and loop devices"
	exit 77
}

# In memory where there is room: the disk below is not what is tried.
dir=$(mktemp -d "$([[ -w /dev/shm ]] && echo /dev/shm || echo /tmp)/inkfs-kernel.XXXXXX")
mkdir "$dir"/{block,ext4,log,look,look.log}
writers=
block=

is_mounted() {
	grep -q " $1 " /proc/self/mountinfo
}

leave() { # MOUNTPOINT: also of what is busy for a moment
	local i
	for ((i = 0; i < 100; i++)); do
		is_mounted "$1" || return 0
		umount "$1" 2>/dev/null || sleep 0.1
	done
	umount -l "$1"
}

detach() { # all loop devices on FILE
	local loop
	for loop in $(losetup -j "$1" -O NAME -n); do
		losetup -d "$loop"
	done
}

end_session() {
	if [[ -n $writers ]]; then
		kill "$writers" 2>/dev/null || true
		wait "$writers" 2>/dev/null || true
		writers=
	fi
	leave "$dir/log"
	leave "$dir/ext4"
	detach "$dir/block/disk"
	leave "$dir/block"
	[[ -z $block ]] || wait "$block" || true
	block=
	rm -f "$dir/disk.img" "$dir/state"
}

end_look() {
	leave "$dir/look.log"
	leave "$dir/look"
	detach "$dir/cut.img"
}

clean_up() {
	local code=$?
	trap - EXIT
	end_look
	end_session
	if ((code == 0)); then
		rm -rf "$dir"
	else
		echo "kernel.sh: failed; the disk is $dir/cut.img, again: tests/soak/kernel.sh $sessions $cuts $SEED"
	fi
	exit "$code"
}
trap clean_up EXIT
trap 'exit 130' HUP INT TERM

begin_session() {
	local line loop
	truncate -s 192M "$dir/disk.img"
	mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 "$dir/disk.img"
	mkfifo "$dir/said"
	soak_block "$dir/disk.img" "$dir/block" >"$dir/said" &
	block=$!
	exec {said}<"$dir/said"
	rm "$dir/said"
	read -r -u "$said" line
	[[ $line == ready ]]
	loop=$(losetup -f --show --direct-io=on "$dir/block/disk" 2>/dev/null ||
		losetup -f --show "$dir/block/disk")
	mount -t ext4 "$loop" "$dir/ext4"
	inkfs init "$dir/ext4/store" --origin example.org/kernel --segment-size 2M >"$dir/vkey" 2>/dev/null
	inkfs mount "$dir/ext4/store" "$dir/log"
	# Much is flushed at once where few ask for it: so it is in every other session.
	soak_writers work "$dir/log" "$dir/state" $((session % 2 ? 700 : 2)) &
	writers=$!
	until [[ -s $dir/state ]]; do
		kill -0 "$writers"
		sleep 0.01
	done
}

cut() { # SEED
	cp "$dir/state" "$dir/before"
	echo "$1 $dir/cut.img" >"$dir/block/cut"
	read -r -u "$said" line
	cp "$dir/state" "$dir/after"
	echo "cut $1: $line"
}

# The machine has power again.
look() {
	local store=$dir/look/store
	mount -t ext4 "$(losetup -f --show "$dir/cut.img")" "$dir/look"
	inkfs verify "$store" --key "$(cat "$dir/vkey")" >"$dir/verify.1" || {
		cat "$dir/verify.1"
		return 1
	}
	inkfs mount "$store" "$dir/look.log"
	soak_writers check "$dir/look.log" "$dir/before" "$dir/after"
	inkfs umount "$dir/look.log"
	inkfs verify "$store" --key "$(cat "$dir/vkey")" >"$dir/verify.2" || {
		cat "$dir/verify.2"
		return 1
	}
	# The end without order is in the log.
	inkfs log "$store" | grep RECOVERY >"$dir/recovery" || {
		echo "no RECOVERY in the log"
		return 1
	}
	[[ -z $(ls -A "$store/lost") ]] || echo "  a tail was set aside: $(ls "$store/lost")"
	end_look
	rm "$dir/cut.img"
}

echo "kernel: seed $SEED, ext4 on $(uname -r)"
for ((session = 0; session < sessions; session++)); do
	begin_session
	for ((i = 0; i < cuts; i++)); do
		sleep "$((RANDOM % 2)).$((RANDOM % 10))"
		cut $((SEED + session * 1000 + i))
		look
	done
	end_session
done
echo "kernel: $((sessions * cuts)) losses of power, nothing lost"
