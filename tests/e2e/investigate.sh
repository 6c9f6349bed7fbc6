#!/bin/bash
# A pipeline, somebody who tries to hide something, and the ten questions of the README's chapter "Investigate": each command
# there gives the answer that stands there, but for times and numbers.
#
#   INVESTIGATE_WRITE=1 tests/e2e/investigate.sh    puts the answers of this run into the README

# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
need make cc python3

# --- a build that logs, and its tests in parallel ---------------------------------------

mkdir src
cat >src/Makefile <<'END'
all: parse.o print.o
%.o: %.c
	cc -Wall -c $<
END
echo 'int parse(int size) { int unused; return size; }' >src/parse.c
echo 'int print(void) { return 0; }' >src/print.c
cat >src/test.sh <<'END'
for i in 1 2 3; do echo "$1 case $i: ${2:-PASS}"; done
END

# What the machine itself may run in, and its language, must not show.
outside_ci() {
	env -i PATH="$PATH" HOME="$TEST_TMPDIR" LC_ALL=C.UTF-8 "$@"
}
in_job() { # CI_JOB_ID COMMAND…
	local id=$1
	shift
	outside_ci GITLAB_CI=true CI_JOB_ID="$id" CI_PROJECT_PATH=acme/parser SECRET_TOKEN=hunter2 "$@"
}

mount_store strict
in_job 4711 make --no-print-directory -C src >>"$mnt/build.log" 2>&1
suites=()
for suite in unit fuzz; do
	in_job 4712 sh src/test.sh "$suite" >>"$mnt/test.log" &
	suites+=("$!")
done
wait "${suites[@]}"
in_job 4713 sh src/test.sh integration FAIL >>"$mnt/test.log"
sleep 0.01
when=$(date -u +%FT%T.%NZ)
sleep 0.01

# --- somebody who wants the failure to be gone -------------------------------------------

refused() {
	if outside_ci "$@" 2>/dev/null; then fail "allowed: $*"; fi
}
refused rm -f "$mnt/test.log"
refused truncate -s 0 "$mnt/test.log"
refused dd if=/dev/zero of="$mnt/test.log" bs=8 count=1 seek=20 conv=notrunc status=none
refused mv "$mnt/test.log" "$mnt/test.old"
# shellcheck disable=SC2016 # the inner shell's
outside_ci bash -c 'echo "integration case 3: PASS" >>"$0"' "$mnt/test.log"
"$inkfs" umount "$mnt" || fail "umount"

if grep -raF hunter2 "$store" >/dev/null; then fail "a secret of the environment is in the store"; fi

# --- ten questions ----------------------------------------------------------------------------

mkdir chapter
"$top/tests/e2e/chapter.py" split "$top/README.md" chapter
commands=(chapter/*.cmd)
((${#commands[@]} == 10)) || fail "${#commands[@]} commands in the chapter"

# As somebody would type it, where the store and the key are.
answer() { # NUMBER
	PATH=$BUILD:$PATH when=$when bash -e "chapter/$1.cmd" 2>&1
}
differs=
for ((n = 1; n <= 10; n++)); do
	answer "$n" >"chapter/$n.answer" ||
		fail "question $n: $(<"chapter/$n.cmd"): $(<"chapter/$n.answer")"
	sed -i "s|$TEST_TMPDIR/||g" "chapter/$n.answer"
	for side in expected answer; do
		"$top/tests/e2e/chapter.py" shape "chapter/$n.$side" >"chapter/$n.$side.shape"
	done
	diff -u "chapter/$n.expected.shape" "chapter/$n.answer.shape" >&2 || differs+=" $n"
done
if [[ -n ${INVESTIGATE_WRITE:-} ]]; then
	"$top/tests/e2e/chapter.py" join "$top/README.md" chapter
	sed -i "s|^\$ when=.*|\$ when=$when|" "$top/README.md"
	exit 0
fi
[[ -z $differs ]] || fail "the README has other answers to$differs"

# The shape alone would pass if a filter let everything through.
holds() { # NUMBER COUNT PATTERN
	local count
	count=$(grep -cE "$3" "chapter/$1.answer" || true)
	((count == $2)) || fail "question $1: $count lines match $3"
}
holds 1 4 ' DENIED /test.log '
holds 2 1 .
holds 3 10 .
holds 4 4 .
holds 5 3 .
holds 6 1 .
holds 7 1 ' APPEND .* comm=bash$'
holds 8 9 .
holds 9 4 '^! .* refused: '
holds 10 1 'refused +4 operations'
