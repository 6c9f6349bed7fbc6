#!/bin/bash
# What is wrong gets one sentence, an exit code, and changes nothing.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

store=$tmp/store
logs=$tmp/logs
mkdir "$logs"
new_store store

# The index is a cache, made at will.
state_of() {
	find "$tmp" \( -path "$tmp/text" -o -path "*/index" \) -prune -o -type d -printf "%P %y %m\n" -o \
		-printf "%P %y %s %m %u %T@\n" | sort
	find "$tmp" \( -path "$tmp/text" -o -path "*/index" \) -prune -o -type f -print0 | sort -z |
		xargs -0 sha256sum
}

# refused CODE PATTERN ARGUMENT…: that exit code, one line that matches, nothing changed, nothing mounted
refused() {
	local code=0 expected=$1 pattern=$2 before lines
	shift 2
	: >"$tmp/text"
	before=$(state_of)
	"$BUILD/mount.inkfs" "$@" >"$tmp/text" 2>&1 || code=$?
	equal "exit of mount.inkfs $*" "$expected" "$code"
	lines=$(wc -l <"$tmp/text")
	equal "lines of mount.inkfs $*" 1 "$lines"
	grep -qE -- "$pattern" "$tmp/text" ||
		fail "mount.inkfs $* says: $(cat "$tmp/text"); expected: $pattern"
	equal "the folder after mount.inkfs $*" "$before" "$(state_of)"
	fails "mount.inkfs $* has mounted" is_mounted "$logs"
}

# Options.
refused 2 "takes a store and a mount point" "$store"
refused 2 "not known" "$store" "$logs" -o colour=red
refused 2 "not known" "$store" "$logs" --colour
refused 2 "profile is 'lax'.*strict, rotate" "$store" "$logs" -o profile=lax
refused 2 "seal is ''" "$store" "$logs" -o seal=
refused 2 "needs a value" "$store" "$logs" -o audit
refused 2 "takes no value" "$store" "$logs" -o sync=1
refused 2 "epoch is '0'.*1 to" "$store" "$logs" -o epoch=0
refused 2 "epoch is '-1'" "$store" "$logs" -o epoch=-1
refused 2 "epoch is '10s'" "$store" "$logs" -o epoch=10s
refused 2 "heartbeat is '99999999999999999999'" "$store" "$logs" -o heartbeat=99999999999999999999
refused 2 "twice with different" "$store" "$logs" -o profile=strict,profile=rotate
refused 2 "ro and sync contradict" "$store" "$logs" -o ro,sync
refused 2 "ro and rw contradict" "$store" "$logs" -o rw -o ro
refused 2 "ro and seal contradict" "$store" "$logs" -o ro,seal=write
refused 2 "sync and async contradict" "$store" "$logs" -o sync,async
refused 2 "unmount it and mount it again" "$store" "$logs" -o remount,ro
refused 2 "keys is .*No such file" "$store" "$logs" -o keys="$tmp/nowhere"

# The mount point.
mkdir "$tmp/full" "$tmp/around"
touch "$tmp/full/file"
refused 1 "does not exist; make it" "$store" "$tmp/nowhere"
refused 1 "not a folder" "$store" "$tmp/full/file"
refused 1 "not empty" "$store" "$tmp/full"
refused 1 "lies in the store" "$store" "$store/log"
refused 1 "lies in the store" "$store" "$store"
mkdir "$tmp/around/point"
new_store around/point/store
refused 1 "lies beneath the mount point" "$tmp/around/point/store" "$tmp/around/point"

# The store.
mkdir "$tmp/empty" "$tmp/keyless"
refused 1 "does not exist; 'inkfs init'" "$tmp/nowhere" "$logs"
refused 1 "." "$tmp/empty" "$logs"
refused 1 "." "$tmp/full/file" "$logs"
new_store loose
chmod 0644 "$tmp/loose/keys/seal.key"
refused 1 "." "$tmp/loose" "$logs"
new_store future
printf '\0\0\0\2' | dd of="$tmp/future/log/0000000000.seg" bs=1 seek=8 conv=notrunc status=none
refused 1 "." "$tmp/future" "$logs"
new_store robbed
rm "$tmp/robbed/keys/seal.key"
refused 1 "." "$tmp/robbed" "$logs"
new_store foreign
cp "$tmp/foreign/keys/seal.key" "$tmp/foreign.key"
cp "$tmp/store/keys/seal.key" "$tmp/foreign/keys/seal.key"
refused 1 "another store|not the key" "$tmp/foreign" "$logs"
cp "$tmp/foreign.key" "$tmp/foreign/keys/seal.key"
truncate -s -1 "$tmp/foreign/keys/seal.key"
refused 1 "seal.key" "$tmp/foreign" "$logs"
if [[ $(id -u) == 0 ]]; then
	cp "$tmp/foreign.key" "$tmp/foreign/keys/seal.key"
	chown 65534 "$tmp/foreign/keys/seal.key"
	refused 1 "own" "$tmp/foreign" "$logs"
fi
new_store shown
chmod 0640 "$tmp/shown/keys/log.key"
refused 1 "log.key may be read or written by others" "$tmp/shown" "$logs"
chmod 0600 "$tmp/shown/keys/log.key"
if [[ $(id -u) == 0 ]]; then
	chown 65534 "$tmp/shown/keys/log.key"
	refused 1 "log.key belongs to uid 65534" "$tmp/shown" "$logs"
fi
new_store damaged
printf X | dd of="$tmp/damaged/log/0000000000.seg" bs=1 seek=200 conv=notrunc status=none
refused 1 "damaged" "$tmp/damaged" "$logs"
refused 1 "damaged" "$tmp/damaged" "$logs" -o ro
refused 1 "damaged" "$tmp/damaged" "$logs" --foreground
new_store headless
rm "$tmp/headless/log/0000000000.seg"
refused 1 "." "$tmp/headless" "$logs"

# What the system does not mount leaves the store without a session that never was.
unmountable() { # PATTERN STORE POINT DEVICE COMMAND…: with DEVICE as /dev/fuse; fusermount3 may have its own line
	local code=0 pattern=$1 store=$2 point=$3 device=$4 before
	shift 4
	: >"$tmp/text"
	before=$(state_of)
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m bash -euc 'mount --bind "$1" /dev/fuse && shift && exec "$@"' - "$device" \
		"$@" "$BUILD/mount.inkfs" "$store" "$point" >"$tmp/text" 2>&1 || code=$?
	equal "exit with $device as /dev/fuse" 1 "$code"
	grep -q "^mount.inkfs: cannot mount .*$pattern" "$tmp/text" || fail "says: $(cat "$tmp/text")"
	equal "the folder after a mount with $device as /dev/fuse" "$before" "$(state_of)"
}
if [[ $(id -u) == 0 ]] && unshare -m true 2>/dev/null; then
	unmountable . "$store" "$logs" /dev/null env
	nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
	if "${nobody[@]}" test -x "$BUILD/mount.inkfs"; then
		mkdir "$tmp/user" "$tmp/user/logs"
		chown -R 65534:65534 "$tmp/user"
		"${nobody[@]}" "$BUILD/inkfs" init "$tmp/user/store" --origin example.org/user >/dev/null 2>&1
		mknod -m 0600 "$tmp/device" c 10 229
		unmountable . "$tmp/user/store" "$tmp/user/logs" "$tmp/device" "${nobody[@]}"
		rm "$tmp/device"
	else
		echo "not tried: a user who may not open /dev/fuse; another user may not enter $BUILD"
	fi
else
	echo "not tried: a mount that the system refuses; it takes root and a mount namespace of its own"
fi

# As mount(8) calls it; what fstab adds is taken.
"$BUILD/mount.inkfs" "$store" "$logs" -f -n -v -o rw,noauto,nofail,_netdev,x-systemd.automount 2>/dev/null
fails "-f has mounted" is_mounted "$logs"
"$BUILD/mount.inkfs" "$store" "$logs" -s -o \
	rw,noexec,noatime,nofail,_netdev,x-gvfs-hide,user=me,defaults,colour=red -t fuse.inkfs
is_mounted "$logs" || fail "not mounted"
findmnt -no OPTIONS "$logs" | grep -q noexec || fail "noexec is lost"

# A second driver.
mkdir "$tmp/second"
echo line >"$logs/file"
code=0
"$BUILD/mount.inkfs" "$store" "$logs" 2>"$tmp/text" || code=$?
equal "exit of a second mount" 1 "$code"
grep -q "is mounted at $logs already" "$tmp/text" || fail "says: $(cat "$tmp/text")"
code=0
"$BUILD/mount.inkfs" "$store" "$tmp/second" 2>"$tmp/text" || code=$?
equal "exit of a second driver" 1 "$code"
equal "lines" 1 "$(wc -l <"$tmp/text")"
code=0
"$BUILD/mount.inkfs" "$tmp/empty" "$logs" 2>"$tmp/text" || code=$?
grep -q "another store" "$tmp/text" || fail "says: $(cat "$tmp/text")"
equal "the first mount" line "$(cat "$logs/file")"

# The path 4,096 bytes deep is the system's to refuse.
name=$(printf 'd%.0s' $(seq 250))
path=$logs
while ((${#path} < 3700)); do
	path=$path/$name
	mkdir "$path"
done
fails "a path of more than 4,095 bytes" mkdir "$path/$name/$name"
"$BUILD/inkfs" umount "$logs"

# A mount whose driver was killed.
"$BUILD/mount.inkfs" "$store" "$logs" --foreground 2>/dev/null &
driver=$!
until is_mounted "$logs" && [[ -e $logs/file ]]; do
	kill -0 "$driver" || fail "the driver has ended"
done
kill -KILL "$driver"
wait "$driver" 2>/dev/null || true
code=0
"$BUILD/mount.inkfs" "$store" "$logs" 2>"$tmp/text" || code=$?
equal "exit on a dead mount" 1 "$code"
grep -q "umount -l" "$tmp/text" || fail "says: $(cat "$tmp/text")"
umount -l "$logs" 2>/dev/null || fusermount3 -uz "$logs"
"$BUILD/mount.inkfs" "$store" "$logs"
equal "after recovery" line "$(cat "$logs/file")"
"$BUILD/inkfs" umount "$logs"
echo "every bad input has its sentence"
