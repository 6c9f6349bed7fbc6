#!/usr/bin/env python3
"""The README's chapter "Investigate": its commands and what they answer.

chapter.py split README DIR    DIR/N.cmd and DIR/N.expected for each command, in order
chapter.py shape FILE          FILE as lines without what no two runs share, each once, sorted
chapter.py join README DIR     put DIR/N.answer where the answers stand; the control group, long and of one machine, as …
"""

import re
import sys

TITLE = "## Investigate\n"
PROMPT = "$ inkfs "
CHANGING = [
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"\b[0-9a-f]{64}\b", "HASH"),
    (r"^[A-Za-z0-9+/]{43}=$", "HASH"),
    (r"/[0-9a-f]{32}(\+\S+)?", "/KEY"),
    (r"^(intact: ).*", r"\1STORE"),
    (r"\bsed[A-Za-z0-9]{6}\b", "sedNAME"),
    (r"\b\d+(?=\.(addendum|body|entry|tlog-proof)\b)", "N"),
    # The numbers of jobs and the names of files stay.
    (r"(?<![\w/.-])\d+(\.\d+)?(?![\w/])", "N"),
    (r"\[\d+\]", "[N]"),
    (r"(?<=[.a-z]:)\d+", "N"),
    (r"=\d+", "=N"),
    (r"bytes=\d+", "bytes=N"),
    (r"cgroup=\S+ ?", ""),
    (r"(login_uid|session)=\S+ ?", ""),
    (r"exe=/\S*/", "exe=/"),
    (r"(by +inkfs) .*", r"\1 VERSION"),
]


def chapter(lines):
    start = lines.index(TITLE)
    end = next((i for i in range(start + 1, len(lines)) if lines[i].startswith("## ")), len(lines))
    return start, end


def answers(lines):
    """(line of the command, line behind its answer), each."""
    start, end = chapter(lines)
    at = [i for i in range(start, end) if lines[i].startswith(PROMPT)]
    return [(i, next(j for j in range(i, end) if lines[j] == "```\n")) for i in at]


def split(readme, folder):
    lines = open(readme, encoding="utf-8").readlines()
    for number, (start, end) in enumerate(answers(lines), 1):
        with open(f"{folder}/{number}.cmd", "w", encoding="utf-8") as out:
            out.write(lines[start][2:])
        with open(f"{folder}/{number}.expected", "w", encoding="utf-8") as out:
            out.writelines(lines[start + 1:end])


def shape_of(line):
    for pattern, word in CHANGING:
        line = re.sub(pattern, word, line)
    return line


def shape(name):
    with open(name, encoding="utf-8") as file:
        sys.stdout.writelines(sorted({shape_of(line) for line in file}))


def join(readme, folder):
    lines = open(readme, encoding="utf-8").readlines()
    found = answers(lines)
    for number, (start, end) in reversed(list(enumerate(found, 1))):
        answer = open(f"{folder}/{number}.answer", encoding="utf-8").read()
        answer = re.sub(r"cgroup=(\S+)", "cgroup=…", answer)
        lines[start + 1:end] = answer.splitlines(keepends=True)
    with open(readme, "w", encoding="utf-8") as out:
        out.writelines(lines)


if __name__ == "__main__":
    {"split": split, "shape": shape, "join": join}[sys.argv[1]](*sys.argv[2:])
