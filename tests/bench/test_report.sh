#!/bin/bash
# From measurements to the README: medians of ratios within a round, goals, reasons, rows that other
# programs describe; the text around the table stays, and the same results give the same table.

set -euo pipefail

cd "$(dirname "$0")"

dir=${TEST_TMPDIR:?}

fail() {
	echo "$*"
	exit 1
}

if ! command -v python3 >/dev/null; then
	echo "no python3"
	exit 77
fi

expect() { # FILE TEXT
	grep -qF -- "$2" "$1" || fail "not in ${1##*/}: $2"$'\n'"$(cat "$1")"
}

# The ratios of the rounds are 1.4, 1.65 and 1.1; that of the medians, 1.65, would miss the goal.
measured() { # ROUND ROW CANDIDATE NS
	printf '{"round": %d, "row": "%s", "candidate": "%s", "result": {"p50_ns": %d, "p99_ns": %d, "ns_per_op": %d}}\n' \
		"$1" "$2" "$3" "$4" "$4" "$4"
}
{
	echo '{"absent": "journal", "why": "not for this test"}'
	echo '{"define": "fresh", "title": "a row from outside", "figure": "seconds", "reference": "other",' \
		'"goal": ["<=", 2, "inkfs"], "names": {"other": "the other one"}}'
	for round in 1 2 3; do
		measured "$round" append-4k empty "$((round * 10000))"
		printf '{"round": %d, "row": "fresh", "candidate": "inkfs", "result": {"seconds": 3}}\n' "$round"
		printf '{"round": %d, "row": "fresh", "candidate": "other", "result": {"seconds": 1}}\n' "$round"
	done
	measured 1 append-4k inkfs 14000
	measured 2 append-4k inkfs 33000
	measured 3 append-4k inkfs 33000
} >"$dir/raw"

printf 'before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n' >"$dir/page"
./report.py --readme "$dir/page" --output "$dir/results" "$dir/raw" >"$dir/table"
expect "$dir/table" "goals: 1 met, 1 missed, "
expect "$dir/page" "| 4 KiB append | 33.0 µs | 29% | empty FUSE 20.0 | 1.40 of empty FUSE | at most 1.5: met |"
expect "$dir/page" "| a row from outside | 3.0 s | 0% | the other one 1.00 | 3.00 of the other one | at most 2: **missed** |"
expect "$dir/page" "- *a row from outside*: no reason is known yet."
expect "$dir/page" "- sealed journal could not run: not for this test"
[[ $(head -n 1 "$dir/page") == before && $(tail -n 1 "$dir/page") == after ]] || fail "the page lost its text"
! grep -q '^old$' "$dir/page" || fail "the old table stays"

cp "$dir/page" "$dir/again"
./report.py --readme "$dir/again" --from "$dir/results.json" >/dev/null
cmp "$dir/page" "$dir/again" || fail "the same results give another table"

# A run of one of the rows takes the place of that row, and the table says so; of another machine it does not.
grep define "$dir/raw" >"$dir/raw.newer"
printf '{"round": 1, "row": "fresh", "candidate": "inkfs", "result": {"seconds": 2}}\n' >>"$dir/raw.newer"
printf '{"round": 1, "row": "fresh", "candidate": "other", "result": {"seconds": 1}}\n' >>"$dir/raw.newer"
./report.py --output "$dir/newer" "$dir/raw.newer" >/dev/null
./report.py --readme "$dir/again" --from "$dir/results.json" --newer "$dir/newer.json" >"$dir/table"
expect "$dir/table" "goals: 2 met, 0 missed, "
expect "$dir/again" "| a row from outside | 2.0 s |  | the other one 1.00 | 2.00 of the other one | at most 2: met |"
expect "$dir/again" "In a run of their own, rounds: 1: a row from outside."
cp "$dir/again" "$dir/page"
./report.py --readme "$dir/again" --from "$dir/results.json" >/dev/null
cmp "$dir/page" "$dir/again" || fail "the newer rows are not in the results"
sed -i 's/"cores": [0-9]*/"cores": 0/' "$dir/newer.json"
! ./report.py --from "$dir/results.json" --newer "$dir/newer.json" 2>"$dir/complaint" >/dev/null ||
	fail "rows of another machine are taken"
expect "$dir/complaint" "another machine"

code=0
./report.py --strict "$dir/raw" >/dev/null || code=$?
((code == 1)) || fail "--strict: exit $code with a goal missed"

echo "no marks" >"$dir/bare"
if ./report.py --readme "$dir/bare" --from "$dir/results.json" >/dev/null 2>"$dir/err"; then
	fail "a page without marks was taken"
fi
expect "$dir/err" "does not have the lines <!-- bench: begin -->"
[[ $(cat "$dir/bare") == "no marks" ]] || fail "a page without marks was changed"

: >"$dir/nothing"
if ./report.py "$dir/nothing" >/dev/null 2>"$dir/err"; then
	fail "no measurement at all is a success"
fi
expect "$dir/err" "no row was measured"

# A reason that belongs to no row would never be seen.
INKFS=/nowhere/inkfs BENCH_DIVISOR=1 BENCH_ROUND=0 BENCH_DIR=/nowhere BENCH_STORE=/nowhere/store \
	BENCH_LARGE_STORE=/nowhere/large BENCH_FILE=/nowhere/file python3 - <<'END' || fail "missed.txt names rows that there are not"
import readme, rows, subprocess, glob, json, sys

for program in glob.glob("extra/*"):
    out = subprocess.run([program, "describe"], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        rows.define(json.loads(line))
unknown = set(readme.reasons_load()) - set(rows.ROWS)
print(unknown)
sys.exit(bool(unknown))
END
