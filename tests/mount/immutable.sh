#!/bin/bash
# -o immutable: finished segments get the flag, the one that is written to does not; and how little an empty store takes.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

store=$tmp/store
logs=$tmp/logs
mkdir "$logs"

release() {
	local code=$?
	trap - EXIT
	unmount_quietly "$logs"
	chattr -R -f -i "$store" || true
	[[ -z $owns_tmp ]] || rm -rf "$tmp"
	exit "$code"
}
trap release EXIT

is_small() { # WHEN
	local size
	size=$(du -s --block-size=1 "$store" | cut -f1)
	((size < 2 << 20)) || fail "an empty store takes $size bytes $1"
}
new_store store
is_small "when it is made"
"$BUILD/inkfs" mount "$store" "$logs"
is_small "while it is mounted"
"$BUILD/inkfs" umount "$logs"
is_small "when it was mounted once"
rm -r "$store"

[[ $(id -u) == 0 ]] || skip_all "an empty store is small; the immutable flag needs root"
touch "$tmp/probe"
chattr +i "$tmp/probe" 2>/dev/null || skip_all "an empty store is small; no immutable flag on the file system here"
chattr -i "$tmp/probe"

"$BUILD/inkfs" init "$store" --origin example.org/mount --segment-size 2M >/dev/null 2>&1

# Numbers of the segments with the flag; of all segments.
flagged() { lsattr "$store"/log/*.seg | awk '$1 ~ /i/ { sub(".*/", "", $2); print $2 + 0 }' | paste -sd ' '; }
segments() { find "$store/log" -name '*.seg' -printf '%f\n' | sort | awk '{ print $1 + 0 }' | paste -sd ' '; }
write_mib() { dd if=/dev/zero bs=1M count="$1" status=none >>"$logs/file"; }

"$BUILD/inkfs" mount "$store" "$logs"
write_mib 3
"$BUILD/inkfs" umount "$logs"
[[ $(segments) == "0 1"* ]] || fail "segments: $(segments)"
equal "flags without the option" "" "$(flagged)"
first_new=$(segments | awk '{ print $NF }')

"$BUILD/inkfs" mount "$store" "$logs" -o immutable
write_mib 6
sync "$logs/file"
"$BUILD/inkfs" umount "$logs"
last=$(segments | awk '{ print $NF }')
((last >= first_new + 2)) || fail "segments: $(segments)"
equal "segments with the flag" "$(seq -s ' ' "$first_new" $((last - 1)))" "$(flagged)"
finished=$(printf '%s/log/%010d.seg' "$store" "$first_new")
fails "a finished segment was changed" truncate -s +1 "$finished"
fails "a finished segment was removed" rm -f "$finished"

# It is written to and verified as before.
"$BUILD/inkfs" mount "$store" "$logs" -o immutable
write_mib 1
equal "size" $((10 << 20)) "$(stat -c %s "$logs/file")"
"$BUILD/inkfs" umount "$logs"
"$BUILD/inkfs" verify "$store" >"$tmp/text" 2>&1 || fail "not intact: $(cat "$tmp/text")"
echo "finished segments are immutable"
