#!/bin/bash
# -o immutable-point: nobody writes into the bare mount point; mounting over it works as ever.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

store=$tmp/store
logs=$tmp/logs
mkdir "$logs"

# Whatever happens, the flag does not stay.
release() {
	local code=$?
	trap - EXIT
	unmount_quietly "$logs"
	chattr -f -i "$logs" || true
	[[ -z $owns_tmp ]] || rm -rf "$tmp"
	exit "$code"
}
trap release EXIT

has_flag() { [[ $(lsattr -d "$logs") == *i*" $logs" ]]; }

refused() { # PATTERN COMMAND…
	local pattern=$1 code=0
	shift
	"$@" 2>"$tmp/text" || code=$?
	equal "exit" 1 "$code"
	equal "lines" 1 "$(wc -l <"$tmp/text")"
	grep -q "$pattern" "$tmp/text" || fail "says: $(cat "$tmp/text")"
}

new_store store

# Without root there is a sentence and no mount.
if [[ $(id -u) != 0 ]]; then
	refused "only root may" "$BUILD/mount.inkfs" "$store" "$logs" -o immutable-point
	fails "mounted all the same" is_mounted "$logs"
	skip_all "the flag itself needs root"
fi
chattr +i "$logs" 2>/dev/null || skip_all "no immutable flag on the file system here"
chattr -i "$logs"

if command -v setpriv >/dev/null; then
	mkdir "$tmp/user" "$tmp/user/logs"
	chown -R 65534 "$tmp/user"
	as_user() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
	if as_user test -x "$BUILD/mount.inkfs"; then
		as_user "$BUILD/inkfs" init "$tmp/user/store" --origin example.org/user >/dev/null 2>&1
		refused "only root may; run 'chattr +i $tmp/user/logs'" as_user \
			"$BUILD/mount.inkfs" "$tmp/user/store" "$tmp/user/logs" -o immutable-point
	fi
fi

# A check alone changes nothing.
"$BUILD/mount.inkfs" "$store" "$logs" -f -o immutable-point 2>/dev/null
fails "-f has set the flag" has_flag

"$BUILD/inkfs" mount "$store" "$logs" -o immutable-point
echo line >"$logs/file"
"$BUILD/inkfs" umount "$logs"
has_flag || fail "no flag on the bare mount point: $(lsattr -d "$logs")"
fails "a file was made beneath the mount" touch "$logs/stray"
fails "a program logged beneath the mount" bash -c "echo stray >>'$logs/file'"
equal "what lies in the bare folder" "" "$(ls -A "$logs")"

# Again, with and without the option, and after a crash of the driver.
"$BUILD/inkfs" mount "$store" "$logs"
echo two >>"$logs/file"
"$BUILD/inkfs" umount "$logs"
"$BUILD/mount.inkfs" "$store" "$logs" -o immutable-point --foreground 2>/dev/null &
driver=$!
until is_mounted "$logs" && [[ -e $logs/file ]]; do
	kill -0 "$driver" || fail "the driver has ended"
done
kill -KILL "$driver"
wait "$driver" 2>/dev/null || true
umount -l "$logs"
fails "a file was made after a crash" touch "$logs/stray"
"$BUILD/inkfs" mount "$store" "$logs"
equal "content" "line two" "$(paste -sd ' ' "$logs/file")"
"$BUILD/inkfs" umount "$logs"

# A store that cannot be opened leaves the point protected, too.
chattr -i "$logs"
refused "does not exist" "$BUILD/mount.inkfs" "$tmp/nowhere" "$logs" -o immutable-point
fails "a flag for a mount that makes no sense" has_flag
mv "$store/keys/seal.key" "$tmp/seal.key"
refused "seal.key" "$BUILD/mount.inkfs" "$store" "$logs" -o immutable-point
has_flag || fail "the mount has failed and the point is open to all"

# A file system without the flag.
if unshare -m true 2>/dev/null; then
	mkdir "$tmp/ram"
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m bash -c 'mount -t ramfs none "$1" && mkdir "$1/logs" && exec "$2" "$3" "$1/logs" -o immutable-point' - \
		"$tmp/ram" "$BUILD/mount.inkfs" "$store" 2>"$tmp/text" && fail "mounted without the flag"
	grep -q "its file system has no such flag" "$tmp/text" || fail "says: $(cat "$tmp/text")"
fi
echo "the bare mount point takes nothing"
