#!/bin/bash
# What bad input gets: one sentence that says what and what to do, an exit code, and nothing changed.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore

# Names, modes, owners, contents: everything but access times.
fingerprint() {
	(cd "$1" && find . ! -name lock.mdb -printf '%p %y %m %U %G %s\n' | sort &&
		find . -type f ! -name lock.mdb -exec sha256sum {} + | sort) | sha256sum
}

# unchanged DIR CODE COMMAND…: one sentence, and DIR as it was
unchanged() {
	local dir=$1 before
	before=$(fingerprint "$dir")
	shift
	run "$@"
	err_is_one_line
	[[ $(fingerprint "$dir") == "$before" ]] || fail "changed $dir: $*"
}

# What reads a store says the same sentence of it.
readers_say() {
	local text=$1 dir=$2 cmd
	for cmd in status key ls log reindex "cat-x"; do
		case $cmd in
		cat-x) unchanged "$dir" 1 "$inkfs" cat "$dir" x ;;
		*) unchanged "$dir" 1 "$inkfs" "$cmd" "$dir" ;;
		esac
		err_has "$text"
	done
}

run 0 "$inkfs" init st --origin a
cp out vkey
run 0 "$inkfs" init other --origin a
cp out other-vkey
./mkstore st
./mkstore other

# --- not a store -------------------------------------------------------------------

mkdir empty foreign
echo hello >foreign/file
for dir in empty foreign; do
	unchanged $dir 3 "$inkfs" verify $dir
	readers_say "$dir" $dir
done
run 3 "$inkfs" verify nowhere
err_is_one_line
err_is <<<"inkfs: cannot open nowhere: No such file or directory; name the folder of a store, or its mount point"
for cmd in status key ls log reindex umount; do
	run 1 "$inkfs" $cmd nowhere
	err_is_one_line
done
run 3 "$inkfs" verify foreign/file
err_is_one_line
[[ ! -e nowhere ]] || fail "made nowhere"
run 3 "$inkfs" verify empty --json
python3 -c '
import json
line = json.load(open("out"))
assert line["verdict"] == "not-checked" and line["error"] and line["findings"] == [], line' ||
	fail "verify --json of no store"

# --- init ----------------------------------------------------------------------------

unchanged foreign 1 "$inkfs" init foreign --origin a
err_has "foreign is not empty"
unchanged st 1 "$inkfs" init st --origin a
run 1 "$inkfs" init nowhere/deeper --origin a
err_is_one_line
run 1 "$inkfs" init foreign/file --origin a
err_is_one_line
for origin in '' 'a b' 'a+b' "$(printf 'o%.0s' {1..201})" $'a\nb'; do
	run 2 "$inkfs" init st3 --origin "$origin"
	err_is_one_line
done
for size in 0 1M 2G 99999999999999999999 2097151; do
	run 2 "$inkfs" init st3 --origin a --segment-size "$size"
	err_is_one_line
done
[[ ! -e st3 ]] || fail "a refused init left something"
# Keys that are there are never written over.
unchanged other 1 "$inkfs" init st3 --origin a --keys other/keys
[[ ! -e st3 ]] || fail "a refused init left something"
run 0 "$inkfs" init st3 --origin "$(printf 'o%.0s' {1..200})" --segment-size 2MiB
run 0 "$inkfs" init empty --origin a
rm -r st3

# --- keys ------------------------------------------------------------------------------

run 1 "$inkfs" verify st --key @other-vkey
err_is </dev/null
out_has "EVIDENCE pinned-key"
out_has "NOT INTACT: "
for key in hello '' "a+12345678+AAAA" "$(tr A B <vkey)"; do
	run 2 "$inkfs" verify st --key "$key"
	err_is_one_line
	err_has "the line that 'inkfs init' printed"
done
cat vkey vkey >two-keys
: >no-key
for file in two-keys no-key nowhere "$inkfs" .; do
	unchanged st 3 "$inkfs" verify st --key "@$file"
	unchanged st 3 "$inkfs" key st --check "@$file"
done

refused() { # what the driver would say, and everything is as before
	unchanged "$1" 77 ./mkstore "$@"
}
chmod 0644 st/keys/seal.key
refused st
err_has "seal.key"
chmod 0600 st/keys/seal.key
if (($(id -u) == 0)); then
	chown nobody st/keys/seal.key
	refused st
	err_has "seal.key"
	chown 0 st/keys/seal.key
fi
cp -a st/keys/seal.key mine
cp -a other/keys/seal.key st/keys/seal.key
refused st
err_has "seal.key"
printf 'short' >st/keys/seal.key
refused st
rm st/keys/seal.key
refused st
ln -s "$PWD/mine" st/keys/seal.key
refused st
rm st/keys/seal.key
cp -a mine st/keys/seal.key

# The log key is not needed to write; one that others may have is found all the same.
for mode in 0640 0604 0660; do
	chmod $mode st/keys/log.key
	refused st
	err_has "st/keys/log.key may be read or written by others (mode $mode)"
done
chmod 0600 st/keys/log.key
if (($(id -u) == 0)); then
	chown 65534 st/keys/log.key
	refused st
	err_has "st/keys/log.key belongs to uid 65534"
	chown 0 st/keys/log.key
fi
mv st/keys/log.key log-key
for command in "ln -s $PWD/log-key" mkfifo mkdir; do
	$command st/keys/log.key
	refused st
	err_has "st/keys/log.key"
	rm -r st/keys/log.key
done
run 0 "$inkfs" init without --origin a
rm without/keys/log.key
run 0 ./mkstore without
cp -a log-key st/keys/log.key
run 0 "$inkfs" verify st --key @vkey

# --- damage ------------------------------------------------------------------------------

# The keys are of no use to an auditor and need not be there.
cp -a st bad
rm -r bad/keys
run 0 "$inkfs" verify bad --key @vkey
at=$(grep -abo 'two' bad/log/0000000000.seg | head -n 1 | cut -d: -f1)
printf X | dd of=bad/log/0000000000.seg bs=1 seek="$at" conv=notrunc status=none
run 1 "$inkfs" verify bad --key @vkey
grep -qE '^EVIDENCE digest /jobs/build.log bytes 4-7 record 10 of [0-9TZ:.-]+: ' out ||
	fail "no finding with path, bytes, record and time"
out_has "NOT INTACT: "
run 1 "$inkfs" verify bad --quiet
[[ $(wc -l <out) -eq 1 ]] || fail "--quiet says more than the findings"
run 1 "$inkfs" verify bad --json
python3 - <<'END' || fail "findings in JSON"
import json
line = json.load(open("out"))
assert line["verdict"] == "not-intact" and line["result"]["evidence"] == 1, line
(finding,) = line["findings"]
assert finding["severity"] == "evidence" and finding["code"] == "digest", finding
assert (finding["path"], finding["record"], finding["offset"], finding["size"]) == (
    "/jobs/build.log", 10, 4, 4), finding
END
# The log shows that record as damaged and without what it says, goes on, and reindex does not hide it.
run 1 "$inkfs" log bad
out_has "APPEND /jobs/build.log damaged=yes"
[[ $(wc -l <out) -eq 21 ]] || fail "log does not go on behind damage"
err_has "1 record has a body that is not what was recorded"
run 1 "$inkfs" log bad --json --from 10 --to 10
out_has '"damaged":"yes"'
run 0 "$inkfs" log bad --no-verify
out_lacks damaged
unchanged bad 1 "$inkfs" reindex bad
cp -a st/keys bad/
run 1 "$inkfs" verify bad

# A version from the future: everything right but the number.
cp -a st future
python3 - <<'END'
import hashlib
with open("future/log/0000000000.seg", "r+b") as file:
    head = bytearray(file.read(96))
    head[8:12] = (2).to_bytes(4, "big")
    file.seek(0)
    file.write(bytes(head) + hashlib.sha256(head).digest())
END
unchanged future 3 "$inkfs" verify future
err_has "version"
readers_say "version" future
refused future

# Files where folders belong, and folders and pipes where files belong.
mkdir odd
for what in log index vkey lock; do
	rm -rf odd/st
	cp -a st odd/st
	rm -rf odd/st/$what
	mkfifo odd/st/$what
	code=0
	timeout 20 "$inkfs" verify odd/st >out 2>err || code=$?
	((code == 1 || code == 3)) || fail "a pipe for $what: exit $code"
	rm odd/st/$what
	ln -s /dev/zero odd/st/$what
	code=0
	timeout 20 "$inkfs" verify odd/st >out 2>err || code=$?
	((code == 1 || code == 3)) || fail "a link to a device for $what: exit $code"
done

# An index whose keys lead in a circle: the last name of the root comes before the others.
rm -rf bad
cp -a st bad
python3 - <<'END'
with open("bad/index/data.mdb", "r+b") as file:
    data = file.read()
    key = (1).to_bytes(8, "big") + (20).to_bytes(8, "big")
    assert key in data
    file.seek(0)
    file.write(data.replace(key, (1).to_bytes(8, "big") + (9).to_bytes(8, "big")))
END
run 1 "$inkfs" verify bad
out_has "EVIDENCE index "
run 1 timeout 20 "$inkfs" ls bad
err_has "is damaged or of another version; 'inkfs reindex"
run 0 "$inkfs" reindex bad
run 0 "$inkfs" verify bad --key @vkey
run 0 "$inkfs" ls bad

# One wrong bit in the head of the index, and the driver would write over records, or sign a root for ever wrong.
# (Place behind the last record, next inode, last seal, last leaf hash, subtree hashes.)
for at in 23 31 39 100 203 204 212; do
	rm -rf bad
	cp -a st bad
	python3 - $at <<'END'
import sys
at, key = int(sys.argv[1]), b"head" + (1).to_bytes(4, "big")
with open("bad/index/data.mdb", "r+b") as file:
    data = bytearray(file.read())
    place = data.find(key)
    assert place >= 0
    while place >= 0:
        data[place + 4 + at] ^= 1
        place = data.find(key, place + 1)
    file.seek(0)
    file.write(data)
END
	refused bad
	err_has "inkfs "
	unchanged bad 1 "$inkfs" status bad
	run 0 "$inkfs" reindex bad
	run 0 "$inkfs" verify bad --key @vkey
done

# An index that makes LMDB crash, or not: whatever stands there, a sentence and no signal.
for seed in 1 2 3 4 5 6 7 8; do
	cp st/index/data.mdb bad/index/data.mdb
	python3 - $seed <<'END'
import random, sys
choose = random.Random(int(sys.argv[1]))
with open("bad/index/data.mdb", "r+b") as file:
    data = bytearray(file.read())
    used = [i for i in range(8192, len(data)) if data[i]]
    for _ in range(40):
        data[choose.choice(used)] = choose.choice((0, 1, 0x7F, 0x80, 0xFF))
    file.seek(0)
    file.write(data)
END
	for cmd in "verify bad" "ls -lR bad" "log bad" "status bad" "cat bad current" "key bad"; do
		code=0
		# shellcheck disable=SC2086 # words
		timeout 20 "$inkfs" $cmd >out 2>err || code=$?
		if ((code != 0 && code != 1 && code != 3)); then
			fail "index of seed $seed: exit $code of $cmd"
		fi
		if [[ $cmd == verify* ]] && ((code == 0)); then fail "index of seed $seed: intact"; fi
	done
done

# A segment missing: the first, one between, the last.
run 0 "$inkfs" init many --origin a --segment-size 2M
./mkstore many many=30000
run 0 "$inkfs" verify many
mapfile -t segments < <(ls many/log)
((${#segments[@]} >= 3)) || fail "too few segments for this test"
for segment in "${segments[0]}" "${segments[1]}" "${segments[-1]}"; do
	rm -rf gap
	cp -a many gap
	rm "gap/log/$segment"
	code=0
	"$inkfs" verify gap >out 2>err || code=$?
	((code == 1 || code == 3)) || fail "without $segment: exit $code"
	grep -qE 'EVIDENCE (segment-missing|index-ahead) ' out || fail "without $segment: not found"
	unchanged gap 1 "$inkfs" reindex gap
	refused gap
	code=0
	"$inkfs" log gap >out 2>err || code=$?
	((code == 1)) || fail "log without $segment: exit $code"
done
