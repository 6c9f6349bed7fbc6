#!/bin/bash
# What it costs to know who writes: the driver beside the same one that asks nobody (anon/anon.c), all on one CPU.

set -euo pipefail
# shellcheck source=tests/bench/extra_lib.sh
. "$(dirname "$0")/../extra_lib.sh"

build=${INKFS%/*}
top=$(cd "$(dirname "$0")/../../.." && pwd)
names='{"anon": "the same, asking nobody"}'
cpu=$(taskset -cp $$ | sed 's/.*: *//; s/[-,].*//')
count=$((20000 / BENCH_DIVISOR))
process_count=$((1000 / BENCH_DIVISOR))

prepare() {
	local objects=("$build"/obj/tools/mount_*.o "$build"/obj/fs/driver/*.o) libraries
	read -r -a libraries < <(pkg-config --libs fuse3)
	"${CC:-cc}" -std=c11 -D_GNU_SOURCE -O2 -fPIE -pie -I"$top/include" -I"$top/fs/driver" \
		-Wl,--wrap=actors_find,--wrap=actor_is_fresh -o "$BENCH_DIR/mount.anon" \
		"$top/tests/bench/anon/anon.c" "${objects[@]}" "$build/libinkfs.a" \
		-lcrypto -lsodium -llmdb -lpthread "${libraries[@]}"
	mkdir "$BENCH_DIR/anon" "$BENCH_DIR/inkfs"
}

# Each a process of its own, with a descriptor that it was given.
short_processes() { # FILE
	local i
	for ((i = 0; i < process_count; i++)); do
		(echo line) >&9
	done 9>>"$1"
}

measure() { # CANDIDATE DRIVER
	local store=$BENCH_DIR/$1.store point=$BENCH_DIR/$1
	"$INKFS" init "$store" --origin bench.example/x >/dev/null 2>&1
	taskset -c "$cpu" "$2" "$store" "$point"
	sync -f "$store"
	result attribution-128 "$1" "$(taskset -c "$cpu" "$build/tests/bench/writer" append \
		--size 128 --count "$count" --dir "$point")"
	sync -f "$store"
	timed new-process "$1" 0 short_processes "$point/short"
	"$INKFS" umount "$point"
	rm -rf "$store"
}

case $1 in
describe)
	describe attribution-128 "128 B append, knowing who writes" median anon "<= 1.05" "$names"
	describe new-process "$process_count processes, one line each" seconds anon "" "$names"
	;;
prepare) prepare ;;
measure)
	# In turns.
	if ((BENCH_ROUND % 2 == 0)); then
		measure anon "$BENCH_DIR/mount.anon"
		measure inkfs "$build/mount.inkfs"
	else
		measure inkfs "$build/mount.inkfs"
		measure anon "$BENCH_DIR/mount.anon"
	fi
	;;
esac
