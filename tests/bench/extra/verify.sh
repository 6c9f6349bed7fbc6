#!/bin/bash
# How fast `inkfs verify` is: beside sha256sum over the same content.

set -euo pipefail
# shellcheck source=tests/bench/extra_lib.sh
. "$(dirname "$0")/../extra_lib.sh"

case $1 in
describe)
	describe verify-small "verify, records of 128 B" rate sha256sum
	describe verify-large "verify, records of 1 MiB" rate sha256sum
	;;
prepare) ;;
measure)
	small=$(stat -c %s "$BENCH_FILE") large=$((1048576 * (128 / BENCH_DIVISOR)))
	timed verify-small sha256sum "$small" sha256sum "$BENCH_FILE"
	timed verify-small inkfs "$((128 * (1000000 / BENCH_DIVISOR)))" "$INKFS" verify "$BENCH_STORE"
	timed verify-large sha256sum "$small" sha256sum "$BENCH_FILE"
	timed verify-large inkfs "$large" "$INKFS" verify "$BENCH_LARGE_STORE"
	;;
esac
