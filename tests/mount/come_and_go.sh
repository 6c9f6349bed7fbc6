#!/bin/bash
# A store is mounted, written, unmounted, and killed, again and again, while verifiers run: none of them calls it changed.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

store=$tmp/store
logs=$tmp/logs
rounds=12
mkdir "$logs"
"$BUILD/inkfs" init "$store" --origin example.org/come-and-go &>/dev/null

# Some megabytes, so that verifying takes longer than a session does.
"$BUILD/mount.inkfs" "$store" "$logs"
for i in 1 2 3 4 5 6 7 8; do
	head -c 4M /dev/urandom >>"$logs/bulk"
done
"$BUILD/inkfs" umount "$logs"

sessions() {
	local i pid
	for ((i = 0; i < rounds; i++)); do
		"$BUILD/mount.inkfs" "$store" "$logs"
		echo "line $i" >>"$logs/file"
		if ((i % 4 == 3)); then
			pid=$(pgrep -f "mount\.inkfs $store $logs")
			kill -9 "$pid"
			umount -l "$logs" 2>/dev/null || fusermount3 -uz "$logs"
			continue
		fi
		"$BUILD/inkfs" umount "$logs"
	done
	touch "$tmp/done"
}
sessions &
count=0
while [[ ! -e $tmp/done ]]; do
	code=0
	"$BUILD/inkfs" verify "$store" >"$tmp/said" || code=$?
	if ((code != 0)); then
		cat "$tmp/said"
		fail "verify: exit $code"
	fi
	count=$((count + 1))
done
wait $!
echo "$count verifications beside $rounds sessions"
((count > 0)) || fail "nothing was verified"
# At rest again.
"$BUILD/mount.inkfs" "$store" "$logs"
"$BUILD/inkfs" umount "$logs"
"$BUILD/inkfs" verify "$store" >"$tmp/said"
grep -q '^  end          closed in order' "$tmp/said" || fail "not closed in order"
[[ $(grep -c '^observation recovery' "$tmp/said") == $((rounds / 4)) ]] || fail "not as many recoveries as kills"
