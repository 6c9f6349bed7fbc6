#!/bin/bash
# What log, grep, blame and diff print on a terminal: colours there and nowhere else, and nothing that a name or a
# content holds drives it.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore
command -v script >/dev/null || skip "script is not installed"
run 0 "$inkfs" init st --origin a
./mkstore st

escape=$'\x1b'
# On a terminal of its own; that makes CR LF of each line feed.
on_terminal() { # COMMAND…
	# %q is for bash.
	SHELL=$BASH script --quiet --return --command "$(printf '%q ' "$@")" /dev/null </dev/null >terminal 2>&1 ||
		fail "exit $? on a terminal: $*"
	sed -i 's/\r$//' terminal
}
# Of all control characters only line feeds and our own colours.
is_harmless() {
	sed -E "s/$escape\[[0-9;]*m//g" terminal >bare
	if LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]' bare; then fail "it drives the terminal: $(cat -v terminal)"; fi
}

# mkstore gives one file a red name and a red line.
on_terminal "$inkfs" log st
grep -qF "${escape}[1;31mDENIED" terminal || fail "no colour on a terminal"
is_harmless
# shellcheck disable=SC1003 # two backslashes
grep -qF 'odd \x1b[31m\xff\x0a' bare || fail "the odd name: $(cat -v bare)"
for when in never auto; do
	run 0 "$inkfs" log st --color "$when"
	if grep -qF "$escape" out; then fail "colours with --color $when where there is no terminal"; fi
done
run 0 "$inkfs" log st --color always
grep -qF "${escape}[1;31mDENIED" out || fail "no colour with --color always"
on_terminal "$inkfs" log st --color never
if grep -qF "$escape" terminal; then fail "colours with --color never"; fi
for format in json csv ecs ocsf; do
	on_terminal "$inkfs" log st --format "$format"
	if grep -qF "$escape" terminal; then fail "colours or control characters in $format"; fi
done

odd=$'odd \x1b[31m\xff\n'
for command in "grep red" "blame" "diff 5 16 -p" "cat"; do
	read -r -a words <<<"$command"
	case ${words[0]} in
	grep) words+=(st) ;;
	diff) words=(diff st "${words[@]:1}") ;;
	*) words+=(st "$odd") ;;
	esac
	on_terminal "$inkfs" "${words[@]}"
	if grep -qF "$escape" terminal; then fail "$command passes an escape sequence on: $(cat -v terminal)"; fi
	grep -qF 'red \x1b[31mä' terminal || fail "$command: $(cat -v terminal)"
	is_harmless
done
# What goes elsewhere is what was written; a name is one word of a line even so.
for command in grep blame; do
	if [[ $command == grep ]]; then set -- grep red st; else set -- blame st "$odd"; fi
	run 0 "$inkfs" "$@"
	grep -qF "red ${escape}[31mä" out || fail "$command changes bytes where there is no terminal"
	[[ $(wc -l <out) -eq 1 ]] || fail "$command: a name is no word"
	on_terminal "$inkfs" "$@" --raw
	grep -qF "red ${escape}[31mä" terminal || fail "$command --raw"
done
