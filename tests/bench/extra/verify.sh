#!/bin/bash
# How fast `inkfs verify` is: beside sha256sum over the same files, what all cores at once hash with libcrypto, and
# `journalctl --verify` on a sealed journal of the same lines (a tenth of them: journald takes its time).
#
# The store of large records is one of its own: the start of a program, 2 ms, is a twentieth of what 128 MiB take.

set -euo pipefail
# shellcheck source=tests/bench/extra_lib.sh
. "$(dirname "$0")/../extra_lib.sh"

programs=$(dirname "$INKFS")/tests/bench
line_count=$((100000 / BENCH_DIVISOR))
large_count=$((512 / BENCH_DIVISOR + 1))
large_store=$BENCH_DIR/large.store

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

# What programs would reach that do nothing but hash, one on each CPU that this one may use, and all at once: cores of a
# virtual machine share more than their clock.
cores_measure() { # ROW
	result "$1" cores "$("$programs/writer" sha --size 1048576 --seconds 0.3 --writers "$(nproc)")"
}

case $1 in
describe)
	describe verify-small "verify, records of 128 B" rate target ">= 1" \
		'{"target": "1.2 million records/s", "sha256sum": "sha256sum"}'
	describe verify-large "verify, records of 1 MiB" rate cores ">= 0.8" \
		'{"cores": "SHA-256, all cores", "sha256sum": "sha256sum"}'
	;;
prepare)
	journal_prepare
	"$programs/fill" "$large_store" 1048576 "$large_count"
	;;
measure)
	small=$((128 * (1000000 / BENCH_DIVISOR))) large=$((1048576 * large_count))
	result verify-small target '{"seconds": 1, "mb_per_s": 153.6}'
	timed verify-small sha256sum "$small" sha256sum "$BENCH_STORE"/log/*
	timed verify-small inkfs "$small" "$INKFS" verify "$BENCH_STORE"
	journal_measure verify-small
	cores_measure verify-large
	timed verify-large inkfs "$large" "$INKFS" verify "$large_store"
	timed verify-large sha256sum "$large" sha256sum "$large_store"/log/*
	;;
esac
