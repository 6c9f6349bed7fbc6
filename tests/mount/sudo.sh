#!/bin/bash
# Somebody who logged in writes through sudo: the record has root, and who it was that logged in.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

login=65534

[[ $(id -u) == 0 ]] || skip_all "only root can log somebody in"
for program in sudo setpriv unshare; do
	command -v "$program" >/dev/null || skip_all "there is no $program"
done
# shellcheck disable=SC2016 # for the inner shell
bash -c 'echo "$1" >/proc/self/loginuid' - "$login" 2>/dev/null ||
	skip_all "this system lets nobody set a login uid (/proc/self/loginuid)"
unshare -m true 2>/dev/null || skip_all "no mount namespace, so no rules of our own for sudo"

store=$tmp/store
logs=$tmp/logs
mkdir "$logs"
new_store store
"$BUILD/mount.inkfs" "$store" "$logs"

# Rules that are there for this test alone, wherever the system keeps its own.
name=$(getent passwd "$login" | cut -d: -f1)
[[ -n $name ]] || skip_all "there is no user $login"
printf '%s ALL=(root) NOPASSWD: ALL\n' "$name" >"$tmp/sudoers"
chown 0:0 "$tmp/sudoers"
chmod 0440 "$tmp/sudoers"

as_logged_in() { # COMMAND…: as a session of his has it
	# shellcheck disable=SC2016
	unshare -m bash -euc '
		mount --bind "$1" /etc/sudoers
		echo "$2" >/proc/self/loginuid
		login=$2
		shift 2
		exec setpriv --reuid="$login" --regid="$login" --clear-groups -- "$@"
	' - "$tmp/sudoers" "$login" "$@"
}
as_logged_in sudo -n true 2>"$tmp/err" || skip_all "sudo does not run here: $(tail -n 1 "$tmp/err")"

echo "through sudo" | as_logged_in sudo -n tee -a "$logs/file" >/dev/null
equal "content" "through sudo" "$(cat "$logs/file")"
"$BUILD/inkfs" umount "$logs"
"$BUILD/inkfs" log "$store" --kind ACTOR,APPEND --process tee --format json >"$tmp/json"
python3 - "$tmp/json" "$login" <<'END' || fail "recorded: $(cat "$tmp/json")"
import json, sys
records = [json.loads(line) for line in open(sys.argv[1])]
actor, append = records
assert actor["kind"] == "ACTOR" and append["kind"] == "APPEND", records
assert actor["login_uid"] == int(sys.argv[2]), actor
assert (actor["uid"], append["uid"]) == (0, 0), records
assert append["actor"] == actor["seq"], append
END
# So whoever looks for him finds it, though it was root who wrote.
equal "lines by him" 1 "$("$BUILD/inkfs" log "$store" --user "$login" --kind APPEND | wc -l)"
equal "blame" "through sudo" "$("$BUILD/inkfs" blame "$store" file --user "$login" | sed 's/^.* | //')"
echo "the login is kept"
