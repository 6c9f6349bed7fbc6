#!/bin/bash
# A store is evidence wherever it was carried: copied with rsync, or from a snapshot of a machine in the middle of its work, with
# its holes filled, by and for another user, on media that cannot be written to.  Each copy is intact, with the key pinned.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

store=$tmp/store
logs=$tmp/logs
copy=$tmp/copy
other=$tmp/other
mkdir "$logs" "$other"

release() {
	local code=$?
	trap - EXIT
	unmount_quietly "$other"
	unmount_quietly "$logs"
	unmount_disk "$copy"
	[[ -z $owns_tmp ]] || rm -rf "$tmp"
	exit "$code"
}
trap release EXIT

is_intact() { # STORE TEXT THAT VERIFY PRINTS
	"$BUILD/inkfs" verify "$1" --key "@$tmp/vkey" >"$tmp/text" 2>&1 || fail "not intact: $(cat "$tmp/text")"
	grep -q "$2" "$tmp/text" || fail "verify does not say '$2': $(cat "$tmp/text")"
}

# All of a copy is there, read only and, if it may be, written on.
serves() { # STORE
	"$BUILD/inkfs" mount "$1" "$other" -o ro
	cmp "$tmp/large" "$other/large" || fail "another content"
	equal "the last line" "line 300" "$(tail -n 1 "$other/small")"
	"$BUILD/inkfs" umount "$other"
}

goes_on() { # STORE
	"$BUILD/inkfs" mount "$1" "$other"
	echo more >"$other/more"
	"$BUILD/inkfs" umount "$other"
	is_intact "$1" "closed in order"
}

fresh_copy() {
	rm -rf "$copy"
	"$@"
}

"$BUILD/inkfs" init "$store" --origin example.org/copies --segment-size 2M >"$tmp/vkey" 2>/dev/null
"$BUILD/mount.inkfs" "$store" "$logs" --foreground 2>"$tmp/said" &
driver=$!
until is_mounted "$logs" && [[ -e $logs ]]; do
	kill -0 "$driver" || fail "the driver has ended: $(cat "$tmp/said")"
done
head -c 5000000 /dev/urandom >"$tmp/large"
cp "$tmp/large" "$logs/large"
for i in $(seq 300); do echo "line $i"; done >"$logs/small"

# All files as they were at one moment, and the driver goes on.
kill -STOP "$driver"
cp -a "$store" "$copy"
kill -CONT "$driver"
echo "it goes on" >"$logs/later"
is_intact "$copy" "end "
serves "$copy"
goes_on "$copy"
grep -q "unclean ends 1" "$tmp/text" || fail "the end in the copy is not told: $(cat "$tmp/text")"
"$BUILD/inkfs" umount "$logs"
wait "$driver"
is_intact "$store" "closed in order"

fresh_copy cp -r --sparse=never "$store" "$copy"
is_intact "$copy" "closed in order"
serves "$copy"
goes_on "$copy"

if command -v rsync >/dev/null; then
	for way in -a -aS --inplace; do
		fresh_copy rsync -r "$way" "$store/" "$copy"
		is_intact "$copy" "closed in order"
		serves "$copy"
	done
	chmod -R go= "$copy/keys"
	goes_on "$copy"
	# What was written to the copy since must not stay in it; a second is too coarse to tell one key file from the next.
	rsync -a --checksum --delete "$store/" "$copy"
	is_intact "$copy" "closed in order"
	serves "$copy"
else
	echo "not tried: rsync is not here"
fi

if [[ $(id -u) != 0 ]]; then
	echo "not tried: another owner and read-only media, which need root"
	echo "copies are intact"
	exit 0
fi

# Given to somebody else, who has neither the keys nor a right to write.
fresh_copy cp -r "$store" "$copy"
rm -r "$copy/keys"
chmod -R a+rX,a-w "$copy"
if command -v setpriv >/dev/null; then
	as_user() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
	if as_user test -x "$BUILD/inkfs"; then
		as_user "$BUILD/inkfs" verify "$copy" --key "@$tmp/vkey" >"$tmp/text" 2>&1 ||
			fail "for another user: $(cat "$tmp/text")"
		equal "what another user reads" "line 300" "$(as_user "$BUILD/inkfs" cat "$copy" small | tail -n 1)"
		chown -R 65534:65534 "$copy"
		is_intact "$copy" "closed in order"
		as_user "$BUILD/inkfs" verify "$copy" --key "@$tmp/vkey" >"$tmp/text" 2>&1 ||
			fail "for its new owner: $(cat "$tmp/text")"
	fi
fi

# Not even root can write there: no lock, no index, nothing.
if mount --bind "$copy" "$copy" 2>/dev/null && mount -o remount,ro,bind "$copy" 2>/dev/null; then
	fails "the media can be written to" touch "$copy/probe"
	is_intact "$copy" "closed in order"
	serves "$copy"
	"$BUILD/inkfs" log "$copy" --kind MOUNT >"$tmp/text" || fail "log of read-only media"
	equal "records of MOUNT" 1 "$(wc -l <"$tmp/text")"
	unmount_disk "$copy"
	# Nor is an index missed that nobody can make there.
	rm -r "$copy/index"
	mount --bind "$copy" "$copy"
	mount -o remount,ro,bind "$copy"
	is_intact "$copy" "there is no index"
	serves "$copy"
	unmount_disk "$copy"
else
	echo "not tried: read-only media"
fi
echo "copies are intact"
