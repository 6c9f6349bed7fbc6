#!/bin/bash
# A lost or stolen seal key is replaced on the log key's word; verify reports it, here and in the second verifier.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore

run 0 "$inkfs" init st --origin example.org/log
cp out vkey
./mkstore st
run 0 "$inkfs" checkpoint st
cp out cp
rm st/keys/seal.key
run 77 ./mkstore st
run 0 "$inkfs" rekey st
out_has "seal key of epoch "
run 0 "$inkfs" verify st --key @vkey --checkpoint cp
out_has "observation rekey "
out_has "not closed in order"
run 0 "$inkfs" status st
out_has "state        not mounted, closed by rekey"
run 0 "$inkfs" status st --json
grep -q '"state": *"rekeyed"' out || fail "status --json: $(<out)"
./mkstore st many=3
run 0 "$inkfs" verify st --key @vkey --checkpoint cp
out_has "observation rekey "
out_has "end          closed in order"
run 0 "$inkfs" status st
out_has "state        not mounted, closed in order"
if /usr/bin/python3 -c "import nacl.signing" 2>/dev/null; then
	run 0 /usr/bin/python3 "$top/tests/format/verify.py" st
fi

# The keys elsewhere; and no rekeying without the log key, nor while somebody writes.
mv st/keys away
run 0 "$inkfs" rekey st --keys away
rm away/log.key
run 1 "$inkfs" rekey st --keys away
err_is_one_line
run 1 "$inkfs" rekey st
err_is_one_line
run 2 "$inkfs" rekey
run 2 "$inkfs" rekey st --force
run 1 "$inkfs" rekey nowhere
