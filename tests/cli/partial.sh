#!/bin/bash
# What could not be compared is said, and is no reason to call a store bad or good.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore
run 0 "$inkfs" init st --origin example.org/log
cp out vkey
./mkstore st
run 0 "$inkfs" checkpoint st
cp out cp
segment=log/0000000000.seg
put_byte() { # BYTE FILE OFFSET
	printf %b "$1" | dd of="$2" bs=1 seek="$3" conv=notrunc status=none
}

# Without a good first record there is nothing to hold a checkpoint against.
cp -a st headless
put_byte X headless/$segment 200
run 1 "$inkfs" verify headless --checkpoint cp
out_has "no good GENESIS to hold the checkpoint against"


# A secret that others may read.
cp -a st open
chmod 0644 open/keys/seal.key
run 0 "$inkfs" verify open
out_has "observation key-file"
out_has "a secret that others than its owner may read (mode 0644)"

# An auditor who may read the log and not the index.
if (($(id -u) == 0)) && command -v setpriv >/dev/null; then
	nobody=$(id -u nobody)
	chmod 0755 . st st/log
	chmod 0644 st/$segment st/vkey
	run 0 setpriv --reuid "$nobody" --regid "$nobody" --clear-groups "$inkfs" verify st --key "$(<vkey)"
	out_has "the index may not be read by this user: not compared"
fi
