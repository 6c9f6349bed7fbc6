#!/bin/bash
# The README's "A first tour" and "Prove one line to somebody else" as somebody would type them, one shell in one folder: each
# command there gives the answer that stands there, line by line, but for times, keys, hashes and numbers.
#
#   TOUR_WRITE=1 tests/e2e/tour.sh    puts the answers of this run into the README

# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
need python3
tour() { "$top/tests/e2e/tour.py" "$@"; }

tour script "$top/README.md" >typed
mkdir answers here
# The CI job that this test itself may run in, and a language, must not show.
mnt=$TEST_TMPDIR/here/logs
(cd here && env -i PATH="$BUILD:$PATH" HOME="$TEST_TMPDIR" LC_ALL=C.UTF-8 ANSWERS="$TEST_TMPDIR/answers" bash <../typed)
sed -i "s|$TEST_TMPDIR/here/||g" answers/*

if [[ -n ${TOUR_WRITE:-} ]]; then
	tour join "$top/README.md" answers
	exit 0
fi
tour compare "$top/README.md" answers || fail "the README has other answers"

# The shape alone would pass if a store in ruins answered alike.
"$inkfs" verify here/store --key @here/vkey >verdict || fail "inkfs verify: $(<verdict)"
count=$(grep -oP 'refused +\K\d+' verdict)
((count == 6)) || fail "$count refused operations"
