#!/bin/bash
# The named checks, the same on a desk and in CI.
#
#   scripts/check.sh NAME…    these
#   scripts/check.sh all      every one, then a count
#   scripts/check.sh list     the names
#
# Each prints one line, ok or fail; what a failed one said is shown, and kept in
# build/check-logs/NAME.log in any case.

set -euo pipefail
shopt -s nullglob

cd "$(dirname "$0")/.."

log_dir=build/check-logs
jobs=$(nproc)

# Tests that are worth a thread sanitizer, by name.
threaded='thread store ahead'

# Inside `make check` the outer make's job server is not ours to use.
unset MAKEFLAGS MAKELEVEL MFLAGS

names=(layers headers format gcc clang shellcheck symbols ldd standalone hardening install
	analyser asan tsan valgrind)

describe() {
	case $1 in
	layers) echo "who includes what (scripts/check_layers.sh)" ;;
	headers) echo "every header compiles alone" ;;
	format) echo "clang-format has nothing to change" ;;
	gcc | clang) echo "all programs and tests build without a warning with $1" ;;
	shellcheck) echo "shell scripts" ;;
	symbols) echo "what libinkfs.a shows its users begins with ink_" ;;
	ldd) echo "inkfs runs without libfuse" ;;
	standalone) echo "verify and check link and run without libfuse, LMDB and anything that signs" ;;
	hardening) echo "PIE, full RELRO, no executable stack, stack protector" ;;
	install) echo "uninstall leaves nothing of install, a build nothing in the tree" ;;
	analyser) echo "clang-tidy (.clang-tidy) over include, fs and tools" ;;
	asan) echo "unit, fuzz, crash, tamper, mount and cli tests under ASan and UBSan" ;;
	tsan) echo "the threaded tests, and the driver on mount, cli and e2e, under TSan" ;;
	valgrind) echo "unit tests under memcheck" ;;
	esac
}

# Says why a check had nothing to do; shown on its ok line.
none_yet() {
	note="no $* yet"
	echo "$note"
}

# Tracked and new alike, so that a desk sees what CI will see.
sources() {
	git ls-files --cached --others --exclude-standard -- "$@" | sort -u |
		while read -r file; do
			if [[ -f $file ]]; then echo "$file"; fi
		done
}

build() { make --no-print-directory -j"$jobs" "$@"; }

check_layers() { scripts/check_layers.sh; }

include_flags() {
	echo -std=c11 -D_GNU_SOURCE -Iinclude -Ifs/store -Ifs/driver -Itools \
		-Itests -Itests/support
	pkg-config --cflags fuse3
}

check_headers() {
	local header headers flags rc=0
	mapfile -t headers < <(sources '*.h')
	((${#headers[@]} > 0)) || {
		none_yet headers
		return 0
	}
	read -r -a flags < <(include_flags | xargs)
	for header in "${headers[@]}"; do
		gcc -x c -fsyntax-only -Wall -Wextra "${flags[@]}" -include "$header" \
			/dev/null || rc=1
	done
	return $rc
}

check_format() {
	local files
	mapfile -t files < <(sources '*.c' '*.h')
	((${#files[@]} > 0)) || {
		none_yet sources
		return 0
	}
	clang-format --dry-run -Werror "${files[@]}"
}

build_with() { build CC="$1" BUILD="build-$1" all tests bench-programs; }

check_gcc() { build_with gcc; }

check_clang() { build_with clang; }

check_shellcheck() {
	local files
	mapfile -t files < <({
		sources '*.sh'
		sources .ci scripts tests | xargs -r grep -lE '^#!.*\b(ba)?sh$'
	} | sort -u)
	shellcheck "${files[@]}"
}

# Only what has default visibility is offered; the rest is hidden by the build.
check_symbols() {
	local shown bad
	build all
	shown=$(readelf -sW build/libinkfs.a |
		awk '$5 ~ /GLOBAL|WEAK/ && $6 == "DEFAULT" && $7 != "UND" { print $8 }')
	bad=$(grep -v '^ink_' <<<"$shown" | grep . || true)
	if [[ -n $bad ]]; then
		printf 'shown without the prefix ink_: %s\n' "$bad"
		return 1
	fi
	if [[ -z $shown ]]; then none_yet "public symbols"; fi
}

check_ldd() {
	build all
	[[ -x build/inkfs ]] || {
		none_yet inkfs
		return 0
	}
	ldd build/inkfs
	! ldd build/inkfs | grep -q fuse
}

# `inkfs verify` and `inkfs check`, each as a program of its own: what the linker takes in for it is all that it rests on.
check_standalone() {
	local dir=build/standalone objects name
	build all
	rm -rf "$dir"
	mkdir -p "$dir"
	objects=(build/obj/tools/*.o)
	ar rcs "$dir/libtools.a" "${objects[@]}"
	for name in verify check; do
		stand_alone "$dir" "$name" || return 1
	done
	build/inkfs init "$dir/store" --origin standalone >"$dir/vkey"
	"$dir/verify" "$dir/store" --key "@$dir/vkey"
	build/inkfs prove "$dir/store" --seq 0 -o "$dir/evidence"
	"$dir/check" "$dir/evidence" --key "@$dir/vkey"
}

stand_alone() { # DIR SUBCOMMAND
	local dir=$1 name=$2 foreign
	cat >"$dir/$name.c" <<-EOT
		#include "cmds.h"

		int main(int argc, char **argv)
		{
			return cmd_$name.run(argc, argv);
		}
	EOT
	gcc -Iinclude -Itools -pthread -o "$dir/$name" "$dir/$name.c" "$dir/libtools.a" \
		build/libinkfs.a -lcrypto -lsodium -ljansson -lpcre2-8 || return 1
	foreign=$(nm -D --undefined-only "$dir/$name" | awk '{ print $2 }' | sed 's/@.*//' |
		grep -E '^(fuse_|mdb_|randombytes|crypto_(auth|box|kx|secretbox|sign))' |
		grep -vx crypto_sign_verify_detached || true)
	if [[ -n $foreign ]]; then
		echo "$name links ${foreign//$'\n'/ }"
		return 1
	fi
}

# `grep -q` would close the pipe early, and pipefail take readelf's end for the answer.
has() { # PATTERN
	grep -E "$1" >/dev/null
}

is_hardened() {
	readelf -hW "$1" | has 'Type: *DYN' || echo "$1: not PIE"
	readelf -lW "$1" | has GNU_RELRO || echo "$1: no RELRO"
	readelf -dW "$1" | has 'BIND_NOW|FLAGS.* NOW' || echo "$1: binds lazily"
	readelf -lW "$1" | has 'GNU_STACK.*RWE' && echo "$1: executable stack"
	readelf -sW "$1" | has __stack_chk_fail || echo "$1: no stack protector"
	return 0
}

check_hardening() {
	local program programs faults
	build all
	programs=(build/inkfs build/mount.inkfs)
	faults=$(for program in "${programs[@]}"; do
		if [[ -x $program ]]; then is_hardened "$program"; fi
	done)
	[[ -x build/inkfs ]] || none_yet inkfs
	echo "$faults"
	[[ -z $faults ]]
}

check_install() {
	local stage before after prefix left rc=0
	before=$(git ls-files --others --exclude-standard)
	build all tests
	after=$(git ls-files --others --exclude-standard)
	if [[ $before != "$after" ]]; then
		diff <(echo "$before") <(echo "$after") || true
		echo "the build left these in the tree"
		rc=1
	fi
	stage=$(mktemp -d)
	for prefix in /usr/local /usr; do
		make --no-print-directory install DESTDIR="$stage" PREFIX="$prefix"
		find "$stage" ! -type d
		check_links "$stage" || rc=1
		make --no-print-directory uninstall DESTDIR="$stage" PREFIX="$prefix"
		left=$(find "$stage" ! -type d)
		if [[ -n $left ]]; then
			printf 'uninstall left %s\n' "$left"
			rc=1
		fi
	done
	rm -rf "$stage"
	[[ -x build/mount.inkfs ]] || none_yet mount.inkfs
	return $rc
}

# mount(8) must find the driver under both type names.
check_links() {
	local stage=$1 link target
	[[ -x build/mount.inkfs ]] || return 0
	for link in "$stage"/{,usr/}sbin/mount.{fuse.,}inkfs; do
		[[ -L $link ]] || continue
		target=$(readlink "$link")
		case $target in
		/*) target=$stage$target ;;
		*) target=${link%/*}/$target ;;
		esac
		[[ -e $target ]] || {
			echo "$link points at nothing"
			return 1
		}
	done
}

check_analyser() {
	local files flags
	mapfile -t files < <(sources 'fs/*.c' 'tools/*.c')
	((${#files[@]} > 0)) || {
		none_yet sources
		return 0
	}
	read -r -a flags < <(include_flags | xargs)
	printf '%s\n' "${files[@]}" |
		xargs -P "$jobs" -I{} clang-tidy --quiet {} -- "${flags[@]}"
}

has_tests() { # GLOB…
	local glob found
	for glob in "$@"; do
		# shellcheck disable=SC2206 # a glob
		found=($glob)
		((${#found[@]} > 0)) && return 0
	done
	return 1
}

check_asan() {
	has_tests 'tests/unit/test_*.c' 'tests/crash/test_*.c' 'tests/tamper/test_*.c' || {
		none_yet tests
		return 0
	}
	build SAN=address,undefined tests
	UBSAN_OPTIONS=print_stacktrace=1 BUILD=build-asan TEST_TIMEOUT=600 \
		tests/run.sh --programs unit fuzz crash tamper
	run_mounts build-asan tests/run.sh mount cli
}

# The driver is a daemon without a terminal, and a script may not ask how it ended: what
# a sanitizer says of it goes to files, and one file is a failure.
run_mounts() { # BUILD COMMAND…
	local build=$1 rc=0 reports
	shift
	rm -f "$build"/report.*
	BUILD=$build TEST_TIMEOUT=600 ASAN_OPTIONS=log_path=$PWD/$build/report \
		UBSAN_OPTIONS=print_stacktrace=1:log_path=$PWD/$build/report \
		TSAN_OPTIONS=second_deadlock_stack=1:log_path=$PWD/$build/report \
		"$@" || rc=$?
	reports=("$build"/report.*)
	if ((${#reports[@]} > 0)); then
		cat "${reports[@]}"
		rc=1
	fi
	return "$rc"
}

# Without address randomisation: on kernels with many random bits the shadow
# memory of gcc's TSan collides with the program.
check_tsan() {
	local word only=()
	for word in $threaded; do
		if has_tests "tests/unit/test_*$word*.c" "tests/crash/test_*$word*.c"; then
			only+=(--only "$word")
		fi
	done
	((${#only[@]} > 0)) || {
		none_yet "threaded tests"
		return 0
	}
	build SAN=thread tests
	TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 BUILD=build-tsan \
		TEST_TIMEOUT=600 WRAP='setarch -R' \
		tests/run.sh --programs "${only[@]}" unit crash
	run_mounts build-tsan setarch -R tests/run.sh mount cli e2e
}

check_valgrind() {
	has_tests 'tests/unit/test_*.c' || {
		none_yet "unit tests"
		return 0
	}
	build tests
	WRAP='valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite' \
		INKFS_TEST_ROUNDS=10 TEST_TIMEOUT=900 tests/run.sh --programs unit
}

# --- running them --------------------------------------------------------------

# In a subshell with errexit of its own: inside `if` bash would ignore it.
run_check() {
	local name=$1 log=$log_dir/$1.log rc=0 start=$SECONDS
	rm -f "$log.note"
	set +e
	(
		set -e
		note=
		trap 'echo "$note" >"$log.note"' EXIT
		"check_$name"
	) >"$log" 2>&1
	rc=$?
	if ((rc == 0)); then
		note=$(cat "$log.note")
		printf 'ok    %s (%s%d s)\n' "$name" "${note:+$note, }" $((SECONDS - start))
	else
		tail -n 120 "$log" | sed 's/^/    | /'
		printf 'fail  %s (%s)\n' "$name" "$log"
	fi
	rm -f "$log.note"
	return $rc
}

is_known() {
	local name
	for name in "${names[@]}"; do
		[[ $name == "$1" ]] && return 0
	done
	echo "no check named '$1'; scripts/check.sh list" >&2
	return 1
}

list() {
	local name
	for name in "${names[@]}"; do
		printf '%-12s%s\n' "$name" "$(describe "$name")"
	done
}

# The long ones wait more than they compute and have builds of their own: as many at once as there are processors.
is_long() {
	case $1 in
	analyser | asan | tsan | valgrind) return 0 ;;
	esac
	return 1
}

run_checks() {
	local name running=0 good
	mkdir -p "$log_dir"
	rm -f "$log_dir"/*.good
	for name in "$@"; do
		if ! is_long "$name"; then
			run_and_note "$name"
			continue
		fi
		if ((running == jobs)); then
			wait -n
			running=$((running - 1))
		fi
		run_and_note "$name" &
		running=$((running + 1))
	done
	wait
	good=$(find "$log_dir" -name '*.good' | wc -l)
	rm -f "$log_dir"/*.good
	if (($# > 1)); then
		echo "checks: $good ok, $(($# - good)) failed"
	fi
	((good == $#))
}

# Never as a condition, nor run_check: errexit would be off in the check itself.
run_and_note() {
	local rc
	set +e
	run_check "$1"
	rc=$?
	set -e
	if ((rc == 0)); then
		: >"$log_dir/$1.good"
	fi
}

case ${1-} in
'' | -h | --help)
	echo "usage: scripts/check.sh NAME...|all|list" >&2
	exit 2
	;;
list) list ;;
all) run_checks "${names[@]}" ;;
*)
	for name in "$@"; do
		is_known "$name" || exit 2
	done
	run_checks "$@"
	;;
esac
