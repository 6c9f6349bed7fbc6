#!/bin/bash
# Without root: a normal user makes a store, mounts it through fusermount3, writes, unmounts, verifies.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

command -v fusermount3 >/dev/null || skip_all "there is no fusermount3"

if [[ $(id -u) == 0 && -z ${INKFS_TEST_AS_USER:-} ]]; then
	helper=$(command -v fusermount3)
	[[ -u $helper ]] || skip_all "fusermount3 is not set-user-id"
	command -v setpriv >/dev/null || skip_all "there is no setpriv"
	as_user() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
	# Debian gives /dev/fuse to everybody; a bare container does not, so it gets one of its own.
	if ! as_user test -r /dev/fuse -a -w /dev/fuse; then
		[[ -z ${INKFS_TEST_OWN_DEVICE:-} ]] || skip_all "/dev/fuse is for root alone here"
		unshare -m true 2>/dev/null || skip_all "/dev/fuse is for root alone here"
		# shellcheck disable=SC2016 # for the inner shell
		INKFS_TEST_OWN_DEVICE=yes unshare -m bash -euc '
			mknod -m 0666 "$1/fuse" c 10 229
			mount --bind "$1/fuse" /dev/fuse
			shift
			"$@"
		' - "$tmp" "$0"
		exit
	fi
	as_user test -x "$BUILD/mount.inkfs" || skip_all "another user may not enter $BUILD"
	mkdir "$tmp/user"
	chown 65534:65534 "$tmp/user"
	INKFS_TEST_AS_USER=yes TEST_TMPDIR=$tmp/user as_user "$0"
	exit
fi

store=$tmp/store
logs=$tmp/logs
mkdir "$logs"
new_store store

"$BUILD/mount.inkfs" "$store" "$logs"
echo mine >"$logs/file"
equal "owner" "$(id -u)" "$(stat -c %u "$logs/file")"
fails "a file was removed" rm -f "$logs/file"
fusermount3 -u "$logs"
"$BUILD/inkfs" status "$store" >/dev/null
# The driver closes the store a moment after the mount is gone; a second one says so or waits.
until "$BUILD/mount.inkfs" "$store" "$logs" 2>"$tmp/text"; do
	grep -qi "lock\|another process\|in use\|mounted" "$tmp/text" || fail "says: $(cat "$tmp/text")"
done
equal "content" mine "$(cat "$logs/file")"
"$BUILD/inkfs" umount "$logs"
"$BUILD/inkfs" verify "$store" >"$tmp/text" 2>&1 || { cat "$tmp/text"; fail "not intact"; }

# In the foreground, and ended by a signal.
for signal in TERM INT; do
	code=0
	env --default-signal="$signal" "$BUILD/mount.inkfs" "$store" "$logs" --foreground 2>"$tmp/text" &
	driver=$!
	until is_mounted "$logs" && [[ -e $logs/file ]]; do
		kill -0 "$driver" || fail "the driver has ended: $(cat "$tmp/text")"
	done
	echo "before $signal" >>"$logs/file"
	kill -s "$signal" "$driver"
	wait "$driver" || code=$?
	equal "exit after $signal" 0 "$code"
	fails "still mounted after $signal" is_mounted "$logs"
	last=$("$BUILD/inkfs" log "$store" | tail -n 2)
	[[ $last == *" UNMOUNT "*reason=signal*" EPOCH "*reason=unmount* ]] || fail "it ends with: $last"
done
equal "lines" 3 "$("$BUILD/inkfs" cat "$store" file | wc -l)"

# allow_other is the administrator's to allow.
if ! grep -qs '^user_allow_other' /etc/fuse.conf && [[ $(id -u) != 0 ]]; then
	code=0
	"$BUILD/mount.inkfs" "$store" "$logs" -o allow_other 2>"$tmp/text" || code=$?
	equal "exit with allow_other" 1 "$code"
	grep -q user_allow_other "$tmp/text" || fail "says: $(cat "$tmp/text")"
	fails "mounted all the same" is_mounted "$logs"
fi
echo "a normal user can"
