#!/bin/bash
# mount.inkfs(8) and the parser of -o know the same options.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

parser=$top/fs/driver/options.c
[[ -x $BUILD/mount.inkfs ]] || skip "mount.inkfs is not built"

# The section on options as plain text, and the names that head its paragraphs.
section() {
	sed -n '/^\.SH MOUNT OPTIONS/,/^\.SH FILES/p' "$top/tools/mount.inkfs.8" |
		sed -E 's/\\f[A-Z]//g; s/\\-/-/g'
}
section >page
grep -A1 '^\.TP' page | sed -nE 's/^\.B[IR]? //p' | tr -d '"' >heads

is_head() { grep -qE "(^|[ ,])$1(=|[ ,]|\$)" heads; }
is_named() { grep -qE "(^|[ \",(])$1([ \",)]|\$)" <(sed 's/^\.[BIR]* //' page); }

# NAMES of one of the parser's lists of words.
list() { # NAME
	sed -n "/\\b$1\\[\\] = {/,/};/p" "$parser" | grep -oE '"[^"]*"' | tr -d '"'
}

ours=$(sed -nE 's/^\t\[OPT_[A-Z_]*\] = \{ "([a-z_-]+)".*/\1/p' "$parser")
(($(wc -w <<<"$ours") > 15)) || fail "the parser's table is not where this test looks"
for name in $ours; do
	is_head "$name" || fail "mount.inkfs(8) does not explain the option $name"
done
for name in $(list passed); do
	is_named "$name" || is_named "${name#no}" || fail "mount.inkfs(8) does not name $name"
done
for name in $(list ignored) $(list passed_prefixes) $(list ignored_prefixes); do
	is_named "$name" || is_named "$name\\*" || fail "mount.inkfs(8) does not name $name"
done
(($(list ignored | wc -l) > 5 && $(list ignored_prefixes | wc -l) > 3)) ||
	fail "the parser's lists are not where this test looks"

# And the other way: what the page explains is taken.
example() { # NAME REST-OF-THE-HEAD
	case $1 in
	keys | checkpoint-to) echo "$1=$PWD/keys" ;;
	checkpoint-*) echo "checkpoint-to=$PWD/keys,$1=7" ;;
	*) [[ $2 == *[A-Z]* ]] && echo "$1=7" || echo "$1" ;;
	esac
}
mkdir keys point
"$inkfs" init store --origin example.org/options >/dev/null 2>&1
cp store/keys/* keys/
count=0
while read -r head; do
	# name= VALUE; name=word | word | word; name , name
	case $head in
	*=*' | '*) words=$(sed -E 's/ \| / /g' <<<"$head") ;;
	*=*) words=$head ;;
	*) words=${head//,/ } ;;
	esac
	name=${words%%[= ]*}
	for word in $words; do
		case $head in
		*=*' | '*) option=$name=${word#*=} ;;
		*=*) option=$(example "$name" "$head") ;;
		*) option=$word ;;
		esac
		"$BUILD/mount.inkfs" -f store point -o "$option" 2>err ||
			[[ $option == immutable-point || $option == allow_other ]] ||
			fail "mount.inkfs does not take -o $option: $(cat err)"
		count=$((count + 1))
	done
done <heads
((count > 20)) || fail "only $count options were tried"
echo "$count options"
