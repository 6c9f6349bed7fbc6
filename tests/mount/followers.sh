#!/bin/bash
# Whoever follows a log, for ever, by its index or not, does not make the index of the mounted store grow: LMDB uses no page
# again that somebody may still read.  And each gets every line once, under the name that it had.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

COMMITS=300
store=$tmp/store
logs=$tmp/logs
followers=()
mkdir "$logs"

release() {
	local code=$?
	trap - EXIT
	kill "${followers[@]}" 2>/dev/null || true
	unmount_quietly "$logs"
	[[ -z $owns_tmp ]] || rm -rf "$tmp"
	exit "$code"
}
trap release EXIT

# Commits so far, and pages in use: from the newer one of LMDB's two meta pages.
index_is() {
	python3 - "$store/index/data.mdb" <<'END'
import struct, sys

data = open(sys.argv[1], "rb").read(8192)
commits, last = max(struct.unpack_from("<QQ", data, at + 136)[::-1] for at in (0, 4096))
print(commits, last + 1)
END
}

# Lines into a file that is renamed now and then, until there were enough commits.
work() {
	local commits goal
	read -r commits _ < <(index_is)
	goal=$((commits + COMMITS))
	while ((commits < goal)); do
		for i in 1 2 3 4 5 6 7 8 9 10; do
			echo "line $i" >>"$logs/now"
			sleep 0.02
		done
		mv "$logs/now" "$logs/then.$commits"
		read -r commits _ < <(index_is)
	done
}

# What it printed is what is printed when all is there.
is_complete() { # NAME OPTION…
	local name=$1
	shift
	"$BUILD/inkfs" log "$store" "$@" --to "$end" >"$tmp/all"
	cmp "$tmp/all" "$tmp/$name" || fail "$name has followed otherwise than it is read"
	(($(wc -l <"$tmp/$name") > COMMITS / 4)) || fail "$name: too little to prove anything"
}

new_store store
"$BUILD/inkfs" mount "$store" "$logs" -o profile=rotate,sync-interval=20
echo first >"$logs/now"
for name in plain kind path; do
	case $name in
	plain) options=(--state "$tmp/state") ;;
	kind) options=(--kind "APPEND,RENAME") ;;
	path) options=(--path /now) ;;
	esac
	"$BUILD/inkfs" log "$store" --follow "${options[@]}" >>"$tmp/$name" 2>"$tmp/$name.err" &
	followers+=($!)
done
# A commit writes a dozen pages.  A follower may stall on a busy machine, but not three times in turn.
is_small=
for ((round = 0; round < 3; round++)); do
	read -r _ before < <(index_is)
	work
	read -r _ after < <(index_is)
	echo "$COMMITS commits: $before pages, then $after"
	((after - before >= COMMITS * 6)) || is_small=yes
	[[ -z $is_small ]] || break
done
[[ -n $is_small ]] || fail "the index grows while it is followed"
"$BUILD/inkfs" umount "$logs"
end=$("$BUILD/inkfs" log "$store" | wc -l)
((end--))
for ((tries = 0; tries < 600; tries++)); do
	[[ $(tail -n 1 "$tmp/plain" | cut -d' ' -f1) != "$end" ]] || break
	sleep 0.1
done
for pid in "${followers[@]}"; do
	kill "$pid" 2>/dev/null || fail "a follower has ended: $(cat "$tmp"/*.err)"
	wait "$pid" || fail "a follower ends with $?: $(cat "$tmp"/*.err)"
done
is_complete plain
is_complete kind --kind APPEND,RENAME
is_complete path --path /now
