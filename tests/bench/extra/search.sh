#!/bin/bash
# What an auditor waits for: search a store, prove one line of it, check that evidence elsewhere.

set -euo pipefail
# shellcheck source=tests/bench/extra_lib.sh
. "$(dirname "$0")/../extra_lib.sh"

names='{"grep": "GNU grep -P"}'
# No line has it, so all of them are read.
pattern='q{7}[0-9]z'

not_found() { # COMMAND...
	local code=0
	"$@" || code=$?
	((code == 1))
}

case $1 in
describe)
	describe search "search 128 B records for a pattern" rate grep "" "$names"
	describe prove "prove one record of a million" seconds inkfs
	describe check "check that evidence" seconds inkfs
	;;
prepare) ;;
measure)
	bytes=$((128 * (1000000 / BENCH_DIVISOR)))
	rm -f "$BENCH_DIR/evidence"
	timed search grep "$(stat -c %s "$BENCH_FILE")" not_found grep -P "$pattern" "$BENCH_FILE"
	timed search inkfs "$bytes" not_found "$INKFS" grep "$pattern" "$BENCH_STORE"
	timed prove inkfs 0 "$INKFS" prove "$BENCH_STORE" /records-0:6400-6527 -o "$BENCH_DIR/evidence"
	timed check inkfs 0 "$INKFS" check "$BENCH_DIR/evidence" --key "$("$INKFS" key "$BENCH_STORE")"
	;;
esac
