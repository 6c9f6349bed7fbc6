#!/bin/bash
# inkfs grep, blame, cat --at and diff: against what GNU grep says of the same bytes, and word for word.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore
run 0 "$inkfs" init st --origin a
./mkstore st pieces

plain() { sed -E 's/[0-9]{4}-[0-9-]+T[0-9:.]+Z/TIME/g' out; }
plain_is() { diff -u - <(plain) >&2 || fail "other output"; }

# --- grep: lines that several records wrote are one -----------------------------------

run 0 "$inkfs" grep error st
plain_is <<'END'
/between:1: TIME uid=1000 make[4711]: error: between
/pieces:2: TIME uid=1000 make[4711]+uid=1001 cc[4712]: second error
END
run 0 "$inkfs" grep -i 'ERROR$' st --path /pieces
plain_is <<'END'
/pieces:2: TIME uid=1000 make[4711]+uid=1001 cc[4712]: second error
/pieces:3: TIME uid=1000 make[4711]: third: no Error
END
run 0 "$inkfs" grep -C1 third st
plain_is <<'END'
/pieces-2- TIME uid=1000 make[4711]: second error
/pieces:3: TIME uid=1000 make[4711]: third: no Error
/pieces-4- TIME uid=1000 make[4711]: fourth
END
run 0 "$inkfs" grep -c error st
out_is <<<$'/between:1\n/pieces:1'
run 0 "$inkfs" grep -l error st
out_is <<<$'/between\n/pieces'
run 0 "$inkfs" grep '^last$' st
run 0 "$inkfs" grep -n 'fi.th$' st --user 1001
run 1 "$inkfs" grep fourth st --user 1001
run 0 "$inkfs" grep second st --user 1001
run 0 "$inkfs" grep second st --process cc
run 1 "$inkfs" grep first st --process cc
run 0 "$inkfs" grep first st --job gitlab/17
run 1 "$inkfs" grep first st --job gitlab/18
run 1 "$inkfs" grep first st --since "@$((EPOCHSECONDS + 60))"
run 0 "$inkfs" grep first st --since '1 hour ago' --until now
run 1 "$inkfs" grep first st --until '1 hour ago'
run 1 "$inkfs" grep -F 'fi.th' st
run 1 "$inkfs" grep nothing-like-it st
out_is </dev/null
err_is </dev/null
run 2 "$inkfs" grep '(' st
err_is_one_line
err_has "is no pattern"
run 2 "$inkfs" grep $'a\nb' st
run 0 "$inkfs" grep error st --json
python3 - <<'END' || fail "grep --json"
import json
one, two = [json.loads(line) for line in open("out")]
assert one["schema"] == "inkfs-grep/1" and (one["path"], one["line"], one["text"]) == ("/between", 1, "error: between")
assert len(two["records"]) == 3 and [w["comm"] for w in two["writers"]] == ["make", "cc"] and two["match"], two
END
# --- the same bytes in a plain file ---------------------------------------------------------

python3 - <<'END'
import random
random.seed(7)
words = ["error", "Error", "ok", "warning:", "ä", "x" * 50, "", "fail", "a.b"]
with open("text", "wb") as f:
    for i in range(30000):
        f.write((" ".join(random.choice(words) for _ in range(random.randrange(9))) + "\n").encode())
    f.write(b"z" * 60 + b"\n\xff\xfe not text\nerror without end")
END
cat >feed.py <<'END'
import os, random
random.seed(8)
data = open("text", "rb").read()
fd = os.open("mnt/text", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
while data:
    n = random.choice([1, 7, 100, 3000, 60000, 200000])
    os.write(fd, data[:n])
    data = data[n:]
END
numbers_of() { sed -E 's/^[^:]*:([0-9]+):.*/\1/'; }
same_as_gnu() { # GNU OPTIONS, OURS
	LC_ALL=C.UTF-8 grep -an "$@" text | cut -d: -f1 >expected || true
	"$inkfs" grep "$@" big --path /text | numbers_of >got || true
	cmp expected got || fail "grep $*"
}
if [[ -x $BUILD/mount.inkfs && -w /dev/fuse ]]; then
	mkdir mnt
	run 0 "$inkfs" init big --origin a
	run 0 "$inkfs" mount big mnt
	python3 feed.py
	run 0 "$inkfs" umount mnt
	same_as_gnu -F error
	same_as_gnu -F a.b
	same_as_gnu -iF ERROR
	same_as_gnu -P '^ok.*(fail|warning:)$'
	same_as_gnu -P 'error(?!\s)'
	same_as_gnu -P '^$'
	same_as_gnu -iP 'Ä\b'
	# A pattern that goes astray is said, not waited for.
	run 3 "$inkfs" grep '^(z+z+)+[yq]' big
	err_has "too much work"
	[[ $("$inkfs" grep -c error big) == "/text:$(grep -ac error text)" ]] || fail "grep -c"
	"$inkfs" blame big text | sed -E 's/^[^|]* \| //' | cmp - <(cat text; echo) || fail "blame: other lines"
	[[ $("$inkfs" blame big text | cut -d' ' -f1 | tail -n 1) -eq 30003 ]] || fail "blame: line numbers"
	# As it was, at every record.
	for seq in $("$inkfs" log big --kind APPEND | cut -d' ' -f1 | shuf -n 12 --random-source=text); do
		read -r offset size < <("$inkfs" log big --from "$seq" --to "$seq" | sed -E 's/.*offset=([0-9]+) size=([0-9]+).*/\1 \2/')
		run 0 "$inkfs" cat big text --at "$seq"
		head -c $((offset + size)) text | cmp - out || fail "cat --at $seq"
	done
fi

# --- blame --------------------------------------------------------------------------------------

run 0 "$inkfs" blame st pieces
plain_is <<'END'
1 TIME uid=1000 make[4711] gitlab/17 | first
2 TIME uid=1000 make[4711]+uid=1001 cc[4712] gitlab/17 | second error
3 TIME uid=1000 make[4711] gitlab/17 | third: no Error
4 TIME uid=1000 make[4711] gitlab/17 | fourth
5 TIME uid=1001 cc[4712] - | fifth
6 TIME uid=1001 cc[4712] - | last
END
run 0 "$inkfs" blame st /pieces --user 1001 --json
python3 - <<'END' || fail "blame --json"
import json
lines = [json.loads(line) for line in open("out")]
assert [line["line"] for line in lines] == [2, 5, 6] and lines[1]["writers"][0]["job"] is None, lines
assert all(line["schema"] == "inkfs-blame/1" for line in lines)
END
run 1 "$inkfs" blame st nothing
err_is_one_line
run 1 "$inkfs" blame st /

# --- cat --at, diff ---------------------------------------------------------------------------------

run 0 "$inkfs" init rotated --origin a
./mkstore rotated rotate
run 0 "$inkfs" cat rotated app.log --at 6
out_is <<<before
run 0 "$inkfs" cat rotated /app.log.1 --at 8
out_is <<<$'before\nafter'
run 1 "$inkfs" cat rotated app.log --at 8
err_is <<<"inkfs: app.log: there was no such file then"
run 0 "$inkfs" cat rotated app.log.1 --at now
out_is <<<$'before\nafter'
# A name that is not what was recorded names nothing, neither by itself nor in a list of what changed.
cp -a rotated renamed
at=$(grep -abo app.log renamed/log/0000000000.seg | head -n 1 | cut -d: -f1)
printf z | dd of=renamed/log/0000000000.seg bs=1 seek="$at" conv=notrunc status=none
for path in zpp.log app.log app.log.1; do
	run 1 "$inkfs" cat renamed "$path" --at 6
	err_is_one_line
	err_has "so that no path is certain"
done
run 1 "$inkfs" diff renamed 1 now
err_is_one_line
err_has "so that no path is certain"
run 1 "$inkfs" log renamed
out_lacks zpp
run 0 "$inkfs" cat renamed zpp.log --at 6 --no-verify
run 1 "$inkfs" cat rotated app.log --at 99
err_is_one_line
run 2 "$inkfs" cat rotated app.log --at soon
err_is_one_line
run 0 "$inkfs" diff rotated 6 13 -p
out_is <<'END'
> /app.log renamed to /app.log.1
~ /app.log.1 grew by 6 bytes in 1 record, from byte 7
  +after
END
run 0 "$inkfs" diff rotated 4 6
out_is <<<"+ /app.log new file, 7 bytes in 1 record"
run 0 "$inkfs" diff rotated 9 10
out_is <<<"= /app.log.1 other names were made or removed"
run 0 "$inkfs" init plain --origin a
./mkstore plain
run 0 "$inkfs" diff plain 9 16
out_is <<'END'
~ /jobs/build.log grew by 4 bytes in 1 record, from byte 4
@ /jobs/build.log mode, owner or times changed
~ "/odd \x1b[31m\xff\x0a" grew by 12 bytes in 1 record, from byte 0
! /jobs/build.log refused: truncate
! /jobs/build.log refused: write
! /jobs/build.log refused: unlink
! /jobs/build.log refused: ioctl
END
run 2 "$inkfs" diff plain 16 9
err_is_one_line

# --- what is not what was recorded is not shown ---------------------------------------------------

cp -a plain bad
./mkstore bad many=2
at=$(grep -abo 'two' bad/log/0000000000.seg | head -n 1 | cut -d: -f1)
printf X | dd of=bad/log/0000000000.seg bs=1 seek="$at" conv=notrunc status=none
run 3 "$inkfs" grep . bad --path /jobs
out_lacks Xwo
err_has "it is not what was recorded"
run 1 "$inkfs" blame bad /jobs/build.log
out_lacks Xwo
for moment in "" --at=12 --at=now; do
	run 1 "$inkfs" cat bad /jobs/build.log $moment
	out_lacks Xwo
	err_has "it is not what was recorded"
	run 0 "$inkfs" cat bad /jobs/build.log $moment --no-verify
	out_has Xwo
done
# What is not touched comes out all the same.
run 1 "$inkfs" cat bad /jobs/build.log /many
out_has "line 1"
out_lacks Xwo
run 1 "$inkfs" diff bad 5 12 -p
out_lacks Xwo
run 0 "$inkfs" grep --no-verify Xwo bad
