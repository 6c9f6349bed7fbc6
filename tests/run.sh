#!/bin/bash
# Run the tests and count them.
#
#   tests/run.sh [--only TEXT]… [--programs] [GROUP…]
#
#   GROUP        a folder of tests/: unit fuzz crash tamper cli mount …
#   --only       tests with TEXT in GROUP/NAME; given twice, either
#   --programs   the cmocka programs, no scripts
#
# A test is a program $BUILD/tests/GROUP/test_* (cmocka; each of its tests
# counts) or an executable tests/GROUP/*.sh (counts as one; exit 77 is a skip and
# its last line the reason; each line "not tried: …" is a skip of a part).  Each runs in a session
# of its own, from the top of the tree, with
#
#   TEST_TMPDIR   a fresh directory; kept when the test fails
#   TEST_MEMDIR   another, in memory, if there is such a place; moves into TEST_TMPDIR when the test fails
#   BUILD, INKFS  the build directory and its inkfs, absolute; $BUILD is first in PATH
#
# and must leave neither a mount beneath TEST_TMPDIR nor a process; what it leaves
# is removed and counts as its failure.  Output goes to $BUILD/test-logs/, to the
# terminal only on failure.

set -euo pipefail

cd "$(dirname "$0")/.."

BUILD=$(realpath -m "${BUILD:-build}")
INKFS=$BUILD/inkfs
PATH=$BUILD:$PATH
export BUILD INKFS PATH

time_limit_s=${TEST_TIMEOUT:-600}
read -r -a wrap <<<"${WRAP:-}"
log_dir=$BUILD/test-logs
tmp_root=$BUILD/tmp

passed=0
failed=0
skipped=0

# Of the test now running, for the trap.
session=
dir=
memory_dir=
suspects=

usage() {
	echo "usage: tests/run.sh [--only TEXT]... [--programs] [GROUP...]" >&2
	exit 2
}

# --- what a test has left behind -----------------------------------------------

mounts_beneath() {
	awk -v dir="$1/" 'index($5 "/", dir) == 1 { print $5 }' /proc/self/mountinfo |
		sort -r
}

unmount() {
	local target
	target=$(printf '%b' "$1") # mountinfo writes a space as \040
	timeout 20 umount "$target" 2>/dev/null ||
		timeout 20 fusermount3 -u "$target" 2>/dev/null ||
		umount -l "$target" 2>/dev/null ||
		fusermount3 -u -z "$target"
}

# A daemon leaves the session and may overwrite its environment or command line
# (nginx, postgres), so any of four traces counts.  The directory's name is random
# and goes in on stdin, so that this search does not find itself.
processes_of_test() {
	# shellcheck disable=SC2086,SC2062 # a list; file names after --file
	{
		grep -lsE "^[0-9]+ \(.*\) [A-Z] [0-9]+ [0-9]+ $session " /proc/[0-9]*/stat
		printf '%s\n' "$dir" |
			grep -lsaF --file=- /proc/[0-9]*/environ /proc/[0-9]*/cmdline
		find /proc/[0-9]* -maxdepth 1 -name cwd \
			\( -lname "$dir" -o -lname "$dir/*" \) 2>/dev/null
		printf '/proc/%s\n' $suspects
	} | cut -d/ -f3 | sort -un | while read -r pid; do
		is_alive "$pid" && echo "$pid"
	done || true
}

# A zombie whose parent is gone from the container's init is nobody's fault.
is_alive() {
	local state
	state=$(sed -n 's/^[0-9]* (.*) \([A-Z]\) .*/\1/p' "/proc/$1/stat" 2>/dev/null)
	[[ -n $state && $state != Z && $state != X ]]
}

describe_process() {
	printf '%s (%s)' "$1" "$(tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null)"
}

# A driver ends a moment after its mount is gone; that moment is no fault.
wait_for_end() {
	local tries
	for ((tries = 0; tries < $1; tries++)); do
		[[ -n $(processes_of_test) ]] || return 0
		sleep 0.1
	done
	return 1
}

end_processes() {
	local pid signal
	for signal in TERM KILL; do
		for pid in $(processes_of_test); do
			kill -s "$signal" "$pid" 2>/dev/null || true
		done
		wait_for_end 20 && return 0
	done
	return 0
}

# Print what was left, one complaint a line; remove it.
clean_after_test() {
	local target pid
	# Taken now: whoever stands in a mount leaves no trace once that is gone.
	suspects=
	suspects=$(processes_of_test)
	for target in $(mounts_beneath "$dir"); do
		echo "left a mount: $target"
		unmount "$target" || echo "cannot unmount $target"
	done
	if ! wait_for_end 20; then
		for pid in $(processes_of_test); do
			echo "left a process: $(describe_process "$pid")"
		done
		end_processes
	fi
}

# A store may hold immutable files (-o immutable).
remove_dir() {
	rm -rf --one-file-system "$1" 2>/dev/null && return 0
	chattr -R -f -i -a "$1" 2>/dev/null || true
	rm -rf --one-file-system "$1" || true
}

stop_early() {
	trap - EXIT HUP INT TERM
	if [[ -n $session ]]; then
		kill -s TERM -- "-$session" 2>/dev/null || true
		clean_after_test >&2
	fi
	[[ -z $memory_dir ]] || rm -rf "$memory_dir"
	echo "interrupted" >&2
	exit 130
}

# --- one test --------------------------------------------------------------------

# Sums over the groups of one binary; the lists of names below do not count.
cmocka_sum() {
	sed -n "s/^\[  $1 *\] \([0-9]*\) test(s).*/\1/p" "$2" |
		awk '{ sum += $1 } END { print sum + 0 }'
}

# With the line before it, where the test says why.
say_skips() {
	awk -v name="$1" '
		/^\[ RUN / { why = "" }
		/^\[  SKIPPED \] [^ ]+$/ && is_run { printf "skip  %s: %s%s\n", name, $4, why }
		/^\[=+\] Running/ { is_run = 1 }
		/^\[=+\] [0-9]/ { is_run = 0 }
		!/^\[/ { why = " (" $0 ")" }' "$2"
}

fail() {
	local name=$1 log=$2 why=${3//$'\n'/; }
	printf 'FAIL  %s: %s\n' "$name" "$why"
	sed 's/^/    | /' "$log" | tail -n 200
	printf '    log: %s  directory: %s\n' "$log" "$dir"
}

# count_test KIND NAME LOG EXIT: adds to the totals; returns 1 if it failed.
count_test() {
	local kind=$1 name=$2 log=$3 code=$4 good=0 bad=0 skips=0
	if [[ $kind == cmocka ]]; then
		good=$(cmocka_sum PASSED "$log")
		bad=$(cmocka_sum FAILED "$log")
		skips=$(cmocka_sum SKIPPED "$log")
	fi
	if ((code == 77 && bad == 0)); then
		printf 'skip  %s: %s\n' "$name" "$(tail -n 1 "$log")"
		passed=$((passed + good))
		skipped=$((skipped + skips + 1))
		return 0
	fi
	if [[ $kind == script ]]; then
		((code == 0)) && good=1
		skips=$(grep -c '^not tried: ' "$log" || true)
		sed -n "s|^not tried: |skip  $name: |p" "$log"
	elif ((code == 0 && bad == 0 && good + skips == 0)); then
		echo "ran no test at all" >>"$log"
		code=1
	fi
	((code == 0 || bad > 0)) || bad=1
	passed=$((passed + good))
	failed=$((failed + bad))
	skipped=$((skipped + skips))
	((bad == 0))
}

reason_of() {
	case $1 in
	124 | 137) echo "killed, or over the limit of $time_limit_s s (exit $1)" ;;
	*) echo "exit $1" ;;
	esac
}

run_one() {
	local kind=$1 name=$2 log code=0 left start
	shift 2
	log=$log_dir/${name//\//.}.log
	dir=$(mktemp -d "$tmp_root/${name##*/}.XXXXXX")
	memory_dir=$(mktemp -d /dev/shm/inkfs-test.XXXXXX 2>/dev/null) || memory_dir=
	chmod 0755 "$dir" ${memory_dir:+"$memory_dir"} # tests step down to other users
	start=${EPOCHREALTIME/[.,]/}

	TEST_TMPDIR=$dir TEST_MEMDIR=$memory_dir setsid timeout --kill-after=10 "$time_limit_s" "$@" \
		>"$log" 2>&1 </dev/null &
	session=$!
	wait "$session" || code=$?
	left=$(clean_after_test)
	session=

	if [[ -n $left ]]; then
		printf '%s\n' "$left" >>"$log"
		if ((code == 0 || code == 77)); then
			code=1
		fi
	fi
	if count_test "$kind" "$name" "$log" "$code"; then
		if ((code != 77)); then
			printf 'ok    %s (%d ms)\n' "$name" \
				$(((${EPOCHREALTIME/[.,]/} - start) / 1000))
			say_skips "$name" "$log"
		fi
		remove_dir "$dir"
	else
		[[ -z $memory_dir ]] || cp -a "$memory_dir/." "$dir" || true
		fail "$name" "$log" "${left:-$(reason_of "$code")}"
	fi
	[[ -z $memory_dir ]] || rm -rf "$memory_dir"
	dir=
	memory_dir=
}

# --- which tests -----------------------------------------------------------------

is_listed() { # NAME PATTERN…: nothing listed means everything
	local name=$1 pattern
	shift
	(($# == 0)) && return 0
	for pattern in "$@"; do
		# shellcheck disable=SC2053 # a pattern is meant
		[[ $name == $pattern ]] && return 0
	done
	return 1
}

is_chosen() { # NAME = GROUP/TEST
	is_listed "$1" "${only[@]}" && is_listed "${1%%/*}" "${groups[@]}"
}

run_programs() {
	local source name
	for source in tests/*/test_*.c; do
		name=${source#tests/}
		name=${name%.c}
		is_chosen "$name" || continue
		run_one cmocka "$name" "${wrap[@]}" "$BUILD/tests/$name"
	done
}

run_scripts() {
	local script name
	for script in tests/*/*.sh; do
		name=${script#tests/}
		case $name in
		bench/test_*) ;;
		support/* | bench/* | data/* | soak/*) continue ;;
		esac
		if [[ -x $script ]] && is_chosen "$name"; then
			run_one script "$name" "$script"
		fi
	done
}

only=()
groups=()
has_scripts=yes
while (($# > 0)); do
	case $1 in
	--only)
		(($# >= 2)) || usage
		only+=("*$2*")
		shift
		;;
	--only=*) only+=("*${1#--only=}*") ;;
	--programs) has_scripts= ;;
	-*) usage ;;
	*) groups+=("$1") ;;
	esac
	shift
done

shopt -s nullglob
mkdir -p "$log_dir" "$tmp_root"
trap stop_early HUP INT TERM

run_programs
if [[ -n $has_scripts ]]; then
	run_scripts
fi

echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && passed > 0))
