# shellcheck shell=bash
# For the end-to-end tests, which source it: a real program, as it is and as it is usually
# set up, logs into a mount and the same into a plain folder.  Afterwards the working
# directory is fresh, and these are there:
#
#   $mnt, $plain           the mount and the plain folder; $store, $inkfs
#   mount_store PROFILE    make the store the first time; mount it, strict or rotate
#   start COMMAND…         in the background; $pid is its process.  stop PID [SIGNAL]
#   wait_until WHAT COMMAND…   poll, 15 seconds at most and while $pid runs
#   nobody_has PATH        no process has an open file whose name begins so
#   wait_for_second        until the clock shows another second than now
#   compare FILE…          mount, `inkfs cat` and plain folder hold the same bytes
#   compare_as FILTER FILE…    the same, but the plain one only after both went through FILTER,
#                          which takes away what two runs never share (times, process numbers)
#   compare_all, compare_all_as FILTER     every file, and the same ones here and there
#   written_by COMM FILE   a record of FILE names COMM as its writer
#   as_user COMMAND…       replaces this process; as nobody, when it is root
#   finish REFUSED         unmount; the store still holds what the mount showed; verify says
#                          intact, REFUSED refused operations, nothing unclean
#   fail, skip TEXT;  need COMMAND…
#
# However the test ends, what it started is stopped and its mount is gone.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$(realpath -m "${BUILD:-$top/build}")
inkfs=$BUILD/inkfs
wait_limit_s=15

is_own_dir=
if [[ -z ${TEST_TMPDIR:-} ]]; then
	TEST_TMPDIR=$(mktemp -d)
	chmod 0755 "$TEST_TMPDIR"
	is_own_dir=yes
	export TEST_TMPDIR
fi
cd "$TEST_TMPDIR"
umask 022
export LC_ALL=C.UTF-8 TZ=UTC

mnt=$TEST_TMPDIR/mnt
plain=$TEST_TMPDIR/plain
store=$TEST_TMPDIR/store
mkdir "$mnt" "$plain"

started=()
pid=

fail() {
	echo "FAILED in line ${BASH_LINENO[-2]}: $*" >&2
	exit 1
}

skip() {
	echo "$*"
	exit 77
}

need() {
	local program
	for program in "$@"; do
		command -v "$program" >/dev/null 2>&1 || skip "$program is not installed"
	done
}

# --- waiting ---------------------------------------------------------------------

wait_until() {
	local what=$1 end=$((SECONDS + wait_limit_s))
	shift
	until "$@"; do
		((SECONDS < end)) || fail "waited $wait_limit_s s in vain: $what"
		[[ -z $pid ]] || is_alive "$pid" || fail "process $pid has ended; waited until $what"
		sleep 0.02
	done
}

# time() in a program lags behind by up to a tick of the kernel, so a little into it.
is_second_over() {
	local now=$EPOCHREALTIME
	((${now%.*} > $1 && 10#${now#*.} >= 50000))
}
wait_for_second() { wait_until "the next second" is_second_over "$EPOCHSECONDS"; }

# --- processes -------------------------------------------------------------------

is_alive() {
	local state
	state=$(sed -n 's/^[0-9]* (.*) \([A-Z]\) .*/\1/p' "/proc/$1/stat" 2>/dev/null) || return 1
	[[ -n $state && $state != Z && $state != X ]]
}
is_gone() { ! is_alive "$1"; }

start() {
	"$@" &
	pid=$!
	started+=("$pid")
}

# The exit code is the program's own; one that the signal ended is fine.
stop() {
	local target=$1 signal=${2:-TERM} code=0
	is_alive "$target" || fail "process $target has ended by itself"
	kill -s "$signal" "$target"
	pid=
	wait_until "process $target ends on SIG$signal" is_gone "$target"
	wait "$target" || code=$?
	((code == 0 || code == 128 + $(kill -l "$signal"))) ||
		fail "process $target exits $code after SIG$signal"
}

end_started() {
	local target
	for target in "${started[@]}"; do
		is_alive "$target" || continue
		kill -s TERM "$target" 2>/dev/null || true
		timeout 5 tail --pid="$target" -f /dev/null ||
			kill -s KILL "$target" 2>/dev/null || true
	done
}

nobody_has() { [[ -z $(find /proc/[0-9]*/fd -lname "$1*" 2>/dev/null) ]]; }

# Databases refuse to be root.
as_user() {
	if (($(id -u) == 0)); then
		exec setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"
	fi
	exec "$@"
}

need_way_for_others() {
	if (($(id -u) == 0)) && ! (as_user test -x "$TEST_TMPDIR"); then
		skip "other users cannot enter $TEST_TMPDIR"
	fi
}

# A UNIX socket's name has 107 bytes at most.
need_room_for_sockets() {
	((${#TEST_TMPDIR} <= 80)) || skip "$TEST_TMPDIR is too long a path for a socket"
}

# --- mount -----------------------------------------------------------------------

is_mounted() { mountpoint -q "$mnt" 2>/dev/null; }

mount_store() {
	if [[ ! -e $store ]]; then
		"$inkfs" init "$store" --origin e2e.example/log >"$TEST_TMPDIR/vkey" 2>/dev/null ||
			fail "inkfs init"
	fi
	"$inkfs" mount "$store" "$mnt" -o "profile=$1" || fail "inkfs mount"
	is_mounted || fail "inkfs mount returned and nothing is mounted"
}

clean_up() {
	local code=$?
	trap - EXIT
	set +e
	end_started
	cd /
	if is_mounted; then
		"$inkfs" umount "$mnt" --timeout 10 || umount -l "$mnt" || fusermount3 -uz "$mnt"
	fi
	[[ -z $is_own_dir ]] || rm -rf "$TEST_TMPDIR"
	exit "$code"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# --- comparing -------------------------------------------------------------------

compare_as() {
	local filter=$1 file
	shift
	(($# > 0)) || fail "nothing to compare"
	for file in "$@"; do
		[[ -s $mnt/$file ]] || fail "$file is empty on the mount, or not there"
		"$inkfs" cat "$store" "$file" | cmp - "$mnt/$file" ||
			fail "$file: 'inkfs cat' and the mount differ"
		if [[ $filter == cat ]]; then
			cmp "$mnt/$file" "$plain/$file" ||
				fail "$file: the mount and the plain folder differ"
		else
			diff <("$filter" <"$mnt/$file") <("$filter" <"$plain/$file") >&2 ||
				fail "$file: the mount and the plain folder differ after $filter"
		fi
	done
}

compare() { compare_as cat "$@"; }

files_of() { (cd "$1" && find . -type f -printf '%P\n' | LC_ALL=C sort); }

compare_all_as() {
	local files
	diff <(files_of "$mnt") <(files_of "$plain") >&2 ||
		fail "the mount and the plain folder hold different files"
	mapfile -t files < <(files_of "$mnt")
	compare_as "$1" "${files[@]}"
}

compare_all() { compare_all_as cat; }

written_by() {
	"$inkfs" log "$store" --kind APPEND --path "/$2" | grep -F " comm=$1" >/dev/null ||
		fail "no record of $2 says that $1 wrote it"
}

# --- the end ---------------------------------------------------------------------

finish() {
	local refused=$1 file
	declare -A digests=()
	while IFS= read -r -d '' file; do
		digests[$file]=$(sha256sum <"$mnt/$file")
	done < <(cd "$mnt" && find . -type f -printf '%P\0')
	((${#digests[@]} > 0)) || fail "nothing was written"

	"$inkfs" umount "$mnt" || fail "inkfs umount"
	for file in "${!digests[@]}"; do
		[[ $("$inkfs" cat "$store" "$file" | sha256sum) == "${digests[$file]}" ]] ||
			fail "$file: the unmounted store holds other bytes than the mount showed"
	done

	"$inkfs" verify "$store" --key "@$TEST_TMPDIR/vkey" >"$TEST_TMPDIR/verdict" 2>&1 || {
		cat "$TEST_TMPDIR/verdict" >&2
		fail "inkfs verify"
	}
	grep -E '^(intact|  (checked|refused))' "$TEST_TMPDIR/verdict"
	local line
	for line in "intact: $store" "  findings     0 against the evidence, 0 observations" \
		"  refused      $refused operation" "  unclean ends 0" \
		"  end          closed in order"; do
		grep -qF -- "$line" "$TEST_TMPDIR/verdict" || {
			cat "$TEST_TMPDIR/verdict" >&2
			fail "verify does not say: $line"
		}
	done
}

[[ -x $inkfs ]] || skip "$inkfs is not built"
[[ -x $BUILD/mount.inkfs ]] || skip "$BUILD/mount.inkfs is not built"
[[ -r /dev/fuse && -w /dev/fuse ]] || skip "no /dev/fuse that this user may use"
