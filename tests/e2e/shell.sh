#!/bin/bash
# What a shell does to a log: >, >>, a descriptor kept open, a group, a pipe, tee -a, nohup,
# several writers on one descriptor, script -a; and all of it again on a second start.

# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
need script

# Runs in both folders with the same input.
job() {
	local start=$1
	echo "start $start" >"new-$start"
	printf 'no line feed at the end' >>"new-$start"
	: >>empty-then-full
	echo "$start: appended" >>empty-then-full
	{
		echo "one"
		echo "two" >&2
		seq 1 500
	} >"group-$start" 2>&1

	exec 7>>kept
	echo "first" >&7
	for ((i = 0; i < 200; i++)); do
		echo "line $i of start $start" >&7
	done
	(echo "a child on the same descriptor" >&7)
	cat <(seq 1000 1100) >&7
	exec 7>&-

	# Not opened for appending: the offset of the shared descriptor decides.
	exec 8>"shared-$start"
	echo "parent" >&8
	sh -c 'echo child; seq 1 50' >&8
	awk 'BEGIN { for (i = 0; i < 5000; i++) print "a long line from awk", i }' >&8
	exec 8>&-

	seq 1 300 | tee -a tee-a >/dev/null
	printf '\0\1\2\377 not text \r\n' | tee -a tee-a "tee-new-$start" >/dev/null
	head -c 300000 "$TEST_TMPDIR/random" >>binary
	nohup sh -c 'echo out; echo err >&2' >>nohup.log 2>&1
	mkdir -p "deep/er/$start"
	echo "$start" >"deep/er/$start/ünï \"cödé\".log"
}

# Header and footer hold the time and the terminal.
without_times() { sed '/^Script started on /d; /^Script done on /d'; }

record() {
	script -q -a -c 'echo hello; seq 1 100; printf "\033[1mbold\033[0m\n"' typescript \
		</dev/null >/dev/null
}

head -c 300000 /dev/urandom >random
mount_store strict
for dir in "$mnt" "$plain"; do
	(cd "$dir" && job 1 && job 2)
done
compare_all
written_by shell.sh kept
written_by tee tee-a
written_by awk shared-1

for dir in "$mnt" "$plain"; do
	(cd "$dir" && record && record)
done
compare_as without_times typescript
[[ $(grep -c '^Script started on ' "$mnt/typescript") -eq 2 ]] || fail "script -a: two starts"
written_by script typescript

# A second mount of the same store goes on where the first one stopped.
"$inkfs" umount "$mnt"
mount_store strict
for dir in "$mnt" "$plain"; do
	(cd "$dir" && job 3)
done
compare kept tee-a binary empty-then-full nohup.log
# shellcheck disable=SC2188 # truncation of what has content is what must not happen
if (>"$mnt/kept") 2>/dev/null; then
	fail "> on a file with content"
fi
compare kept

# `server > log &` and later `echo >> log`: elsewhere the server's next line lands on the later
# one; here that line is refused, and both stay.
exec 9>"$mnt/server"
echo "from the server" >&9
echo "from somebody else" >>"$mnt/server"
if (echo "over it" >&9) 2>/dev/null; then
	fail "a write before the end of the file"
fi
exec 9>&-
printf 'from the server\nfrom somebody else\n' >"$plain/server"
compare server
finish 2
