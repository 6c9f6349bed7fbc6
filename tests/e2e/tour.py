#!/usr/bin/env python3
"""The README's tour: the commands of two of its chapters and what they answer.

tour.py script README           a shell script of all commands in order; answer N goes to $ANSWERS/N
tour.py compare README ANSWERS  exit 1 where a line of an answer has another shape than the README's
tour.py join README ANSWERS     put the answers where they stand in the README

In a `console` block a line with `$ ` is a command, and what follows is its answer; "..." stands for all the rest of it.
In a `sh` block each line is a command, and its answer is not told.
"""

import difflib
import re
import sys

from chapter import shape_of

TITLES = ("## A first tour\n", "## Prove one line to somebody else\n")
PROMPT = "$ "
REST = "...\n"


def fences(lines):
    """(language, first line, line behind the last) of each block of the chapters."""
    inside, start = False, None
    for i, line in enumerate(lines):
        if start is not None:
            if line == "```\n":
                yield lines[start - 1][3:-1], start, i
                start = None
        elif line.startswith("## "):
            inside = line in TITLES
        elif inside and line.startswith("```"):
            start = i + 1


def commands(lines):
    """(command, first line of its answer, line behind it); None for an answer that is not told."""
    for language, start, end in fences(lines):
        if language == "sh":
            yield from ((lines[i], None, None) for i in range(start, end))
        elif language == "console":
            at = [i for i in range(start, end) if lines[i].startswith(PROMPT)] + [end]
            yield from ((lines[i][len(PROMPT):], i + 1, j) for i, j in zip(at, at[1:]))


def answer(folder, number, expected):
    """What was answered, as a shell would say it to whoever types; shortened where the README is."""
    with open(f"{folder}/{number}", encoding="utf-8") as file:
        lines = [re.sub(r"^bash: line \d+: ", "bash: ", line) for line in file]
    if expected and expected[-1] == REST:
        lines[len(expected) - 1:] = [REST]
    return lines


def script(lines):
    # A group in braces keeps $? for the command after it.
    for number, (command, _, _) in enumerate(commands(lines)):
        print('{\n%s} >"$ANSWERS/%d" 2>&1 </dev/null' % (command, number))


def compare(lines, folder):
    is_same = True
    for number, (command, start, end) in enumerate(commands(lines)):
        if start is None:
            continue
        expected = [shape_of(line) for line in lines[start:end]]
        got = [shape_of(line) for line in answer(folder, number, lines[start:end])]
        if expected != got:
            is_same = False
            sys.stderr.write(f"$ {command}")
            sys.stderr.writelines(difflib.unified_diff(expected, got, "README", "here"))
    return is_same


def join(readme, lines, folder):
    for number, (_, start, end) in reversed(list(enumerate(commands(lines)))):
        if start is not None:
            lines[start:end] = answer(folder, number, lines[start:end])
    with open(readme, "w", encoding="utf-8") as out:
        out.writelines(lines)


def main(verb, readme, folder=None):
    with open(readme, encoding="utf-8") as file:
        lines = file.readlines()
    if verb == "script":
        script(lines)
    elif verb == "join":
        join(readme, lines, folder)
    elif not compare(lines, folder):
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
