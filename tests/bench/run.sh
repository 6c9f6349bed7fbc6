#!/bin/bash
# Measure inkfs beside what people would use instead and beside the limit.
#
#   tests/bench/run.sh [--quick] [--rounds N] [--cold] [--only REGEX] [--strict] [--readme] [--output DIR]
#
#   --quick      3 rounds and a quarter of the operations (QUICK_DIVISOR=N: an Nth)
#   --rounds N   7 unless told
#   --only REGEX rows whose names match
#   --strict     exit 1 if a goal is not met
#   --readme     put the table into README.md, results.json and the plot beside this file
#   --output DIR instead of $BUILD/bench
#
# The candidates (candidates.sh) take turns row by row, in another order each round, so that
# what else the machine does hits all of them alike; what counts is the median over the rounds
# of the ratio within one round.  Everything lives beneath DIR, so on one disk.  Every
# measurement starts with that disk in sync, and a first pass that is not counted touches the
# memory and the disk that the others use.  Writes results.json, results.svg and, line by
# line, raw.jsonl to DIR.

set -euo pipefail

cd "$(dirname "$0")/../.."

BUILD=$(realpath -m "${BUILD:-build}")
inkfs=$BUILD/inkfs
driver=$BUILD/mount.inkfs
programs=$BUILD/tests/bench
emptyfs=$programs/emptyfs
passfs=$programs/passfs
feed=$programs/feed
# As the driver waits for requests (NOTES.md).
read -r -a loop_options <<<"${LOOP_OPTIONS:---threads 10}"
pin_cpu=$(taskset -cp $$ | sed 's/.*: *//; s/[-,].*//')
all_cpus=$(taskset -cp $$ | sed 's/.*: *//')

rounds=7
divisor=1
only=
output=$BUILD/bench
is_strict=
is_readme=
is_reported=

tmp=
raw=
failed=0
first_round=0
round=0
extras=()

# shellcheck source-path=SCRIPTDIR source=candidates.sh
. tests/bench/candidates.sh

# name | free or pinned to one CPU | candidates | program and arguments (%N% operations)
rows='
append-128           |free  |empty pass inkfs ext4 append|writer append --size 128 --count %20000%
append-128-pinned    |pinned|empty pass inkfs ext4|writer append --size 128 --count %20000%
append-4k            |free  |empty pass inkfs ext4 append|writer append --size 4096 --count %20000%
append-4k-pinned     |pinned|empty pass inkfs ext4|writer append --size 4096 --count %20000%
append-4k-8-files    |free  |empty pass inkfs ext4|writer append --size 4096 --count %1000% --writers 8
append-4k-8-shared   |free  |empty pass inkfs ext4|writer append --size 4096 --count %1000% --writers 8 --files 1
append-128k          |free  |empty pass inkfs ext4|writer append --size 131072 --count %1000%
append-128k-8-files  |free  |empty pass inkfs ext4|writer append --size 131072 --count %60% --writers 8
append-128k-8-shared |free  |empty pass inkfs ext4|writer append --size 131072 --count %60% --writers 8 --files 1
append-1m            |free  |empty pass inkfs ext4|writer append --size 1048576 --count %200%
append-1m-2-writers  |free  |empty pass inkfs ext4|writer append --size 1048576 --count %100% --writers 2
append-1m-8-files    |free  |empty pass inkfs ext4|writer append --size 1048576 --count %16% --writers 8
append-1m-8-shared   |free  |empty pass inkfs ext4|writer append --size 1048576 --count %16% --writers 8 --files 1
append-128-8-files   |free  |empty pass inkfs ext4|writer append --size 128 --count %3000% --writers 8
append-128-8-shared  |free  |empty pass inkfs ext4|writer append --size 128 --count %3000% --writers 8 --files 1
seal-write-128       |free  |sign inkseal         |writer append --size 128 --count %10000%
seal-write-128-pinned|pinned|sign inkseal         |writer append --size 128 --count %10000%
dsync-256            |free  |pass inkfs ext4 append|writer append --size 256 --count %500% --sync dsync
dsync-256-8          |free  |pass inkfs ext4      |writer append --size 256 --count %200% --sync dsync --writers 8
fdatasync-256        |free  |pass inkfs ext4      |writer append --size 256 --count %500% --sync fdatasync
fdatasync-256-8      |free  |pass inkfs ext4      |writer append --size 256 --count %200% --sync fdatasync --writers 8
signed-synced-128    |free  |inkfs naive          |writer append --size 128 --count %300% --sync dsync
reopen-128           |free  |empty pass inkfs ext4|writer append --size 128 --count %4000% --reopen
reopen-128-pinned    |pinned|empty pass inkfs ext4|writer append --size 128 --count %4000% --reopen
create-1000          |free  |empty pass inkfs ext4|writer create --size 128 --count 1000
create-1000-pinned   |pinned|empty pass inkfs ext4|writer create --size 128 --count 1000
lines-bulk           |free  |inkfs journal rsyslog|writer append --size 128 --count %10000%
lines-one-by-one     |free  |inkfs journal rsyslog|writer append --size 128 --count %2000%
compile-log          |free  |empty pass inkfs ext4|replay lines --log LOGS/compile.log --count %10000%
compile-log-pinned   |pinned|empty pass inkfs ext4|replay lines --log LOGS/compile.log --count %10000%
access-log           |free  |empty pass inkfs ext4|replay lines --log LOGS/access.log --count %10000%
follow               |free  |pass inkfs ext4      |replay follow --count %500%
mixed                |free  |pass inkfs ext4      |writer mixed --size 128 --count %10000%
'

usage() {
	sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

complain() {
	echo "bench: $*" >&2
}

# --- measuring -------------------------------------------------------------------------------

record() { # ROW CANDIDATE RESULT
	((round > 0)) || return 0
	printf '{"round": %d, "row": "%s", "candidate": "%s", "result": %s}\n' \
		"$round" "$1" "$2" "$3" >>"$raw"
}

memory_record() { # CANDIDATE
	local kib
	[[ -n ${pids[$1]:-} ]] || return 0
	kib=$(awk '/^VmHWM/ { print $2 }' "/proc/${pids[$1]}/status")
	[[ -z $kib ]] || record memory inkfs "{\"peak_kib\": $kib}"
}

# Threads that the driver starts later inherit the CPUs of the one that starts them.
cpus_of_driver_set() { # CANDIDATE CPUS
	[[ -z ${pids[$1]:-} ]] || taskset -acp "$2" "${pids[$1]}" >/dev/null
}

# The arguments as this candidate needs them, one a line; the first is the program.
command_of() { # ROW CANDIDATE PROGRAM ARGUMENTS...
	local row=$1 candidate=$2 program=$3 waiting=()
	shift 3
	[[ $row != lines-one-by-one ]] || waiting=(--wait)
	case $candidate in
	journal) set -- journal_feed "${@:2}" "${waiting[@]}" ;;
	rsyslog) set -- rsyslog_feed "${@:2}" "${waiting[@]}" ;;
	naive) set -- "$programs/naive" "${@:2:4}" --dir "$tmp/naive" ;;
	append) set -- "$programs/$program" "$@" --dir "$tmp/append" --append-only ;;
	*) set -- "$programs/$program" "$@" --dir "$tmp/$candidate" ;;
	esac
	[[ $candidate =~ ^(journal|rsyslog|naive)$ || $program != writer ]] ||
		set -- "$@" --name "$row-$round"
	printf '%s\n' "$@"
}

measure() { # ROW PINNING CANDIDATE PROGRAM ARGUMENTS...
	local row=$1 pinning=$2 candidate=$3 out command=() prefix=()
	mapfile -t command < <(command_of "$row" "$candidate" "${@:4}")
	sync -f "$tmp"
	if [[ $pinning == pinned ]]; then
		cpus_of_driver_set "$candidate" "$pin_cpu"
		prefix=(taskset -c "$pin_cpu")
	fi
	[[ ${command[0]} == *_feed ]] || prefix=(timeout 300 "${prefix[@]}")
	if out=$("${prefix[@]}" "${command[@]}" </dev/null); then
		record "$row" "$candidate" "$out"
	else
		complain "round $round, $row, $candidate: failed"
		failed=1
	fi
	if [[ $pinning == pinned ]]; then
		cpus_of_driver_set "$candidate" "$all_cpus"
	fi
	candidates_empty
}

with_counts() { # a%N%b: N, or less if quick; a tenth of it where it is only to warm up; at least 1
	local text=${1//LOGS/"$tmp/logs"} by=$divisor
	((round > 0)) || by=$((divisor * 10))
	if [[ $text =~ %([0-9]+)% ]]; then
		text=${text/"${BASH_REMATCH[0]}"/$(((BASH_REMATCH[1] + by - 1) / by))}
	fi
	echo "$text"
}

# The candidates of one row that there are, beginning with another one each round.
turned() {
	local all=("$@") count=$# i name
	for ((i = 0; i < count; i++)); do
		name=${all[(i + round) % count]}
		if [[ -z ${absent[$name]:-} && ($name != ink* || -n $has_inkfs) ]]; then
			echo "$name"
		fi
	done
}

is_chosen() {
	[[ -z $only || $1 =~ $only ]]
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
			measure "$row" "${pinning// /}" "$candidate" "${args[@]}"
		done
	done <<<"$rows"
}

# --- reading, idling ------------------------------------------------------------------

# The same bytes in a store as records of 128 bytes, in another as records of 1 MiB, and as plain files.
read_prepare() {
	local name size count
	for name in small large; do
		size=128 count=$((1000000 / divisor))
		[[ $name == small ]] || size=1048576 count=$((128 / divisor))
		mkdir "$tmp/read.$name"
		"$programs/writer" append --size 1048576 --count "$((128 / divisor))" \
			--dir "$tmp/read.$name" --name records >"$tmp/writer.log"
		[[ -n $has_inkfs ]] || continue
		inkfs_start inkfs "$tmp/$name.store"
		"$programs/writer" append --size "$size" --count "$count" --dir "$tmp/inkfs" \
			--name records >"$tmp/writer.log"
		inkfs_stop inkfs
	done
	sync -f "$tmp"
}

read_one() { # ROW CANDIDATE FILE ARGUMENTS...
	record "$1" "$2" "$("$programs/writer" read --file "$3" "${@:4}")"
}

caches_drop() { sync && echo 3 2>/dev/null >/proc/sys/vm/drop_caches; }

# Each round mounts afresh, so that the mount's own page cache is empty; then: from the driver, with
# the store in the disk's page cache; warm; and after the caches of the whole machine were dropped.
read_measure() {
	local name candidate dirs=()
	for name in small large; do
		[[ -z $has_inkfs ]] || inkfs_start inkfs "$tmp/$name.store"
		bench_fs_start pass "$passfs" "${loop_options[@]}" "$tmp/read.$name"
		for candidate in $(turned inkfs pass ext4); do
			dirs=("$tmp/$candidate")
			[[ $candidate != ext4 ]] || dirs=("$tmp/read.$name")
			[[ $candidate != inkfs ]] || cat "$tmp/$name.store"/log/* >/dev/null
			[[ $candidate == ext4 ]] ||
				read_one "read-driver-$name" "$candidate" "${dirs[0]}/records-0" --drop
			read_one "read-first-$name" "$candidate" "${dirs[0]}/records-0"
			read_one "read-warm-$name" "$candidate" "${dirs[0]}/records-0"
			! caches_drop || read_one "read-cold-$name" "$candidate" "${dirs[0]}/records-0"
		done
		bench_fs_stop pass
		[[ -z $has_inkfs ]] || inkfs_stop inkfs
	done
}

# --- rows that other programs measure (README.md) --------------------------------------------------

extra_run() { # PROGRAM describe|prepare|measure
	BENCH_DIR=$tmp/extra.${1##*/} BENCH_STORE=$tmp/small.store BENCH_LARGE_STORE=$tmp/large.store \
		BENCH_FILE=$tmp/read.small/records-0 BENCH_DIVISOR=$divisor BENCH_ROUND=$round \
		INKFS=$inkfs timeout 600 "$1" "$2" </dev/null
}

# Those with a chosen row; what they describe goes to the report.
extras_find() {
	local program described row is_wanted
	for program in tests/bench/extra/*; do
		[[ -x $program && -n $has_inkfs ]] || continue
		described=$(extra_run "$program" describe)
		is_wanted=
		while read -r row; do
			! is_chosen "$row" || is_wanted=yes
		done < <(sed -n 's/.*"define": "\([^"]*\)".*/\1/p' <<<"$described")
		[[ -n $is_wanted ]] || continue
		extras+=("$program")
		printf '%s\n' "$described" >>"$raw"
	done
}

extras_prepare() {
	local program
	for program in "${extras[@]}"; do
		mkdir "$tmp/extra.${program##*/}"
		extra_run "$program" prepare
	done
}

# Into the page cache again, from which reading after a cache drop has taken it.
files_warm() { # DIR...
	find "$@" -type f -exec cat {} + >/dev/null
}

extras_measure() {
	local program
	for program in "${extras[@]}"; do
		sync -f "$tmp"
		files_warm "$tmp"/{small,large}.store "$tmp/read.small" "$tmp/extra.${program##*/}"
		if ! extra_run "$program" measure >"$tmp/extra.out"; then
			complain "round $round, ${program##*/}: failed"
			failed=1
		elif ((round > 0)); then
			sed "s/^{/{\"round\": $round, /" "$tmp/extra.out" >>"$raw"
		fi
	done
}

cpu_ns_of() { # PID
	cat "/proc/$1"/task/*/schedstat | awk '{ ns += $1 } END { printf "%d", ns }'
}

# Ten lines a second as a build prints them, in real time; what the driver takes is then for the
# fraction of ten minutes that was replayed.
idle_measure() {
	local seconds=$((divisor < 60 ? 60 / divisor : 1)) before after
	[[ -n $has_inkfs ]] || return 0
	inkfs_start inkfs "$tmp/idle.store"
	before=$(cpu_ns_of "${pids[inkfs]}")
	"$programs/replay" lines --log "$tmp/logs/compile.log" --dir "$tmp/inkfs" \
		--count "$((seconds * 10))" --seconds "$seconds" >"$tmp/writer.log"
	sleep 1
	after=$(cpu_ns_of "${pids[inkfs]}")
	record cpu inkfs "$(awk -v ns="$((after - before))" -v s="$seconds" 'BEGIN {
		printf "{\"replayed_s\": %d, \"cpu_s\": %.4f}", s, ns / 1e9 * 600 / s }')"
	inkfs_stop inkfs
	rm -rf --one-file-system "$tmp/idle.store"
}

round_measure() {
	record sha sha "$("$programs/writer" sha --size 1048576 --seconds 0.5)"
	candidates_start "$tmp/store-$round"
	rows_measure
	candidates_stop "$tmp/store-$round"
	((round > 0)) || return 0
	! is_chosen read || read_measure
	extras_measure
}

# --- the end ---------------------------------------------------------------------------------------

report() {
	is_reported=yes
	tests/bench/report.py $is_strict --disk "$output" --output "$output/results" "$raw" || failed=1
}

# A run that breaks off still shows what it has measured, but not in the README.
# shellcheck disable=SC2317 # called by the trap
finish() { # EXIT-CODE
	local code=$1
	if ((code != 0)) && [[ -z $is_reported && -s $raw ]]; then
		complain "broken off in round $round; what was measured until then:"
		report || true
	fi
	candidates_clean "$code"
}

# --- main --------------------------------------------------------------------------------------

while (($# > 0)); do
	case $1 in
	--quick)
		rounds=3
		divisor=${QUICK_DIVISOR:-4}
		;;
	--rounds | --only | --output)
		(($# >= 2)) || usage
		printf -v "${1#--}" '%s' "$2"
		shift
		;;
	--cold) first_round=1 ;;
	--strict) is_strict=--strict ;;
	--readme) is_readme=yes ;;
	*) usage ;;
	esac
	shift
done
[[ $rounds =~ ^[1-9][0-9]*$ ]] || usage

[[ -x $emptyfs && -x $passfs && -x $programs/writer ]] || {
	complain "build the programs first: make bench-programs"
	exit 3
}
[[ -r /dev/fuse ]] || {
	complain "no /dev/fuse: nothing can be mounted here"
	exit 3
}

mkdir -p "$output"
output=$(realpath "$output")
tmp=$(mktemp -d "$output/run.XXXXXX")
raw=$output/raw.jsonl
trap 'finish "$?"' EXIT
trap 'exit 130' HUP INT TERM
: >"$raw"

has_inkfs=yes
if [[ ! -x $driver || ! -x $inkfs ]]; then
	has_inkfs=
	echo "no ${driver#"$PWD"/}: inkfs itself is skipped"
fi

candidates_prepare
for name in "${!absent[@]}"; do
	complain "$name cannot run here: ${absent[$name]}"
	printf '{"absent": "%s", "why": "%s"}\n' "$name" "${absent[$name]}" >>"$raw"
done
mkdir "$tmp/logs"
tests/bench/logs.py "$tmp/logs"
extras_find
if is_chosen read || ((${#extras[@]} > 0)); then
	read_prepare
	extras_prepare
fi
for ((round = first_round; round <= rounds; round++)); do
	round_measure
	echo "round $round of $rounds, ${SECONDS} s" >&2
done
round=1
! is_chosen cpu || idle_measure

report
if [[ -n $is_readme ]]; then
	cp "$output"/results.{json,svg} tests/bench/
	tests/bench/report.py --readme README.md --from tests/bench/results.json >/dev/null
fi
exit "$failed"
