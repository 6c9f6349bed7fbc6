#!/bin/bash
# Rubbish as arguments, and an output that cannot be written: a sentence that drives no terminal, and never a silent success.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore

run 0 "$inkfs" init st --origin a
cp out vkey
./mkstore st
run 0 "$inkfs" checkpoint st
cp out checkpoint
run 0 "$inkfs" prove st /jobs/build.log
cp out evidence
mkdir point

# refused CODE COMMAND…: one line, all of it to be shown on a terminal
refused() {
	local expected=$1
	shift
	run "$expected" timeout 60 "$@"
	err_is_one_line
	if LC_ALL=C grep -q $'[\001-\010\013-\037\177]' err; then
		cat -v err >&2
		fail "a message that drives a terminal: $*"
	fi
}

odd=$'\e[31mred\a\rtwo\nlines\x7f'
long=$(head -c 100000 /dev/zero | tr '\0' x)

# --- names that are none ---------------------------------------------------------------------

for name in '' "$odd" "$long" "$(printf 'n%.0s' {1..256})" "$(printf '%.0sdd/' {1..1400})x"; do
	for tool in log ls status key checkpoint reindex rekey umount; do
		refused 1 "$inkfs" $tool "$name"
	done
	refused 3 "$inkfs" verify "$name"
	refused 3 "$inkfs" grep one "$name"
	refused 1 "$inkfs" prove "$name" /x
	refused 1 "$inkfs" diff "$name" 0 now
	refused 3 "$inkfs" check "$name" --key @vkey
	refused 3 "$inkfs" verify st --key "@$name"
	refused 3 "$inkfs" verify st --checkpoint "$name"
	if [[ -x $BUILD/mount.inkfs ]]; then
		refused 1 "$BUILD/mount.inkfs" "$name" point
		refused 1 "$BUILD/mount.inkfs" st "$name"
		refused 2 "$BUILD/mount.inkfs" st point -o "colour$name"
	fi
	[[ -z $name ]] || refused 1 "$inkfs" cat st "$name"
	refused 2 "$inkfs" "nothing$name"
	refused 2 "$inkfs" log "--nothing$name" st
	refused 2 "$inkfs" log st --format "nothing$name"
done

# --- numbers and times that are none -----------------------------------------------------------

refused 1 "$inkfs" cat st --at 99999999999999999999 jobs/build.log
refused 1 "$inkfs" diff st 0 99999999999999999999
for number in nan inf -1 1e400 '' 0x10 ' 1' "$odd"; do
	refused 2 "$inkfs" cat st --at="$number" jobs/build.log
	refused 2 "$inkfs" diff st -- "$number" now
done
for number in nan inf -1 1e400 99999999999999999999 '' 0x10 ' 1' "$odd"; do
	refused 2 "$inkfs" log st --since="$number"
	refused 2 "$inkfs" log st --from="$number"
	refused 2 "$inkfs" prove st --seq="$number"
	refused 2 "$inkfs" verify st --threads="$number"
done
refused 2 "$inkfs" prove st --seq 9-1
refused 2 "$inkfs" grep '(' st
refused 2 "$inkfs" grep "$(head -c 100000 /dev/zero | tr '\0' '(')" st

# --- files that never end, or never begin --------------------------------------------------------

mkfifo pipe
refused 1 "$inkfs" log st --state pipe
refused 1 "$inkfs" log st --state /dev/zero
refused 1 "$inkfs" export st --tiles pipe
refused 3 "$inkfs" check /dev/zero --key @vkey
refused 3 "$inkfs" verify st --checkpoint /dev/zero
refused 3 "$inkfs" verify st --key @/dev/zero
refused 3 "$inkfs" key st --check @/dev/zero

# --- an output that cannot be written --------------------------------------------------------------

results=("verify st" "verify st --json" "log st" "log st --json" "ls -lR st" "cat st jobs/build.log" "grep one st"
	"blame st jobs/build.log" "diff st 2020-01-01 now" "status st" "status --json st" "key st" "checkpoint st"
	"prove st /jobs/build.log" "check evidence --key @vkey" "export st --tiles tiles" "help" "version" "log --help")
for result in "${results[@]}"; do
	read -r -a words <<<"$result"
	for place in full closed; do
		rm -rf tiles
		code=0
		case $place in
		full) timeout 60 "$inkfs" "${words[@]}" >/dev/full 2>err </dev/null || code=$? ;;
		closed) timeout 60 "$inkfs" "${words[@]}" >&- 2>err </dev/null || code=$? ;;
		esac
		((code == 1 || code == 3)) || fail "output $place: exit $code: $result"
		grep -q "could not write all of the result" err || fail "output $place: says $(cat err): $result"
		# With nowhere to complain either, the exit code still tells.
		rm -rf tiles
		code=0
		timeout 60 "$inkfs" "${words[@]}" >/dev/full 2>&- </dev/null || code=$?
		((code == 1 || code == 3)) || fail "no messages: exit $code: $result"
	done
done
run 0 "$inkfs" verify st --key @vkey

# A reader that has seen enough is no reason to hang, for a signal, or for a word.
./mkstore st many=3000
into_head() { # COMMAND…: its exit in ./code
	{
		timeout 60 "$inkfs" "$@" 2>err && echo 0 >code || echo $? >code
	} | head -n 1 >/dev/null
}
for result in "log st" "log st --json" "cat st many" "cat st many many" "ls -R st" "grep line st" "blame st many"; do
	read -r -a words <<<"$result"
	into_head "${words[@]}"
	[[ $(<code) == 0 ]] || fail "into a closed pipe: exit $(<code): $result"
	[[ ! -s err ]] || fail "into a closed pipe: says $(<err): $result"
done
# What else went wrong is said and told all the same; and who is to get everything did not.
into_head cat st nowhere many
[[ $(<code) == 1 && $(wc -l <err) -eq 1 ]] || fail "a missing file, into a closed pipe: exit $(<code), says $(<err)"
for option in --follow --state=state; do
	into_head log st "$option"
	[[ $(<code) == 1 ]] || fail "log $option into a closed pipe: exit $(<code)"
	grep -q "whoever read the output has gone away" err || fail "log $option into a closed pipe: says $(<err)"
done
# No verdict is taken for good that nobody got.
{
	sleep 0.5
	timeout 60 "$inkfs" verify st 2>err && echo 0 >code || echo $? >code
} | true
[[ $(<code) == 3 ]] || fail "verify into a closed pipe: exit $(<code)"
grep -q "could not write all of the result" err || fail "verify into a closed pipe: says $(<err)"
