#!/bin/bash
# What lies in a store that is not of it: named, wherever it lies; and what a file system or a crash puts there is not
# called an attack, but named too.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore

# A file system of its own, made for the store: ext4 begins with a folder.
mkdir -p st/lost+found
chmod 0700 st/lost+found
run 0 "$inkfs" init st --origin example.org/log
./mkstore st
run 0 "$inkfs" verify st
out_has "0 against the evidence, 0 observations"
cp -a st clean

# What fsck found, under the names that it gives.
echo lost >'st/lost+found/#12'
mkdir 'st/lost+found/#13'
run 0 "$inkfs" verify st
[[ $(grep -c '^observation foreign-file "\?lost+found/#1[23]' out) == 2 ]] || fail "not both are named"
out_has "0 against the evidence, 2 observations"
for name in '#' '#12a' 12 evil; do
	echo x >"st/lost+found/$name"
	run 1 "$inkfs" verify st
	out_has "EVIDENCE foreign-file lost+found/$name: does not belong into a store"
	rm "st/lost+found/$name"
done
rm -r st/lost+found
echo x >st/lost+found
run 1 "$inkfs" verify st
out_has "EVIDENCE foreign-file lost+found: does not belong"
rm -r st
cp -a clean st

# In each of the folders.
for name in evil log/evil index/evil keys/evil keys/log.key.old lost/evil; do
	echo x >"st/$name"
	run 1 "$inkfs" verify st
	out_has "EVIDENCE foreign-file $name: "
	out_has "1 against the evidence"
	rm "st/$name"
done
cp -a st/index st/index.new
cp -p st/keys/seal.key st/keys/seal.key.new
run 0 "$inkfs" verify st
out_has "observation foreign-file index.new: "
echo >>st/keys/seal.key.new
run 1 "$inkfs" verify st
out_has "EVIDENCE foreign-file keys/seal.key.new: longer than a key file can be"
echo x >st/index.new/evil
run 1 "$inkfs" verify st
out_has "EVIDENCE foreign-file index.new/evil: "
rm -r st/index.new st/keys/seal.key.new
mkdir st/keys/seal.key.new
run 1 "$inkfs" verify st
out_has "EVIDENCE foreign-file keys/seal.key.new: not of the type that belongs there"
rmdir st/keys/seal.key.new
mv st/keys/log.key kept
ln -s ../../kept st/keys/log.key
run 1 "$inkfs" verify st
out_has "EVIDENCE foreign-file keys/log.key: not of the type that belongs there"
rm st/keys/log.key
mv kept st/keys/log.key
run 0 "$inkfs" verify st
if [[ $EUID == 0 ]] && command -v setpriv >/dev/null; then
	# Who may not look into keys is not kept from verifying the rest.
	cp -a st shared
	chmod -R a+rX shared
	chmod 0700 shared/keys
	run 0 setpriv --reuid=65534 --regid=65534 --clear-groups "$inkfs" verify shared
fi

# Behind an orderly end: what may be the beginning of the next session's first record is said to be there, from which
# byte to which; anything else is evidence.
segment=st/log/0000000000.seg
chmod u+w $segment
size=$(stat -c %s $segment)
{
	printf 'inkF%096d' 7
	head -c 500 /dev/zero
} >>$segment
run 0 "$inkfs" verify st
grep -qE "^observation torn-tail log/0000000000\.seg bytes $size-$((size + 99)) record [0-9]+: .* end in order; .*takes no key" out ||
	fail "not named"
out_has "observation not-closed"
out_has "not closed in order"
run 0 "$inkfs" verify st --json
python3 - "$size" <<'END' || fail "not so in JSON"
import json, sys
said = json.load(open("out"))
torn = [f for f in said["findings"] if f["code"] == "torn-tail"]
assert len(torn) == 1 and not said["result"]["closed"], said
assert torn[0]["severity"] == "observation" and torn[0]["path"] == "log/0000000000.seg", torn
assert torn[0]["offset"] == torn[0]["segment_offset"] == int(sys.argv[1]), torn
assert torn[0]["size"] == 100 and torn[0]["segment"] == 0, torn
assert torn[0]["record"] == said["result"]["records"], torn
END
truncate -s "$size" $segment
printf 'rubbish' >>$segment
run 1 "$inkfs" verify st
out_has "EVIDENCE segment-tail"
truncate -s "$size" $segment
head -c 5000 /dev/zero >>$segment
run 0 "$inkfs" verify st
out_has "observation torn-tail log/0000000000.seg bytes $size-$((size + 4999)) "
