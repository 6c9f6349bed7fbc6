#!/bin/bash
# Help, and what a wrong command line gets: one sentence, exit 2, nothing done.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

run 0 "$inkfs" help
out_is <<'END'
usage: inkfs SUBCOMMAND …

A directory that can only grow: every write is recorded, chained and signed.

  init       make a store and its keys; prints the verification key
  mount      mount a store (starts mount.inkfs)
  umount     unmount, and wait until the store is closed in order
  status     how large it is, what is sealed, mounted or not
  verify     check everything, offline; say intact or what is wrong
  log        print the records: what happened, when, by whom
  grep       search the content of files: what line, when, by whom
  blame      print a file with who wrote each line, when, in which job
  ls         list files of a store, mounted or not
  cat        print files of a store, mounted or not
  diff       say what changed between two moments
  key        print or compare the verification key
  checkpoint sign what the log is now, to be kept elsewhere
  consistency prove, or check, that the log of then is the beginning of the log of now
  prove      write evidence of some records, to be checked without the store
  check      check evidence that 'inkfs prove' wrote; needs no store
  export     write the log for other people's verifiers (C2SP tlog-tiles)
  reindex    make the index anew from the log
  rekey      go on with another seal key when that one is lost or stolen
  help       list the subcommands, or explain one
  version    print the version of this program

'inkfs help SUBCOMMAND' says more about one; the manual is inkfs(1).
STORE may always be the mount point of a store too.
Exit: 0 good, 1 evidence is bad or failed, 2 usage, 3 could not check.
END
err_is </dev/null
cp out list
for option in --help -h; do
	run 0 "$inkfs" "$option"
	out_is <list
done

run 0 "$inkfs" version
out_has "inkfs 0."
cp out version
run 0 "$inkfs" --version
out_is <version

# Every subcommand explains itself, in two ways that say the same, with an example.
subcommands() { sed -n 's/^  \([a-z]*\) .*/\1/p' list; }
for cmd in $(subcommands); do
	run 0 "$inkfs" "$cmd" --help
	err_is </dev/null
	[[ $(head -n 1 out) == "usage: inkfs $cmd"* ]] || fail "usage of $cmd"
	out_has "example:"
	out_has "inkfs $cmd"
	if (($(wc -L <out) > 100)); then fail "lines of $cmd --help are too long"; fi
	cp out usage
	run 0 "$inkfs" help "$cmd"
	out_is <usage
done

# A message that is always the same, for each kind of mistake.
expect_usage() {
	local message=$1
	shift
	run 2 "$inkfs" "$@"
	err_is_one_line
	err_is <<<"$message"
}
expect_usage "inkfs: needs a subcommand; 'inkfs help' lists them"
expect_usage "inkfs: there is no subcommand 'frobnicate'; 'inkfs help' lists them" frobnicate
expect_usage "inkfs help: there is no subcommand 'frobnicate'; see 'inkfs help --help'" \
	help frobnicate
for cmd in $(subcommands | grep -vx mount); do
	expect_usage "inkfs $cmd: unknown or ambiguous option '--frobnicate'; see 'inkfs $cmd --help'" \
		"$cmd" --frobnicate
	expect_usage "inkfs $cmd: unknown option '-z'; see 'inkfs $cmd --help'" "$cmd" -z
done
expect_usage "inkfs version: takes no argument and nothing else, but there is 'x'; see 'inkfs version --help'" \
	version x
expect_usage "inkfs init: needs one folder for the store; see 'inkfs init --help'" init
expect_usage "inkfs init: needs --origin NAME, a name that you choose for this log; see 'inkfs init --help'" \
	init st
expect_usage "inkfs init: '--origin' needs a value; see 'inkfs init --help'" init st --origin
expect_usage "inkfs init: 'huge' is no size: give 2M to 1G; see 'inkfs init --help'" \
	init st --origin a --segment-size huge
for mode in 0 rwx 10000 9 -1 0755x; do
	expect_usage "inkfs init: '$mode' is no mode: give octal digits such as 0750; see 'inkfs init --help'" \
		init st --origin a --root-mode="$mode"
done
expect_usage "inkfs mount: needs a store and a mount point; see 'inkfs mount --help'" mount st
expect_usage "inkfs umount: 'soon' is no number of seconds from 0 to 86400; see 'inkfs umount --help'" \
	umount st --timeout soon
expect_usage "inkfs status: needs one store or mount point; see 'inkfs status --help'" status
expect_usage "inkfs status: '--json' takes no value; see 'inkfs status --help'" status st --json=1
expect_usage "inkfs status: takes one store or mount point and nothing else, but there is 'b'; see 'inkfs status --help'" \
	status a b
expect_usage "inkfs verify: --json and --quiet contradict each other; give one; see 'inkfs verify --help'" \
	verify st --json --quiet
expect_usage "inkfs verify: --key is given twice, but a store has one key; see 'inkfs verify --help'" \
	verify st --key a --key b
for count in 0 65 -1 2x ''; do
	expect_usage "inkfs verify: --threads takes a number from 1 to 64; see 'inkfs verify --help'" \
		verify st "--threads=$count"
done
expect_usage "inkfs key: --check prints nothing, so --json has no use with it; see 'inkfs key --help'" \
	key st --check a --json
expect_usage "inkfs log: there is no kind 'WRITE'; see 'inkfs log --help'" log st --kind APPEND,WRITE
expect_usage "inkfs log: there is no kind ''; see 'inkfs log --help'" log st --kind APPEND,
expect_usage "inkfs log: '-1' is no number of a record; see 'inkfs log --help'" log st --from=-1
expect_usage "inkfs cat: needs a store and at least one path in it; see 'inkfs cat --help'" cat st

# What the user typed cannot drive the terminal either.
expect_usage "inkfs: there is no subcommand '\\x1b[31m\\x0a'; 'inkfs help' lists them" $'\e[31m\n'

[[ ! -e st ]] || fail "a wrong command line made a store"
