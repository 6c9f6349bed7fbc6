#!/usr/bin/env python3
"""Make the two logs that the benchmarks replay: a build's and a web server's.

    tests/bench/logs.py DIR

DIR/compile.log is what a build of this very project prints when make shows its commands
(make --dry-run): its lines are as long as they are.  DIR/access.log has 20,000 lines in
the combined format from a generator with a fixed seed: the path has one to five parts,
geometrically distributed with mean 2, of 3 to 14 letters each; one request in three has a query
of 8 to 60 bytes, one in two a referrer; the client is one of six with their usual shares.  That gives
lines of 83 to 433 bytes, half of them longer than 230.
"""

import random
import subprocess
import sys
from pathlib import Path

LINE_COUNT = 20000

CLIENTS = (
    (38, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/126.0.0.0 Safari/537.36"),
    (24, "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
         "Gecko) Version/17.5 Mobile/15E148 Safari/604.1"),
    (12, "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"),
    (11, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    (9, "curl/8.5.0"),
    (6, "-"),
)


def letters(rng, low, high):
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz-", k=rng.randint(low, high)))


def path(rng):
    count = 1
    while count < 5 and rng.random() < 0.5:
        count += 1
    text = "".join("/" + letters(rng, 3, 14) for _ in range(count))
    return text + ("?q=" + letters(rng, 8, 60) if rng.random() < 1 / 3 else "")


def access_line(rng, second):
    address = ".".join(str(rng.randint(1, 254)) for _ in range(4))
    referrer = "https://www.example.com" + path(rng) if rng.random() < 0.5 else "-"
    client = rng.choices([text for _, text in CLIENTS], [share for share, _ in CLIENTS])[0]
    status = rng.choices((200, 304, 404, 301, 500), (84, 8, 5, 2, 1))[0]
    when = f"21/Nov/2026:{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02} +0000"
    size = int(rng.lognormvariate(8.5, 1.5))
    return f'{address} - - [{when}] "GET {path(rng)} HTTP/1.1" {status} {size} "{referrer}" "{client}"\n'


def compile_log(top):
    """Commands and what echo prints; a build directory that is not there makes make run them all."""
    command = ["make", "--dry-run", "--always-make", "BUILD=build-bench", "all", "bench-programs"]
    out = subprocess.run(command, cwd=top, check=True, capture_output=True, text=True).stdout
    return out


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    top = Path(__file__).resolve().parents[2]
    rng = random.Random(20261121)
    (folder / "compile.log").write_text(compile_log(top), encoding="utf-8")
    lines = (access_line(rng, i // 7) for i in range(LINE_COUNT))
    (folder / "access.log").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
