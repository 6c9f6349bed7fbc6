#!/bin/bash
# Consistency proofs: those of the samples hold and no other does; those of a store are made, with an index and
# without, and another history has none.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore
data=$top/tests/data
sample='example.com/sample+02517d3a+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4'

# Samples (C2SP tlog-checkpoint, tlog-witness), as lines of hashes and as add-checkpoint bodies.
for pair in 0-1 1-2 2-3 3-7 7-255 255-256 256-257 257-300; do
	old=$data/merkle/checkpoint-${pair%-*}
	new=$data/merkle/checkpoint-${pair#*-}
	run 0 "$inkfs" consistency "$old" "$new" --proof "$data/proof/$pair" --key "$sample"
	out_has "consistent: the log of ${pair#*-} records began with those ${pair%-*}"
	{ echo "old ${pair%-*}"; cat "$data/proof/$pair"; echo; cat "$new"; } >body
	run 0 "$inkfs" consistency "$old" body --key "$sample"
	# Somebody else's hashes; none; one too many; another old size; the wrong way round.
	if [[ $pair != 0-1 ]]; then
		run 1 "$inkfs" consistency "$old" "$new" --proof /dev/null --key "$sample"
		err_is_one_line
		err_has "does not prove"
		sed '1s/.*/old 4/' body >other
		run 1 "$inkfs" consistency "$old" other --key "$sample"
		err_has "begins at 4 records"
		run 3 "$inkfs" consistency "$new" "$old" --proof "$data/proof/$pair" --key "$sample"
		err_has "the older one comes first"
	fi
	{ cat "$data/proof/$pair"; echo '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; } >longer
	run 1 "$inkfs" consistency "$old" "$new" --proof longer --key "$sample"
done

# A size and itself: only the same tree, and no hash.
run 0 "$inkfs" consistency "$data/merkle/checkpoint-7" "$data/merkle/checkpoint-7" --proof /dev/null --key "$sample"

# Each bit of a proof counts, and of the notes what is signed.
python3 - "$data" <<'END'
import base64, sys
data = sys.argv[1]
lines = open(data + "/proof/7-255").read().split()
new = open(data + "/merkle/checkpoint-255").read()
for at in range(len(lines)):
    bad = list(lines)
    raw = bytearray(base64.b64decode(bad[at]))
    raw[at] ^= 1 << at % 8
    bad[at] = base64.b64encode(raw).decode()
    open(f"bad.{at}", "w").write("old 7\n" + "\n".join(bad) + "\n\n" + new)
open("bad.swapped", "w").write("old 7\n" + "\n".join(lines[::-1]) + "\n\n" + new)
open("bad.size", "w").write("old 7\n" + "\n".join(lines) + "\n\n" + new.replace("\n255\n", "\n256\n"))
END
for bad in bad.*; do
	run 1 "$inkfs" consistency "$data/merkle/checkpoint-7" "$bad" --key "$sample"
	err_is_one_line
done

# Made from a store, with an index and without.
run 0 "$inkfs" init st --origin example.org/log
cp out vkey
run 0 "$inkfs" checkpoint st
cp out cp.1
cp -a st fork
./mkstore st
run 0 "$inkfs" checkpoint st
cp out cp.21
run 0 "$inkfs" consistency cp.1 st cp.21
cp out grown
./mkstore st many=2000
run 0 "$inkfs" checkpoint st
cp out cp.last
cp -a st bare
rm -r bare/index bare/keys
for old in cp.1 cp.21 cp.last; do
	run 0 "$inkfs" consistency $old st cp.last --key @vkey
	cp out proof
	run 0 "$inkfs" consistency $old proof --key @vkey
	run 0 "$inkfs" consistency $old bare cp.last
	cmp out proof || fail "another proof without an index"
done
run 0 "$inkfs" consistency cp.21 st
cp out proof
run 0 "$inkfs" consistency cp.21 proof --key @vkey
run 0 "$inkfs" consistency cp.1 grown --key @vkey

# A wrong index costs time, not truth.
cp -a st liar
python3 - cp.21 <<'END'
import re
data = bytearray(open("liar/index/data.mdb", "rb").read())
log = open("liar/log/0000000000.seg", "rb").read()
# The leaf hash of record 20, which each record names as prev, wherever the index has it.
at = [m.start() for m in re.finditer(b"inkF", log)][20]
leaf = log[at + 4:at + 8]
found = [m.start() for m in re.finditer(re.escape(leaf), bytes(data))]
assert found
for i in found:
    data[i] ^= 1
open("liar/index/data.mdb", "wb").write(data)
END
run 0 "$inkfs" consistency cp.21 liar cp.last
cmp out <("$inkfs" consistency cp.21 st cp.last) || fail "another proof from a wrong index"

# Another history under the same keys; another log; a cut end.
./mkstore fork rotate
run 0 "$inkfs" checkpoint fork
cp out cp.fork
run 1 "$inkfs" consistency cp.fork st cp.last
err_is_one_line
err_has "another history was signed"
run 3 "$inkfs" consistency cp.last fork
err_has "the older one comes first"
run 1 "$inkfs" consistency cp.1 fork cp.last
err_is_one_line
run 0 "$inkfs" init another --origin example.org/other
run 1 "$inkfs" consistency cp.1 another cp.last
err_has "of another log"
run 1 "$inkfs" consistency cp.1 grown --key "$sample"
run 3 "$inkfs" consistency cp.1 bare
err_has "give a checkpoint that was kept"

run 2 "$inkfs" consistency cp.1
run 2 "$inkfs" consistency cp.1 cp.21
run 2 "$inkfs" consistency cp.1 st cp.21 cp.last
run 2 "$inkfs" consistency cp.1 st --proof proof
for bad in /dev/null "$top/README.md" vkey; do
	run 3 "$inkfs" consistency cp.1 "$bad" --key @vkey
	err_is_one_line
	run 3 "$inkfs" consistency "$bad" st cp.21
	err_is_one_line
done
