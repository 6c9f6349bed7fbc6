#!/bin/bash
# The slowest write in a thousand, while a program writes for a minute as fast as it can: seals, syncs, commits of the
# index, epochs and finished segments all come in its way.  Once, in round 1.

set -euo pipefail
# shellcheck source=tests/bench/extra_lib.sh
. "$(dirname "$0")/../extra_lib.sh"

seconds=$((60 / BENCH_DIVISOR > 0 ? 60 / BENCH_DIVISOR : 1))

p_of() { # RESULT MEMBER
	sed -n "s/.*\"$2\": \([0-9]*\).*/{\"p50_ns\": \1}/p" <<<"$1"
}

case $1 in
describe)
	describe tail-128 "128 B append, p99.9 over a minute of load" median typical "<= 20 inkfs" \
		'{"typical": "their median"}'
	;;
prepare) ;;
measure)
	((BENCH_ROUND == 1)) || exit 0
	mount=$BENCH_DIR/mount
	mkdir "$mount"
	"$INKFS" init "$BENCH_DIR/store" --origin bench.example/tail >"$BENCH_DIR/log" 2>&1
	"$INKFS" mount "$BENCH_DIR/store" "$mount" >"$BENCH_DIR/log" 2>&1
	trap '"$INKFS" umount "$mount"; rm -rf "$BENCH_DIR/store"' EXIT
	out=$("${INKFS%/*}/tests/bench/writer" append --dir "$mount" --name lines --size 128 --seconds "$seconds")
	result tail-128 typical "$(p_of "$out" p50_ns)"
	result tail-128 inkfs "$(p_of "$out" p999_ns)"
	;;
esac
