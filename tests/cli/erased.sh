#!/bin/bash
# A body that was erased on a signed word is no finding against the store, and not passed over in silence either.

# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
python=/usr/bin/python3
"$python" -c 'import nacl.signing' 2>/dev/null || skip "no python3-nacl"

"$python" - "$top/tests/format" <<'END'
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import crafted
from inkformat import Kind
from writer import Writer, text, u64

for count in range(3):
    w = Writer(Path(f"erased{count}"))
    s = crafted.Session(w)
    for number in range(count):
        start = len(w.segments[0])
        seq = w.tree.size
        s.append(3, 4 + 13 * number, b"personal data")
        w.add(Kind.ERASE, u64(seq) + text("court") + text("request 17"))
        w.seal(durable=w.tree.size)
        crafted.zero_body(w, start, 13)
    s.close()
    w.save(s.vkey)
END
run 0 "$inkfs" verify erased0
out_lacks "erased on"
run 0 "$inkfs" verify erased1
out_has "observation erased"
out_has "not covered  what stood in 1 body that was erased on a signed word (the observations 'erased')"
run 0 "$inkfs" verify erased2
[[ $(grep -c "^observation erased" out) == 2 ]] || fail "not both are named"
out_has "not covered  what stood in 2 bodies that were erased on a signed word"
run 0 "$inkfs" verify erased2 --json
"$python" - <<'END' || fail "not so in JSON"
import json
result = json.load(open("out"))["result"]
assert result["erased"] == 2 and any("2 bodies that were erased" in t for t in result["not_covered"]), result
END
"$python" "$top/tests/format/schema.py" "$top/tools/inkfs-verify-1.schema.json" out || fail "not as the schema says"
