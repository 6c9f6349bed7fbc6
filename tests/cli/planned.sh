#!/bin/bash
# inkfs log reads only what its filters may want, by what the index says of blocks of records: the output is the one that
# reading all of them gives, for each filter and each two, on a store with names that changed and went, erased bodies and
# an end that the index does not cover; and it is indeed not all read.

# With PAIRS_EVERY=1 each two filters are tried together, which takes some minutes.

pairs_every=${PAIRS_EVERY:-16}
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore
run 0 "$inkfs" init st --origin a
./mkstore st varied=12000
cp -a st/index before
./mkstore st varied=3000
run 0 "$inkfs" verify st

time_of() { "$inkfs" log "$1" --from "$2" --to "$2" | cut -d' ' -f2; }
count=$("$inkfs" status st --json | sed -E 's/.*"records":([0-9]+).*/\1/')
((count > 15000)) || fail "only $count records"

same() { # STORE OPTION…
	local store=$1 code=0
	shift
	"$inkfs" log "$store" --format ecs --scan "$@" >scanned 2>scanned.err </dev/null || code=$?
	run "$code" "$inkfs" log "$store" --format ecs "$@"
	cmp -s scanned out || fail "with the index another output: $store $*: $(diff scanned out | head -n 3)"
}

# Paths that are, that were, of folders, of links, of what was refused; processes and users by any word.
moved=$("$inkfs" log st --kind RENAME | head -n 1 | cut -d' ' -f4)
gone=$("$inkfs" log st --kind UNLINK | tail -n 1 | cut -d' ' -f4)
[[ -n $moved && -n $gone ]] || fail "no name was changed or taken away"
filters=(
	"--kind DENIED" "--kind CREATE,RENAME,UNLINK" "--kind SEAL" "--kind MOUNT,ACTOR"
	"--path $moved" "--path $gone" "--path /folder1/folder2" "--path folder3" "--path *.log" "--path /a*" "--path /folder1/*/b?.log"
	"--path / --kind ATTR" "--path /nothing/here" "--path /[ab]1*.log --path $moved"
	"--user 1001" "--user 0 --user 1002" "--user 77" "--process 2007" "--process ngin*" "--process none" "--job 17" "--job gitlab-ci/4" "--job -"
	"--from 3001 --to 3600" "--after $((count - 5))" "--to 10" "--from $((count + 9))"
	"--since $(time_of st 9000) --until $(time_of st 9700)" "--since $(time_of st $((count - 300)))" "--until $(time_of st 300)"
	"--until 2001-01-01" "--since 2100-01-01"
)
set -f # the stars are for inkfs
for ((i = 0; i < ${#filters[@]}; i++)); do
	# shellcheck disable=SC2086 # words
	same st ${filters[i]}
	cat out >>all
	for ((j = i + 1; j < ${#filters[@]}; j++)); do
		(((i * 31 + j) % pairs_every == 0)) || continue
		# shellcheck disable=SC2086
		same st ${filters[i]} ${filters[j]}
	done
done
set +f
(($(wc -l <all) > count)) || fail "the filters leave out nearly everything"

# --- an end that the index does not cover, and none at all --------------------------------

cp -a st behind
rm -r behind/index
cp -a before behind/index
run 0 "$inkfs" verify behind
out_has "observation index-behind"
cp -a st bare
rm -r bare/index
cp -a st erased
python3 - erased/log <<'END'
import os, sys
# Whoever erases a body leaves zeros; ACTORs, MOUNTs and APPENDs may lose theirs.
for name in sorted(os.listdir(sys.argv[1])):
    with open(os.path.join(sys.argv[1], name), "r+b") as file:
        data, at = bytearray(file.read()), 128
        while data[at:at + 4] == b"inkF":
            kind, size = data[at + 9], int.from_bytes(data[at + 12:at + 16])
            seq = int.from_bytes(data[at + 16:at + 24])
            if kind in (2, 5, 15) and seq % 7 == 3:
                data[at + 141:at + 157 + size] = bytes(16 + size)
            at += (157 + size + 7) // 8 * 8
        file.seek(0)
        file.write(data)
END
set -f
for store in behind bare erased; do
	for filter in "${filters[@]}"; do
		# shellcheck disable=SC2086
		same $store $filter
	done
done
set +f

# --- what nobody wants is not read ----------------------------------------------------------

# A body amid the log is another now: only who reads it can tell.
cp -a st changed
python3 - changed/log/0000000000.seg <<'END'
import sys
with open(sys.argv[1], "r+b") as file:
    data, at = file.read(), 128
    while data[at:at + 4] == b"inkF":
        kind, size = data[at + 9], int.from_bytes(data[at + 12:at + 16])
        if kind == 15 and int.from_bytes(data[at + 16:at + 24]) > 6000:
            file.seek(at + 157)
            file.write(bytes([data[at + 157] ^ 1]))
            break
        at += (157 + size + 7) // 8 * 8
    else:
        sys.exit("no such record")
END
for filter in "--kind MOUNT" "--user 77" "--to 300" "--process none" "--path $moved --kind RENAME" "--path /no/such"; do
	# shellcheck disable=SC2086
	run 0 "$inkfs" log changed $filter
done
run 1 "$inkfs" log changed --kind MOUNT --scan
err_has "is not what was recorded"

# --- an index that lies ---------------------------------------------------------------------

# Blocks that say nothing hide what is there; that is found, and who does not believe the index need not.
cp -a st liar
python3 - liar/index/data.mdb "$("$inkfs" log st --kind DENIED | tail -n 1 | cut -d' ' -f1)" <<'END'
import sys
with open(sys.argv[1], "r+b") as file:
    data, number = file.read(), int(sys.argv[2]) // 256
    # Key and value of the block, as LMDB puts them side by side.
    key, places, at = number.to_bytes(8), [], -1
    while (at := data.find(key, at + 1)) >= 0:
        kinds = int.from_bytes(data[at + 8:at + 12])
        if data[at + 12:at + 16] == bytes(4) and kinds >> 16 & 1 and kinds < 1 << 22:
            places.append(at + 8)
    for at in places:
        file.seek(at)
        file.write((int.from_bytes(data[at:at + 4]) & ~(1 << 16)).to_bytes(4))
    if not places:
        sys.exit("the block is not there")
END
run 1 "$inkfs" verify liar
out_has "EVIDENCE index "
out_has "blocks: "
same_lines() { diff <("$inkfs" log st --kind DENIED) out >/dev/null; }
run 0 "$inkfs" log liar --kind DENIED
if same_lines; then fail "the lie changed nothing"; fi
run 0 "$inkfs" log liar --kind DENIED --scan
same_lines || fail "--scan believes the index"
run 0 "$inkfs" reindex liar
run 0 "$inkfs" log liar --kind DENIED
same_lines || fail "made anew it still lies"
run 0 "$inkfs" verify liar
