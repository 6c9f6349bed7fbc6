#!/bin/bash
# outsider.py, which was written from the public texts alone, takes what leaves a store for good: exports, checkpoints,
# consistency proofs, tlog-proofs, evidence; and refuses what was changed, just as `inkfs check` does.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/../cli/lib.sh"
python=/usr/bin/python3
"$python" -c 'import nacl.signing' 2>/dev/null || skip "no $python with python3-nacl"
export PYTHONDONTWRITEBYTECODE=1
need_mkstore

outsider() { "$python" "$top/tests/format/outsider.py" "$@"; }

# First of all it must be right itself.
run 0 outsider vectors "$top/tests/data"

run 0 "$inkfs" init st --origin logs.example.org/ci
cp out vkey
key=$(<vkey)
[[ $key =~ ^logs\.example\.org/ci/[0-9a-f]{32}\+[0-9a-f]{8}\+ ]] || fail "form of the verification key: $key"
run 0 "$inkfs" checkpoint st
cp out cp.1
run 0 "$inkfs" export --tiles st grown
run 0 outsider export grown "$key"
out_is <<<"1 records"
./mkstore st
run 0 "$inkfs" checkpoint st
cp out cp.21
run 0 "$inkfs" export --tiles st grown --checkpoint cp.21
run 0 outsider export grown "$key"
./mkstore st many=600
run 0 "$inkfs" checkpoint st
cp out cp.new

# Exports, grown over the end of a tile, and made at once.
run 0 "$inkfs" export --tiles st grown --checkpoint cp.new
run 0 "$inkfs" export --tiles st fresh --checkpoint cp.new
for export in grown fresh; do
	run 0 outsider export $export "$key"
done
cp -a fresh spoilt
for path in $(cd fresh && find . -type f ! -name 'addenda*' ! -name .inkfs-export | sed -n '1~40p;/tile/p' | sort -u); do
	printf '\001' | dd of="spoilt/$path" bs=1 seek=7 conv=notrunc status=none
	cmp -s "fresh/$path" "spoilt/$path" || { echo "spoilt: $path"; run 1 outsider export spoilt "$key"; }
	cp "fresh/$path" "spoilt/$path"
done
run 0 outsider export spoilt "$key"

# Growth.
for old in cp.1 cp.21 cp.new; do
	run 0 "$inkfs" consistency $old st cp.new
	cp out grown.$old
	run 0 outsider consistency $old grown.$old "$key"
done
run 1 outsider consistency cp.1 grown.cp.21 "$key"

# Each kind of evidence, and the proofs in it.
last=$(($(sed -n 2p cp.new) - 1))
run 0 "$inkfs" prove st --seq 0-3 -o first
run 0 "$inkfs" prove st --seq "$((last - 1))-$last" -o last
run 0 "$inkfs" prove st /jobs/build.log --checkpoint cp.21 -o bytes
run 0 "$inkfs" prove st --grep 'line 59' -o grep
run 0 "$inkfs" prove st --seq 300 --short -o short
for evidence in first last bytes grep short; do
	run 0 outsider evidence $evidence "$key"
	run 0 "$inkfs" check $evidence --key "$key" --extract "parts.$evidence"
	for entry in "parts.$evidence"/*.entry; do
		run 0 outsider proof "$entry" "${entry%.entry}.tlog-proof" "$key"
	done
	run 1 outsider proof "$entry" "parts.first/1.tlog-proof" "$key"
done
run 0 outsider evidence bytes "$key" cp.21
run 1 outsider evidence bytes "$key" cp.new
run 0 "$inkfs" init other --origin logs.example.org/ci
run 1 outsider evidence bytes "$(<out)"

# What is changed, with the hash made anew: two programs, one answer.
for evidence in bytes last short; do
	run 0 outsider agree $evidence "$key" "$inkfs"
	[[ $(<out) == "agreed:"*"times exit 1"* ]] || fail "nothing was bad: $(<out)"
done

# With a seal key that only the log key vouches for.
run 0 "$inkfs" rekey st
./mkstore st rotate
run 0 "$inkfs" prove st --grep before -o rekeyed
run 0 outsider evidence rekeyed "$key"
run 0 "$inkfs" check rekeyed --key "$key"
out_has "the log key alone where a lost seal key was replaced on its word"
run 0 outsider agree rekeyed "$key" "$inkfs"
echo "an outsider agrees"
