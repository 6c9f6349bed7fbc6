#!/bin/bash
# Two readings of fs/store/FORMAT.md, `inkfs verify` and verify.py, give one verdict:
# on good stores, and on thousands of damaged ones.

set -euo pipefail

cd "$(dirname "$0")/../.."

BUILD=$(realpath -m "${BUILD:-build}")
INKFS=${INKFS:-$BUILD/inkfs}
python=/usr/bin/python3

skip() {
	echo "$*"
	exit 77
}

[[ -x $INKFS ]] || skip "no $INKFS"
[[ -e $BUILD/libinkfs.a ]] || skip "no $BUILD/libinkfs.a"
[[ -x $python ]] || skip "no $python"
"$python" -c 'import nacl.signing' 2>/dev/null || skip "no python3-nacl"
command -v mdb_load >/dev/null || skip "no mdb_load (lmdb-utils)"

dir=${TEST_TMPDIR:-}
if [[ -z $dir ]]; then
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
fi

# A library built with sanitizers wants their runtime.
flags=(-std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -pthread)
if grep -qa __asan_init "$BUILD/libinkfs.a"; then
	flags+=('-fsanitize=address,undefined')
	export AGREE_EVERY=5 # such a program starts slowly
elif grep -qa __tsan_init "$BUILD/libinkfs.a"; then
	flags+=(-fsanitize=thread)
	export AGREE_EVERY=5
fi
"${CC:-gcc}" "${flags[@]}" -Iinclude -o "$dir/mkformat" tests/format/mkformat.c \
	"$BUILD/libinkfs.a" -lcrypto -lsodium -llmdb

mkdir "$dir/stores" "$dir/scratch"
for shape in fresh small big many killed recovered torn; do
	"$dir/mkformat" "$shape" "$dir/stores/$shape" >/dev/null
done

# While it is written, a store is a consistent prefix to both.
check_busy() {
	local looks=0 pid
	"$dir/mkformat" busy "$dir/busy" >/dev/null &
	pid=$!
	until [[ -e $dir/busy/index/data.mdb ]]; do sleep 0.01; done
	while kill -0 "$pid" 2>/dev/null; do
		"$INKFS" verify "$dir/busy" >"$dir/busy.out" 2>&1 ||
			{ cat "$dir/busy.out"; return 1; }
		"$python" tests/format/verify.py "$dir/busy" >"$dir/busy.out" 2>&1 ||
			{ cat "$dir/busy.out"; return 1; }
		looks=$((looks + 1))
	done
	wait "$pid"
	echo "looked $looks times at a store that was being written"
	((looks > 0))
}

export PYTHONDONTWRITEBYTECODE=1
check_busy
"$python" tests/format/agree.py "$INKFS" "$dir/stores" "$dir/scratch"
