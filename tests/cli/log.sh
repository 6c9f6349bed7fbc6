#!/bin/bash
# inkfs log: each filter, from the start and from the middle of the log; each format, read back by another program;
# following a store that is written, and going on with a state.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
need_mkstore
run 0 "$inkfs" init st --origin a
./mkstore st

numbers() { cut -d' ' -f1 out | tr '\n' ' '; }
shows() { # EXPECTED OPTION…: the same with the index and without
	local expected=$1
	shift
	run 0 "$inkfs" log st "$@"
	[[ $(numbers) == "$expected" ]] || fail "log $*: $(numbers)"
	run 0 "$inkfs" log st --scan "$@"
	[[ $(numbers) == "$expected" ]] || fail "log --scan $*: $(numbers)"
}
time_of() { "$inkfs" log st --from "$1" --to "$1" | cut -d' ' -f2; }

# --- filters ------------------------------------------------------------------------

shows "12 13 " --from 12 --to 13
shows "20 " --after 19
shows "" --after 20
shows "13 14 15 16 " --kind DENIED
shows "13 14 15 16 " --user 1000 --kind denied
shows "" --user 1001
shows "4 5 6 7 8 9 10 11 12 13 14 15 16 17 " --process make
shows "9 10 11 " --process 4711 --kind APPEND
shows "9 10 11 " --process '/usr/*/make' --kind APPEND
shows "" --process cc
shows "9 10 " --process cc --process 'ma?e' --kind APPEND --path /jobs
shows "9 10 11 " --job gitlab/17 --kind APPEND
shows "9 10 11 " --job 17 --kind APPEND
shows "" --job 18
shows "" --job -
shows "4 5 6 7 8 9 10 11 12 13 14 15 16 17 " --job - --job gitlab
shows "9 10 " --from 9 --path '/jobs/*' --kind APPEND
shows "9 10 11 " --since "$(time_of 9)" --until "$(time_of 11)"
shows "19 20 " --since "$(time_of 19)"
shows "" --since "$(date -u -d 'tomorrow' +%FT%TZ)"
shows "" --until '2 hours ago'
shows "13 14 15 16 " --since '2 hours ago' --kind DENIED

for text in 2026-11-21T09:35:17Z '2026-11-21 09:35' 2026-11-21 2026-11-21t09:35:17.5+01:00 \
	@1763717717.25 '1h 30min ago' 15m now yesterday '3 weeks ago' 2024-02-29; do
	run 0 "$inkfs" log st --until "$text" --scan
done
for text in 2026-13-01 2026-02-29 2026-11-21T25:00 'ago' '2 fortnights ago' '5' '' '@' '@x' 2026-11-21Tx \
	'1h ago ago' 99999999999999999999s 2026-11-21T09:35:17+1:00; do
	run 2 "$inkfs" log st --since "$text"
	err_is_one_line
	err_has "is no time"
done
# The same moment in other words, to the nanosecond.
at=$(time_of 9)
epoch=$(date -u -d "$at" +%s.%N)
shows "9 " --since "$at" --until "@$epoch"
shows "9 " --since "$(TZ=Asia/Kolkata date -d "$at" +%FT%T.%N%:z)" --until "$(TZ=America/New_York date -d "$at" +%FT%T.%N%:z)"

for cmd in "log st" "blame st /jobs/build.log" "grep x st"; do
	# shellcheck disable=SC2086 # words
	run 2 "$inkfs" $cmd --since 2026-01-02 --until 2026-01-01
	err_is_one_line
	err_has "--since is a later time than --until"
done
run 0 "$inkfs" log st --since 2026-01-01 --until 2026-01-01
run 2 "$inkfs" log st --user nobody-of-that-name
err_has "there is no user"
run 2 "$inkfs" log st --format xml
err_has "there is no format 'xml'"

# --- names of then, from the middle of the log ------------------------------------------

run 0 "$inkfs" init rotated --origin a
./mkstore rotated rotate
run 0 "$inkfs" log rotated --scan
cp out whole
for from in $(seq 1 13); do
	run 0 "$inkfs" log rotated --from "$from"
	tail -n +"$((from + 1))" whole | diff - out >&2 || fail "from $from the log reads otherwise"
done

# --- formats ------------------------------------------------------------------------------

for format in json csv ecs ocsf; do
	run 0 "$inkfs" log st --format "$format"
	cp out "out.$format"
	if LC_ALL=C grep -qP '[^\r\x20-\x7e]' out && [[ $format != csv ]]; then fail "$format is not ASCII"; fi
done
python3 - <<'END' || fail "formats"
import csv, json
def lines(name): return [json.loads(line) for line in open("out." + name)]
ours, ecs, ocsf = lines("json"), lines("ecs"), lines("ocsf")
rows = list(csv.DictReader(open("out.csv", newline="")))
assert len(ours) == len(ecs) == len(ocsf) == len(rows) == 21
for a, b, c, row in zip(ours, ecs, ocsf, rows):
    assert int(row["seq"]) == a["seq"] == b["event"]["sequence"] == c["metadata"]["sequence"]
    assert row["time"] == a["time"] == b["@timestamp"] and row["kind"] == a["kind"]
    assert row["path"] == (a["path"] or "")
    if a["path"]:
        assert b["file"]["path"] == a["path"] and b["file"]["name"], b
    # ECS: values that event.type and event.category allow.
    assert b["ecs"]["version"] and b["event"]["kind"] == "event" and b["event"]["outcome"] in ("success", "failure")
    assert set(b["event"]["category"]) <= {"file", "process", "session", "configuration"}
    assert set(b["event"]["type"]) <= {"creation", "deletion", "change", "access", "info", "start", "end"}
    # OCSF 1.1.0: what the base event and class 1001 require.
    for field in ("activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"):
        assert field in c, field
    assert c["metadata"]["version"] == "1.1.0" and c["metadata"]["product"]["vendor_name"]
    assert c["type_uid"] == c["class_uid"] * 100 + c["activity_id"] and c["category_uid"] == c["class_uid"] // 1000
    if c["class_uid"] == 1001:
        assert c["file"]["name"] and isinstance(c["file"]["type_id"], int)
        assert isinstance(c["device"]["type_id"], int) and c["device"]["name"] and c["actor"]["user"]["uid"]
        assert c["activity_id"] in (1, 3, 4, 5, 6, 7, 14, 99)
denied = [i for i, a in enumerate(ours) if a["kind"] == "DENIED"]
assert [rows[i]["op"] for i in denied] == ["truncate", "write", "unlink", "ioctl"]
assert all(ecs[i]["event"]["outcome"] == "failure" and ocsf[i]["status_id"] == 2 for i in denied)
assert [ocsf[i]["activity_id"] for i in denied] == [3, 3, 4, 6]
assert ecs[9]["process"] == {"pid": 4711, "name": "make", "executable": "/usr/bin/make", "parent": {"pid": 1}}
assert ecs[9]["user"]["id"] == "1000" and ecs[9]["inkfs"]["job"] == "gitlab/17" and ecs[9]["inkfs"]["login_uid"] == 1000
assert rows[9]["job"] == "gitlab/17" and rows[9]["offset"] == "0" and rows[10]["offset"] == "4"
assert ours[7]["path"] == "/odd \\x1b[31m\\xff\\x0a" == rows[7]["path"]
END

# --- damage ---------------------------------------------------------------------------------

# Neither a changed body nor what is behind a changed header is shown as good, from wherever one looks.
cp -a st bad
at=$(grep -abo 'two' bad/log/0000000000.seg | head -n 1 | cut -d: -f1)
printf X | dd of=bad/log/0000000000.seg bs=1 seek="$at" conv=notrunc status=none
for options in "--from 10 --to 10" "--scan" "--kind APPEND --since 2026-01-01"; do
	# shellcheck disable=SC2086 # words
	run 1 "$inkfs" log bad $options
	[[ $(grep -c ' damaged=yes' out) -eq 1 ]] || fail "damage is not shown: $options"
	err_has "is not what was recorded"
done
cp -a st bad2
printf X | dd of=bad2/log/0000000000.seg bs=1 seek=$((at - 100)) conv=notrunc status=none
run 1 "$inkfs" log bad2
[[ $(wc -l <out) -eq 10 ]] || fail "records behind a broken chain are shown"
run 1 "$inkfs" log bad2 --from 10

# --- following -------------------------------------------------------------------------------

in_log() { grep -c "^" "$1" 2>/dev/null || true; }
wait_for_seq() { # FILE SEQ
	local tries
	for ((tries = 0; tries < 300; tries++)); do
		[[ $(tail -n 1 "$1" 2>/dev/null) == *"\"seq\":$2,"* ]] && return
		sleep 0.05
	done
	fail "$1 does not get to record $2, but has $(in_log "$1")"
}
is_in_order() { # FILE COUNT: records 0 to COUNT - 1, each once
	diff <(grep -o '"seq":[0-9]*' "$1" | cut -d: -f2) <(seq 0 $(($2 - 1))) >&2 || fail "$1: lost or twice"
}

# Through three sessions of a writer, the second of which ends unclean, and over segments.
run 0 "$inkfs" init live --origin a --segment-size 2M
"$inkfs" log live --follow --json >followed 2>follow.err &
follower=$!
./mkstore live many=12000 sealed &
writer=$!
# Whoever looks while it is being written is never told of damage.
while [[ -d /proc/$writer ]]; do
	"$inkfs" log live --from 5 --to 5 >looked 2>looked.err || fail "looked while it was written: $(<looked.err)"
done
wait "$writer" || fail "mkstore"
./mkstore live rotate unclean
[[ -d /proc/$follower ]] || fail "follow ended: $(<follow.err)"
./mkstore live
count=$("$inkfs" status live --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["records"])')
wait_for_seq followed $((count - 1))
kill -s TERM "$follower"
wait "$follower" || fail "follow: exit $? on SIGTERM"
is_in_order followed "$count"
[[ -e live/log/0000000001.seg ]] || fail "only one segment"
run 0 "$inkfs" log live --json
cmp out followed || fail "followed otherwise than read"

# --- a state: killed again and again, everything comes once ----------------------------------

: >exported
go_on() { "$inkfs" log live --json --state state >>exported 2>export.err; }
for ((i = 0; i < 12; i++)); do
	timeout -s KILL "0.0$((i % 5 + 1))" "$inkfs" log live --json --state state --follow >>exported 2>export.err || true
done
go_on || fail "export: $(<export.err)"
cmp exported followed || fail "export with kills in between"
size=$(wc -c <exported)
go_on
[[ $(wc -c <exported) -eq $size ]] || fail "exported again"
# Killed between printing and noting: what stands there already is not printed again.
grep -q '^inkfs-state/1 ' state || fail "state file"
read -r _ _ _ _ _ host <state
head -n 100 followed >exported
small=$(head -n 60 followed | wc -c)
leaf60=$(python3 - <<'END'
import hashlib, struct
data = open("live/log/0000000000.seg", "rb").read()
at = 128
for n in range(60):
    head = data[at + 8:at + 141]
    at = (at + 157 + struct.unpack(">I", head[4:8])[0] + 7) // 8 * 8
print(hashlib.sha256(b"\0" + head).hexdigest())
END
)
printf 'inkfs-state/1 60 %s %s json %s\n' "$leaf60" "$small" "$host" >state
printf '%.20s' "$(sed -n 101p followed)" >>exported
go_on || fail "export: $(<export.err)"
cmp exported followed || fail "export that was killed while printing"

# The output was begun anew, and what was printed to it then is not noted yet.
go_on
size=$(wc -c <exported)
mv exported exported.1
: >exported
go_on
read -r _ _ _ noted _ <state
[[ $noted -eq 0 ]] || fail "a new output is noted as one of $noted bytes, it was $size"
cp state begun
./mkstore live pieces
go_on
cp exported whole
cp begun state
head -c 100 whole >exported
go_on
cmp exported whole || fail "killed while printing to a new output"

# A filter that nothing met when it was last looked; then something does, further on.
run 0 "$inkfs" init later --origin a
./mkstore later rotate
run 0 "$inkfs" log later --process cc --state later.state
"$inkfs" log later --since now --state since.state >out || fail "a state and a time"
sleep 0.01
./mkstore later pieces
run 0 "$inkfs" log later --process cc --kind APPEND --state later.state
(($(wc -l <out) == 4)) || fail "a state and a process that came later: $(<out)"
run 0 "$inkfs" log later --since now --state since.state

# What a process in a container did says so: as ECS has it, and only there.
run 0 "$inkfs" log later --kind APPEND,ACTOR --format ecs
python3 - <<'END' || fail "container.id"
import json
for event in map(json.loads, open("out")):
    is_inside = event["process"]["name"] == "cc"
    assert event.get("container") == ({"id": "0123456789abcdef" * 4} if is_inside else None), event
END

# Another log, another format, a state that is none.
sed -i 's/^\(inkfs-state.1 [0-9]*\) ..../\1 dead/' state
code=0
go_on || code=$?
((code == 1)) || fail "another log: exit $code"
grep -q 'does not follow what was exported' export.err || fail "another log: $(<export.err)"
rm state
: >exported
go_on
code=0
"$inkfs" log live --format ecs --state state >>exported 2>export.err || code=$?
((code == 1)) || fail "another format: exit $code"
echo nonsense >state
code=0
go_on || code=$?
((code == 1)) || fail "not a state: exit $code"
grep -q 'not a state file' export.err || fail "not a state"
