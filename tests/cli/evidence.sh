#!/bin/bash
# Evidence: made from a store, mounted or copied, checked without one; what is not all there is refused.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore

run 0 "$inkfs" init st --origin example.org/log
cp out vkey
./mkstore st
run 0 "$inkfs" checkpoint st
cp out cp.21
./mkstore st rotate
mkdir away

# Bytes of a file, with who wrote them and what it is called.
run 0 "$inkfs" prove st /jobs/build.log -o away/file
out_has "away/file: 2 records, 3 that say who and where"
run 0 "$inkfs" check away/file --key @vkey
out_has "good evidence: away/file"
out_has "bytes 0-7 of inode 3, all of them: 2 records"
out_has "APPEND /jobs/build.log offset=4 size=4 uid=1000 gid=100 actor=4 pid=4711 comm=make"
out_has "covered      each record by the seal key of its time"
run 0 "$inkfs" check away/file --key @vkey --content
out_is <<<$'one\ntwo'
run 0 "$inkfs" prove st jobs/build.log:5-6 -o away/part
run 0 "$inkfs" check away/part --key @vkey
out_has "bytes 5-6 of inode 3, all of them: 1 record"
out_has "offset=4 size=4"
run 0 "$inkfs" prove st /current:0 --bare
cp out away/link
"$inkfs" check - --key @vkey <away/link >out || fail "not from stdin"
out_has "bytes 0-0 of inode 3"

# Of a renamed file; by what was written; by number.
run 0 "$inkfs" prove st /app.log.1 -o away/renamed
run 0 "$inkfs" check away/renamed --key @vkey
out_has "APPEND /app.log.1 offset=7 size=6"
run 0 "$inkfs" prove st --grep before -o away/found
run 0 "$inkfs" check away/found --key @vkey
out_has "not covered  whether there are others like these"
out_has "APPEND /app.log.1 offset=0 size=7"
run 0 "$inkfs" prove st --grep two /jobs/build.log -o away/found2
run 0 "$inkfs" check away/found2 --key @vkey --content
out_is <<<two
run 0 "$inkfs" prove st --seq 8-12 -o away/run
run 0 "$inkfs" check away/run --key @vkey --json
out_has '"schema":"inkfs-check/1"'
out_has '"claim":"run","first":8,"last":12,"inode":null,"records":5'
[[ $(wc -l <out) -eq 6 ]] || fail "an object, then five records"
run 0 "$inkfs" prove st --seq 0 -o away/genesis
run 0 "$inkfs" check away/genesis --key @vkey

# Without keys and index: from a checkpoint that was kept; without the succession: the log key alone.
cp -a st copy
rm -r copy/keys copy/index copy/lock
run 0 "$inkfs" prove copy /jobs/build.log --checkpoint cp.21 -o away/old
run 0 "$inkfs" check away/old --key @vkey --checkpoint cp.21
out_has "trust        the checkpoint that was given, and the key"
sed 6d cp.21 >cp.log-only
run 0 "$inkfs" check away/old --key @vkey --checkpoint cp.log-only
out_has "trust        the checkpoint that was given, signed by the log key only"
run 0 "$inkfs" check away/old --key @vkey --checkpoint cp.log-only --json
out_has '"pinned":true,"pin_is_weak":true'
run 0 "$inkfs" check away/old --key @vkey --checkpoint cp.21 --json
out_has '"pinned":true,"pin_is_weak":false'
rm cp.log-only
run 0 "$inkfs" prove st /jobs/build.log --checkpoint cp.21 -o away/old2
cmp away/old away/old2 || fail "other evidence with an index"
run 3 "$inkfs" check away/file --key @vkey --checkpoint cp.21
err_is_one_line
err_has "ask for evidence made with --checkpoint cp.21"
run 1 "$inkfs" prove copy /jobs/build.log -o away/none
err_is_one_line
err_has "give a checkpoint that was kept"
run 0 "$inkfs" prove st --seq 9 --short -o away/short
run 0 "$inkfs" check away/short --key @vkey
out_has "trust        the log key alone: whoever had it could have made this"
[[ $(stat -c %s away/short) -lt 4096 && $(stat -c %s away/short) -lt $(stat -c %s away/run) ]] || fail "not short"

# For other people's verifiers.
run 0 "$inkfs" check away/run --key @vkey --extract away/parts
[[ $(find away/parts -type f | wc -l) -eq 20 && $(stat -c %s away/parts/9.entry) == 133 ]] || fail "not extracted"
[[ $(<away/parts/9.body) == one ]] || fail "another body"
digest=$(od -An -v -tx1 -j96 -N32 away/parts/9.entry | tr -d ' \n')
[[ $(sha256sum <away/parts/9.addendum) == "$digest  -" ]] || fail "another addendum"
[[ $(tail -c +17 away/parts/9.addendum) == one ]] || fail "it is not nonce and body"
[[ $(head -n 2 away/parts/9.tlog-proof) == $'c2sp.org/tlog-proof@v1\nindex 9' ]] || fail "another proof"
run 3 "$inkfs" check away/run --key @vkey --extract away/parts
err_has "File exists"

# What is not there, or not covered.
run 1 "$inkfs" prove st /nothing -o away/none
err_is_one_line
run 1 "$inkfs" prove st /jobs -o away/none
err_is_one_line
run 1 "$inkfs" prove st /jobs/build.log:8 -o away/none
err_has "there is no such byte, the file has 8"
run 1 "$inkfs" prove st --grep nowhere -o away/none
err_has "no record holds that text"
run 1 "$inkfs" prove st --seq 9999 -o away/none
err_has "not covered by the checkpoint"
run 1 "$inkfs" prove st /app.log.1 --checkpoint cp.21 -o away/none
err_has "nothing of it is covered"
[[ ! -e away/none ]] || fail "left a file"
run 1 "$inkfs" prove st --seq 9 -o away/file
err_has "File exists"
run 2 "$inkfs" prove st
run 2 "$inkfs" prove st /a --seq 1
run 2 "$inkfs" prove st --grep ''
run 2 "$inkfs" prove st /a --checkpoint cp.21 --keys st/keys
run 2 "$inkfs" check away/file
run 2 "$inkfs" check --key @vkey
run 2 "$inkfs" check away/file --key @vkey --json --content
for nonsense in nonsense '' "$(head -c -2 vkey)" "$(<vkey)A"; do
	run 2 "$inkfs" check away/file --key "$nonsense"
	err_has "this is no verification key"
done
echo nonsense >vkey.none
run 2 "$inkfs" check away/file --key @vkey.none
run 2 "$inkfs" check away/nothing --key nonsense
run 2 "$inkfs" consistency cp.21 st --key nonsense
run 3 "$inkfs" check away/file --key @nowhere

# Bad evidence: another key, a byte changed, the end cut, two of them in one.
run 0 "$inkfs" init stranger --origin example.org/log
cp out vkey.other
run 1 "$inkfs" check away/file --key @vkey.other
err_is_one_line
err_has "bad evidence"
head -c -1 away/file >away/cut
cat away/file away/part >away/both
python3 -c 'd = bytearray(open("away/file","rb").read()); d[len(d)//2] ^= 1; open("away/bit","wb").write(d)'
for bad in cut both bit; do
	run 1 "$inkfs" check "away/$bad" --key @vkey
	err_is_one_line
	err_has "bad evidence"
	run 1 "$inkfs" check "away/$bad" --key @vkey --json
	out_has '"verdict":"bad"'
done
# A head that runs backwards, over a record that holds both bytes.
python3 - <<'END'
import hashlib
data = open("away/part", "rb").read()[:-32]
data = data[:16] + data[24:32] + data[16:24] + data[32:]
open("away/backwards", "wb").write(data + hashlib.sha256(data).digest())
END
run 1 "$inkfs" check away/backwards --key @vkey
err_is_one_line
err_has "its head contradicts itself"
for none in /dev/null cp.21 "$top/README.md" away/nothing away; do
	run 3 "$inkfs" check "$none" --key @vkey
	err_is_one_line
done

# A log that was changed where it is asked of proves nothing; a wrong index costs time only.
cp -a st bad
python3 - <<'END'
data = bytearray(open("bad/log/0000000000.seg", "rb").read())
data[data.index(b"two\n")] ^= 1
open("bad/log/0000000000.seg", "wb").write(data)
END
run 1 "$inkfs" prove bad /jobs/build.log --checkpoint cp.21 -o away/none
err_is_one_line
err_has "is not readable or not the one that was signed"
run 0 "$inkfs" prove bad /jobs/build.log:0-3 --checkpoint cp.21 -o away/before

# The seal key is lost before it could hand over: what is behind the record is a REKEY, and whoever has the log key could
# have made all of it.  Records of before, with an EPOCH behind them, are covered as they were.
cp -a st lost
./mkstore lost pieces unclean
rm lost/keys/seal.key
run 0 "$inkfs" rekey lost
run 0 "$inkfs" prove lost --grep fifth -o away/lost
run 0 "$inkfs" check away/lost --key @vkey
out_lacks "  covered"
out_has "trust        the log key alone where a lost seal key was replaced on its word"
run 0 "$inkfs" check away/lost --key @vkey --json
out_has '"rekeys":1,"covered":false'
run 0 "$inkfs" prove lost /jobs/build.log -o away/early
run 0 "$inkfs" check away/early --key @vkey --json
out_has '"rekeys":0,"covered":true'
# Nor is anything covered by a seal key that has only the log key's word.
./mkstore lost many=3
run 0 "$inkfs" prove lost --grep 'line 1' -o away/later
run 0 "$inkfs" check away/later --key @vkey --json
out_has '"rekeys":1,"covered":false'

# While it is written: what a seal covers.
mkfifo stop
run 0 "$inkfs" init live --origin example.org/live
cp out vkey.live
./mkstore live many=3000 hold <stop >held &
exec 8>stop
until grep -q ready held; do sleep 0.05; done
run 0 "$inkfs" prove live /many -o away/live
run 0 "$inkfs" check away/live --key @vkey.live --content
diff <(seq -f 'line %.0f' 0 2999) out >&2 || fail "other content of a live store"
run 0 "$inkfs" prove live --seq 100-2500 -o away/live2
run 0 "$inkfs" check away/live2 --key @vkey.live --json
exec 8>&-
wait
