#!/bin/bash
# Stores of every released format stay readable: they verify with the key and the root that
# they had when they were made, their index comes out of their log again, and they can be
# opened and written on.  One line of the list: NAME RECORDS ROOT CLOSED KEY.

set -euo pipefail

cd "$(dirname "$0")/../.."

BUILD=$(realpath -m "${BUILD:-build}")
INKFS=${INKFS:-$BUILD/inkfs}
python=/usr/bin/python3
golden=tests/data/golden

skip() {
	echo "$*"
	exit 77
}

[[ -x $INKFS ]] || skip "no $INKFS"
[[ -x $python ]] || skip "no $python"

dir=${TEST_TMPDIR:-}
mnt=
clean() {
	[[ -z $mnt ]] || umount "$mnt" 2>/dev/null || true
	[[ -n ${TEST_TMPDIR:-} ]] || rm -rf "$dir"
}
[[ -n $dir ]] || dir=$(mktemp -d)
trap clean EXIT

field() { # JSON NAME
	"$python" -c 'import json, sys
value = json.load(open(sys.argv[1]))["result"][sys.argv[2]]
print(str(value).lower() if isinstance(value, bool) else value)' "$1" "$2"
}

check() { # STORE KEY RECORDS ROOT CLOSED
	"$INKFS" verify --json --key "$2" "$1" >"$dir/verdict.json"
	[[ $(field "$dir/verdict.json" records) == "$3" ]]
	[[ $(field "$dir/verdict.json" root) == "$4" ]]
	[[ $(field "$dir/verdict.json" closed) == "$5" ]]
}

# The second verifier, where its Ed25519 is there.
check_again() { # STORE KEY
	"$python" -c 'import nacl.signing' 2>/dev/null || return 0
	"$python" tests/format/verify.py --key "$2" "$1" >"$dir/second.txt" || {
		cat "$dir/second.txt"
		return 1
	}
}

write_on() { # STORE KEY RECORDS
	[[ -w /dev/fuse && $(id -u) == 0 ]] || return 0
	mnt=$dir/mnt
	mkdir -p "$mnt"
	"$INKFS" mount "$1" "$mnt"
	echo "written later" >"$mnt/later"
	"$INKFS" umount "$mnt"
	mnt=
	"$INKFS" verify --json --key "$2" "$1" >"$dir/verdict.json"
	(($(field "$dir/verdict.json" records) > $3))
	[[ $("$INKFS" cat "$1" /later) == "written later" ]]
}

count=0
while read -r name records root closed key; do
	tar -xJf "$golden/$name.tar.xz" --no-same-owner -C "$dir"
	store=$dir/${name#v*-}
	check "$store" "$key" "$records" "$root" "$closed"
	check_again "$store" "$key"
	if [[ $closed == true ]]; then
		"$INKFS" reindex "$store" 2>"$dir/reindex.txt"
		check "$store" "$key" "$records" "$root" "$closed"
	fi
	write_on "$store" "$key" "$records"
	rm -rf "$store"
	count=$((count + 1))
done <"$golden/list.txt"
echo "$count golden stores are as they were"
((count > 0))
