#!/bin/bash
# The long tests: what `make soak` runs.
#
#   SEEDS=200000  losses of power in process, shared among the processors; FIRST= where they begin (random)
#   SEED=n        that one alone, with a copy of the store before each life in SOAK_DIR
#   CUTS=40       losses of power beneath a real ext4 (kernel.sh; needs root and loop devices); 0: none
#   RECORDS=10000000  records of the scale run (scale.sh); 0: none
#   SOAK_DIR=     where there is room for that; default $BUILD/soak
#
# Ends at the first failure, with the seed.

set -euo pipefail

cd "$(dirname "$0")/../.."

BUILD=$(realpath -m "${BUILD:-build}")
SOAK_DIR=$(realpath -m "${SOAK_DIR:-$BUILD/soak}")
export BUILD SOAK_DIR
PATH=$BUILD:$PATH
programs=$BUILD/tests/soak
mkdir -p "$SOAK_DIR"

if [[ -n ${SEED:-} ]]; then
	INKFS_TEST_KEEP=$(mktemp -d "$SOAK_DIR/seed-$SEED.XXXXXX")
	export INKFS_TEST_KEEP
	exec "$programs/soak_power" "$SEED" 1
fi

# In pieces, so that how far it got can be seen.
power() {
	local seeds=$1 first=$2 workers piece worker pids failed=
	workers=$(nproc)
	for ((piece = 0; piece < seeds; piece += 10000)); do
		pids=()
		for ((worker = 0; worker < workers; worker++)); do
			"$programs/soak_power" $((first + piece + worker)) \
				$(((seeds - piece < 10000 ? seeds - piece : 10000) / workers)) \
				"$workers" &
			pids+=($!)
		done
		for worker in "${pids[@]}"; do
			wait "$worker" || failed=yes
		done
		[[ -z $failed ]] || return 1
	done
}

SEEDS=${SEEDS:-200000}
if ((SEEDS > 0)); then
	FIRST=${FIRST:-$((SRANDOM * 1000))}
	echo "power: $SEEDS seeds from $FIRST"
	power "$SEEDS" "$FIRST"
fi

CUTS=${CUTS:-40}
if ((CUTS > 0)); then
	tests/soak/kernel.sh $(((CUTS + 7) / 8)) 8 || {
		code=$?
		((code == 77)) || exit "$code" # not to be had here: it has said so
	}
fi

RECORDS=${RECORDS:-10000000}
if ((RECORDS > 0)); then
	tests/soak/scale.sh "$RECORDS" "$SOAK_DIR"
fi
