#!/bin/bash
# mount, umount, and naming a store by its mount point.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
[[ -x $BUILD/mount.inkfs ]] || skip "$BUILD/mount.inkfs is not built"
[[ -r /dev/fuse && -w /dev/fuse ]] || skip "/dev/fuse cannot be used here"

# The space and the backslash stand in mountinfo as \040 and \134.
store="$PWD/a store"
mnt="$PWD/mnt \\ point"
mkdir "$mnt"
run 0 "$inkfs" init "$store" --origin a
cp out vkey

run 1 "$inkfs" mount "$store" nowhere
err_is_one_line
run 0 "$inkfs" mount "$store" "$mnt"
out_is </dev/null
echo hello >"$mnt/a.log"
if truncate -s 1 "$mnt/a.log" 2>/dev/null; then fail "could truncate"; fi

for named in "$mnt" "mnt \\ point" "mnt \\ point/" "$mnt/../mnt \\ point/." "$store" "a store"; do
	run 0 "$inkfs" status "$named"
	out_has "state        mounted at "
	out_has "size         6 bytes"
	run 0 "$inkfs" key "$named"
	out_is <vkey
	run 0 "$inkfs" ls "$named"
	out_is <<<a.log
	run 0 "$inkfs" cat "$named" a.log
	out_is <<<hello
	run 0 "$inkfs" log "$named" --kind append,denied
	out_has "APPEND /a.log offset=0 size=6 uid=$(id -u)"
	out_has "comm=$(<"/proc/$$/comm")"
	out_has "DENIED /a.log op=truncate errno=EPERM size=1"
	run 0 "$inkfs" verify "$named" --key @vkey
	out_has "end          open: a process writes this store"
done
run 0 "$inkfs" status "$mnt" --json
python3 - "$store" "$mnt" <<'END' || fail "status --json"
import json, sys
line = json.load(open("out"))
assert line["state"] == "mounted" and line["store"] == sys.argv[1], line
assert line["mount_point"] == sys.argv[2].replace("\\", "\\\\"), line
END
run 3 "$inkfs" verify "$mnt/a.log"
err_is_one_line
err_has "lies within the inkfs mounted at"
run 1 "$inkfs" reindex "$mnt"
err_is_one_line

# Busy: nothing happens.  A folder that holds the mount is no hindrance.
exec 7<"$mnt/a.log"
run 1 "$inkfs" umount "$mnt"
err_is_one_line
err_has "is busy"
exec 7<&-
run 0 "$inkfs" status "$mnt"

# When umount has returned the store is closed, every time.
for named in "$mnt" "$store" "mnt \\ point" "a store"; do
	run 0 "$inkfs" umount "$named"
	out_is </dev/null
	err_is </dev/null
	run 0 "$inkfs" verify "$store" --key @vkey
	out_has "end          closed in order"
	run 0 "$inkfs" status "$store"
	out_has "not mounted, closed in order"
	run 1 "$inkfs" umount "$named"
	err_is_one_line
	run 0 "$inkfs" mount "$store" "$mnt"
	echo more >>"$mnt/a.log"
done

# A driver that has died leaves a mount point that answers nobody; it can still be named.
driver_of() { # STORE
	"$inkfs" log "$1" --kind MOUNT --json |
		python3 -c 'import json, sys; print(json.loads(sys.stdin.readlines()[-1])["pid"])'
}
driver=$(driver_of "$store")
[[ $(<"/proc/$driver/comm") == mount.inkfs ]] || fail "pid in the MOUNT record"
kill -KILL "$driver"
while [[ -e /proc/$driver/exe ]]; do sleep 0.05; done
# Its lock goes a moment later.
for ((tries = 0; tries < 200; tries++)); do
	run 0 "$inkfs" verify "$mnt" --key @vkey
	grep -q "a process writes this store" out || break
	sleep 0.05
done
out_has "end          not closed in order"
for named in "$mnt" "$store"; do
	run 0 "$inkfs" status "$named"
	out_has "state        driver dead: inkfs umount "
	run 0 "$inkfs" status "$named" --json
	grep -q '"state": *"dead"' out || fail "status --json of a dead mount: $(<out)"
done
run 1 "$inkfs" mount "$store" "$mnt"
err_is_one_line
err_has "; run 'inkfs umount "
run 0 "$inkfs" umount "$mnt"
run 0 "$inkfs" mount "$store" "$mnt"
run 0 "$inkfs" log "$store" --kind recovery
[[ $(wc -l <out) -eq 1 ]] || fail "RECOVERY"
run 0 "$inkfs" umount "$store"
run 0 "$inkfs" verify "$store" --key @vkey
out_has "unclean ends 1"

# Beside a read-only mount too, forged bytes are not what 'inkfs cat' shows.
cp -a "$store" forged
at=$(grep -abo hello forged/log/0000000000.seg | head -n 1 | cut -d: -f1)
printf J | dd of=forged/log/0000000000.seg bs=1 seek="$at" conv=notrunc status=none
run 0 "$inkfs" mount forged "$mnt" -o ro
run 1 "$inkfs" cat "$mnt" a.log
out_lacks Jello
err_has "it is not what was recorded"
run 0 "$inkfs" cat "$mnt" a.log --no-verify
out_has Jello
run 0 "$inkfs" umount "$mnt"

# As an ordinary user, through fusermount3.
if (($(id -u) == 0)) && command -v fusermount3 >/dev/null && command -v setpriv >/dev/null; then
	user=$(id -u nobody)
	as_user() { setpriv --reuid "$user" --regid "$user" --clear-groups "$@"; }
	mkdir user
	chown "$user" user
	if as_user test -x "$inkfs" && as_user test -w user -a -w /dev/fuse; then
		run 0 as_user "$inkfs" init user/st --origin b
		as_user mkdir user/mnt
		run 0 as_user "$inkfs" mount user/st user/mnt
		run 0 as_user sh -c 'echo hello >user/mnt/a.log'
		run 0 as_user "$inkfs" cat user/mnt a.log
		out_is <<<hello
		run 0 as_user "$inkfs" umount user/mnt
		run 0 as_user "$inkfs" verify user/st
		out_has "end          closed in order"
	else
		echo "note: not tried as an ordinary user, who may not use /dev/fuse here"
	fi
fi
