#!/usr/bin/env python3
"""Disable each check of the verifier in turn and see which test goes red.

    tests/tamper/mutate.py [--only TEXT] [--list] [--write] [--survivors FILE]

    --only TEXT       checks with TEXT in "file function: check"
    --list            name the checks, try none
    --write           put the table into tests/tamper/README.md
    --survivors FILE  try only those that the table in FILE calls unnoticed

A check is: a call that hands out a finding; each part of a condition after which a decoder refuses; each part of
an expression by which a function answers whether something is right.  A copy of the sources in build-mutate/ is
changed, one check at a time, and the tests of that module, of the verifier and of tampering run on it until one fails.
Takes the better part of an hour; not a part of `make test`.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
WORK = os.path.join(TOP, "build-mutate")
TIME_LIMIT_S = 240

REPORTS = ("report_file", "report_record", "report_place", "report_index", "report_foreign",
           "note_record", "break_names", "mark_fault")

# file: what is taken from it (r: reports, g: guards, e: expressions), only these functions ("" for all).
SOURCES = {
    "verify.c": ("r", ""),
    "verify_log.c": ("rge", "is_erasable is_foreign_genesis is_lost_tail"),
    "verify_chain.c": ("re", "actor_is_consistent"),
    "verify_keys.c": ("re", "is_log_seed seal_key_is_sound is_seed_of"),
    "verify_names.c": ("re", "continues_run"),
    "verify_files.c": ("r", ""),
    "verify_pins.c": ("r", ""),
    "verify_index.c": ("r", ""),
    "verify_index_state.c": ("rge", "is_names_entry is_entries_entry is_links_entry"),
    "walk.c": ("ge", "segment_follows judge is_torn_magic"),
    "walk_look.c": ("e", "is_plausible"),
    "frame.c": ("ge", ""),
    "record.c": ("ge", "header_decode name_is_valid body_size_is_valid"),
    "body.c": ("ge", "decode_"),
    "vkey.c": ("ge", "vkey_parse origin_commits_to origin_name_is_valid signature_is_good"),
    "note.c": ("ge", ""),
    "lmdb_read.c": ("g", ""),
    "lmdb_read_file.c": ("g", ""),
}

UNIT = {
    "walk.c": "walk walk_ahead", "walk_look.c": "walk", "frame.c": "frame walk", "record.c": "record frame",
    "body.c": "body", "vkey.c": "vkey", "note.c": "note", "lmdb_read.c": "lmdb_read",
    "lmdb_read_file.c": "lmdb_read",
}
TAMPER = ["tamper/test_attacks", "unit/test_verify", "tamper/test_tamper_lost", "tamper/test_tamper_keys",
          "format/test_agree.sh", "tamper/test_tamper_index", "tamper/test_tamper_log"]
SCRIPTS_LAST = ["cli/checkpoint.sh", "cli/bad_input.sh"]


# --- finding checks --------------------------------------------------------------------------

def closing(text, at):
    """Index of the bracket that closes the one at @at; strings and characters are stepped over."""
    depth = 0
    while at < len(text):
        c = text[at]
        if c in "\"'":
            end = at + 1
            while text[end] != c:
                end += 2 if text[end] == "\\" else 1
            at = end
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    raise ValueError("no end")


def parts(text, operator):
    """Spans of the operands of @operator at the top level of @text."""
    spans, start, at = [], 0, 0
    while at < len(text):
        if text[at] in "\"'":
            quote, end = text[at], at + 1
            while text[end] != quote:
                end += 2 if text[end] == "\\" else 1
            at = end
        elif text[at] in "([{":
            at = closing(text, at)
        elif text.startswith(operator, at):
            spans.append((start, at))
            start = at = at + 2
            continue
        at += 1
    spans.append((start, len(text)))
    return spans


def functions(text):
    """(name, start, end) of each function's body."""
    for match in re.finditer(r"^(?:static |enum |bool |void |size_t |const |struct |uint|INK|int )[^;{}=]*?"
                             r"(\w+)\([^;{}]*\)\s*\n\{", text, re.M):
        yield match.group(1), match.end() - 1, closing(text, match.end() - 1)


def short(text):
    text = " ".join(text.split())
    return text if len(text) <= 90 else text[:87] + "..."


def told(call):
    found = re.findall(r'"((?:[^"\\]|\\.)*)"', call)
    return short('"%s"' % max(found, key=len)) if found else short(call)


def reports_of(text, start, end):
    for match in re.finditer(r"\b(%s)\(" % "|".join(REPORTS), text[start:end]):
        at = start + match.start()
        stop = closing(text, start + match.end() - 1) + 1
        call = text[at:stop]
        yield (at, stop, "(void)(0 && (%s, 1))" % call,
               told(call) if '"' in call else "%s in %s" % (match.group(1), short(call)))


REFUSALS = (r"\s*(?:\{\s*)?(?:return (?:false|0|INK_ERR_\w+|WALK_\w+|NOTE_\w+|NULL|lmdb_damaged\()|"
            r"err = lmdb_damaged\()")


def guards_of(text, start, end):
    for match in re.finditer(r"\bif \(", text[start:end]):
        open_at = start + match.end() - 1
        close_at = closing(text, open_at)
        condition = text[open_at + 1:close_at]
        if not re.match(REFUSALS, text[close_at + 1:]) or re.match(r"\s*!?(err\b|\w+ != INK_OK$)", condition):
            continue
        for a, b in parts(condition, "||"):
            yield (open_at + 1 + a, open_at + 1 + b, " 0 ", short(condition[a:b]))


def expressions_of(text, start, end):
    for match in re.finditer(r"\breturn ([^;]*);", text[start:end]):
        expression = match.group(1)
        spans = parts(expression, "&&")
        at = start + match.start(1)
        if len(spans) == 1 and not re.search(r"[<>=]=?|!|is_|_good", expression):
            continue
        if len(spans) == 1 and re.match(r"(INK_|true|false|err)", expression):
            continue
        for a, b in spans:
            yield (at + a, at + b, " 1 ", short(expression[a:b]))


def checks():
    for name, (takes, wanted) in SOURCES.items():
        path = os.path.join("fs/store", name)
        with open(os.path.join(TOP, path), encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), file.read(), flags=re.S)
        for function, start, end in functions(text):
            is_wanted = not wanted or any(function.startswith(w) if w.endswith("_") else function == w
                                          for w in wanted.split())
            found = list(reports_of(text, start, end)) if "r" in takes else []
            if is_wanted and "g" in takes:
                found += guards_of(text, start, end)
            if is_wanted and "e" in takes:
                found += expressions_of(text, start, end)
            for a, b, new, what in sorted(found):
                yield path, function, what, text[:a] + new + text[b:]


# --- trying ----------------------------------------------------------------------------------

def run(command, **more):
    return subprocess.run(command, cwd=WORK, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", **more)


def make(*targets):
    return run(["make", "-s", "-j2", "BUILD=build", "WERROR=-w", "CFLAGS=-O1", *targets])


def prepare():
    shutil.rmtree(os.path.join(WORK, "fs"), ignore_errors=True)
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP, stdout=subprocess.PIPE,
                           text=True, check=True).stdout.split()
    for name in files:
        if os.path.exists(os.path.join(TOP, name)):
            os.makedirs(os.path.dirname(os.path.join(WORK, name)), exist_ok=True)
            shutil.copy2(os.path.join(TOP, name), os.path.join(WORK, name))


def try_test(test):
    """What failed, or None."""
    environment = dict(os.environ, BUILD=os.path.join(WORK, "build"), INKFS=os.path.join(WORK, "build/inkfs"),
                       INKFS_TEST_SEED="1", INKFS_TEST_ROUNDS="10", INKFS_TEST_ONE_THREAD="1", AGREE_EVERY="4", TEST_TIMEOUT=str(TIME_LIMIT_S))
    environment["PATH"] = environment["BUILD"] + ":" + environment["PATH"]
    is_script = test.endswith(".sh")
    if not is_script:
        built = make("build/tests/" + test)
        if built.returncode:
            return "does not build: " + built.stdout[-300:]
    else:
        make("all")
    command = ["tests/run.sh", "--only", test] if is_script else ["build/tests/" + test]
    if test == "tamper/test_attacks":
        command.append("--library")
    try:
        ended = run(command, env=environment, timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired:
        return "%s: does not end" % test
    if ended.returncode in (0, 77):
        return None
    named = re.findall(r"\[  FAILED  \] (\w+)$", ended.stdout, re.M)
    return "%s%s" % (test, ": " + named[0] if named else "")


def sound_tests():
    """Whether all tests are green as long as no check is disabled; else they show nothing."""
    red = [failed for failed in map(try_test, dict.fromkeys(sum(map(tests_of, SOURCES), []))) if failed]
    for failed in red:
        print("red without any change: " + failed)
    return not red


def tests_of(path):
    name = os.path.basename(path)
    return ["unit/test_" + unit for unit in UNIT.get(name, "").split()] + TAMPER + SCRIPTS_LAST


def attempt(path, mutated):
    target = os.path.join(WORK, path)
    with open(target, encoding="utf-8") as file:
        sound = file.read()
    with open(target, "w", encoding="utf-8") as file:
        file.write(mutated)
    try:
        for test in tests_of(path):
            failed = try_test(test)
            if failed:
                return failed
        return None
    finally:
        with open(target, "w", encoding="utf-8") as file:
            file.write(sound)


# --- telling ---------------------------------------------------------------------------------

MARK = "<!-- made by mutate.py -->"


def row(path, function, what, test):
    cells = ["%s %s" % (os.path.basename(path), function), "`%s`" % what.replace("|", "\\|"), test or "**unnoticed**"]
    return "| %s |" % " | ".join(cells)


def write_table(rows):
    path = os.path.join(TOP, "tests/tamper/README.md")
    with open(path, encoding="utf-8") as file:
        head = file.read().split(MARK)[0]
    with open(path, "w", encoding="utf-8") as file:
        file.write("%s%s\n| where | check | goes red without it |\n| --- | --- | --- |\n%s\n" % (head, MARK, "\n".join(rows)))


def unnoticed_in(path):
    with open(path, encoding="utf-8") as file:
        return {tuple(line.split(" | ")[:2]) for line in file if "**unnoticed**" in line}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--survivors")
    options = parser.parse_args()
    again = unnoticed_in(options.survivors) if options.survivors else None
    rows, survivors = [], 0
    if not options.list:
        prepare()
        if not sound_tests():
            return 2
    for path, function, what, mutated in checks():
        name = row(path, function, what, "")
        if options.only not in "%s %s: %s" % (os.path.basename(path), function, what):
            continue
        if again is not None and tuple(name.split(" | ")[:2]) not in again:
            continue
        if options.list:
            print(name)
            continue
        start = time.monotonic()
        test = attempt(path, mutated)
        survivors += test is None
        rows.append(row(path, function, what, test))
        print("%s %.0f s" % (rows[-1], time.monotonic() - start), flush=True)
    if options.write and rows:
        write_table(rows)
    print("%d checks, %d unnoticed" % (len(rows), survivors))
    return survivors > 0


if __name__ == "__main__":
    sys.exit(main())
