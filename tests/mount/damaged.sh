#!/bin/bash
# Damaged stores: mounted to write they are refused or found out by the reader; read-only they serve what verifies.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

store=$tmp/store
logs=$tmp/logs
piece=8192
mkdir "$logs"

mount_store() { "$BUILD/mount.inkfs" "$store" "$logs" "$@" 2>"$tmp/text"; }
unmount() { "$BUILD/inkfs" umount "$logs"; }

# Three records of $piece bytes; the letter in the middle is like no other.
make_store() {
	rm -rf "$store"
	"$BUILD/inkfs" init "$store" --origin example.org/damaged --segment-size 2M &>/dev/null
	mount_store
	mkdir "$logs/early"
	echo early >"$logs/early/file"
	local letter
	for letter in A Q C; do
		head -c $piece /dev/zero | tr '\0' "$letter" >>"$logs/file"
	done
	echo late >"$logs/late"
	unmount
}

place_of() { # TEXT: segment and byte of its first occurrence
	local found
	found=$(grep -HobUaF -m 1 -- "$1" "$store"/log/*.seg | head -n 1)
	[[ -n $found ]] || fail "not in the log: $1"
	echo "${found%:*}"
}

flip_at() { # SEGMENT:BYTE
	chmod u+w "${1%:*}"
	printf '!' | dd of="${1%:*}" bs=1 seek="${1##*:}" conv=notrunc status=none
}

read_piece() { # NUMBER
	dd if="$logs/file" bs=$piece skip="$1" count=1 status=none
}

# The pieces around it are given, it is not.
only_the_middle_is_kept_back() {
	local text
	equal "the piece before" $piece "$(read_piece 0 | tr -d '\n' | wc -c)"
	if text=$(LC_ALL=C read_piece 1 2>&1); then fail "damaged bytes were given"; fi
	[[ $text == *"Input/output error"* ]] || fail "reading damaged bytes: $text"
	equal "the piece behind" "$(head -c $piece /dev/zero | tr '\0' C)" "$(read_piece 2)"
	equal "another file" early "$(cat "$logs/early/file")"
	equal "a later file" late "$(cat "$logs/late")"
}

# The index knows the record, nobody has looked at its bytes.
body_is_damaged_behind_the_index() {
	make_store
	flip_at "$(place_of QQQQQQQQQQQQ)"
	mount_store -o ro
	only_the_middle_is_kept_back
	unmount
	mount_store -o verify-reads
	only_the_middle_is_kept_back
	echo "more" >>"$logs/late"
	unmount
	# What the option is for: without it nobody compares.
	mount_store
	equal "without verify-reads" $piece "$(read_piece 1 | wc -c)"
	unmount
}

finding_is_told_once() {
	local driver
	"$BUILD/mount.inkfs" "$store" "$logs" -o verify-reads --foreground 2>"$tmp/told" &
	driver=$!
	until is_mounted "$logs" && [[ -e $logs/file ]]; do
		kill -0 "$driver" || fail "the driver has ended: $(cat "$tmp/told")"
	done
	fails "damaged bytes were given" read_piece 1 >/dev/null
	fails "damaged bytes were given" read_piece 1 >/dev/null
	unmount
	wait "$driver"
	equal "findings" 1 "$(grep -c "^mount.inkfs: /file from byte $piece on is not what was recorded" "$tmp/told")"
}

refused_to_write() { # PATTERN
	local code=0
	mount_store || code=$?
	equal "exit of a mount to write" 1 "$code"
	grep -qE "$1" "$tmp/text" || fail "says: $(cat "$tmp/text")"
}

body_is_damaged_and_there_is_no_index() {
	make_store
	rm -r "$store/index"
	flip_at "$(place_of QQQQQQQQQQQQ)"
	refused_to_write "is not what was recorded"
	mount_store -o ro
	only_the_middle_is_kept_back
	unmount
}

# Behind a break nothing is vouched for.
chain_is_broken() {
	local place
	make_store
	rm -r "$store/index"
	place=$(place_of QQQQQQQQQQQQ)
	flip_at "${place%:*}:$((${place##*:} - 100))"
	refused_to_write "is not what was recorded"
	mount_store -o ro
	grep -q "mounted all the same.*is not what was recorded" "$tmp/text" ||
		fail "says: $(cat "$tmp/text")"
	equal "before the break" early "$(cat "$logs/early/file")"
	equal "the file at the break" $piece "$(stat -c %s "$logs/file")"
	equal "its first piece" $piece "$(read_piece 0 | wc -c)"
	fails "what came behind the break is shown" test -e "$logs/late"
	unmount
}

index_is_no_index() {
	make_store
	head -c 100000 /dev/urandom >"$store/index/data.mdb"
	refused_to_write "reindex"
	mount_store -o ro
	grep -q "mounted all the same.*index" "$tmp/text" || fail "says: $(cat "$tmp/text")"
	equal "from the log alone" "early late" "$(cat "$logs/early/file" "$logs/late" | paste -sd ' ')"
	unmount
}

segment_is_gone() {
	make_store
	mount_store
	head -c 5000000 /dev/urandom >"$tmp/large"
	cp "$tmp/large" "$logs/large"
	echo last >"$logs/last"
	unmount
	rm -f "$store/log/0000000001.seg"
	refused_to_write "0000000001.seg is missing"
	mount_store -o ro
	grep -q "mounted all the same.*0000000001.seg is missing" "$tmp/text" ||
		fail "says: $(cat "$tmp/text")"
	equal "before the hole" "early late" "$(cat "$logs/early/file" "$logs/late" | paste -sd ' ')"
	equal "behind the hole" last "$(cat "$logs/last")"
	fails "bytes of a segment that is gone" cmp "$logs/large" "$tmp/large" >/dev/null
	cmp -n 100000 "$logs/large" "$tmp/large" || fail "the beginning of the large file"
	unmount
}

body_is_damaged_behind_the_index
finding_is_told_once
body_is_damaged_and_there_is_no_index
chain_is_broken
index_is_no_index
segment_is_gone
echo "what verifies is served, and nothing else"
