#!/bin/bash
# One record of ten million: how long its proof takes beside the start of the program, and that it is small.

set -euo pipefail
# shellcheck source=tests/bench/extra_lib.sh
. "$(dirname "$0")/../extra_lib.sh"

names='{"start": "start of the program"}'
line_size=64
records=$((10000000 / BENCH_DIVISOR))
proof_size_max=4096
store=$BENCH_DIR/store kept=$BENCH_DIR/kept evidence=$BENCH_DIR/evidence

case $1 in
describe)
	describe prove-10m "prove one record of 10 million" seconds start "" "$names"
	describe check-10m "check that proof" seconds start "" "$names"
	;;
prepare)
	"${INKFS%/*}/tests/bench/fill" "$store" "$line_size" "$records"
	"$INKFS" checkpoint "$store" >"$kept"
	;;
measure)
	seq=$((records * (1 + BENCH_ROUND % 15) / 16))
	key=$("$INKFS" key "$store")
	rm -f "$evidence"
	timed prove-10m start 0 "$INKFS" version
	timed prove-10m inkfs 0 "$INKFS" prove "$store" --seq "$seq" --short --checkpoint "$kept" -o "$evidence"
	timed check-10m start 0 "$INKFS" version
	timed check-10m inkfs 0 "$INKFS" check "$evidence" --key "$key"
	if (($(stat -c %s "$evidence") > line_size + proof_size_max)); then
		echo "the proof of $line_size bytes takes $(stat -c %s "$evidence") bytes" >&2
		exit 1
	fi
	;;
esac
