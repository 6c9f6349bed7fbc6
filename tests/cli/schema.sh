#!/bin/bash
# Each kind of verdict in JSON is as tools/inkfs-verify-1.schema.json says.  (tests/format/agree.py holds thousands of
# damaged stores against it, too.)

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore
python=$(type -P python3) || skip "python3 is not installed"

schema=$top/tools/inkfs-verify-1.schema.json
verdict_is() { # EXIT VERDICT TRUST ARGUMENTS...
	local code=$1 verdict=$2 trust=$3
	shift 3
	run "$code" "$inkfs" verify --json "$@"
	"$python" "$top/tests/format/schema.py" "$schema" out || fail "not as the schema says: $*"
	"$python" - "$verdict" "$trust" <<'END' || fail "another verdict: $*"
import json, sys
said = json.load(open("out"))
assert said["verdict"] == sys.argv[1], said
assert said.get("result", {}).get("trust", "") == sys.argv[2], said
END
}

run 0 "$inkfs" init st --origin example.org/log
cp out vkey
verdict_is 0 intact store-only st
./mkstore st
run 0 "$inkfs" checkpoint st
cp out cp.1
cp -a st old
./mkstore st pieces
run 0 "$inkfs" checkpoint st
cp out cp.2
verdict_is 0 intact pinned-key st --key @vkey
verdict_is 0 intact pinned-checkpoint st --key @vkey --checkpoint cp.1 --checkpoint cp.2
verdict_is 0 intact pinned-checkpoint st --since cp.1
out_has "which were not read again"
verdict_is 1 not-intact pinned-checkpoint old --checkpoint cp.1 --checkpoint cp.2
verdict_is 1 not-intact store-only old --checkpoint cp.2

# In use; ended without order; cut within a record, which is torn as far as anybody knows.
mkfifo hold
# shellcheck disable=SC2094 # a pipe
./mkstore st many=1 hold <hold >ready &
exec 7>hold
for ((tries = 0; tries < 200; tries++)); do
	grep -q ready ready && break
	sleep 0.05
done
verdict_is 0 intact store-only st
out_has '"live":true'
exec 7>&-
wait
cp -a old crashed
./mkstore crashed many=1 unclean
verdict_is 0 intact store-only crashed
out_has '"unclean-end"'

# Damage: to written bytes, to the index, to everything; and what is no store.
cp -a st bad
at=$(grep -abo 'two' bad/log/0000000000.seg | head -n 1 | cut -d: -f1)
printf X | dd of=bad/log/0000000000.seg bs=1 seek="$at" conv=notrunc status=none
verdict_is 1 not-intact pinned-key bad --key @vkey
out_has '"offset":'
printf 'nothing' >bad/index/data.mdb
verdict_is 1 not-intact store-only bad
rm -r bad/index
verdict_is 1 not-intact store-only bad
head -c 100000 /dev/zero | tr '\0' '\377' >bad/log/0000000000.seg
verdict_is 1 not-intact store-only bad
mkdir empty
verdict_is 3 not-checked "" empty

# The check can fail.
run 0 "$inkfs" verify --json st
for change in 's/"intact"/"perfect"/' 's/"records":[0-9]*/"records":-1/' 's/"closed":true/"closed":1/' 's/"live":[a-z]*,//' \
	's/"verdict"/"more":1,"verdict"/' 's/"verdict":"intact"/"verdict":"not-intact"/'; do
	sed "$change" out >changed
	cmp -s out changed && fail "nothing to change: $change"
	"$python" "$top/tests/format/schema.py" "$schema" changed >/dev/null 2>&1 && fail "let pass: $change"
done
exit 0
