#!/bin/bash
# Measure inkfs against an empty FUSE file system and against plain ext4.
#
#   tests/bench/run.sh [--quick] [--rounds N] [--only TEXT] [--strict]
#
#   --quick      3 rounds and a quarter of the operations
#   --rounds N   7 unless told
#   --only TEXT  rows with this text in their name
#   --strict     exit 1 if a goal is not met
#
# The candidates take turns row by row, in another order each round, so that what
# else the machine does hits all of them alike; what counts is the median over the
# rounds of the ratio within one round.  Everything lives beneath $BUILD/bench, so on
# one disk.  Every measurement starts with that disk in sync.  Writes
# $BUILD/bench/results.json and, line by line, raw.jsonl.

# shellcheck disable=SC2317 # wait_for and the trap call functions by name

set -euo pipefail

cd "$(dirname "$0")/../.."

BUILD=$(realpath -m "${BUILD:-build}")
inkfs=$BUILD/inkfs
driver=$BUILD/mount.inkfs
emptyfs=$BUILD/tests/bench/emptyfs
writer=$BUILD/tests/bench/writer
# As the driver waits for requests (NOTES.md).
read -r -a emptyfs_options <<<"${EMPTYFS_OPTIONS:---threads 10}"
pin_cpu=$(taskset -cp $$ | sed 's/.*: *//; s/[-,].*//')

rounds=7
divisor=1
only=
is_strict=

tmp=
raw=
failed=0

# Of the drivers now running, for the trap.
empty_pid=
inkfs_pid=

# name | free or pinned to one CPU | candidates | arguments of the writer (%N% operations)
rows='
append-128         |free  |empty inkfs ext4|append --size 128 --count %20000%
append-128-pinned  |pinned|empty inkfs ext4|append --size 128 --count %20000%
append-4k          |free  |empty inkfs ext4|append --size 4096 --count %20000%
append-4k-pinned   |pinned|empty inkfs ext4|append --size 4096 --count %20000%
append-128k        |free  |empty inkfs ext4|append --size 131072 --count %2000%
append-1m          |free  |empty inkfs ext4|append --size 1048576 --count %400%
append-1m-2-writers|free  |empty inkfs ext4|append --size 1048576 --count %200% --writers 2
append-128-8-files |free  |empty inkfs ext4|append --size 128 --count %3000% --writers 8
append-128-8-shared|free  |empty inkfs ext4|append --size 128 --count %3000% --writers 8 --files 1
dsync-256          |free  |inkfs ext4      |append --size 256 --count %1000% --sync dsync
dsync-256-8        |free  |inkfs ext4      |append --size 256 --count %400% --sync dsync --writers 8
fdatasync-256      |free  |inkfs ext4      |append --size 256 --count %1000% --sync fdatasync
fdatasync-256-8    |free  |inkfs ext4      |append --size 256 --count %400% --sync fdatasync --writers 8
reopen-128         |free  |empty inkfs ext4|append --size 128 --count %4000% --reopen
reopen-128-pinned  |pinned|empty inkfs ext4|append --size 128 --count %4000% --reopen
create-1000        |free  |empty inkfs ext4|create --size 128 --count 1000
'

usage() {
	sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

complain() {
	echo "bench: $*" >&2
}

# --- mounts and drivers ----------------------------------------------------------

# Asks no file system: a dead driver's mount would answer with an error or not at all.
is_mounted() {
	awk -v dir="$1" '$5 == dir { found = 1 } END { exit !found }' /proc/self/mountinfo
}

# Waits for a condition, at most 20 s.
wait_for() {
	local tries
	for ((tries = 0; tries < 400; tries++)); do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

is_ready() {
	[[ -s $tmp/empty.ready ]]
}

empty_start() {
	: >"$tmp/empty.ready"
	"$emptyfs" "${emptyfs_options[@]}" "$tmp/empty" >"$tmp/empty.ready" &
	empty_pid=$!
	wait_for is_ready
}

empty_stop() {
	umount "$tmp/empty"
	wait "$empty_pid"
	empty_pid=
}

# The driver has put itself into the background; it is the process of that program
# that names our mount point.
inkfs_find_pid() {
	local dir
	inkfs_pid=
	for dir in /proc/[0-9]*; do
		if [[ $dir/exe -ef $driver ]] && grep -qaF "$tmp/inkfs" "$dir/cmdline" 2>/dev/null; then
			inkfs_pid=${dir#/proc/}
		fi
	done
	[[ -n $inkfs_pid ]]
}

inkfs_start() { # STORE
	"$inkfs" mount "$1" "$tmp/inkfs" >"$tmp/inkfs.log" 2>&1 || {
		complain "inkfs mount: $(cat "$tmp/inkfs.log")"
		return 1
	}
	wait_for is_mounted "$tmp/inkfs"
	inkfs_find_pid || complain "the driver's process was not found: no pinning, no memory"
}

inkfs_stop() {
	local pid=$inkfs_pid
	memory_record
	"$inkfs" umount "$tmp/inkfs" || umount "$tmp/inkfs"
	[[ -z $pid ]] || wait_for is_gone "$pid"
	inkfs_pid=
}

clean() {
	local code=$? name pid
	trap - EXIT
	[[ -n $inkfs_pid ]] || inkfs_find_pid || true
	for name in empty inkfs; do
		! is_mounted "$tmp/$name" || timeout 20 umount "$tmp/$name" 2>/dev/null ||
			umount -l "$tmp/$name" || true
	done
	for pid in $empty_pid $inkfs_pid; do
		wait_for is_gone "$pid" || kill -s KILL "$pid" 2>/dev/null || true
	done
	rm -rf --one-file-system "$tmp" || true
	exit "$code"
}

# --- measuring -------------------------------------------------------------------

record() { # ROW CANDIDATE RESULT
	printf '{"round": %d, "row": "%s", "candidate": "%s", "result": %s}\n' \
		"$round" "$1" "$2" "$3" >>"$raw"
}

memory_record() {
	local kib
	[[ -n $inkfs_pid ]] || return 0
	kib=$(awk '/^VmHWM/ { print $2 }' "/proc/$inkfs_pid/status")
	[[ -z $kib ]] || record memory inkfs "{\"peak_kib\": $kib}"
}

pid_of() {
	case $1 in
	empty) echo "$empty_pid" ;;
	inkfs) echo "$inkfs_pid" ;;
	esac
}

# Threads that the driver starts later inherit the CPUs of the one that starts them.
cpus_of_driver_set() { # CANDIDATE CPUS
	local pid
	pid=$(pid_of "$1")
	[[ -z $pid ]] || taskset -acp "$2" "$pid" >/dev/null
}

measure() { # ROW PINNING CANDIDATE ARGUMENTS...
	local row=$1 pinning=$2 candidate=$3 out prefix=()
	shift 3
	sync -f "$tmp"
	if [[ $pinning == pinned ]]; then
		cpus_of_driver_set "$candidate" "$pin_cpu"
		prefix=(taskset -c "$pin_cpu")
	fi
	if out=$(timeout 300 "${prefix[@]}" "$writer" "$@"); then
		record "$row" "$candidate" "$out"
	else
		complain "round $round, $row, $candidate: failed"
		failed=1
	fi
	if [[ $pinning == pinned ]]; then
		cpus_of_driver_set "$candidate" "$all_cpus"
	fi
	# What nobody reads again must not be written to the disk in the next one's time.
	rm -rf "${tmp:?}"/ext4/*
}

with_counts() { # a%N%b: N, or less if quick
	local text=$1
	if [[ $text =~ %([0-9]+)% ]]; then
		text=${text/"${BASH_REMATCH[0]}"/$((BASH_REMATCH[1] / divisor))}
	fi
	echo "$text"
}

# The candidates of one row, beginning with another one each round.
turned() {
	local all=("$@") count=$# i
	for ((i = 0; i < count; i++)); do
		echo "${all[(i + round) % count]}"
	done
}

is_chosen() {
	[[ -z $only || $1 == *"$only"* ]]
}

rows_measure() {
	local row pinning candidates args candidate
	while IFS='|' read -r row pinning candidates args; do
		row=${row// /}
		if [[ -z $row ]] || ! is_chosen "$row"; then
			continue
		fi
		read -r -a candidates <<<"$candidates"
		read -r -a args <<<"$(with_counts "$args")"
		for candidate in $(turned "${candidates[@]}"); do
			if [[ $candidate == inkfs && -z $has_inkfs ]]; then
				continue
			fi
			measure "$row" "${pinning// /}" "$candidate" \
				"${args[@]}" --dir "$tmp/$candidate" --name "$row" </dev/null
		done
	done <<<"$rows"
}

# A million records are written once.  Each round mounts them afresh, which empties
# the mount's own page cache, with the store's files in that of the disk.
read_prepare() {
	local -a args=(append --size 128 --name records --dir "$tmp/inkfs")
	round=0
	"$inkfs" init "$tmp/read.store" --origin bench.example/read >"$tmp/inkfs.log"
	inkfs_start "$tmp/read.store"
	measure "records-written" free inkfs "${args[@]}" --count "$((1000000 / divisor))"
	inkfs_stop
}

read_measure() {
	"$writer" append --dir "$tmp/empty" --name records --size 1048576 \
		--count "$((128 / divisor))" >"$tmp/writer.log"
	measure read-back free empty read --file "$tmp/empty/records-0" --drop
	[[ -n $has_inkfs ]] || return 0
	find "$tmp/read.store" -type f -exec cat {} + >/dev/null
	inkfs_start "$tmp/read.store"
	measure read-back free inkfs read --file "$tmp/inkfs/records-0" --drop
	inkfs_stop
}

round_measure() {
	local store=$tmp/store-$round
	record sha sha "$("$writer" sha --seconds 0.5)"
	empty_start
	if [[ -n $has_inkfs ]]; then
		"$inkfs" init "$store" --origin bench.example/x >"$tmp/inkfs.log"
		inkfs_start "$store"
	fi
	rows_measure
	if [[ -n $has_inkfs ]]; then
		inkfs_stop
		rm -rf --one-file-system "$store"
	fi
	! is_chosen read-back || read_measure
	empty_stop
}

# --- main --------------------------------------------------------------------------

while (($# > 0)); do
	case $1 in
	--quick)
		rounds=3
		divisor=4
		;;
	--rounds | --only)
		(($# >= 2)) || usage
		printf -v "${1#--}" '%s' "$2"
		shift
		;;
	--strict) is_strict=--strict ;;
	*) usage ;;
	esac
	shift
done
[[ $rounds =~ ^[1-9][0-9]*$ ]] || usage

[[ -x $emptyfs && -x $writer ]] || {
	complain "build the programs first: make bench-programs"
	exit 3
}
[[ -r /dev/fuse ]] || {
	complain "no /dev/fuse: nothing can be mounted here"
	exit 3
}

mkdir -p "$BUILD/bench"
tmp=$(mktemp -d "$BUILD/bench/run.XXXXXX")
raw=$BUILD/bench/raw.jsonl
trap clean EXIT
trap 'exit 130' HUP INT TERM
mkdir "$tmp/empty" "$tmp/inkfs" "$tmp/ext4"
: >"$raw"
all_cpus=$(taskset -cp $$ | sed 's/.*: *//')

has_inkfs=yes
if [[ ! -x $driver || ! -x $inkfs ]]; then
	has_inkfs=
	echo "no ${driver#"$PWD"/}: inkfs itself is skipped"
fi

if [[ -n $has_inkfs ]] && is_chosen read-back; then
	read_prepare
fi
for ((round = 1; round <= rounds; round++)); do
	round_measure
	echo "round $round of $rounds" >&2
done

tests/bench/report.py $is_strict --disk "$BUILD" --output "$BUILD/bench/results.json" "$raw" ||
	failed=1
exit "$failed"
