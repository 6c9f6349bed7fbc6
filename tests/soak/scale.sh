#!/bin/bash
# What a large store costs, beside a small one.
#
#   tests/soak/scale.sh [RECORDS [DIR]]     (10,000,000 records of 128 bytes, in build/soak: 4 GB of disk)
#
# Small and large take turns, so that what else the machine does meets both; a figure is the median of ROUNDS (5).
# WRAP is put before each step.  For 100 million: BYTES=16 tests/soak/scale.sh 100000000 (33 GB of disk; BYTES is the size of what is appended to fill).

set -euo pipefail

cd "$(dirname "$0")/../.."

records=${1:-10000000}
BUILD=$(realpath "${BUILD:-build}")
dir=$(realpath -m "${2:-$BUILD/soak}")
rounds=${ROUNDS:-5}
bytes=${BYTES:-128}
read -r -a scale <<<"${WRAP:-} $BUILD/tests/soak/soak_scale"
export LC_ALL=C

mkdir -p "$dir"
dir=$(mktemp -d "$dir/scale.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' HUP INT TERM

fresh() { # FROM TO
	rm -rf "$2"
	cp -a --sparse=always "$1" "$2"
}

dies() { # COMMAND…: ends by the signal that it sends to itself
	local code=0
	{ "$@" || code=$?; } 2>/dev/null
	((code == 137)) || {
		echo "scale.sh: $* ended with $code" >&2
		exit 1
	}
}

median() { # FILE, of the second word of its lines
	awk '{ print $2 }' "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

compare() { # WHAT SMALL LARGE UNIT GOAL
	awk -v what="$1" -v a="$(median "$dir/$2")" -v b="$(median "$dir/$3")" -v unit="$4" -v goal="$5" \
		'BEGIN { printf "%-42s %10s %10s %s   %.2f x (%s)\n", what, a, b, unit, b / a, goal }'
}

"${scale[@]}" fill "$dir/thousands" 10000 128 | tee "$dir/fill.thousands"
"${scale[@]}" fill "$dir/small" 100000 128 | tee "$dir/fill.small"
"${scale[@]}" fill "$dir/large" "$records" "$bytes" | tee "$dir/fill.large"
"${scale[@]}" size "$dir/large"
"${scale[@]}" verify "$dir/large"

for ((i = 0; i < rounds; i++)); do
	fresh "$dir/small" "$dir/now"
	dies "${scale[@]}" kill "$dir/now"
	dies "${scale[@]}" open "$dir/now" >>"$dir/open.small"
	dies "${scale[@]}" kill "$dir/large"
	dies "${scale[@]}" open "$dir/large" >>"$dir/open.large"
done
for ((i = 0; i < rounds; i++)); do
	fresh "$dir/thousands" "$dir/now"
	"${scale[@]}" append "$dir/now" 200000 >>"$dir/append.small"
	"${scale[@]}" append "$dir/large" 200000 >>"$dir/append.large"
done
echo "medians of $rounds, in turns:"
compare "open after kill -9: 100,000, $records" open.small open.large ms "1.5 x, under 1000 ms"
compare "append: 10,000, $records" append.small append.large us "1.1 x"
"${scale[@]}" verify "$dir/large"
