#!/bin/bash
# A disk that is full, a real one: programs get ENOSPC and nothing else, what was refused is not there, what was not is;
# the store closes in order, is verified and read without a free byte, and goes on when there is room, also after a kill.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

disk=$tmp/disk
store=$disk/store
logs=$tmp/logs

[[ $(id -u) == 0 ]] || skip_all "a disk of its own needs root"
mkdir "$disk" "$logs"

release() {
	local code=$?
	trap - EXIT
	unmount_quietly "$logs"
	unmount_disk "$disk"
	[[ -z $owns_tmp ]] || rm -rf "$tmp"
	exit "$code"
}
trap release EXIT

# Numbered lines until there is no room, large ones first, then ever smaller ones; a sync now and then.  Each error must
# be the right one; what it prints at the end is the size of the file as it must be.
fill() { # FILE: it must be new
	python3 - "$1" <<'END'
import errno, os, sys

fd = os.open(sys.argv[1], os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
number, size, refused = 0, 0, 0
for width in (65536, 4096, 512, 64, 16):
    while True:
        line = b"%0*d\n" % (width - 1, number)
        try:
            done = os.write(fd, line)
        except OSError as e:
            assert e.errno == errno.ENOSPC, e
            refused += 1
            break
        assert done == width, done
        number, size = number + 1, size + width
        if number % 50 == 0:
            os.fsync(fd)
# It stays so, for the smallest, too.
for _ in range(20):
    try:
        os.write(fd, b"x")
        size += 1
    except OSError as e:
        assert e.errno == errno.ENOSPC, e
        refused += 1
assert refused > 5, refused
try:
    os.close(fd)
except OSError as e:
    assert e.errno == errno.ENOSPC, e
print(size)
END
}

# The numbers without a gap, each line whole.
has_lines() { # FILE SIZE
	equal "size of $1" "$2" "$(stat -c %s "$1")"
	tr -d x <"$1" | awk '$1 + 0 != NR - 1 { exit 1 }' || fail "the lines of $1"
}

is_intact() { # TEXT THAT VERIFY PRINTS
	"$BUILD/inkfs" verify "$store" --key "@$tmp/vkey" >"$tmp/text" 2>&1 || fail "not intact: $(cat "$tmp/text")"
	grep -q "$1" "$tmp/text" || fail "verify does not say '$1': $(cat "$tmp/text")"
}

fill_and_close() {
	local code=0
	"$BUILD/inkfs" init "$store" --origin example.org/full --segment-size 2M >"$tmp/vkey" 2>/dev/null
	"$BUILD/inkfs" mount "$store" "$logs"
	first=$(fill "$logs/first")
	has_lines "$logs/first" "$first"
	fails "removed" rm "$logs/first"
	grep -q '"failed":false' "$logs/.inkfs/status.json" || fail "a full disk has stopped the store"
	is_intact "end  *open"
	"$BUILD/inkfs" umount "$logs"
	is_intact "closed in order"
	# Not a byte is free.
	dd if=/dev/zero of="$disk/ballast" bs=4k 2>/dev/null || true
	"$BUILD/inkfs" mount "$store" "$logs" 2>"$tmp/text" || code=$?
	equal "exit of a mount to write" 1 "$code"
	grep -q "disk is full; free at least\|No space left on device" "$tmp/text" || fail "says: $(cat "$tmp/text")"
	"$BUILD/inkfs" mount "$store" "$logs" -o ro
	has_lines "$logs/first" "$first"
	"$BUILD/inkfs" umount "$logs"
	rm "$disk/ballast"
	is_intact "closed in order"
}

# The same mount takes lines again when there is room for them.
go_on_when_there_is_room() {
	rm "$disk/room.1"
	"$BUILD/mount.inkfs" "$store" "$logs" --foreground 2>"$tmp/said" &
	driver=$!
	until is_mounted "$logs" && [[ -e $logs/first ]]; do
		kill -0 "$driver" || fail "the driver has ended: $(cat "$tmp/said")"
	done
	second=$(fill "$logs/second")
	rm "$disk/room.2"
	echo room >"$logs/third"
	sync "$logs/third"
	has_lines "$logs/second" "$second"
}

# Also what no sync was asked for is there, and nothing that was refused.
be_killed_full() {
	fourth=$(fill "$logs/fourth")
	kill -KILL "$driver"
	wait "$driver" 2>/dev/null || true
	umount -l "$logs"
	rm "$disk/room.3"
	"$BUILD/inkfs" mount "$store" "$logs"
	has_lines "$logs/first" "$first"
	has_lines "$logs/second" "$second"
	equal "third" room "$(cat "$logs/third")"
	has_lines "$logs/fourth" "$fourth"
	"$BUILD/inkfs" umount "$logs"
	is_intact "unclean ends 1"
}

fill_a_disk() { # WHAT
	local i
	for i in 1 2 3; do
		dd if=/dev/zero of="$disk/room.$i" bs=1M count=3 status=none
	done
	fill_and_close
	go_on_when_there_is_room
	be_killed_full
	unmount_disk "$disk"
	echo "full and gone on: $1"
}

mount -t tmpfs -o size=28M none "$disk" 2>/dev/null || skip_all "no tmpfs can be mounted here"
fill_a_disk tmpfs
truncate -s 40M "$tmp/image"
if mkfs.ext4 -q -F -m 0 "$tmp/image" 2>/dev/null && mount -o loop "$tmp/image" "$disk" 2>/dev/null; then
	fill_a_disk ext4
else
	echo "not tried: ext4, which needs a loop device"
fi
