#!/bin/bash
# The folder .inkfs: hidden, read-only, true, and no secret.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

store=$tmp/store
logs=$tmp/logs
live=$logs/.inkfs
mkdir "$logs"
new_store store
"$BUILD/inkfs" key "$store" >"$tmp/vkey"
"$BUILD/mount.inkfs" "$store" "$logs"

field() { # NAME: of status.json
	python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$live/status.json" "$1"
}
metric() { # NAME{LABELS}
	awk -v name="$1" '$1 == name { print $2 }' "$live/metrics"
}

it_is_hidden_and_there() {
	equal "names in the root" "" "$(ls -A "$logs")"
	equal "what find sees" "$logs" "$(find "$logs")"
	equal "names in .inkfs" "checkpoint metrics status.json vkey" "$(find "$live" -mindepth 1 -printf '%f\n' | sort | paste -sd ' ')"
	equal "modes" "444 555" "$(stat -c %a "$live"/* "$live" | sort -u | paste -sd ' ')"
	equal "the schema" inkfs-status/1 "$(field schema)"
	equal "another name in it" 2 "$(stat "$live/other" 2>/dev/null; echo $((1 + $?)))"
	[[ ! -e $logs/sub/.inkfs ]] || fail "it is in the root alone"
	mkdir "$logs/sub"
	echo ordinary >"$logs/sub/.inkfs"
	equal "elsewhere the name is free" ordinary "$(cat "$logs/sub/.inkfs")"
	if [[ $(id -u) == 0 ]]; then
		fails "a link to it" ln "$live/vkey" "$logs/key"
	fi
	fails "an attribute" setfattr -n user.inkfs.x -v y "$live/vkey"
	equal "attributes" "" "$(getfattr -d "$live/vkey" 2>&1)"
	(cd "$live/.." && [[ $(pwd -P) == "$logs" ]]) || fail ".. of it"
}

status_is_that_of_now() {
	local before
	before=$(field records)
	for i in $(seq 100); do
		echo "line $i"
	done >"$logs/lines"
	(($(field records) >= before + 100)) || fail "records: $before, then $(field records)"
	equal "payload" "$("$BUILD/inkfs" status "$logs" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["payload_bytes"])')" \
		"$(field payload_bytes)"
	equal "state" mounted "$(field state)"
	# What the tool says of a live store is no older: nothing waits for the index.
	sync "$logs/lines"
	"$BUILD/inkfs" status "$logs" >"$tmp/text"
	equal "durable in status" "$(awk '$1 == "records" { print $2 }' "$tmp/text")" \
		"$(awk '$1 == "durable" { print $2 }' "$tmp/text")"
	cmp "$live/vkey" "$tmp/vkey" || fail "vkey"
}

# A file that is open shows what was true when it was opened, all of one moment.
an_open_file_does_not_change() {
	local first
	exec 7<"$live/status.json"
	read -r -N 20 -u 7 first
	for i in $(seq 50); do echo "$i" >>"$logs/more"; done
	first=$first$(cat <&7)
	exec 7<&-
	python3 -c 'import json, sys; json.loads(sys.argv[1])' "$first" || fail "torn: $first"
}

checkpoint_is_one() {
	local size
	cp "$live/checkpoint" "$tmp/checkpoint"
	size=$(sed -n 2p "$tmp/checkpoint")
	((size > 100)) || fail "a checkpoint of $size records"
	"$BUILD/inkfs" verify "$logs" --key "@$tmp/vkey" --checkpoint "$tmp/checkpoint" >"$tmp/text" ||
		fail "the live store does not fit: $(cat "$tmp/text")"
	echo behind >>"$logs/more"
	# One a second is made, however many ask.
	before=$(metric inkfs_seals_total)
	for i in $(seq 200); do cat "$live/checkpoint"; done >/dev/null
	(($(metric inkfs_seals_total) < before + 20)) || fail "each reader costs a seal"
}

metrics_count_what_happens() {
	local before
	before=$(metric inkfs_appends_total)
	for i in $(seq 64); do echo "$i" >>"$logs/more"; done
	equal "appends" $((before + 64)) "$(metric inkfs_appends_total)"
	(($(metric inkfs_append_duration_seconds_count) >= (before + 64) / 32)) || fail "too few are measured"
	before=$(metric 'inkfs_refusals_total{operation="unlink"}')
	for i in $(seq 50); do rm -f "$logs/more" 2>/dev/null || true; done
	equal "refusals" $((before + 50)) "$(metric 'inkfs_refusals_total{operation="unlink"}')"
	equal "errors" 0 "$(metric 'inkfs_errors_total{kind="io"}')"
	awk '$1 == "inkfs_last_seal_age_seconds" && ($2 < 0 || $2 > 60) { exit 1 }' "$live/metrics" ||
		fail "age of the last seal: $(metric inkfs_last_seal_age_seconds)"
}

# Names and bytes that nobody else may read are not told here, either.
others_see_no_secret() {
	[[ $(id -u) == 0 ]] && command -v setpriv >/dev/null || return 0
	as_user() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
	as_user test -x "$BUILD/inkfs" || return 0
	mkdir -m 700 "$logs/private-folder"
	echo "private-content" >"$logs/private-folder/private-name"
	chmod 700 "$store"
	fails "the private file" as_user cat "$logs/private-folder/private-name"
	as_user cat "$live"/* >"$tmp/seen" || fail "another user may not read .inkfs"
	fails "it tells of what is private" grep -q private "$tmp/seen"
	as_user "$BUILD/inkfs" status "$logs" >"$tmp/text" || fail "status for another user"
	equal "the key for another user" "$(cat "$tmp/vkey")" "$(as_user "$BUILD/inkfs" key "$logs")"
	as_user "$BUILD/inkfs" key "$logs" --check "$(cat "$tmp/vkey")" || fail "the key does not match for another user"
	fails "the key of the store itself" as_user "$BUILD/inkfs" key "$store"
	grep -q "^records " "$tmp/text" || fail "status for another user: $(cat "$tmp/text")"
	fails "the store itself" as_user ls "$store/log"
	fails "a name in the private folder" as_user stat "$logs/private-folder/private-name"
	fails "its attributes" as_user getfattr -d "$logs/private-folder/private-name"
	fails "a way round" as_user cat "$live/../private-folder/private-name"
	# A file whose name is for all and whose bytes are not.
	(umask 077 && echo "private-content" >"$logs/sesame")
	for attribute in seq digest sealed records; do
		[[ -n $(getfattr --only-values -n "user.inkfs.$attribute" "$logs/sesame" 2>/dev/null) ]] || fail "$attribute"
		fails "$attribute of a closed file" as_user getfattr -n "user.inkfs.$attribute" "$logs/sesame"
	done
	fails "bytes of a closed file" as_user cat "$logs/sesame"
	# Nor by being refused: what was tried is told to nobody here.
	fails "removed" as_user rm -f "$logs/sesame"
	fails "removed" rm -f "$logs/private-folder/private-name"
	as_user cat "$live"/* >"$tmp/seen"
	fails "it tells what was tried" grep -qE "private|sesame" "$tmp/seen"
	# A root that is closed to others closes this, too.
	chmod 700 "$logs"
	fails ".inkfs of a closed root" as_user cat "$live/vkey"
	chmod 755 "$logs"
}

# hold COMMAND…: open 200 files of .inkfs in one process, run by COMMAND; $held is how many it got, and keeps until let_go.
hold() {
	# shellcheck disable=SC2016 # for the inner shell
	coproc holder {
		"$@" bash -c '
			for ((i = 0; i < 200; i++)); do
				{ exec {fd}<"$1"; } 2>/dev/null || break
			done
			echo "$i"
			read -r
		' - "$live/metrics"
	}
	holder_pid=$!
	read -r -u "${holder[0]}" held
}
let_go() {
	echo >&"${holder[1]}"
	wait "$holder_pid"
	# A file is released a moment after its close(2).
	for _ in $(seq 100); do
		! cat "$live"/* >"$tmp/seen" 2>/dev/null || return 0
		sleep 0.05
	done
	fail "closed files of .inkfs keep their places"
}

# Each keeps its text in the driver's memory, so there are 64; the last 16 are for root and the driver's user.
open_files_are_limited() {
	local errors
	errors=$(metric 'inkfs_errors_total{kind="io"}')
	hold env
	equal "open files of .inkfs" 64 "$held"
	cat "$live/vkey" 2>"$tmp/text" && fail "one more could be opened"
	grep -q "Too many open files in system" "$tmp/text" || fail "says: $(cat "$tmp/text")"
	let_go
	hold env
	equal "open files of .inkfs, again" 64 "$held"
	let_go
	equal "errors" "$errors" "$(metric 'inkfs_errors_total{kind="io"}')"
	[[ $(id -u) == 0 ]] && command -v setpriv >/dev/null || return 0
	hold setpriv --reuid=65534 --regid=65534 --clear-groups --
	equal "open files of .inkfs of another user" 48 "$held"
	cat "$live/vkey" >/dev/null || fail "another user shuts out root"
	let_go
}

it_is_hidden_and_there
status_is_that_of_now
an_open_file_does_not_change
checkpoint_is_one
metrics_count_what_happens
open_files_are_limited
others_see_no_secret
"$BUILD/inkfs" umount "$logs"
"$BUILD/inkfs" verify "$store" --key "@$tmp/vkey" --checkpoint "$tmp/checkpoint" >"$tmp/text" ||
	fail "not intact: $(cat "$tmp/text")"
# Nothing of it is in the store.
fails "it is in the store" "$BUILD/inkfs" cat "$store" .inkfs/vkey

# Read-only there is nothing to sign with.
"$BUILD/mount.inkfs" "$store" "$logs" -o ro
cmp "$live/vkey" "$tmp/vkey"
fails "a checkpoint of a read-only mount" cat "$live/checkpoint"
equal "state" True "$(field read_only)"
"$BUILD/inkfs" umount "$logs"
echo "it tells what is now"
