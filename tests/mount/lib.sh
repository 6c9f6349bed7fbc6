# shellcheck shell=bash
# For the scripts of this folder: a store, its mount, and checks that say what is wrong.

set -euo pipefail

BUILD=${BUILD:-build}
BUILD=$(realpath "$BUILD")
PATH=$BUILD:$PATH
export LC_ALL=C

if [[ -n ${TEST_TMPDIR:-} ]]; then
	tmp=$TEST_TMPDIR
	owns_tmp=
else
	tmp=$(mktemp -d)
	chmod 0755 "$tmp"
	owns_tmp=yes
fi
tmp=$(realpath "$tmp")

skip_all() {
	echo "$*"
	exit 77
}

[[ -x $BUILD/mount.inkfs ]] || skip_all "mount.inkfs is not built"
[[ -c /dev/fuse ]] || skip_all "there is no /dev/fuse here"

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# fails REASON COMMAND…: it must not succeed
fails() {
	local why=$1
	shift
	if "$@" 2>/dev/null; then
		fail "$why"
	fi
}

equal() { # WHAT EXPECTED FOUND
	[[ $2 == "$3" ]] || fail "$1: expected '$2', found '$3'"
}

is_mounted() {
	awk -v dir="$1" '$5 == dir { found = 1 } END { exit !found }' /proc/self/mountinfo
}

unmount_quietly() {
	is_mounted "$1" || return 0
	"$BUILD/inkfs" umount "$1" 2>/dev/null || umount -l "$1" 2>/dev/null ||
		fusermount3 -uz "$1" 2>/dev/null || true
}

# Of a file system with a store in it: the driver may take a moment to end after its mount is gone.
unmount_disk() {
	local tries
	for ((tries = 0; tries < 100; tries++)); do
		is_mounted "$1" || return 0
		umount "$1" 2>/dev/null || sleep 0.1
	done
	! is_mounted "$1" || umount -l "$1"
}

clean_up() {
	local code=$? dir
	trap - EXIT
	for dir in "$tmp"/*/; do
		unmount_quietly "${dir%/}"
	done
	[[ -z $owns_tmp ]] || rm -rf "$tmp"
	exit "$code"
}
trap clean_up EXIT
trap 'exit 130' HUP INT TERM

new_store() { # NAME: in $tmp
	"$BUILD/inkfs" init "$tmp/$1" --origin example.org/mount >/dev/null 2>&1
}
