#!/bin/bash
# The driver within narrow limits: 64 descriptors, 64 MiB of memory.  A store of many segments, all of them read.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

store=$tmp/store
logs=$tmp/logs
group=
mkdir "$logs"

release() {
	local code=$?
	trap - EXIT
	unmount_quietly "$logs"
	[[ -z $group ]] || leave_group
	[[ -z $owns_tmp ]] || rm -rf "$tmp"
	exit "$code"
}
trap release EXIT

# The driver may take a moment to end after its mount is gone.
leave_group() {
	local tries
	for ((tries = 0; tries < 100; tries++)); do
		rmdir "$group" 2>/dev/null && return
		sleep 0.1
	done
	echo "left $group" >&2
}

new_small_segments() {
	rm -rf "$store"
	"$BUILD/inkfs" init "$store" --origin example.org/limits --segment-size 2M >/dev/null 2>&1
}

# Eight writers at once, 160 MiB in all, through a rotation every 2 MiB; then everything is read again.
work() {
	local i pids=()
	for i in 1 2 3 4 5 6 7 8; do
		head -c 20M /dev/zero | tr '\0' "$i" | dd of="$logs/large.$i" bs=256K status=none &
		pids+=($!)
	done
	wait "${pids[@]}" || fail "a writer failed"
	for i in $(seq 200); do
		echo "small $i" >"$logs/small.$i"
	done
	for i in 1 2 3 4 5 6 7 8; do
		head -c 20M /dev/zero | tr '\0' "$i" | cmp - "$logs/large.$i" || fail "large.$i"
	done
	equal "small files" "small 200" "$(cat "$logs/small.200")"
}

is_intact() {
	"$BUILD/inkfs" umount "$logs"
	"$BUILD/inkfs" verify "$store" >"$tmp/text" 2>&1 || { cat "$tmp/text"; fail "not intact"; }
}

# What the driver remembers of processes must leave descriptors for the next one, and for the store.
many_writers() {
	local i
	for i in $(seq 150); do
		bash -c 'echo "$2" >>"$1"' - "$logs/many" "$i"
	done
	equal "writers that are not known" 0 \
		"$("$BUILD/inkfs" log "$store" --path /many --kind APPEND | grep -vc ' actor=')"
}

sixty_four_descriptors() {
	new_small_segments
	(ulimit -n 64 && exec "$BUILD/mount.inkfs" "$store" "$logs")
	many_writers
	work
	is_intact
	(($(find "$store/log" -name '*.seg' | wc -l) > 70)) || fail "too few segments to prove anything"
	# All of the log again, to make the index, and files opened by many at once.
	rm -r "$store/index"
	(ulimit -n 64 && exec "$BUILD/mount.inkfs" "$store" "$logs" -o verify-reads)
	work_reading
	is_intact
}

# 200 open files at once are the readers' descriptors, not the driver's.
work_reading() {
	local i
	(
		for i in $(seq 200); do
			# shellcheck disable=SC2034 # closed with the subshell
			exec {fd}<"$logs/small.$i"
		done
		# From a file: no process is left behind that holds the 200.
		for i in 1 5 8; do
			head -c 1000000 /dev/zero | tr '\0' "$i" >"$tmp/expected"
			cmp -n 1000000 "$tmp/expected" "$logs/large.$i"
		done
	) || fail "reading within the limit"
}

# Version 1 has a folder for memory; in version 2 the group must be one that may have children with memory.
make_group() {
	local base=/sys/fs/cgroup name=inkfs-test-$$
	if mkdir "$base/memory/$name" 2>/dev/null; then
		group=$base/memory/$name
		echo $((64 << 20)) >"$group/memory.limit_in_bytes"
	elif [[ -e $base/cgroup.subtree_control ]] && mkdir "$base/$name" 2>/dev/null; then
		group=$base/$name
		[[ -e $group/memory.max ]] && echo $((64 << 20)) >"$group/memory.max"
	fi 2>/dev/null
}

in_group() {
	bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "$group" "$@"
}

sixty_four_mib() {
	local killed
	if grep -qE '__[at]san_init' "$BUILD/mount.inkfs"; then
		echo "not tried: a sanitizer takes more than that for itself"
		return 0
	fi
	if ! make_group; then
		echo "not tried: no memory cgroup can be made here"
		return 0
	fi
	new_small_segments
	in_group "$BUILD/mount.inkfs" "$store" "$logs"
	work
	# Metadata by the thousand: the caches of the store are bounded, too.
	(cd "$logs" && mkdir many && cd many && seq 20000 | xargs touch)
	"$BUILD/inkfs" umount "$logs"
	rm -r "$store/index"
	in_group "$BUILD/mount.inkfs" "$store" "$logs"
	equal "names after the index was made anew" 20000 "$(find "$logs/many" -type f | wc -l)"
	killed=$({ cat "$group/memory.events" "$group/memory.oom_control" 2>/dev/null || true; } |
		awk '$1 == "oom_kill" { print $2 }')
	equal "processes killed for memory" 0 "$killed"
	is_intact
	echo "64 MiB are enough"
}

sixty_four_descriptors
echo "64 descriptors are enough"
sixty_four_mib
