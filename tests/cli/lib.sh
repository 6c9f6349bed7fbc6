# shellcheck shell=bash
# For the tests of the command line; they source it.  Afterwards the working directory is
# fresh, and these are there:
#
#   $inkfs                 the program
#   run CODE COMMAND…      run it; output in ./out, messages in ./err; fail if it exits otherwise
#   out_is, err_is         all of it is what comes on stdin
#   out_has, err_has TEXT  it holds TEXT
#   err_is_one_line        one sentence, nothing on stdout
#   need_mkstore           builds ./mkstore (mkstore.c)
#   fail, skip TEXT

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$(realpath -m "${BUILD:-$top/build}")
inkfs=$BUILD/inkfs

# The runner gives a directory and removes what is left in it; by hand we do that ourselves.
remove_own_dir() {
	awk -v dir="$TEST_TMPDIR/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo |
		while read -r target; do umount "$(printf '%b' "$target")"; done
	rm -rf --one-file-system "$TEST_TMPDIR"
}
if [[ -z ${TEST_TMPDIR:-} ]]; then
	TEST_TMPDIR=$(mktemp -d)
	chmod 0755 "$TEST_TMPDIR"
	trap remove_own_dir EXIT
fi
cd "$TEST_TMPDIR"

fail() {
	echo "FAILED in line ${BASH_LINENO[-2]}: $*" >&2
	exit 1
}

skip() {
	echo "$*"
	exit 77
}

[[ -x $inkfs ]] || skip "$inkfs is not built"

show() {
	sed 's/^/  out: /' out
	sed 's/^/  err: /' err
}

run() {
	local expected=$1 code=0
	shift
	"$@" >out 2>err </dev/null || code=$?
	if ((code != expected)); then
		show >&2
		fail "exit $code and not $expected: $*"
	fi
}

out_is() { diff -u - out >&2 || fail "other output"; }
err_is() { diff -u - err >&2 || fail "other messages"; }

holds() {
	grep -qF -- "$2" "$1" && return
	show >&2
	fail "not in ./$1: $2"
}
out_has() { holds out "$1"; }
err_has() { holds err "$1"; }

out_lacks() {
	if grep -qF -- "$1" out; then
		show >&2
		fail "in ./out: $1"
	fi
}

err_is_one_line() {
	if [[ -s out || $(wc -l <err) -ne 1 ]]; then
		show >&2
		fail "expected one line on stderr and nothing else"
	fi
}

# The sanitizers of the library, if it was built with some.
need_mkstore() {
	local flags
	read -r -a flags < <(grep -o -- '-fsanitize=[^ ]*' "$BUILD/flags" 2>/dev/null || echo)
	"${CC:-cc}" -std=c11 -D_GNU_SOURCE -Wall -Wextra "${flags[@]}" -pthread \
		-I"$top/include" -o mkstore "$top/tests/cli/mkstore.c" "$BUILD/libinkfs.a" \
		-lcrypto -lsodium -llmdb || fail "cannot build mkstore"
}
