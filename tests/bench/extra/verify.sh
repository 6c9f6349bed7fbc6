#!/bin/bash
# How fast `inkfs verify` is: beside sha256sum over the same content, what all cores together can hash with libcrypto, and
# `journalctl --verify` on a sealed journal of the same lines (a tenth of them: journald takes its time).

set -euo pipefail
# shellcheck source=tests/bench/extra_lib.sh
. "$(dirname "$0")/../extra_lib.sh"

programs=$(dirname "$INKFS")/tests/bench
line_count=$((100000 / BENCH_DIVISOR))

# shellcheck disable=SC2034 # for candidates.sh
journal_prepare() {
	local tmp=$BENCH_DIR feed=$programs/feed
	local -A absent=() pids=()
	# shellcheck source=tests/bench/candidates.sh
	. "$(dirname "$0")/../candidates.sh"
	journal_try
	if [[ -n ${absent[journal]:-} ]]; then
		echo "verify: ${absent[journal]}" >&2
		return
	fi
	journal_feed --size 128 --count "$line_count" >/dev/null
}

journal_measure() { # ROW
	local file=$BENCH_DIR/journal/bench.journal
	[[ -s $file ]] || return 0
	timed "$1" journal "$((128 * line_count))" \
		journalctl --verify --verify-key="$(<"$BENCH_DIR/journal.key")" --file "$file"
}

# What a program would reach that does nothing but hash, on all CPUs that this one may use.
cores_measure() { # ROW
	local rate
	rate=$("$programs/fill" --sha256 1048576)
	result "$1" cores "$(awk -v rate="$rate" -v cores="$(nproc)" \
		'BEGIN { printf "{\"seconds\": 1, \"mb_per_s\": %.2f}", rate * cores / 1e6 }')"
}

case $1 in
describe)
	describe verify-small "verify, records of 128 B" rate target ">= 1" \
		'{"target": "1.2 million records/s", "sha256sum": "sha256sum"}'
	describe verify-large "verify, records of 1 MiB" rate cores ">= 0.8" \
		'{"cores": "SHA-256, all cores", "sha256sum": "sha256sum"}'
	;;
prepare) journal_prepare ;;
measure)
	small=$(stat -c %s "$BENCH_FILE") large=$((1048576 * (128 / BENCH_DIVISOR)))
	result verify-small target '{"seconds": 1, "mb_per_s": 153.6}'
	timed verify-small sha256sum "$small" sha256sum "$BENCH_FILE"
	timed verify-small inkfs "$((128 * (1000000 / BENCH_DIVISOR)))" "$INKFS" verify "$BENCH_STORE"
	journal_measure verify-small
	cores_measure verify-large
	timed verify-large sha256sum "$small" sha256sum "$BENCH_FILE"
	timed verify-large inkfs "$large" "$INKFS" verify "$BENCH_LARGE_STORE"
	;;
esac
