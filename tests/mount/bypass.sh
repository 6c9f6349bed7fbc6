#!/bin/bash
# Past the mount: somebody writes straight into the store while a driver serves it, through a descriptor from before the mount
# too.  It is not prevented; it is found, and what is recorded afterwards does not hide it.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

store=$tmp/store
logs=$tmp/logs
segment=$store/log/0000000000.seg
mkdir "$logs"
new_store store
"$BUILD/inkfs" key "$store" >"$tmp/vkey"

# What no later seal or index says to be on the disk could be a crash; so it takes up to a second until it is evidence.
verified_as() { # EXIT TEXT
	local tries code
	for ((tries = 0; tries < 100; tries++)); do
		code=0
		"$BUILD/inkfs" verify "$store" --key "@$tmp/vkey" >"$tmp/text" 2>&1 || code=$?
		if [[ $code == "$1" ]] && grep -qF -- "$2" "$tmp/text"; then
			return
		fi
		sleep 0.1
	done
	cat "$tmp/text"
	fail "exit $code; expected $1 and '$2'"
}
put_byte() { # BYTE OFFSET, through the descriptor
	printf %s "$1" | dd of=/proc/self/fd/8 bs=1 seek="$2" conv=notrunc status=none
}

exec 8<>"$segment"
"$BUILD/mount.inkfs" "$store" "$logs"
echo "paid 100 to Alice" >"$logs/bank.log"
echo "paid 200 to Bob" >>"$logs/bank.log"
sync "$logs/bank.log"
at=$(grep -abo Alice "$segment" | head -n 1 | cut -d: -f1)
verified_as 0 "intact: "

put_byte E "$at"
verified_as 1 "EVIDENCE digest /bank.log bytes 0-17 "
echo "paid 300 to Carol" >>"$logs/bank.log"
verified_as 1 "EVIDENCE digest /bank.log bytes 0-17 "
put_byte A "$at"
verified_as 0 "intact: "

# A forged frame behind the end, where the driver has prepared its space: the driver's own bytes go over it or it is cut off
# at the end; if any of it is left, that is evidence.  No reader is ever shown it.
end=$(($(stat -c %s "$segment") - 4096))
dd if="$segment" of=/proc/self/fd/8 bs=1 skip=$((at & ~7)) count=2000 seek="$end" conv=notrunc status=none
echo "paid 400 to Dave" >>"$logs/bank.log"
sync "$logs/bank.log"
"$BUILD/inkfs" umount "$logs"
code=0
"$BUILD/inkfs" verify "$store" --key "@$tmp/vkey" >"$tmp/text" 2>&1 || code=$?
[[ $code == 0 ]] && ! grep -q "end          closed in order" "$tmp/text" && fail "open, and no evidence: $(<"$tmp/text")"
((code <= 1)) || fail "not checked: $(<"$tmp/text")"
equal "the file" "$(printf 'paid %s\n' "100 to Alice" "200 to Bob" "300 to Carol" "400 to Dave")" \
	"$("$BUILD/inkfs" cat "$store" bank.log)"

# Left open over a whole session, the descriptor still opens no door.
put_byte E "$at"
verified_as 1 "EVIDENCE digest /bank.log bytes 0-17 "
put_byte A "$at"
exec 8>&-
