#!/bin/bash
# Output that got lost is not success, and nothing that is shown drives a terminal.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore
run 0 "$inkfs" init st --origin a
cp out vkey
./mkstore st

# --- a disk that is full, a pipe that nobody reads, no stdout at all -----------------

lost() {
	local expected=$1
	shift
	code=0
	"$inkfs" "$@" >/dev/full 2>err || code=$?
	((code == expected)) || fail "exit $code on a full disk: $*"
	err_has "could not write all of the result"
	code=0
	"$inkfs" "$@" >&- 2>err || code=$?
	((code == expected)) || fail "exit $code without stdout: $*"
	err_has "could not write all of the result"
}
lost 3 verify st
lost 3 verify st --json
for cmd in help version "status st" "status st --json" "key st" "ls st" "cat st current" "log st" \
	"log st --json" "init --help"; do
	# shellcheck disable=SC2086 # words
	lost 1 $cmd
done
# A verdict that could be had stands.
cp -a st bad
at=$(grep -abo 'two' bad/log/0000000000.seg | head -n 1 | cut -d: -f1)
printf X | dd of=bad/log/0000000000.seg bs=1 seek="$at" conv=notrunc status=none
lost 1 verify bad

run 0 "$inkfs" init many --origin a
./mkstore many many=20000
for cmd in "log many" "log many --json" "cat many many"; do
	# shellcheck disable=SC2086 # words
	{ "$inkfs" $cmd 2>err && echo 0 >code || echo $? >code; } | head -n 1 >/dev/null
	[[ $(cat code) == 0 && ! -s err ]] || fail "exit $(cat code) when the reader goes away: $cmd"
	rm code
done

# --- terminals --------------------------------------------------------------------------

on_terminal() { # output of COMMAND when it goes to a terminal, in ./out
	# script(1) hands the line to $SHELL, and %q quotes for bash.
	SHELL=$BASH script -qec "$(printf '%q ' "$@")" /dev/null </dev/null >out 2>&1 || fail "on a terminal: $*"
}
if command -v script >/dev/null; then
	on_terminal "$inkfs" cat st $'odd \e[31m\xff\n'
	out_has 'red \x1b[31mä'
	if grep -q $'\e' out; then fail "cat drives the terminal"; fi
	on_terminal "$inkfs" cat --raw st $'odd \e[31m\xff\n'
	out_has $'red \e[31mä'
	on_terminal "$inkfs" ls -lR st
	if grep -q $'\e' out; then fail "ls drives the terminal"; fi
	# Columns and colours, but no escape that is not ours; a name's own are shown as text.
	on_terminal "$inkfs" log st
	out_has $'\e[1;31mDENIED'
	out_has 'odd \x1b[31m'
	sed -E $'s/\e\\[(0|1|2|32|1;31)m//g' out >plain
	if grep -q $'\e' plain; then fail "log drives the terminal"; fi
	on_terminal "$inkfs" log st --color never
	if grep -q $'\e' out; then fail "log --color never"; fi
fi
# Progress, on a terminal only: with rate and time left, every 200 ms, so the program is stopped for longer than that,
# sooner or later in the middle of its work.
run 0 "$inkfs" init wide --origin a
./mkstore wide many=60000
python3 - "$inkfs" wide <<'END' || fail "progress"
import os, pty, re, signal, subprocess, sys, time

def verify(stderr, pause):
    process = subprocess.Popen([sys.argv[1], "verify", sys.argv[2], "--threads", "1"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=stderr)
    time.sleep(pause)
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.25)
    process.send_signal(signal.SIGCONT)
    assert process.wait(60) == 0

def shown_on_terminal(pause):
    ours, theirs = pty.openpty()
    verify(theirs, pause)
    os.close(theirs)
    text = b""
    try:
        while piece := os.read(ours, 4096):
            text += piece
    except OSError:  # the end, on a terminal
        pass
    os.close(ours)
    return text

shown = b""
for attempt in range(100):
    shown = shown or shown_on_terminal(0.004 * (attempt % 25 + 1))
    if shown:
        break
assert re.fullmatch(rb"(\r\x1b\[K *\d+ %  [\d.]+ \w+/s  \d+ s left)+\r\x1b\[K", shown), shown
for attempt in range(5):
    with open("err", "w+b") as file:
        verify(file, 0.004 * (attempt + 1))
        assert file.tell() == 0 and os.fstat(file.fileno()).st_size == 0
END
for cmd in "ls -lR st" "log st" "log st --json" "verify st" "cat st nothing"; do
	# shellcheck disable=SC2086 # words
	"$inkfs" $cmd >out 2>&1 || true
	if LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]' out; then fail "control bytes: $cmd"; fi
done
code=0
"$inkfs" ls st $'\e]0;title\a' >out 2>err || code=$?
((code == 1)) || fail "ls of nothing"
err_has '\x1b]0;title\x07'
