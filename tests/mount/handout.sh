#!/bin/bash
# -o checkpoint-to: checkpoints go out while it is mounted and when it ends, whatever becomes of who takes them.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "$0")/lib.sh"

store=$tmp/store
logs=$tmp/logs
kept=$tmp/kept
mkdir "$logs" "$kept"
new_store store
"$BUILD/inkfs" key "$store" >"$tmp/vkey"
key=@$tmp/vkey

soon() { # WHAT COMMAND…: within a minute, on a machine that has other things to do
	local what=$1 end=$((SECONDS + 60))
	shift
	until "$@" 2>/dev/null; do
		((SECONDS < end)) || fail "not within a minute: $what"
		sleep 0.05
	done
}

state() { # NAME: of checkpoint_to in status.json
	python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["checkpoint_to"][sys.argv[2]])' \
		"$logs/.inkfs/status.json" "$1"
}
state_is() { [[ $(state "$1") == "$2" ]]; }

# Mount in the foreground, messages in $tmp/said.
start() { # OPTIONS
	"$BUILD/mount.inkfs" "$store" "$logs" --foreground -o "$1" 2>"$tmp/said" &
	driver=$!
	soon "the mount" answers
}
answers() { is_mounted "$logs" && stat -f "$logs" >/dev/null; }
stop() { # CODE: that it ends with
	local code=0
	"$BUILD/inkfs" umount "$logs"
	wait "$driver" || code=$?
	equal "exit of the driver" "$1" "$code"
}
said() { # COUNT TEXT
	equal "times that it said '$2' ($(<"$tmp/said"))" "$1" "$(grep -cF -- "$2" "$tmp/said")"
}
has_said() { grep -qF -- "$1" "$tmp/said"; }

newest() { find "$kept" -name '*.checkpoint' | sort | tail -n 1; }
count_is_above() { (($(find "$kept" -name '*.checkpoint' | wc -l) > $1)); }

all_fit() {
	local -a args=()
	local file
	for file in "$kept"/*.checkpoint; do
		args+=(--checkpoint "$file")
		equal "records in $file" "$(sed -n 2p "$file")" "$(basename "$file" .checkpoint | sed 's/.*-0*//')"
	done
	"$BUILD/inkfs" verify "$store" --key "$key" "${args[@]}" >"$tmp/text" || fail "does not fit: $(<"$tmp/text")"
	equal "what else is there" "" "$(find "$kept" -mindepth 1 ! -name '*.checkpoint')"
}

a_folder_gets_them() {
	local before
	start "checkpoint-to=$kept,checkpoint-interval=1"
	soon "the first one" count_is_above 0
	for _ in 1 2 3; do
		before=$(find "$kept" -name '*.checkpoint' | wc -l)
		echo line >>"$logs/file"
		soon "one after an interval" count_is_above "$before"
	done
	soon "status" state_is records "$(sed -n 2p "$(newest)")"
	equal "failures" "False False 0" "$(state failing) $(state conflict) $(state failures)"
	"$BUILD/inkfs" status "$logs" >"$tmp/text"
	grep -q "^handed out   a checkpoint of " "$tmp/text" || fail "inkfs status: $(<"$tmp/text")"
	grep -q "^inkfs_checkpoint_handout_failing 0" "$logs/.inkfs/metrics" || fail "metrics"
	stop 0
	# The last one covers the closing records.
	equal "records in the last one" "$("$BUILD/inkfs" log "$store" | wc -l)" "$(sed -n 2p "$(newest)")"
	equal "messages" "" "$(<"$tmp/said")"
	equal "mode and size" "644 yes" "$(stat -c %a "$(newest)") $([[ -s $(newest) ]] && echo yes)"
	all_fit
}

# Killed in the middle of it, again and again: what has a name is whole.
killed_it_leaves_nothing_half() {
	for pause in 0 0.01 0.03 0.06 0.1 0.2; do
		start "checkpoint-to=$kept,checkpoint-interval=1"
		echo "$pause" >>"$logs/file"
		sleep "$pause"
		kill -9 "$driver"
		wait "$driver" 2>/dev/null || true
		umount "$logs" 2>/dev/null || umount -l "$logs"
	done
	# What such an end may leave does not stand in the way.
	echo half >"$kept/$(basename "$(newest)" | cut -c 1-32).new"
	start "checkpoint-to=$kept"
	echo more >>"$logs/file"
	stop 0
	all_fit
}

# What is there is not overwritten, whatever it is, and not taken for one of ours.
nothing_is_replaced() {
	local commitment records sum i
	commitment=$(basename "$(newest)" | cut -c 1-32)
	records=$("$BUILD/inkfs" log "$store" | wc -l)
	mkdir "$tmp/taken"
	for i in $(seq "$records" $((records + 99))); do
		echo "not yours $i" >"$tmp/taken/$commitment-$(printf %020d "$i").checkpoint"
	done
	sum=$(cd "$tmp/taken" && sha256sum -- *)
	start "checkpoint-to=$tmp/taken,checkpoint-interval=1"
	soon "trouble" has_said "lies there and says something else, and is left alone"
	state_is conflict False || fail "a conflict with rubbish"
	stop 1
	said 0 "the store was put back"
	said 1 "is no checkpoint of this log with that many records, and is passed over"
	equal "what was there" "$sum" "$(cd "$tmp/taken" && sha256sum -- *)"
}

# A name alone says nothing: rubbish, a good one under a larger number, a changed one, another log's; and a pipe.
named_has() { (($(find "$tmp/named" -name '*.checkpoint' | wc -l) >= $1)); }
names_are_not_believed() {
	local good commitment
	good=$(newest)
	commitment=$(basename "$good" | cut -c 1-32)
	mkdir "$tmp/named"
	cp "$good" "$tmp/named/"
	fake() { echo "$tmp/named/$commitment-$(printf %020d "$1").checkpoint"; }
	echo rubbish >"$(fake 99999999)"
	cp "$good" "$(fake 99999998)"
	sed '2s/.*/99999997/' "$good" >"$(fake 99999997)"
	mkfifo "$(fake 99999996)"
	ln -s "$good" "$(fake 99999995)"
	: >"$(fake 99999994)"
	"$BUILD/inkfs" init "$tmp/stranger" --origin example.org/stranger >/dev/null 2>&1
	"$BUILD/inkfs" checkpoint "$tmp/stranger" >"$(fake 99999993)"
	cp "$good" "$tmp/named/$commitment-18446744073709551615.checkpoint"
	start "checkpoint-to=$tmp/named,checkpoint-interval=1"
	soon "the word" has_said "is no checkpoint of this log with that many records, and is passed over"
	echo line >>"$logs/file"
	soon "two more" named_has 11
	equal "conflict" "False False" "$(state conflict) $(state failing)"
	stop 0
	said 1 "passed over"
	said 0 "the store was put back"
}

# The daemon does the same, and says so where it can be asked.
a_daemon_hands_out() {
	mkdir "$tmp/away"
	"$BUILD/mount.inkfs" "$store" "$logs" -o "checkpoint-to=$tmp/away,checkpoint-interval=1"
	soon "the first one" state_is failing False
	mv "$tmp/away" "$tmp/gone"
	echo line >>"$logs/file"
	soon "trouble" state_is failing True
	mkdir "$tmp/away"
	soon "its end" state_is failing False
	"$BUILD/inkfs" umount "$logs"
	last=$(printf %020d "$("$BUILD/inkfs" log "$store" | wc -l)")
	soon "the last one" test -e "$(echo "$tmp/away/"*"-$last.checkpoint")"
}

# A disk that is full, told once each time; afterwards it goes on.
a_full_folder() {
	if [[ $(id -u) != 0 ]] || ! mkdir "$tmp/full" || ! mount -t tmpfs -o size=64k none "$tmp/full" 2>/dev/null; then
		echo "not tried: a full folder needs root and tmpfs"
		return 0
	fi
	dd if=/dev/zero of="$tmp/full/ballast" bs=4k 2>/dev/null || true
	start "checkpoint-to=$tmp/full,checkpoint-interval=1"
	soon "trouble" has_said "cannot put a checkpoint there: No space left on device"
	soon "another try" state_is failures 3
	said 1 "No space left on device"
	equal "what it left" ballast "$(ls "$tmp/full")"
	rm "$tmp/full/ballast"
	soon "its end" has_said "handed out again"
	stop 0
	said 1 "handed out again"
	umount "$tmp/full"
}

# A program gets the note on its stdin, and nothing else: no shell, no arguments, no descriptor, no signal of ours.
a_program_gets_them() {
	# Not what a shell would make of it.
	local program="$tmp/take it; touch broken"
	cat >"$program" <<END
#!/bin/bash
cat >"$tmp/taken.\$\$"
echo "\$# \$(ls /proc/self/fd | paste -sd " ") \${NOTIFY_SOCKET-none} \$((16#\$(awk '/^SigIgn/ { print \$2 }' /proc/self/status) & 0x7fffffff))" >"$tmp/seen"
echo "on stdout"
mv "$tmp/taken.\$\$" "$tmp/taken.note"
END
	chmod +x "$program"
	# The two above 31 are of the C library alone.
	NOTIFY_SOCKET=/nowhere start "checkpoint-to=$program,checkpoint-interval=1"
	soon "the first one" test -e "$tmp/taken.note"
	echo line >>"$logs/file"
	stop 0
	equal "messages" "" "$(<"$tmp/said")"
	[[ ! -e $tmp/broken && ! -e /broken ]] || fail "a shell was at work"
	equal "records" "$("$BUILD/inkfs" log "$store" | wc -l)" "$(sed -n 2p "$tmp/taken.note")"
	# 3 is the folder that ls reads.
	equal "what it was given" "0 0 1 2 3 none 0" "$(<"$tmp/seen")"
	"$BUILD/inkfs" verify "$store" --key "$key" --checkpoint "$tmp/taken.note" >"$tmp/text" ||
		fail "does not fit: $(<"$tmp/text")"
}

no_child_is_left() { ! pgrep -P "$driver" >/dev/null; }

# One that fails is told once and tried again; how it ended does not matter to who writes.
a_program_fails() {
	cat >"$tmp/fails" <<END
#!/bin/sh
echo again >>"$tmp/tried"
[ -e "$tmp/works" ] || exit 3
END
	chmod +x "$tmp/fails"
	start "checkpoint-to=$tmp/fails,checkpoint-interval=1"
	soon "trouble" has_said "it did not take a checkpoint, but ended with exit 3"
	soon "another try" state_is failing True
	soon "a third" test "$(wc -l <"$tmp/tried")" -ge 1
	soon "failures" state_is failures 3
	said 1 "exit 3"
	: >"$tmp/works"
	soon "its end" has_said "handed out again"
	equal "failing" False "$(state failing)"
	stop 0
	rm "$tmp/works"
	# At the end, too: the store is closed in order, but the driver does not say that all went well.
	start "checkpoint-to=$tmp/fails,checkpoint-interval=60"
	soon "trouble" has_said "exit 3"
	stop 1
	said 1 "exit 3"
}

# One that hangs holds up neither writers nor the end, and is ended with what it has started.
a_program_hangs() {
	local begun
	cat >"$tmp/hangs" <<END
#!/bin/bash
trap '' TERM
sleep 3333 &
echo "\$! \$\$" >>"$tmp/hanging"
wait
END
	chmod +x "$tmp/hangs"
	: >"$tmp/hanging"
	start "checkpoint-to=$tmp/hangs,checkpoint-interval=1,checkpoint-timeout=2"
	soon "the program" test -s "$tmp/hanging"
	begun=$SECONDS
	for i in $(seq 50); do echo "$i" >>"$logs/file"; done
	sync -f "$logs/file"
	soon "trouble" has_said "it did not take a checkpoint within 2 s and was ended"
	soon "another try" state_is failures 2
	said 1 "within 2 s"
	stop 1
	said 1 "within 2 s"
	((SECONDS - begun < 60)) || fail "the end took $((SECONDS - begun)) s"
	for pid in $(<"$tmp/hanging"); do
		soon "the end of process $pid" is_gone "$pid"
	done
}
is_gone() { [[ ! -e /proc/$1 ]]; }

# No zombies.
children_are_waited_for() {
	start "checkpoint-to=/bin/true,checkpoint-interval=1"
	for i in 1 2 3; do
		echo "$i" >>"$logs/file"
		sleep 1.1
	done
	soon "no child" no_child_is_left
	stop 0
	equal "messages" "" "$(<"$tmp/said")"
}

# A store that was put back, and one that goes another way from there: what lies outside contradicts it.
a_rollback_is_noticed() {
	mkdir "$tmp/old" "$tmp/pins"
	cp -a "$store" "$tmp/old/"
	start "checkpoint-to=$tmp/pins"
	echo "to be lost" >>"$logs/file"
	stop 0
	put_back
	# Behind rubbish with a larger number, too.
	echo rubbish >"$tmp/pins/$(basename "$(find "$tmp/pins" -name '*.checkpoint')" | cut -c 1-32)-00000000000099999999.checkpoint"
	start "checkpoint-to=$tmp/pins,checkpoint-interval=1"
	soon "the word" has_said "the store was put back to an older state, or a copy of it goes on elsewhere"
	soon "status" state_is conflict True
	stop 0
	said 1 "the store was put back"
	# Larger than all that was there before it looks again.
	put_back
	"$BUILD/mount.inkfs" "$store" "$logs"
	for i in $(seq 30); do echo "another history" >>"$logs/file"; done
	"$BUILD/inkfs" umount "$logs"
	start "checkpoint-to=$tmp/pins,checkpoint-interval=1"
	soon "the word" has_said "another history was signed"
	soon "status" state_is conflict True
	stop 0
	said 1 "another history"
}
put_back() {
	rm -rf "$store"
	cp -a "$tmp/old/store" "$store"
}

it_is_refused() { # OPTION TEXT
	local code=0
	"$BUILD/mount.inkfs" "$store" "$logs" -o "$1" 2>"$tmp/said" || code=$?
	equal "exit with -o $1" 2 "$code"
	equal "lines" 1 "$(wc -l <"$tmp/said")"
	has_said "$2" || fail "-o $1: $(<"$tmp/said")"
}

what_makes_no_sense() {
	it_is_refused "checkpoint-to=$tmp/nothing" "which cannot be reached"
	it_is_refused "checkpoint-to=$tmp/vkey" "neither a folder nor a program"
	it_is_refused "checkpoint-to=/bin/cat -" "which cannot be reached"
	it_is_refused "checkpoint-to=$store" "lies in the store"
	it_is_refused "checkpoint-to=$store/lost" "lies in the store"
	it_is_refused "checkpoint-to=$logs" "lies in the mount point"
	it_is_refused "checkpoint-to=$kept,ro" "contradict each other"
	it_is_refused "checkpoint-to=$kept,checkpoint-interval=0" "a number of seconds from 1 to 86400"
	it_is_refused "checkpoint-interval=5" "has no use without checkpoint-to"
}

a_folder_gets_them
killed_it_leaves_nothing_half
nothing_is_replaced
names_are_not_believed
a_daemon_hands_out
a_full_folder
a_program_gets_them
a_program_fails
a_program_hangs
children_are_waited_for
what_makes_no_sense
"$BUILD/inkfs" verify "$store" --key "$key" >"$tmp/text" || fail "not intact: $(<"$tmp/text")"
a_rollback_is_noticed
echo "handed out"
