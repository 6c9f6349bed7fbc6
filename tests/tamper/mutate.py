#!/usr/bin/env python3
"""Disable each check of the verifier in turn and see which test goes red.

    tests/tamper/mutate.py [--only TEXT] [--list] [--write] [--longest SECONDS]

    --only TEXT        checks with TEXT in "file function: check"
    --list             name the checks, try none
    --write            put the table into tests/tamper/README.md
    --longest SECONDS  without the tests that take longer

A check is: a call that hands out a finding; each part of a condition after which a decoder or checker refuses; each
part of an expression by which a function answers whether something is right.  All of them are made switchable in a copy
of the sources (build-mutate/), which is built once: MUTANT=n in the environment disables number n, and a file that
MUTANT_SEEN names learns which checks had something to say.  First each test runs with all checks on, which shows
what checks it can miss; then, for each check, those tests run without it, the shortest first, until one is red.
WRAP in the environment is put before each command.  Not a part of `make test`.
"""

import argparse
import mmap
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
WORK = os.path.join(TOP, "build-mutate")
TIME_LIMIT_S = 240
JOBS = 2

REPORTS = ("report_file", "report_record", "report_place", "report_index", "report_foreign",
           "note_record", "break_names", "mark_fault")

# file: what is taken from it (r: reports, g: guards, e: expressions), only these functions ("" for all).
SOURCES = {
    "verify.c": ("r", ""),
    "verify_log.c": ("rge", "is_erasable is_foreign_genesis is_lost_tail"),
    "verify_chain.c": ("re", "actor_is_consistent"),
    "verify_seals.c": ("r", ""),
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
    "verify_epoch.c": ("r", ""),
    "verify_lost.c": ("re", "is_named"),
    "succession.c": ("ge", ""),
    "identity.c": ("g", "identity_checkpoint"),
    "tlog.c": ("ge", "take_hash decode_numbered tlog_proof_decode tlog_hashes_decode"),
    "proof.c": ("ge", "inclusion_check consistency_check"),
    "consistency.c": ("g", ""),
    "evidence_check.c": ("g", ""),
}

TESTS = [
    "unit/test_walk", "unit/test_walk_ahead", "unit/test_frame", "unit/test_record", "unit/test_body", "unit/test_vkey",
    "unit/test_note", "unit/test_proof", "unit/test_lmdb_read", "unit/test_verify", "unit/test_key",
    "unit/test_store_epoch", "unit/test_recover", "crash/test_torn", "crash/test_epoch",
    "tamper/test_attacks", "tamper/test_tamper_lost", "tamper/test_tamper_keys", "tamper/test_tamper_index",
    "tamper/test_tamper_log", "tamper/test_tamper_evidence", "cli/checkpoint.sh", "cli/consistency.sh",
    "cli/evidence.sh", "cli/bad_input.sh", "cli/rekey.sh", "fuzz/test_corpus", "format/test_agree.sh",
]

SWITCH_H = """#include <stdbool.h>
bool mutant_guard(unsigned n, bool value);
bool mutant_answer(unsigned n, bool value);
bool mutant_told(unsigned n);
"""
# MAP_SHARED: what was seen outlives a test that kills its process.
SWITCH_C = """#include "mutant.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
static volatile unsigned char *seen;
static unsigned disabled;
__attribute__((constructor)) static void begin(void)
{
	const char *number = getenv("MUTANT"), *path = getenv("MUTANT_SEEN");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, %u, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	disabled = number ? (unsigned)atoi(number) : 0;
	seen = map == MAP_FAILED ? NULL : map;
	if (fd >= 0)
		close(fd);
}
static bool is_disabled(unsigned n)
{
	if (seen)
		seen[n] = 1;
	return n == disabled;
}
bool mutant_guard(unsigned n, bool value) { return value && !is_disabled(n); }
bool mutant_answer(unsigned n, bool value) { return value || is_disabled(n); }
bool mutant_told(unsigned n) { return !is_disabled(n); }
"""


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


def top_level(text):
    """@text without what is in brackets."""
    at, kept = 0, ""
    while at < len(text):
        if text[at] in "([{":
            at = closing(text, at)
        else:
            kept += text[at]
        at += 1
    return kept


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
        yield (at, stop, "(void)(mutant_told(%d) && (%s, 1))",
               told(call) if '"' in call else "%s in %s" % (match.group(1), short(call)))


REFUSALS = (r"\s*(?:\{\s*)?(?:return (?:false|0|INK_ERR_\w+|WALK_\w+|NOTE_\w+|NULL|lmdb_damaged\(|error_set\(|"
            r"bad\(|bad_record\()|err = lmdb_damaged\()")


def guards_of(text, start, end):
    for match in re.finditer(r"\bif \(", text[start:end]):
        open_at = start + match.end() - 1
        close_at = closing(text, open_at)
        condition = text[open_at + 1:close_at]
        if not re.match(REFUSALS, text[close_at + 1:]) or re.match(r"\s*!?(err\b|\w+ != INK_OK$)", condition):
            continue
        spans = parts(condition, "||")
        if any("?" in top_level(condition[a:b]) for a, b in spans):
            spans = [(0, len(condition))]
        for a, b in spans:
            yield (open_at + 1 + a, open_at + 1 + b, " mutant_guard(%d, %s) ", short(condition[a:b]))


def expressions_of(text, start, end):
    for match in re.finditer(r"\breturn ([^;]*);", text[start:end]):
        expression = match.group(1)
        spans = parts(expression, "&&")
        at = start + match.start(1)
        if len(spans) == 1 and not re.search(r"[<>=]=?|!|is_|_good", expression):
            continue
        if len(spans) == 1 and (re.match(r"(INK_|true|false|err)", expression) or "?" in expression):
            continue
        for a, b in spans:
            yield (at + a, at + b, " mutant_answer(%d, %s) ", short(expression[a:b]))


def checks_of(name):
    """(function, start, end, replacement, what) in a source, and its text."""
    takes, wanted = SOURCES[name]
    with open(os.path.join(TOP, "fs/store", name), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), file.read(), flags=re.S)
    found = []
    for function, start, end in functions(text):
        is_wanted = not wanted or any(function.startswith(w) if w.endswith("_") else function == w
                                      for w in wanted.split())
        these = list(reports_of(text, start, end)) if "r" in takes else []
        if is_wanted and "g" in takes:
            these += guards_of(text, start, end)
        if is_wanted and "e" in takes:
            these += expressions_of(text, start, end)
        found += [(function, *check) for check in these]
    return text, sorted(found, key=lambda check: check[1])


def switchable(text, found, first):
    """@text with each check wrapped; they are numbered from @first on."""
    done, pieces = 0, ['#include "mutant.h"\n']
    for number, (_, a, b, new, _what) in enumerate(found, first):
        assert a >= done, "checks within each other"
        original = text[a:b]
        wrapped = new.replace("%d", str(number), 1)
        pieces += [text[done:a], wrapped.replace("%s", original, 1)]
        done = b
    return "".join(pieces) + text[done:]


# --- trying ----------------------------------------------------------------------------------

def run(command, **more):
    return subprocess.run([*shlex.split(os.environ.get("WRAP", "")), *command], cwd=WORK, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", **more)


def prepare(sources, count):
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP, stdout=subprocess.PIPE,
                           text=True, check=True).stdout.split()
    shutil.rmtree(os.path.join(WORK, "fs"), ignore_errors=True)
    for name in files:
        if os.path.exists(os.path.join(TOP, name)):
            os.makedirs(os.path.dirname(os.path.join(WORK, name)), exist_ok=True)
            shutil.copy2(os.path.join(TOP, name), os.path.join(WORK, name))
    sources = sources | {"mutant.h": SWITCH_H, "mutant.c": SWITCH_C % (count + 1)}
    for name, text in sources.items():
        with open(os.path.join(WORK, "fs/store", name), "w", encoding="utf-8") as file:
            file.write(text)
    programs = ["build/tests/" + test for test in TESTS if not test.endswith(".sh")]
    built = run(["make", "-s", "-j2", "BUILD=build", "WERROR=-w", "CFLAGS=-O1", "all", *programs])
    if built.returncode:
        raise SystemExit(built.stdout)


def try_test(test, limit_s=TIME_LIMIT_S, **switches):
    """What failed, or None."""
    build = os.path.join(WORK, "build")
    with tempfile.TemporaryDirectory(prefix="mutate-") as scratch:
        environment = dict(os.environ, BUILD=build, INKFS=build + "/inkfs", TEST_TMPDIR=scratch,
                           INKFS_TEST_SEED="1", INKFS_TEST_ROUNDS="10", INKFS_TEST_ONE_THREAD="1", AGREE_EVERY="40",
                           TEST_TIMEOUT=str(int(limit_s)), PATH=build + ":" + os.environ["PATH"], **switches)
        command = ["build/tests/" + test]
        if test.endswith(".sh"):
            command = ["tests/run.sh", "--only", test]
        elif test == "tamper/test_attacks":
            command.append("--library")
        try:
            ended = run(command, env=environment, timeout=limit_s)
        except subprocess.TimeoutExpired:
            return "%s: does not end" % test
    if ended.returncode in (0, 77):
        return None
    named = re.findall(r"\[  FAILED  \] (\w+)$", ended.stdout, re.M)
    return "%s%s" % (test, ": " + named[0] if named else "")


def watch_tests(count):
    """{test: (seconds, the checks that had something to say in it)}; all of them green."""
    def watch(test):
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(count + 1)
            start = time.monotonic()
            failed = try_test(test, MUTANT_SEEN=file.name)
            if failed:
                print("red without any change: " + failed, flush=True)
                return None
            with mmap.mmap(file.fileno(), count + 1) as seen:
                saw = {n for n in range(1, count + 1) if seen[n]}
        print("%-30s %5.0f s, sees %d" % (test, time.monotonic() - start, len(saw)), flush=True)
        return time.monotonic() - start, saw

    with ThreadPoolExecutor(JOBS) as pool:
        seen_by = dict(zip(TESTS, pool.map(watch, TESTS)))
    if None in seen_by.values():
        raise SystemExit("a test that is red anyway shows nothing")
    return seen_by


def attempt(number, seen_by):
    """What goes red without check @number, or None; and how many tests were asked."""
    able = sorted((seconds, test) for test, (seconds, seen) in seen_by.items() if number in seen)
    for seconds, test in able:
        failed = try_test(test, 20 + 5 * seconds, MUTANT=str(number))
        if failed:
            return failed, len(able)
    return None, len(able)


# --- telling ---------------------------------------------------------------------------------

MARK = "<!-- made by mutate.py -->"
README = os.path.join(TOP, "tests/tamper/README.md")


def cells(name, function, what):
    return "%s %s" % (name, function), "`%s`" % what.replace("|", "\\|")


def readme_head():
    with open(README, encoding="utf-8") as file:
        return file.read().split(MARK)[0]


def argued():
    """Checks that the part of the README written by hand says to be second to others."""
    return {tuple(line.strip("| \n").split(" | ")[:2]) for line in readme_head().splitlines() if line.startswith("| ")}


def write_table(rows):
    head = readme_head()
    with open(README, "w", encoding="utf-8") as file:
        file.write("%s%s\n\n| where | check | goes red without it |\n| --- | --- | --- |\n%s\n" %
                   (head, MARK, "\n".join(rows)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--longest", type=float, default=float("inf"))
    options = parser.parse_args()
    sources, listed = {}, []
    for name in SOURCES:
        text, found = checks_of(name)
        sources[name] = switchable(text, found, len(listed) + 1)
        listed += [(name, function, what) for function, _, _, _, what in found]
    wanted = [n for n, check in enumerate(listed, 1) if options.only in "%s %s: %s" % check]
    if options.list:
        for n in wanted:
            print("%3d %s %s: %s" % (n, *listed[n - 1]))
        return 0
    prepare(sources, len(listed))
    seen_by = {test: seen for test, seen in watch_tests(len(listed)).items() if seen[0] <= options.longest}
    excused, rows, survivors = argued(), [], 0
    with ThreadPoolExecutor(JOBS) as pool:
        for n, (red, able) in zip(wanted, pool.map(lambda n: attempt(n, seen_by), wanted)):
            where = cells(*listed[n - 1])
            is_excused = not red and where in excused
            survivors += not red and not is_excused
            rows.append("| %s | %s | %s |" % (*where, red or ("see above" if is_excused else "**unnoticed**")))
            print("%s%s" % (rows[-1], "" if red else " %d tests" % able), flush=True)
    if options.write and rows:
        write_table(rows)
    print("%d checks, %d unnoticed" % (len(rows), survivors))
    return survivors > 0


if __name__ == "__main__":
    sys.exit(main())
