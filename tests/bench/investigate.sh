#!/bin/bash
# How long an incident responder waits: log, grep and blame on stores of a size that hurts.
#
#   tests/bench/investigate.sh [--records N] [--stores DIR]
#
#   --records N   of the long history; 10,000,000 unless told (3 GB of disk, removed afterwards)
#   --stores DIR  make the stores there, or use those that are there, and leave them
#
# Each figure is the median of five runs with the page cache warm, beside its goal; GNU grep takes turns with ours on the
# same bytes in a plain file.  Exit 1 if a goal is missed.

set -euo pipefail

cd "$(dirname "$0")/../.."
BUILD=$(realpath -m "${BUILD:-build}")
inkfs=$BUILD/inkfs
history=$BUILD/tests/bench/history
record_count=10000000
stores=
rounds=5

usage() {
	sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
	exit 2
}
while (($# > 0)); do
	(($# >= 2)) || usage
	case $1 in
	--records) record_count=$2 ;;
	--stores) stores=$2 ;;
	*) usage ;;
	esac
	shift 2
done
[[ -x $history && -x $inkfs ]] || {
	echo "build the programs first: make bench-programs" >&2
	exit 3
}
if [[ -z $stores ]]; then
	mkdir -p "$BUILD/bench"
	stores=$(mktemp -d "$BUILD/bench/investigate.XXXXXX")
	trap 'rm -rf --one-file-system "$stores"' EXIT
	trap 'exit 130' HUP INT TERM
fi
mkdir -p "$stores"

make_store() { # NAME RECORDS [FILES [SIZE]]
	[[ -e $stores/$1/vkey ]] || "$history" "$stores/$1" "${@:2}"
}
make_store long "$record_count"
make_store lines 1200000 1
make_store large 200 1 1048576
[[ -e $stores/large.log ]] || "$inkfs" cat "$stores/large" build-000.log >"$stores/large.log"
cat "$stores"/*/log/* "$stores/large.log" >/dev/null

failed=0
# shellcheck disable=SC2317 # called through several
# Milliseconds until the first line, or until all, of a command's output.
first_ms() {
	local start=$EPOCHREALTIME end line
	IFS= read -r line < <("$@" 2>/dev/null || true) || true
	end=$EPOCHREALTIME
	[[ -n $line ]] || {
		echo "no output: $*" >&2
		exit 1
	}
	echo $(((${end/./} - ${start/./}) / 1000))
}
# shellcheck disable=SC2317
all_ms() {
	local start=$EPOCHREALTIME end
	# GNU grep stops at the first match if it sees that nobody reads.
	"$@" | cat >/dev/null
	end=$EPOCHREALTIME
	echo $(((${end/./} - ${start/./}) / 1000))
}
median() { sort -n | sed -n "$(((rounds + 1) / 2))p"; }
several() { # first_ms|all_ms COMMAND…
	local i
	for ((i = 0; i < rounds; i++)); do "$@"; done | median
}
row() { # WHAT FIGURE UNIT GOAL is_met
	local verdict=met
	(($5)) || verdict=missed failed=1
	printf '%-58s %10s %-10s %-14s %s\n' "$1" "$2" "$3" "$4" "$verdict"
}

newest=$("$inkfs" log "$stores/long" --process needle --kind APPEND)
newest_time=$(cut -d' ' -f2 <<<"$newest")
first_row() { # WHAT FILTER…
	local ms
	ms=$(several first_ms "$inkfs" log "$stores/long" "${@:2}")
	row "log $1, first line" "$ms" ms "< 100" "ms < 100"
}
first_row "--process (the last of all)" --process needle
first_row "--job (the last but ten)" --job 101990
first_row "--path (the last record)" --path /needle.log
first_row "--since, --path" --since "$newest_time" --path /needle.log
first_row "--user (the same)" --user 4243
first_row "--from, --user" --from "$((record_count - 100))" --user 4243
first_row "--kind (the last record but two)" --kind UNMOUNT
first_row "--kind DENIED --path" --kind DENIED --path /build-000.log
# All that there is, not the first line alone.
all_row() { # WHAT FILTER…
	local ms
	ms=$(several all_ms "$inkfs" log "$stores/long" "${@:2}")
	row "log $1" "$ms" ms "" 1
}
all_row "--kind DENIED, all of 72" --kind DENIED
all_row "--job, all of 5,000" --job 101990
all_row "--path, all of 15,750 amid the log" --path /build-499.log
ms=$(several all_ms "$inkfs" log "$stores/long" --format json)
count=$("$inkfs" status "$stores/long" --json | sed -E 's/.*"records":([0-9]+).*/\1/')
row "log --format json, all" "$((count * 1000 / ms))" records/s ">= 500000" "count * 1000 / ms >= 500000"
ms=$(several all_ms "$inkfs" blame "$stores/lines" build-000.log)
row "blame, 102 MB, 1.2 million lines" "$ms" ms "< 3000" "ms < 3000"

ours=() gnu=()
for ((i = 0; i < 3 * rounds; i++)); do
	ours+=("$(all_ms "$inkfs" grep -F part_012345 "$stores/large")")
	gnu+=("$(LC_ALL=C all_ms grep -nF part_012345 "$stores/large.log")")
done
rounds=$((3 * rounds))
ours_ms=$(printf '%s\n' "${ours[@]}" | median)
gnu_ms=$(printf '%s\n' "${gnu[@]}" | median)
row "grep -F, 210 MB in records of 1 MiB" "$ours_ms" ms "<= 2 x $gnu_ms" "ours_ms <= 2 * gnu_ms"
exit "$failed"
