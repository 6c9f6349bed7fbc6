#!/bin/bash
# Somebody who may enter the mount but not read all of it, nor the store: log, grep, blame, cat, diff and verify tell him in a
# sentence that the store is not for him, and not a byte or a name that the permissions keep from him.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

[[ $(id -u) == 0 ]] || skip_all "only root can become somebody else"
command -v setpriv >/dev/null || skip_all "there is no setpriv"
as_stranger() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
as_stranger test -x "$BUILD/inkfs" || skip_all "another user may not enter $BUILD"

store=$tmp/store
logs=$tmp/logs
mkdir "$logs"
new_store store
"$BUILD/mount.inkfs" "$store" "$logs" -o allow_other
mkdir "$logs/closed"
echo "secret words" >"$logs/closed/secret-name"
echo "secret words" >"$logs/private"
echo "open words" >"$logs/public"
chmod 0700 "$logs/closed"
chmod 0600 "$logs/private"

equal "the public file" "open words" "$(as_stranger cat "$logs/public")"
fails "a stranger reads a private file" as_stranger cat "$logs/private"
fails "a stranger enters a closed folder" as_stranger ls "$logs/closed"

refused() { # WHAT THAT NAMES THE STORE, COMMAND…
	local where=$1 code=0
	shift
	as_stranger "$BUILD/inkfs" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || code=$?
	((code == 1 || code == 3)) || fail "$*: exit $code"
	[[ ! -s $tmp/out ]] || fail "$*: prints $(cat "$tmp/out")"
	equal "$*: lines on stderr" 1 "$(wc -l <"$tmp/err")"
	grep -q "Permission denied\|may not\|not permitted" "$tmp/err" || fail "$*: says $(cat "$tmp/err")"
	grep -qF "$where" "$tmp/err" || fail "$*: does not name $where: $(cat "$tmp/err")"
	if grep -q secret "$tmp/err"; then fail "$*: tells $(cat "$tmp/err")"; fi
}
for named in "$logs" "$store"; do
	refused "$store" log "$named"
	refused "$store" log "$named" --kind DENIED --since '1 hour ago'
	refused "$store" log "$named" --follow --json
	refused "$store" grep words "$named"
	refused "$store" blame "$named" private
	refused "$store" blame "$named" public
	refused "$store" cat "$named" public
	refused "$store" cat "$named" private --at now
	refused "$store" diff "$named" 1 now
	refused "$store" ls -R "$named"
done
as_stranger "$BUILD/inkfs" verify "$logs" >"$tmp/out" 2>"$tmp/err" && fail "verify without reading the store"
if grep -q "^intact\|secret" "$tmp/out" "$tmp/err"; then fail "verify: $(cat "$tmp/out" "$tmp/err")"; fi

# What lies hidden in the root tells sizes, counts and times; attributes tell of what he may read.
for name in status.json metrics checkpoint vkey; do
	if as_stranger cat "$logs/.inkfs/$name" | grep -q "secret\|words\|private"; then fail ".inkfs/$name tells a name"; fi
done
if command -v getfattr >/dev/null; then
	as_stranger getfattr -n user.inkfs.digest "$logs/public" >"$tmp/out" 2>&1 || fail "no digest of a public file: $(cat "$tmp/out")"
	equal "attributes of a private file" "" "$(as_stranger getfattr -d -m - "$logs/private" 2>/dev/null || true)"
	fails "a stranger has a private file's digest" as_stranger getfattr -n user.inkfs.digest "$logs/private"
	fails "a stranger has a digest from a closed folder" as_stranger getfattr -n user.inkfs.digest "$logs/closed/secret-name"
fi
"$BUILD/inkfs" grep -c words "$logs" >"$tmp/out"
equal "root finds all" 3 "$(wc -l <"$tmp/out")"
"$BUILD/inkfs" umount "$logs"
