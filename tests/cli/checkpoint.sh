#!/bin/bash
# Checkpoints kept outside find a cut end, an older copy and another history; nothing else is found.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore

run 0 "$inkfs" init st --origin example.org/log
cp out vkey
run 0 "$inkfs" checkpoint st
cp out cp.1
[[ $(sed -n 2p cp.1) == 1 ]] || fail "GENESIS alone is one record"
cp -a st old
./mkstore st
run 0 "$inkfs" checkpoint st
cp out cp.21
[[ $(wc -l <cp.21) -eq 6 && $(sed -n 2p cp.21) == 21 ]] || fail "shape of a checkpoint"
grep -qE '^— example\.org/log/[0-9a-f]{32}/epoch/2 ' cp.21 || fail "no line of the seal key"

# Any number, any age.
run 0 "$inkfs" verify st --key @vkey --checkpoint cp.21 --checkpoint cp.1
out_has "pinned checkpoint: 2 given from outside fit, the largest of 21 records"
out_has "whether records behind number 20"
run 0 "$inkfs" verify st --json --checkpoint cp.1
python3 - <<'END' || fail "verify --json"
import json
result = json.load(open("out"))["result"]
assert result["trust"] == "pinned-checkpoint" and result["checkpoints"] == 1, result
assert result["checkpoint_records"] == 1, result
END
run 0 "$inkfs" verify st --json
out_has '"trust":"store-only"'

# Only what is new: what was written before is taken from whoever verified it then.
run 0 "$inkfs" verify st --key @vkey --since cp.21
out_has "pinned checkpoint: 1 given from outside"
out_has "the bytes written by the first 21 records, which were not read again"
run 0 "$inkfs" verify st --json --since cp.1
out_has '"since_records":1,'
run 2 "$inkfs" verify st --since cp.1 --since cp.21
cp -a st touched
seq=$("$inkfs" log touched --json --kind APPEND | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["seq"])')
python3 - touched/log/0000000000.seg "$seq" <<'END'
import struct, sys
with open(sys.argv[1], "r+b") as file:
    data, at = file.read(), 128
    for _ in range(int(sys.argv[2])):
        at += (157 + struct.unpack_from(">I", data, at + 12)[0] + 7) & ~7
    file.seek(at + 157)
    file.write(bytes([data[at + 157] ^ 1]))
END
run 1 "$inkfs" verify touched
out_has "EVIDENCE digest"
run 1 "$inkfs" verify touched --since cp.1
out_has "EVIDENCE digest"
run 0 "$inkfs" verify touched --since cp.21
out_has "not read again"
run 1 "$inkfs" verify old --since cp.21
out_has "EVIDENCE checkpoint-ahead"
rm -r touched

# Witnesses add lines, and whoever puts lines together does so in an order of his own: passed over.
{
	sed -n 1,4p cp.21
	echo "— witness.example/w1 $(head -c 76 /dev/zero | tr '\0' w | base64 -w 0)"
	sed -n 6p cp.21
	sed -n 5p cp.21
} >cp.witnessed
run 0 "$inkfs" verify st --key @vkey --checkpoint cp.witnessed --since cp.witnessed
out_has "pinned checkpoint: 2 given from outside fit"
out_lacks "checkpoint-weak"

# Without the line of the seal key it may be anybody's who has the log key: it does not count, and nothing is left out for it.
sed 6d cp.21 >cp.log-only
sed 's/—\( [^ ]*\)\/epoch\/2 /—\1\/stranger /' cp.21 >cp.stranger
for name in log-only stranger; do
	run 0 "$inkfs" verify st --key @vkey --checkpoint "cp.$name"
	out_has "observation checkpoint-weak cp.$name: it fits, but is signed by the log key only"
	out_has "trust        the key that was given"
	out_has "not covered  whether this is the newest state: the checkpoint that fits is signed by the log key only"
	run 3 "$inkfs" verify st --since "cp.$name"
	err_is_one_line
	err_has "is signed by no seal key"
done
run 0 "$inkfs" verify st --json --checkpoint cp.log-only --checkpoint cp.stranger --checkpoint cp.1
python3 - <<'END' || fail "verify --json of weak checkpoints"
import json
result = json.load(open("out"))["result"]
assert result["trust"] == "pinned-checkpoint" and result["checkpoints"] == 1, result
assert result["weak_checkpoints"] == 2 and result["checkpoint_records"] == 1, result
END
# What does not fit is evidence, whoever signed it.
run 1 "$inkfs" verify old --checkpoint cp.log-only
out_has "EVIDENCE checkpoint-ahead cp.log-only"
# A seal key, but not the one that was in force there.
sed 's/\/epoch\/2 /\/epoch\/1 /' cp.21 >cp.other-epoch
run 1 "$inkfs" verify st --checkpoint cp.other-epoch
out_has "EVIDENCE checkpoint cp.other-epoch: the checkpoint is signed by another seal key than that of epoch 2"

# An older copy: good in itself, but not what was there.
run 0 "$inkfs" verify old
run 1 "$inkfs" verify old --checkpoint cp.21
out_has "EVIDENCE checkpoint-ahead cp.21"
run 0 "$inkfs" verify old --checkpoint cp.1

# Another history under the same keys.
cp -a old fork
./mkstore fork rotate
run 0 "$inkfs" verify fork
run 0 "$inkfs" verify fork --checkpoint cp.1
run 0 "$inkfs" checkpoint fork
cp out cp.fork
run 1 "$inkfs" verify st --checkpoint cp.fork
out_has "EVIDENCE checkpoint-fork cp.fork"
run 1 "$inkfs" verify st --checkpoint cp.fork --checkpoint cp.21
out_has "1 against the evidence"

# Three ages at once, one of them of the other history: that one is named, the others count.
run 0 "$inkfs" verify st --key @vkey --checkpoint cp.1 --checkpoint cp.21
run 1 "$inkfs" verify st --key @vkey --checkpoint cp.fork --checkpoint cp.1 --checkpoint cp.21
[[ $(grep -c EVIDENCE out) == 1 ]] || fail "one of three is of another history"
out_has "EVIDENCE checkpoint-fork cp.fork"
run 1 "$inkfs" verify fork --key @vkey --checkpoint cp.1 --checkpoint cp.fork --checkpoint cp.21
[[ $(grep -c EVIDENCE out) == 1 ]] || fail "and so it is from there"
run 1 "$inkfs" verify old --key @vkey --checkpoint cp.fork --checkpoint cp.1 --checkpoint cp.21
[[ $(grep -c "EVIDENCE checkpoint-ahead" out) == 2 ]] || fail "two are ahead of an older copy"
out_has "its end was cut off, or this is an older copy"

# A cut end.
cp -a st cut
rm -r cut/index
truncate -s 3000 cut/log/0000000000.seg
run 1 "$inkfs" verify cut --checkpoint cp.21
out_has "EVIDENCE checkpoint-ahead cp.21"
run 1 "$inkfs" checkpoint cut
err_is_one_line
err_has "not sound"

# Another store; a key that is not its own.
run 0 "$inkfs" init other --origin example.org/log
run 1 "$inkfs" verify other --checkpoint cp.1
out_has "EVIDENCE checkpoint cp.1: a checkpoint of another log; this store is example.org/log/"
run 1 "$inkfs" checkpoint st --keys other/keys
err_is_one_line
err_has "is not the log key of"
run 1 "$inkfs" checkpoint st --keys nowhere
err_is_one_line
cp -a st/keys keys
cp other/keys/seal.key keys/seal.key
run 1 "$inkfs" checkpoint st --keys keys
err_has "is the key of another store"
cp old/keys/seal.key keys/seal.key
run 1 "$inkfs" checkpoint st --keys keys
err_has "is not the seal key of epoch 2"
chmod 0644 keys/log.key
run 1 "$inkfs" checkpoint st --keys keys
err_has "may be read or written by others"

# A known key with a bad signature: the log's, the seal key's.
python3 - <<'END'
import base64
lines = open("cp.21", encoding="utf-8").read().split("\n")
for at, name in ((4, "cp.bad-log"), (5, "cp.bad-seal")):
    head, data = lines[at].rsplit(" ", 1)
    data = bytearray(base64.b64decode(data))
    data[-1] ^= 1
    bad = lines[:at] + [head + " " + base64.b64encode(data).decode()] + lines[at + 1:]
    open(name, "w", encoding="utf-8").write("\n".join(bad))
open("cp.other-size", "w").write("\n".join([lines[0], "20"] + lines[2:]))
END
for name in bad-log bad-seal other-size; do
	run 1 "$inkfs" verify st --checkpoint "cp.$name"
	out_has "EVIDENCE checkpoint cp.$name"
	out_has "only the store's own word"
done

# What is no checkpoint is not checked with.
: >cp.empty
head -c 100 cp.21 >cp.short
head -c 70000 /dev/zero | tr '\0' a >cp.long
sed 's/$/\r/' cp.21 >cp.crlf
head -c 5000 /dev/urandom >cp.noise
for name in empty short long crlf noise; do
	run 3 "$inkfs" verify st --checkpoint "cp.$name"
	err_is_one_line
	err_has "cp.$name is not a checkpoint"
done
run 3 "$inkfs" verify st --checkpoint nothing
err_is_one_line
run 3 "$inkfs" verify st --checkpoint .
err_is_one_line
run 2 "$inkfs" checkpoint
run 2 "$inkfs" checkpoint st st
