#!/bin/bash
# lumberjack, the log writer of many Go programs: below its limit on a strict mount; then it
# rotates, by size and on SIGHUP, and no event is lost.

# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
need go
[[ -d /usr/share/gocode/src/gopkg.in/natefinch/lumberjack.v2 ]] ||
	skip "golang-gopkg-natefinch-lumberjack.v2-dev is not installed"

GOCACHE=$BUILD/go-cache GOPATH=/usr/share/gocode GO111MODULE=off GOFLAGS='' GOPROXY=off \
	go build -o app "$top/tests/e2e/lumberjack.go" || fail "cannot build lumberjack.go"

mkdir "$plain/strict" "$plain/rotate"
mount_store strict
mkdir "$mnt/strict" "$mnt/rotate"
./app 100 1 1000 0 "$mnt/strict" "$plain/strict"
./app 100 1001 2000 0 "$mnt/strict" "$plain/strict"
compare_all
written_by app strict/app.log
"$inkfs" umount "$mnt"

mount_store rotate
./app 1 1 12000 8000 "$mnt/rotate" "$plain/rotate"
./app 1 12001 20000 17000 "$mnt/rotate" "$plain/rotate"
written_by app rotate/app.log

# The names end in the millisecond of the rotation, so only their contents are the same.
cd "$mnt/rotate"
names=(app-*.log app.log)
((${#names[@]} == $(find "$plain/rotate" -type f | wc -l) && ${#names[@]} == 5)) ||
	fail "not rotated by size and by SIGHUP: ${names[*]}"
(cd "$plain/rotate" && cat app-*.log app.log) | cmp - <(cat "${names[@]}") ||
	fail "the mount and the plain folder differ"
"$inkfs" cat "$store" "${names[@]/#/rotate/}" | cmp - <(cat "${names[@]}") ||
	fail "'inkfs cat' and the mount differ"
diff <(seq 20000) <(cat "${names[@]}" | cut -d' ' -f2) >&2 || fail "an event is lost"
cd "$TEST_TMPDIR"
finish 0
