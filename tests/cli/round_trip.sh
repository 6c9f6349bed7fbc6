#!/bin/bash
# A store from init to verify, and what each subcommand says about it on the way.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore

# --- init ------------------------------------------------------------------------

run 0 "$inkfs" init st --origin example.org/log
[[ $(wc -l <out) -eq 1 ]] || fail "init prints the key and nothing else"
grep -qE '^example\.org/log/[0-9a-f]{32}\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{44}$' out || fail "no key"
cp out vkey
vkey=$(<vkey)
err_has "inkfs verify st --key $vkey"
err_has "The secret keys are in st/keys."
err_has "inkfs mount st MOUNTPOINT"

run 0 "$inkfs" init st2 --origin b --keys keys2 --segment-size 2M --root-mode 0750 --json
python3 - <<'END' || fail "init --json"
import json
line = json.load(open("out"))
assert line["schema"] == "inkfs-init/1" and line["store"] == "st2" and line["name"] == "b", line
assert line["key"].startswith("b/") and set(line) == {"schema", "store", "name", "key"}, line
END
[[ ! -e st2/keys && -e keys2/log.key ]] || fail "--keys is not heeded"
run 0 "$inkfs" log st2
out_has "segment_size=2097152 root_mode=0750"

# --- status and key of a fresh store ---------------------------------------------

plain_status() {
	sed -E -e "s|$TEST_TMPDIR|DIR|g; s|[0-9]{4}-[^ ]+Z|TIME|; s|/[0-9a-f]{32}|/ID|g" \
		-e 's|\+[0-9a-f]{8}\+.*|+KEY|' -e 's/[0-9.]+ KiB \([0-9]+ bytes\) in/BYTES in/' out
}
run 0 "$inkfs" status st
plain_status | grep -vE '^(durable|index) ' >plain
diff -u - plain <<'END' || fail "status"
store        DIR/st
state        not mounted, closed in order
origin       example.org/log/ID
key          example.org/log/ID+KEY
size         0 bytes written in 1 folder
log          584 bytes in 1 segment of at most 64.0 MiB (67108864 bytes)
records      1 record
sealed       1 record, last at TIME, epoch 0
refused      0 operations
END
err_is </dev/null

run 0 "$inkfs" key st
out_is <vkey
run 0 "$inkfs" key st --check "$vkey"
out_is </dev/null
run 0 "$inkfs" key st --check @vkey
run 1 "$inkfs" key st2 --check @vkey
err_is_one_line
err_has "not the one given"
run 0 "$inkfs" key st --json
out_has "\"key\":\"$vkey\""

# --- with something in it --------------------------------------------------------

./mkstore st
run 0 "$inkfs" status st
plain_status >plain
diff -u - plain <<'END' || fail "status"
store        DIR/st
state        not mounted, closed in order
origin       example.org/log/ID
key          example.org/log/ID+KEY
size         20 bytes written in 6 files and folders
log          BYTES in 1 segment of at most 64.0 MiB (67108864 bytes)
records      21 records
sealed       21 records, last at TIME, epoch 2
durable      21 records
index        21 records
refused      4 operations
END
run 0 "$inkfs" status st --json
python3 - <<'END' || fail "status --json"
import json
line = json.load(open("out"))
assert line["schema"] == "inkfs-status/1" and line["state"] == "closed", line
assert line["records"] == line["sealed"] == line["indexed"] == 21, line
assert line["payload_bytes"] == 20 and line["mount_point"] is None and line["closed"], line
END

run 0 "$inkfs" ls st
long=$(printf 'n%.0s' {1..255})
out_is <<END
current
jobs
$long
"odd \\x1b[31m\\xff\\x0a"
END
run 0 "$inkfs" ls -lR st
sed -E 's/[0-9]{4}-[^ ]+Z/TIME/; s/ +/ /g; s/n{255}/LONG/' out >plain
diff -u - plain <<'END' || fail "ls -lR"
/:
lrwxrwxrwx 1 1000 100 14 TIME current -> jobs/build.log
drwxr-xr-x 2 1000 100 0 TIME jobs
-rw-r--r-- 1 1000 100 0 TIME LONG
-rw-r--r-- 1 1000 100 12 TIME "odd \x1b[31m\xff\x0a"

/jobs:
-rw------- 1 1000 100 8 TIME build.log
END
run 0 "$inkfs" ls st jobs/build.log
out_is <<<"jobs/build.log"
run 0 "$inkfs" ls st /jobs/../jobs/.
out_is <<<"build.log"
run 0 "$inkfs" ls --long --recursive st current
out_has "current -> jobs/build.log"

# Byte for byte, through a link, and several.
run 0 "$inkfs" cat st jobs/build.log /current $'odd \e[31m\xff\n'
printf 'one\ntwo\none\ntwo\nred \e[31m\xc3\xa4\n' | cmp - out || fail "cat"
run 1 "$inkfs" cat st nothing jobs/build.log jobs jobs/build.log/
printf 'one\ntwo\n' | cmp - out || fail "cat goes on after what is not there"
err_is <<'END'
inkfs: nothing: no such file, folder or record
inkfs: jobs is a folder; 'inkfs ls' lists it
inkfs: jobs/build.log/: not a folder
END
run 1 "$inkfs" ls st nothing
err_is <<<"inkfs: nothing: no such file, folder or record"
run 1 "$inkfs" ls st "${long}n"
err_is_one_line

# --- log -------------------------------------------------------------------------

plain_log() {
	sed -E -e 's/[0-9]{4}-[0-9-]+T[0-9:.]+Z/TIME/g; s/=[0-9a-f]{64}/=HASH/g; s/n{255}/LONG/' \
		-e 's/ who=.*//; s/store_id=[0-9a-f]*/store_id=ID/; s|/[0-9a-f]{32} |/ID |' \
		-e 's/host=.*/…/; s/ durable=[0-9]+/ durable=N/' out
}
run 0 "$inkfs" log st
plain_log >plain
who='uid=1000 gid=100 actor=4 pid=4711 comm=make'
diff -u - plain <<END || fail "log"
0 TIME GENESIS / origin=example.org/log/ID store_id=ID log_key=HASH seal_key=HASH segment_size=67108864 root_mode=0755 owner=$(id -u) group=$(id -g) software="inkfs 0.1.0"
1 TIME EPOCH - epoch=1 reason=mount tree_size=1 durable=N root=HASH next_key=HASH
2 TIME MOUNT - version=0.1.0 …
3 TIME SEAL - epoch=1 reason=mount tree_size=3 durable=N root=HASH
4 TIME ACTOR - uid=1000 gid=100 pid=4711 comm=make ppid=1 start_time=99 login_uid=1000 session=5 exe=/usr/bin/make ci=gitlab ci.CI_JOB_ID=17
5 TIME MKDIR /jobs mode=0755 owner=1000 group=100 $who
6 TIME CREATE /jobs/build.log mode=0644 owner=1000 group=100 $who
7 TIME CREATE "/odd \\x1b[31m\\xff\\x0a" mode=0644 owner=1000 group=100 $who
8 TIME SYMLINK /current mode=0777 owner=1000 group=100 target=jobs/build.log $who
9 TIME APPEND /jobs/build.log offset=0 size=4 $who
10 TIME APPEND /jobs/build.log offset=4 size=4 $who
11 TIME APPEND "/odd \\x1b[31m\\xff\\x0a" offset=0 size=12 $who
12 TIME ATTR /jobs/build.log mode=0600 $who
13 TIME DENIED /jobs/build.log op=truncate errno=EPERM size=1 $who
14 TIME DENIED /jobs/build.log op=write errno=EPERM offset=0 size=1 $who
15 TIME DENIED /jobs/build.log op=unlink errno=EPERM $who
16 TIME DENIED /jobs/build.log op=ioctl errno=EPERM command=0x40086602 $who
17 TIME CREATE /LONG mode=0644 owner=1000 group=100 $who
18 TIME SEAL - epoch=1 reason=close tree_size=18 durable=N root=HASH
19 TIME UNMOUNT - reason=asked records=17 payload_bytes=20
20 TIME EPOCH - epoch=2 reason=unmount tree_size=20 durable=N root=HASH next_key=HASH
END
err_is </dev/null

numbers() { cut -d' ' -f1 out | tr '\n' ' '; }
run 0 "$inkfs" log st --from 19
[[ $(numbers) == "19 20 " ]] || fail "--from"
run 0 "$inkfs" log st --kind denied,ATTR
[[ $(numbers) == "12 13 14 15 16 " ]] || fail "--kind"
run 0 "$inkfs" log st --path /jobs --kind CREATE,MKDIR
[[ $(numbers) == "5 6 " ]] || fail "--path of a folder"
run 0 "$inkfs" log st --path '*.log' --from 13
[[ $(numbers) == "13 14 15 16 " ]] || fail "--path with a pattern"
run 0 "$inkfs" log st --path /job
out_is </dev/null
for path in jobs jobs/ 'jobs*' '[j]obs*'; do
	run 0 "$inkfs" log st --path "$path" --kind CREATE,MKDIR
	[[ $(numbers) == "5 6 " ]] || fail "--path without the first slash: $path"
done
run 0 "$inkfs" log st --path build.log
out_is </dev/null
run 0 "$inkfs" grep two st --path jobs/build.log
for asked in "log st" "grep two st" "blame st /jobs/build.log"; do
	read -r -a words <<<"$asked"
	run 2 "$inkfs" "${words[@]}" --from 10 --to 3
	err_is_one_line
	err_has "--from 10 comes behind --to 3"
	[[ ${words[0]} == blame ]] && continue
	run 2 "$inkfs" "${words[@]}" --path ''
	err_is_one_line
done
run 0 "$inkfs" log st --from 3 --to 3
[[ $(numbers) == "3 " ]] || fail "--from and --to of one record"
run 0 "$inkfs" log st --after 3 --to 3
out_is </dev/null
run 0 "$inkfs" log st --json
python3 - <<'END' || fail "log --json"
import json
lines = [json.loads(line) for line in open("out")]
assert [line["seq"] for line in lines] == list(range(21))
assert all(line["schema"] == "inkfs-log/1" for line in lines)
assert lines[10]["kind"] == "APPEND" and lines[10]["path"] == "/jobs/build.log"
assert (lines[10]["offset"], lines[10]["size"], lines[10]["uid"]) == (4, 4, 1000)
assert (lines[10]["pid"], lines[10]["comm"]) == (4711, "make")
assert lines[11]["path"] == "/odd \\x1b[31m\\xff\\x0a", lines[11]["path"]
assert lines[4]["ci.CI_JOB_ID"] == "17" and lines[3]["path"] is None
assert lines[13]["op"] == "truncate" and lines[13]["errno"] == "EPERM"
END

# Names as they were when it was recorded.
./mkstore st2 keys=keys2 rotate
run 0 "$inkfs" log st2 --kind CREATE,APPEND,RENAME,LINK,UNLINK
sed -E 's/ uid=.*//; s/^([0-9]+) [^ ]+ /\1 /; s/ mode=.*//' out >plain
diff -u - plain <<'END' || fail "log of renamed files"
5 CREATE /app.log
6 APPEND /app.log offset=0 size=7
7 RENAME /app.log to=/app.log.1
8 APPEND /app.log.1 offset=7 size=6
9 LINK /app.log.link from=/app.log.1
10 UNLINK /app.log.link
END
run 0 "$inkfs" log st2 --path /app.log.1
[[ $(numbers) == "7 8 9 " ]] || fail "--path of a new name, and of what got a further one"

# Where a refused rename or link would have led is a path that it is about.
run 0 "$inkfs" init st3 --origin c
./mkstore st3 names
run 0 "$inkfs" log st3 --kind DENIED
sed -E 's/ uid=.*//; s/^([0-9]+) [^ ]+ /\1 /; s/ flags=.*//' out >plain
diff -u - plain <<'END' || fail "log of refused names"
8 DENIED /kept.log op=rename errno=EPERM to=/sub/moved
9 DENIED /kept.log op=rename errno=EPERM to=/other
10 DENIED /kept.log op=link errno=EPERM to=/sub/further
12 DENIED /kept.log op=rename errno=EPERM to=/sub/moved
END
run 0 "$inkfs" log st3 --path /other
[[ $(numbers) == "9 " ]] || fail "--path of where a refused rename leads"
run 0 "$inkfs" log st3 --path '/sub/*'
[[ $(numbers) == "8 10 12 " ]] || fail "--path of where a refused rename and link lead"

run 0 "$inkfs" diff st3 7 now
out_is <<'END'
! /kept.log refused: rename to /sub/moved, 2 times
! /kept.log refused: rename to /other
! /kept.log refused: link to /sub/further
END

# --- verify ----------------------------------------------------------------------

run 0 "$inkfs" verify st --key @vkey
sed -E -e "s|$TEST_TMPDIR|DIR|; s/[0-9]{4}-[^ ]+Z/TIME/; s/root( +)[0-9a-f]{64}/root\1HASH/" \
	-e 's|/[0-9a-f]{32}\+.*|/KEY|' out >plain
diff -u - plain <<'END' || fail "verify"
intact: DIR/st
  by           inkfs 0.1.0 at TIME by this machine's clock
  checked      21 records, 20 bytes written in 6 files and folders, 1 session, 4 good seals
  from         TIME
  to           TIME
  root         HASH over 21 records
  key          example.org/log/KEY
  trust        the key that was given with --key
  findings     0 against the evidence, 0 observations
  refused      4 operations
  unclean ends 0
  end          closed in order
  not covered  whether this is the newest state: no checkpoint from outside was given, so an older copy would pass
  not covered  whether the machine's clock was right, and what was done with keys that were stolen while in use
END
err_is </dev/null
run 0 "$inkfs" verify st --quiet
out_is </dev/null
run 0 "$inkfs" verify st
out_has "trust        only the store's own word"
run 0 "$inkfs" verify st --json --key "$vkey"
python3 - <<'END' || fail "verify --json"
import json
line = json.load(open("out"))
assert line["schema"] == "inkfs-verify/1" and line["verdict"] == "intact", line
assert line["findings"] == [] and "error" not in line, line
result = line["result"]
assert result["trust"] == "pinned-key" and result["records"] == 21 and result["closed"], result
assert result["evidence"] == 0 and result["unsealed"] == 0 and len(result["root"]) == 64, result
END

# --- reindex ---------------------------------------------------------------------

rm st/index/*
run 0 "$inkfs" reindex st
out_is </dev/null
err_is </dev/null
run 0 "$inkfs" verify st --key @vkey
out_has "findings     0 against the evidence, 0 observations"
run 0 "$inkfs" status st
out_has "index        21 records"

# --- an unclean end, and while a process writes ----------------------------------

./mkstore st2 keys=keys2 many=100 unclean
run 0 "$inkfs" status st2
out_has "NOT closed in order"
run 0 "$inkfs" verify st2
out_has "intact: "
out_has "end          not closed in order"

# Whoever holds st keeps it as long as the coprocess's stdin is open.
coproc HOLD { exec ./mkstore st many=3 hold; }
# shellcheck disable=SC2153 # coproc sets it
hold_pid=$HOLD_PID
read -r line <&"${HOLD[0]}"
[[ $line == ready ]] || fail "mkstore hold"
run 0 "$inkfs" status st
out_has "state        in use"
run 0 "$inkfs" cat st many
out_is < <(printf 'line %d\n' 0 1 2)
run 0 "$inkfs" log st --path /many --kind APPEND
[[ $(wc -l <out) -eq 3 ]] || fail "log of a store in use"
run 0 "$inkfs" verify st --key @vkey
out_has "end          open: a process writes this store"
run 1 "$inkfs" reindex st
err_is_one_line
run 1 "$inkfs" umount st
err_is_one_line
err_has "mounted nowhere that can be seen"
eval "exec ${HOLD[1]}>&-"
wait "$hold_pid" || fail "mkstore hold"
run 0 "$inkfs" verify st --key @vkey
out_has "end          closed in order"
run 1 "$inkfs" umount st
err_has "is not mounted"
