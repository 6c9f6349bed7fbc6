#!/bin/bash
# The benchmarks run from beginning to end: each kind of row once, few operations; every candidate
# that can run here has a figure, and nothing stays behind.

set -euo pipefail

cd "$(dirname "$0")/../.."

BUILD=$(realpath -m "${BUILD:-build}")
dir=${TEST_TMPDIR:?}

skip() {
	echo "$*"
	exit 77
}

fail() {
	echo "$*"
	exit 1
}

[[ -x $BUILD/tests/bench/emptyfs ]] || skip "the benchmarks are not built (make bench-programs)"
[[ -r /dev/fuse && -w /dev/fuse ]] || skip "no /dev/fuse"
((EUID == 0)) || skip "needs root to mount"
command -v python3 >/dev/null || skip "no python3"

rows='^(append-128|append-128-pinned|seal-write-128|signed-.*|create-1000|compile-log|follow)$'
rows+='|^(lines-one-by-one|read|verify-small|search)$'
QUICK_DIVISOR=100 tests/bench/run.sh --quick --rounds 1 --cold --only "$rows" --output "$dir/bench" \
	>"$dir/out" 2>"$dir/err" || fail "run.sh failed: $(cat "$dir/out" "$dir/err")"

python3 - "$dir/bench/results.json" <<'END' || fail "not measured what should be"
import json, sys

report = json.load(open(sys.argv[1], encoding="utf-8"))
found = {(r["row"], r["candidate"]) for r in report["results"]}
wanted = {(row, candidate) for row, candidates in {
    "append-128": "empty pass inkfs ext4 append",
    "seal-write-128": "sign inkseal",
    "signed-synced-128": "inkfs naive",
    "lines-one-by-one": "inkfs journal rsyslog",
    "create-1000": "empty pass inkfs ext4",
    "compile-log": "empty pass inkfs ext4",
    "follow": "pass inkfs ext4",
    "read-warm-small": "inkfs pass ext4",
    "verify-small": "inkfs sha256sum",
    "search": "inkfs grep",
    "memory": "inkfs",
}.items() for candidate in candidates.split() if candidate not in report["absent"]}
print("missing:", sorted(wanted - found))
print("unfounded:", [r for r in report["results"] if r["median"] <= 0])
sys.exit(bool(wanted - found) or any(r["median"] <= 0 for r in report["results"]))
END

left=$(find "$dir/bench" -mindepth 1 -maxdepth 1 ! -name 'results.*' ! -name raw.jsonl)
[[ -z $left ]] || fail "left behind: $left"
