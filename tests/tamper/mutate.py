#!/usr/bin/env python3
"""Disable each check of the verifier in turn and see which test goes red.

    tests/tamper/mutate.py [--only TEXT]... [--tests TEXT]... [--open] [--list] [--write] [--longest SECONDS] [--watch]

    --only TEXT        checks with TEXT in "file function: check"; given twice, either
    --open             checks that the table in tests/tamper/README.md knows no red test for
    --tests TEXT       tests with TEXT in their names; given twice, either
    --longest SECONDS  without the tests that take longer
    --watch            watch every test anew (else only those that changed since they were watched)
    --list             name the checks, try none
    --write            put what was learnt into the table; the rows of other checks stay

A check is: a call that hands out a finding; each part of a condition, of those before a finding too where there are
several, after which a decoder or checker refuses; each
part of an expression by which a function answers whether something is right.  All of them are made switchable in a copy
of the sources (build-mutate/), which is built once, with the sanitizers, so that a bound is missed where it is crossed:
MUTANT=n in the environment disables number n, and a file that MUTANT_SEEN names learns which checks had something to
say.  First each test runs with all checks on, which shows what checks it can miss; then, for each check, those tests run
without it, first the one that the table names, then the shortest, until one is red.
WRAP in the environment is put before each command.  Not a part of `make test`.
"""

import argparse
import collections
import filecmp
import hashlib
import json
import mmap
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
WORK = os.path.join(TOP, "build-mutate")
TIME_LIMIT_S = 400
JOBS = 2
# Each source has its own range of numbers, so that a change in one leaves the objects of the others as they are.
NUMBERS_PER_SOURCE = 128

REPORTS = ("report_file", "report_record", "report_place", "report_index", "report_foreign",
           "note_record", "note_file", "note_place", "break_names", "mark_fault")

# file: what is taken from it (r: reports, g: guards, e: expressions), of the latter two only in these functions ("" for
# all); G: guards in all.
SOURCES = {
    "verify.c": ("r", ""),
    "verify_log.c": ("rge", "is_erasable is_foreign_genesis is_lost_tail"),
    "verify_suspect.c": ("r", ""),
    "verify_chain.c": ("re", "actor_is_consistent"),
    "verify_seals.c": ("r", ""),
    "verify_keys.c": ("re", "is_log_seed seal_key_is_sound is_seed_of"),
    "verify_names.c": ("re", "continues_run"),
    "verify_files.c": ("r", ""),
    "verify_pins.c": ("r", ""),
    "verify_index.c": ("r", ""),
    "verify_index_open.c": ("r", ""),
    "verify_index_state.c": ("rge", "is_names_entry is_entries_entry is_links_entry"),
    "walk.c": ("ge", "segment_follows judge is_torn_magic"),
    "walk_look.c": ("e", "is_plausible"),
    "frame.c": ("ge", ""),
    "record.c": ("ge", "header_decode name_is_valid body_size_is_valid"),
    "body.c": ("ge", "decode_"),
    "vkey.c": ("ge", "vkey_parse origin_commits_to origin_name_is_valid signature_is_good"),
    "note.c": ("ge", ""),
    "lmdb_read.c": ("g", ""),
    "lmdb_read_check.c": ("Ge", "has_counts"),
    "lmdb_read_file.c": ("g", ""),
    "verify_change.c": ("r", ""),
    "verify_epoch.c": ("r", ""),
    "verify_lost.c": ("re", "is_named"),
    "succession.c": ("ge", "decode succession_begin succession_follow is_link"),
    "identity.c": ("g", "identity_checkpoint"),
    "tlog.c": ("ge", "take_hash decode_numbered tlog_proof_decode tlog_hashes_decode"),
    "proof.c": ("ge", "inclusion_check consistency_check grown_check"),
    "consistency.c": ("ge", "open_pair is_proved ink_consistency_check"),
    "evidence_check.c": ("g", ""),
}

TESTS = [
    "unit/test_walk", "unit/test_walk_look", "unit/test_walk_ahead", "unit/test_frame", "unit/test_record", "unit/test_body", "unit/test_body_rules", "unit/test_vkey",
    "unit/test_succession", "unit/test_note", "unit/test_tlog", "unit/test_proof", "unit/test_consistency", "unit/test_lmdb_read", "unit/test_lmdb_read_check",
    "unit/test_seal",
    "unit/test_verify", "unit/test_verify_record", "unit/test_verify_rules", "unit/test_verify_store", "unit/test_verify_keys", "unit/test_verify_index", "unit/test_verify_limits",
    "unit/test_evidence_check", "unit/test_key",
    "unit/test_store_epoch", "unit/test_recover", "unit/test_recover_tail", "crash/test_torn", "crash/test_epoch",
    "tamper/test_attacks", "tamper/test_tamper_lost", "tamper/test_tamper_keys", "tamper/test_tamper_index",
    "tamper/test_tamper_log", "tamper/test_tamper_noise", "tamper/test_tamper_evidence",
    "cli/checkpoint.sh", "cli/consistency.sh",
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
            r"bad\(|bad_record\()|err = (?:lmdb_damaged|error_set|bad)\()")
# An error handed on, and libsodium that does not start: no judgement of what was read.
NO_CHECK = r"\s*!?(err\b( [!=]= INK_\w+)?|\w+ != INK_OK|vkey_setup\(\))$"


def alternatives(condition):
    """Spans of what each is enough for @condition: of a || b both, of x && (a || b) too."""
    spans = parts(condition, "||")
    if any("?" in top_level(condition[a:b]) for a, b in spans):
        return [(0, len(condition))]
    if len(spans) > 1:
        return spans
    a, b = parts(condition, "&&")[-1]
    inner = condition[a:b].strip()
    if a == 0 or not inner.startswith("(") or closing(inner, 0) != len(inner) - 1:
        return spans
    first = a + condition[a:b].index("(") + 1
    return [(first + c, first + d) for c, d in parts(inner[1:-1], "||")]


def guards_of(text, start, end):
    for match in re.finditer(r"\bif \(", text[start:end]):
        open_at = start + match.end() - 1
        close_at = closing(text, open_at)
        condition = text[open_at + 1:close_at]
        if not re.match(REFUSALS, text[close_at + 1:]) or re.match(NO_CHECK, condition):
            continue
        for a, b in alternatives(condition):
            yield (open_at + 1 + a, open_at + 1 + b, " mutant_guard(%d, %s) ", short(condition[a:b]))


def conditions_of(text, start, end):
    """What each is enough for a finding, where there is more than one."""
    for match in re.finditer(r"\bif \(", text[start:end]):
        open_at = start + match.end() - 1
        close_at = closing(text, open_at)
        condition = text[open_at + 1:close_at]
        spans = alternatives(condition)
        if len(spans) == 1 or not re.match(r"\s*(?:\{\s*)?(?:%s)\(" % "|".join(REPORTS), text[close_at + 1:]):
            continue
        for a, b in spans:
            if "errno" not in condition[a:b]:  # which of the system's words for it
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
        is_wanted = any(function.startswith(w) if w.endswith("_") else function == w
                        for w in wanted.split())
        these = [*reports_of(text, start, end), *conditions_of(text, start, end)] if "r" in takes else []
        if "G" in takes or "g" in takes and (is_wanted or not wanted):
            these += guards_of(text, start, end)
        if "e" in takes and (is_wanted or not wanted):
            these += expressions_of(text, start, end)
        found += [(function, *check) for check in these]
    return text, sorted(found, key=lambda check: check[1])


def switchable(text, found, first):
    """@text with each check wrapped; they are numbered from @first on."""
    done, pieces = 0, ['#include "mutant.h"\n']
    assert len(found) <= NUMBERS_PER_SOURCE
    for number, (_, a, b, new, _what) in enumerate(found, first):
        assert a >= done, "checks within each other"
        original = text[a:b]
        wrapped = new.replace("%d", str(number), 1)
        pieces += [text[done:a], wrapped.replace("%s", original, 1)]
        done = b
    return "".join(pieces) + text[done:]


# --- trying ----------------------------------------------------------------------------------

Check = collections.namedtuple("Check", "source function what nth")


def put_file(name, text):
    """Write @name in the copy, unless it is so already: make looks at the time."""
    path = os.path.join(WORK, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def prepare(sources, count):
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP, stdout=subprocess.PIPE,
                           text=True, check=True).stdout.split()
    made = {"fs/store/" + name: text for name, text in
            (sources | {"mutant.h": SWITCH_H, "mutant.c": SWITCH_C % (count + 1)}).items()}
    for folder in ("fs", "tests/unit", "tests/support"):
        for where, _, names in os.walk(os.path.join(WORK, folder)):
            for name in (os.path.relpath(os.path.join(where, name), WORK) for name in names):
                if name not in made and name not in files:
                    os.remove(os.path.join(WORK, name))
    for name in files:
        here, there = os.path.join(TOP, name), os.path.join(WORK, name)
        if not os.path.exists(here) or name in made:
            continue
        os.makedirs(os.path.dirname(there), exist_ok=True)
        # Not with its time: what is here may be older than what was built there from something else.
        if not os.path.exists(there) or not filecmp.cmp(here, there, shallow=False):
            shutil.copy(here, there)
    for name, text in made.items():
        put_file(name, text)
    programs = ["build/tests/" + test for test in TESTS if not test.endswith(".sh")]
    built = subprocess.run([*wrapped(), "make", "-s", "-j2", "BUILD=build", "SAN=address,undefined", "WERROR=-w",
                            "CFLAGS=-O1", "all", *programs], cwd=WORK, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
    if built.returncode:
        raise SystemExit(built.stdout)


def wrapped():
    return shlex.split(os.environ.get("WRAP", ""))


def output_of(command, environment, limit_s, is_program):
    """(exit status or None where it did not end, what it said); a program of tests is over with its first failure."""
    with subprocess.Popen([*wrapped(), *command], cwd=WORK, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", env=environment, start_new_session=True) as process:
        said, is_late = [], []

        def end():
            try:
                os.killpg(process.pid, signal.SIGTERM if not is_program else signal.SIGKILL)
            except ProcessLookupError:
                pass
        timer = threading.Timer(limit_s, lambda: (is_late.append(True), end()))
        timer.start()
        for line in process.stdout:
            said.append(line)
            if is_program and re.match(r"\[  FAILED  \] \w+$", line):
                end()
        status = process.wait()
        timer.cancel()
    return None if is_late else status, "".join(said)


def try_test(test, limit_s=TIME_LIMIT_S, **switches):
    """What failed, or None."""
    build = os.path.join(WORK, "build")
    with tempfile.TemporaryDirectory(prefix="mutate-", ignore_cleanup_errors=True) as scratch:
        environment = dict(os.environ, BUILD=build, INKFS=build + "/inkfs", TEST_TMPDIR=scratch,
                           INKFS_TEST_SEED="1", INKFS_TEST_ROUNDS="10", INKFS_TEST_ONE_THREAD="1", AGREE_EVERY="40",
                           TEST_TIMEOUT=str(int(limit_s)), PATH=build + ":" + os.environ["PATH"], **switches)
        environment.pop("WRAP", None)
        is_program = not test.endswith(".sh")
        command = ["build/tests/" + test] if is_program else ["tests/run.sh", "--only", test]
        if test == "tamper/test_attacks":
            command.append("--library")
        status, said = output_of(command, environment, limit_s, is_program)
    if status is None:
        return "%s: does not end" % test
    if status in (0, 77):
        return None
    named = re.findall(r"^\[  FAILED  \] (\w+)$", said, re.M)
    if not named:
        named = ["a sanitizer stops it"] if re.search(r"^==\d+==ERROR|: runtime error:", said, re.M) else []
    return "%s%s" % (test, ": " + named[0] if named else "")


def print_of(test, checks):
    """What a test is made of: as long as this is the same, so is what it sees."""
    name = test if test.endswith(".sh") else test + ".c"
    support = sorted(os.path.join("support", n) for n in os.listdir(os.path.join(TOP, "tests/support")))
    made_of = hashlib.sha256(repr(sorted(checks.values())).encode())
    for path in [name, *(support if not name.startswith("unit/") else [])]:
        with open(os.path.join(TOP, "tests", path), "rb") as file:
            made_of.update(file.read())
    return made_of.hexdigest()


def watch(test, checks):
    """(seconds, the checks that had something to say in it); None where it is red anyway."""
    count = max(checks)
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(count + 1)
        start = time.monotonic()
        failed = try_test(test, MUTANT_SEEN=file.name)
        if failed:
            print("red without any change: " + failed, flush=True)
            return None
        with mmap.mmap(file.fileno(), count + 1) as seen:
            saw = [checks[n] for n in checks if seen[n]]
    print("%-30s %5.0f s, sees %d" % (test, time.monotonic() - start, len(saw)), flush=True)
    return time.monotonic() - start, saw


def watch_tests(tests, checks, is_anew):
    """{test: (seconds, the checks that had something to say in it)}; all of them green."""
    path = os.path.join(WORK, "seen.json")
    known = {}
    if os.path.exists(path) and not is_anew:
        with open(path, encoding="utf-8") as file:
            known = json.load(file)

    def look(test):
        now = print_of(test, checks)
        if known.get(test, [None])[0] != now:
            saw = watch(test, checks)
            known[test] = [now, *saw] if saw else [None]
        return known[test]

    with ThreadPoolExecutor(JOBS) as pool:
        looked = dict(zip(tests, pool.map(look, tests)))
    with open(path, "w", encoding="utf-8") as file:
        json.dump(known, file)
    if any(saw[0] is None for saw in looked.values()):
        raise SystemExit("a test that is red anyway shows nothing")
    return {test: (saw[1], {Check(*check) for check in saw[2]}) for test, saw in looked.items()}


def attempt(number, check, seen_by, red_before):
    """What goes red without @check, or None; and how many tests were asked."""
    able = sorted((not red_before.startswith(test), seconds, test)
                  for test, (seconds, seen) in seen_by.items() if check in seen)
    for _, seconds, test in able:
        failed = try_test(test, 20 + 5 * seconds, MUTANT=str(number))
        if failed:
            return failed, len(able)
    return None, len(able)


# --- telling ---------------------------------------------------------------------------------

MARK = "<!-- made by mutate.py -->"
README = os.path.join(TOP, "tests/tamper/README.md")
UNNOTICED = "**unnoticed**"
NOT_ASKED = "*not asked*"
ARGUED = "see above"


def cells(check):
    return "%s %s" % (check.source, check.function), "`%s`" % check.what.replace("|", "\\|")


def columns(line):
    return [cell.replace(" | ", "\\|") for cell in line.strip("| \n").split(" | ")]


def argued():
    """Checks that the part of the README written by hand says to be second to others."""
    with open(README, encoding="utf-8") as file:
        head = file.read().split(MARK)[0]
    return {tuple(columns(line)[:2]) for line in head.splitlines() if line.startswith("| ")}


def read_table():
    """{check: what goes red without it}, as the README has it."""
    known, counts = {}, collections.Counter()
    with open(README, encoding="utf-8") as file:
        lines = file.read().split(MARK)[1].splitlines()
    for line in lines:
        if line.startswith("| ") and line.count(" | ") >= 2:
            where, rest = line[2:].split(" | ", 1)
            what, red = rest.rstrip(" |").rsplit(" | ", 1)
            counts[where, what] += 1
            known[where, what, counts[where, what]] = red
    return known


def write_table(checks, table):
    with open(README, encoding="utf-8") as file:
        head = file.read().split(MARK)[0]
    rows = ["| %s | %s | %s |" % (*cells(check), table.get((*cells(check), check.nth), NOT_ASKED)) for check in checks]
    with open(README, "w", encoding="utf-8") as file:
        file.write("%s%s\n\n| where | check | goes red without it |\n| --- | --- | --- |\n%s\n" %
                   (head, MARK, "\n".join(rows)))


def all_checks():
    """{source: its text with switches}, {number: check}"""
    sources, checks, counts = {}, {}, collections.Counter()
    for nth_source, name in enumerate(SOURCES):
        first = 1 + nth_source * NUMBERS_PER_SOURCE
        text, found = checks_of(name)
        sources[name] = switchable(text, found, first)
        for number, (function, _, _, _, what) in enumerate(found, first):
            counts[name, function, what] += 1
            checks[number] = Check(name, function, what, counts[name, function, what])
    return sources, checks


def has_any(text, wanted):
    return not wanted or any(word in text for word in wanted)


def options_given():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", action="append")
    parser.add_argument("--tests", action="append")
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--watch", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--longest", type=float, default=float("inf"))
    return parser.parse_args()


def main():
    options = options_given()
    sources, checks = all_checks()
    table, excused = read_table(), argued()
    wanted = [n for n, check in checks.items() if has_any("%s %s: %s" % check[:3], options.only) and not
              (options.open and "/" in table.get((*cells(check), check.nth), ""))]
    if options.list:
        for n in wanted:
            print("%4d %s %s: %s" % (n, *checks[n][:3]))
        print("%d checks" % len(wanted))
        return 0
    prepare(sources, max(checks))
    seen_by = watch_tests([test for test in TESTS if has_any(test, options.tests)], checks, options.watch)
    seen_by = {test: seen for test, seen in seen_by.items() if seen[0] <= options.longest}
    survived = UNNOTICED if len(seen_by) == len(TESTS) else NOT_ASKED

    def judge(n):
        key = (*cells(checks[n]), checks[n].nth)
        red, able = attempt(n, checks[n], seen_by, table.get(key, ""))
        found = red or (ARGUED if key[:2] in excused else survived)
        print("| %s | %s | %s | %s" % (*key[:2], found, "" if red else "%d tests" % able), flush=True)
        table[key] = found
        return bool(red) or found == ARGUED

    with ThreadPoolExecutor(JOBS) as pool:
        try:
            survivors = list(pool.map(judge, wanted)).count(False)
        finally:
            pool.shutdown(cancel_futures=True)
            if options.write:
                write_table(checks.values(), table)
    print("%d checks, %d unnoticed" % (len(wanted), survivors))
    return survivors > 0


if __name__ == "__main__":
    sys.exit(main())
