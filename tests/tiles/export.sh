#!/bin/bash
# What 'inkfs export --tiles' writes is a log to golang.org/x/mod/sumdb, at every size; it refuses each
# spoilt export; and an export goes on after any end, but never over something else.

# shellcheck source=tests/tiles/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore

run 0 "$inkfs" init st --origin example.org/log
cp out vkey
key=$(<vkey)
run 0 "$inkfs" checkpoint st
cp out cp.1
./mkstore st
run 0 "$inkfs" checkpoint st
cp out cp.21

# From nothing, and every byte of it counts.
run 0 "$inkfs" export --tiles st small --checkpoint cp.21
out_is <<'END'
21 records in small: 25 files written, 0 were there
END
cmp cp.21 small/checkpoint
[[ $(stat -c %a small/checkpoint small/tile/0/000.p/21 | sort -u) == 644 ]] || fail "a web server cannot read it"
run 0 ./tilecheck log small "$key"
out_is <<<"21 records"
run 0 ./tilecheck spoil small "$key"
out_has "spoilt exports refused"
[[ $(grep -oE '^[0-9]+' out) -gt 5000 ]] || fail "hardly anything was spoilt"

# Grown from an earlier export; the store may be mounted.
run 0 "$inkfs" export --tiles st grown --checkpoint cp.1
run 0 ./tilecheck log grown "$key"
run 0 "$inkfs" export --tiles st grown --json
out_has '"schema":"inkfs-export/1"'
out_has '"records":21'
run 0 ./tilecheck log grown "$key"
run 0 "$inkfs" export --tiles st grown --checkpoint cp.21
out_has "1 files written, 24 were there"

# Around the end of a tile of level 0.
for many in 244 245 246 247 248; do
	run 0 "$inkfs" init "edge$many" --origin example.org/edge
	cp out vkey.edge
	./mkstore "edge$many" "many=$many"
	run 0 "$inkfs" export --tiles "edge$many" "out$many"
	run 0 ./tilecheck log "out$many" "$(<vkey.edge)"
	cat out >>edges
done
grep -qx "256 records" edges || fail "no export of exactly one tile: $(<edges)"

# Three levels, and killed on the way again and again: the checkpoint comes last, and the next call goes on.
run 0 "$inkfs" init big --origin example.org/big
cp out vkey.big
./mkstore big many=66000
run 0 "$inkfs" checkpoint big
cp out cp.big
for pause in 0.02 0.1 0.3; do
	"$inkfs" export --tiles big killed --checkpoint cp.big >/dev/null &
	sleep "$pause"
	kill -9 $! 2>/dev/null || true
	wait $! 2>/dev/null || true
	[[ ! -e killed/checkpoint ]] || echo "note: was done in $pause s"
done
# What a power cut may leave of files that were never published.
find killed/addenda -type f | sed -n 1,3p | while read -r file; do truncate -s 0 "$file"; done
find killed/tile/entries -type f | sed -n 1p | while read -r file; do truncate -s 5 "$file"; done
run 0 "$inkfs" export --tiles big killed --checkpoint cp.big
run 0 ./tilecheck log killed "$(<vkey.big)"
[[ -e killed/tile/2/000.p/1 ]] || fail "no third level"
[[ -z $(find killed -name '*.new') ]] || fail "left a file on the way"

# Without bodies: the same tiles, and nothing of what was written.
run 0 "$inkfs" export --tiles st bare --checkpoint cp.21 --without-bodies
[[ ! -e bare/addenda ]] || fail "bodies"
diff -r small/tile bare/tile >&2 || fail "other tiles"
run 1 ./tilecheck log bare "$key"

# An export needs no keys if there is a checkpoint.
cp -a st copy
rm -r copy/keys copy/index copy/lock
run 0 "$inkfs" export --tiles copy nokeys --checkpoint cp.21
diff -r small nokeys >&2 || fail "another export without keys"
run 1 "$inkfs" export --tiles copy nokeys
err_is_one_line
err_has "--checkpoint"

# What is not to be touched.
mkdir other
echo mine >other/file
run 1 "$inkfs" export --tiles st other
err_is_one_line
err_has "other holds other things"
[[ $(ls -A other) == file ]] || fail "touched"
run 1 "$inkfs" export --tiles big small
err_has "holds the export of another log"
run 1 "$inkfs" export --tiles st small --checkpoint cp.1
err_has "never publish an older one after a newer"
run 1 "$inkfs" export --tiles st small --checkpoint cp.big
err_has "not signed by the log key"
run 2 "$inkfs" export st small
run 2 "$inkfs" export --tiles st
run 2 "$inkfs" export --tiles st small --checkpoint cp.21 --keys st/keys
run 1 "$inkfs" export --tiles st /proc/nothing
err_is_one_line

# A file that was published and is another now.
cp -a small changed
printf x | dd of=changed/tile/entries/000.p/21 bs=1 seek=50 conv=notrunc status=none
run 1 "$inkfs" export --tiles st changed --checkpoint cp.21
err_has "was published, and is not what the log says"

# Another history under the same keys; a log that is damaged below the checkpoint.
run 0 "$inkfs" init fork --origin example.org/log
cp -a fork fork.old
./mkstore fork
run 0 "$inkfs" export --tiles fork forked
./mkstore fork.old rotate
./mkstore fork.old many=50
run 1 "$inkfs" export --tiles fork.old forked
err_has "of another history"
[[ $(sed -n 2p forked/checkpoint) == 21 ]] || fail "published a fork"
cp -a st bad
python3 - <<'END'
data = bytearray(open("bad/log/0000000000.seg", "rb").read())
data[data.index(b"one\n")] ^= 1
open("bad/log/0000000000.seg", "wb").write(data)
END
run 1 "$inkfs" export --tiles bad refused --checkpoint cp.21
err_has "the log is not sound at record"
[[ ! -e refused/checkpoint ]] || fail "published a damaged log"

# Two at once.
exec 9>>small/.inkfs-export
flock -n 9
run 1 "$inkfs" export --tiles st small --checkpoint cp.21
err_has "another export is writing into small"
exec 9>&-
run 0 "$inkfs" export --tiles st small --checkpoint cp.21
