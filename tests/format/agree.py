#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Hold `inkfs verify` and verify.py against each other, on good stores and on damaged ones.

    agree.py INKFS STORES SCRATCH [NAME]        NAME: only cases whose name holds it

STORES holds one folder for each shape that mkformat makes; SCRATCH is empty and ours.  Each case
edits a few files of a copy, asks both, and puts the files back.  AGREE_EVERY=N in the
environment: only each Nth case, and all that are crafted.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import crafted
from inkformat import SEGMENT_HEADER_SIZE, Bad, parse_frame, sha256
from inkindex import Tables
from inklmdb import PAGE_SIZE, Snapshot
from schema import Schema
from verify import verify

SCHEMA = Schema(Path(__file__).parents[2] / "tools/inkfs-verify-1.schema.json")
SEGMENT = "log/0000000000.seg"
DATA = "index/data.mdb"
DENSE_HEAD, DENSE_TAIL, STRIDE = 400, 600, 7
INDEX_FLIPS = 600
SHOWN_MAX = 40
COMPARED = {"lost-file", "lost-missing", "lost-unnamed", "epoch-long"}  # found by both or neither


class Odd(Enum):
    """What may stand where a file belongs."""

    FOLDER = "a folder"
    LINK = "a symbolic link to the file"
    PIPE = "a pipe"


Edits = dict[str, bytes | Odd | None]  # new content by file; None: no such file


@dataclass
class Case:
    """`store` is beneath STORES, or absolute."""

    store: str
    name: str
    edits: Callable[[Path], Edits] = lambda _store: {}
    key: str | None = None
    exit_code: int | None = None  # what both must say; None: only the same


@dataclass
class Outcome:
    case: str
    faults: list[str] = field(default_factory=list)
    codes: str = ""


def flip(file: str, pos: int) -> Callable[[Path], Edits]:
    def edits(store: Path) -> Edits:
        data = bytearray((store / file).read_bytes())
        data[pos] ^= 1 << pos % 8
        return {file: bytes(data)}
    return edits


def put(file: str, data: bytes | Odd | None) -> Callable[[Path], Edits]:
    return lambda _store: {file: data}


# --- cases -----------------------------------------------------------------------------------


def segment_flips(store: str, data: bytes, exit_code: int | None) -> Iterator[Case]:
    size = len(data)
    dense = {*range(min(size, DENSE_HEAD)), *range(max(0, size - DENSE_TAIL), size)}
    for pos in sorted(dense | set(range(0, size, STRIDE))):
        yield Case(store, f"flip segment byte {pos}", flip(SEGMENT, pos), exit_code=exit_code)


def index_flips(store: str, data: bytes) -> Iterator[Case]:
    snapshot = Snapshot(data)
    snapshot.databases()
    used = sorted({pos for first, end in snapshot.spans for pos in range(first, end)})
    for pos in used[::max(1, len(used) // INDEX_FLIPS)]:
        yield Case(store, f"flip index byte {pos} (page {pos // PAGE_SIZE}+{pos % PAGE_SIZE})",
                   flip(DATA, pos))


def without_index(cases: list[Case]) -> Iterator[Case]:
    for case in cases:
        def edits(store: Path, case: Case = case) -> Edits:
            return case.edits(store) | {DATA: None, "index/lock.mdb": None}
        yield Case(case.store, f"no index, {case.name}", edits)


def load_tables(tables: Tables) -> bytes:
    """An LMDB file that holds these entries, made by LMDB itself."""
    lines = []
    for name, entries in sorted(tables.items()):
        lines += ["VERSION=3", "format=bytevalue", f"database={name}", "type=btree",
                  "mapsize=16777216", "HEADER=END"]
        for entry in sorted(entries.items()):
            lines += [" " + part.hex() for part in entry]
        lines.append("DATA=END")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.mdb"
        subprocess.run(["mdb_load", "-n", str(file)], input="\n".join(lines) + "\n", text=True,
                       check=True)
        return file.read_bytes()


def index_edits(store: str, data: bytes) -> Iterator[Case]:
    """Entries removed and added in a sound LMDB file."""
    def case(name: str, table: str, key: bytes, value: bytes | None, exit_code: int = 1) -> Case:
        def edits(_store: Path) -> Edits:
            tables = {other: dict(entries) for other, entries in Snapshot(data).databases().items()}
            if value is None:
                del tables[table][key]
            else:
                tables.setdefault(table, {})[key] = value
            return {DATA: load_tables(tables), "index/lock.mdb": None}
        return Case(store, f"index, {table} {key.hex()}: {name}", edits, exit_code=exit_code)

    for table, entries in Snapshot(data).databases().items():
        for number, (key, value) in enumerate(entries.items()):
            if number == 0:
                yield case("as it was", table, key, value, exit_code=0)
            if number % max(1, len(entries) // 12) == 0:
                yield case("removed", table, key, None)
                yield case("longer", table, key, value + b"\0")
                yield case("shorter", table, key, value[:-1])
                yield case("one more", table, key + b"\0", value)
        yield case("one more at the end", table, b"\xff" * 16, b"\0" * 8)
    yield case("a database more", "other", b"k", b"v")


def frame_ends(data: bytes) -> list[int]:
    ends = [SEGMENT_HEADER_SIZE]
    try:
        while ends[-1] < len(data):
            ends.append(parse_frame(data, ends[-1])[1])
    except Bad:
        pass
    return ends


def truncations(store: str, data: bytes, has_index: bool) -> Iterator[Case]:
    for end in frame_ends(data)[:-1]:
        for cut in (end, end + 1, end + 100):
            if has_index:
                yield Case(store, f"cut at {cut}", put(SEGMENT, data[:cut]), exit_code=1)
            yield Case(store, f"cut at {cut}, no index",
                       lambda _s, cut=cut: {SEGMENT: data[:cut], DATA: None,
                                            "index/lock.mdb": None})
    for cut in (0, 1, 64, 127):
        yield Case(store, f"cut at {cut}", put(SEGMENT, data[:cut]))


def additions(store: str, data: bytes) -> Iterator[Case]:
    ends = frame_ends(data)
    frames = [data[first:end] for first, end in zip(ends, ends[1:])]
    for name, extra in (("zeros", bytes(8)), ("many zeros", bytes(9000)), ("a byte", b"x"),
                        ("text", b"appended\n"), ("the last frame", frames[-1]),
                        ("a half frame", frames[-1][:80]), ("frame magic", b"inkF")):
        yield Case(store, f"{name} behind the end", put(SEGMENT, data + extra))
    for at in range(0, len(frames), 5):
        rest = frames[:at] + frames[at + 1:]
        yield Case(store, f"record {at} removed", put(SEGMENT, data[:ends[0]] + b"".join(rest)),
                   exit_code=1)
        rest = frames[:at + 1] + frames[at:]
        yield Case(store, f"record {at} doubled", put(SEGMENT, data[:ends[0]] + b"".join(rest)),
                   exit_code=1)
        rest = [*frames[:at], bytes(len(frames[at])), *frames[at + 1:]]
        yield Case(store, f"record {at} all zero", put(SEGMENT, data[:ends[0]] + b"".join(rest)),
                   exit_code=1)


def folders(store: str) -> Iterator[Case]:
    for name in ("foreign", "log/foreign", "log/0000000099.seg", "log/1.seg",
                 "log/0000000000.seg.bak",
                 "index/foreign", "log/4294967296.seg", "index.new/foreign", "keys/foreign",
                 "keys/log.key.old", "lost+found", "lost+found/foreign", "lost+found/#", "lost+found/#1a"):
        yield Case(store, f"foreign file {name}", put(name, b"x"), exit_code=1)
    for name in ("index.new/data.mdb", "index.new/lock.mdb", "keys/seal.key.new", "lost+found/#12"):
        yield Case(store, f"{name} is there", put(name, b"x"), exit_code=0)
    for name in ("x", "1.tail", f"{1:020}.0.tail", f"{1:020}.64.tail", f"{1 << 64}.tail",
                 f"{1:020}.tail", f"{1:020}.1.tail"):
        yield Case(store, f"lost/{name} is there", put(f"lost/{name}", b"x"), exit_code=1)
    for name in ("tail.new", f"{999999:020}.tail", f"{(1 << 64) - 1:020}.63.tail"):
        yield Case(store, f"lost/{name} is there", put(f"lost/{name}", b"x"), exit_code=0)
    for size, code in ((0, 0), (144, 0), (145, 1)):
        yield Case(store, f"keys/seal.key.new of {size} bytes", put("keys/seal.key.new", bytes(size)),
                   exit_code=code)
    yield Case(store, "no vkey", put("vkey", None))
    yield Case(store, "no lock", put("lock", None))
    yield Case(store, "no index", lambda _s: {DATA: None, "index/lock.mdb": None}, exit_code=0)
    yield Case(store, "no keys", lambda _s: {"keys/log.key": None, "keys/seal.key": None},
               exit_code=0)
    yield Case(store, "empty index", put(DATA, b""))
    yield Case(store, "short index", lambda s: {DATA: (s / DATA).read_bytes()[:PAGE_SIZE * 3]})
    yield Case(store, "no segment", put(SEGMENT, None))


def odd_files(store: str) -> Iterator[Case]:
    for file in (SEGMENT, DATA, "vkey", "lock", "keys/log.key", "keys/seal.key", "index/lock.mdb"):
        for odd in Odd:
            yield Case(store, f"{odd.value} as {file}", put(file, odd), exit_code=1)


def lost_files(store: str, root: Path) -> Iterator[Case]:
    """What recovery set aside in a store of the shape `torn`."""
    (file,) = (f"lost/{entry.name}" for entry in (root / "lost").iterdir())
    data = (root / file).read_bytes()
    for pos in range(0, len(data), 9):
        yield Case(store, f"flip {file} byte {pos}", flip(file, pos), exit_code=1)
    for name, other in (("shorter", data[:-1]), ("longer", data + b"\0"), ("empty", b""),
                        ("a folder", Odd.FOLDER), ("a link", Odd.LINK), ("a pipe", Odd.PIPE)):
        yield Case(store, f"{file} {name}", put(file, other), exit_code=1)
    yield Case(store, f"{file} missing", put(file, None), exit_code=0)
    second = file.replace(".tail", ".1.tail")
    yield Case(store, f"{second} more", put(second, data), exit_code=1)


def seal_key_with(count: int, first: bytes | None, second: bytes, version: int = 1,
                  zero: bytes = bytes(12)) -> Callable[[Path], Edits]:
    """@first None: the seed that is there."""
    def edits(store: Path) -> Edits:
        old = (store / "keys/seal.key").read_bytes()
        data = b"".join((old[:8], version.to_bytes(4), old[12:16], count.to_bytes(4), zero, old[32:48],
                         first or old[48:80], second))
        return {"keys/seal.key": data + sha256(data)}
    return edits


def small_files(store: str, root: Path, other_key: str) -> Iterator[Case]:
    for file in ("vkey", "keys/log.key", "keys/seal.key"):
        for pos in range(0, (root / file).stat().st_size, 5):
            yield Case(store, f"flip {file} byte {pos}", flip(file, pos), exit_code=1)
    yield Case(store, "vkey without line feed",
               lambda s: {"vkey": (s / "vkey").read_bytes().rstrip()})
    yield Case(store, "vkey with more", lambda s: {"vkey": (s / "vkey").read_bytes() + b"x\n"},
               exit_code=1)
    yield Case(store, "empty vkey", put("vkey", b""), exit_code=1)
    other, none = b"n" * 32, bytes(32)
    yield Case(store, "crafted: seal.key made anew", seal_key_with(1, None, none), exit_code=0)
    yield Case(store, "crafted: seal.key and its next", seal_key_with(2, None, other), exit_code=0)
    yield Case(store, "crafted: a rekey was begun", seal_key_with(2, none, other), exit_code=0)
    for name, edits in (("without a seed", seal_key_with(1, none, none)),
                        ("with two seeds, both zero", seal_key_with(2, none, none)),
                        ("with another seed", seal_key_with(1, other, none)),
                        ("with a seed more than it counts", seal_key_with(1, None, other)),
                        ("that counts no seed", seal_key_with(0, None, none)),
                        ("that counts three seeds", seal_key_with(3, None, other)),
                        ("without its second seed", seal_key_with(2, None, none)),
                        ("of another version", seal_key_with(1, None, none, version=2)),
                        ("with bytes where zeros belong", seal_key_with(1, None, none, zero=b"1" * 12))):
        yield Case(store, f"crafted: seal.key {name}", edits, exit_code=1)
    yield Case(store, "wrong pinned key", key=other_key, exit_code=1)


def segments(store: str, root: Path) -> Iterator[Case]:
    files = sorted(f"log/{entry.name}" for entry in (root / "log").iterdir())
    datas = [(root / file).read_bytes() for file in files]
    for index, (file, data) in enumerate(zip(files, datas)):
        yield Case(store, f"segment {index} missing", put(file, None), exit_code=1)
        yield Case(store, f"segment {index} empty", put(file, b""), exit_code=1)
        yield Case(store, f"segment {index} header only", put(file, data[:128]), exit_code=1)
        yield Case(store, f"segment {index} longer", put(file, data + bytes(8)),
                   exit_code=int(index + 1 < len(files)))
        after = (index + 1) % len(files)
        yield Case(store, f"segment {index} swapped with {after}",
                   lambda _s, i=index, j=after: {files[i]: datas[j],
                                                 files[j]: datas[i]}, exit_code=1)
        yield Case(store, f"segment {index} doubled", put(f"log/{len(files):010}.seg", data),
                   exit_code=1)
        for pos in range(0, 128, 3):
            yield Case(store, f"segment {index} header byte {pos}", flip(file, pos), exit_code=1)
    last = len(files)
    yield Case(store, "an empty segment more", put(f"log/{last:010}.seg", b""))
    yield Case(store, "a segment of zeros more", put(f"log/{last:010}.seg", bytes(4096)))
    yield Case(store, "the newest two missing", lambda _s: {files[-1]: None, files[-2]: None},
               exit_code=1)
    no_index: Edits = {DATA: None, "index/lock.mdb": None}
    yield Case(store, "the newest missing, no index", lambda _s: no_index | {files[-1]: None})


def crafts(folder: Path) -> Iterator[Case]:
    for craft, store in crafted.write_all(folder):
        yield Case(str(store), f"crafted: {craft.name}", exit_code=craft.exit_code)


def all_cases(stores: Path) -> Iterator[Case]:
    keys = {path.name: (path / "vkey").read_text().strip() for path in sorted(stores.iterdir())}
    for name, key in keys.items():
        yield Case(name, "as it is", exit_code=0)
        yield Case(name, "with its key", key=key, exit_code=0)
    root = stores / "small"
    data = (root / SEGMENT).read_bytes()
    yield from segment_flips("small", data, 1)
    yield from without_index(list(segment_flips("small", data, None))[::8])
    yield from index_flips("small", (root / DATA).read_bytes())
    yield from index_edits("small", (root / DATA).read_bytes())
    yield from index_flips("many", (stores / "many" / DATA).read_bytes())
    yield from truncations("small", data, has_index=True)
    yield from additions("small", data)
    yield from folders("small")
    yield from odd_files("small")
    yield from lost_files("torn", stores / "torn")
    yield from small_files("small", root, keys["big"])
    yield from segments("big", stores / "big")
    killed = (stores / "killed" / SEGMENT).read_bytes()
    killed = killed[:frame_ends(killed)[-1]]
    yield from list(segment_flips("killed", killed, None))[::6]
    yield from truncations("killed", killed, has_index=False)
    recovered = (stores / "recovered" / SEGMENT).read_bytes()
    yield from list(segment_flips("recovered", recovered, 1))[::7]
    fresh = (stores / "fresh" / SEGMENT).read_bytes()
    yield from list(segment_flips("fresh", fresh, None))[::3]
    for store in ("recovered", "many"):
        other = {f"{SEGMENT}": (stores / store / SEGMENT).read_bytes()}
        yield Case("small", f"the log of {store}", lambda _s, other=other: dict(other), exit_code=1)
        index = (stores / store / DATA).read_bytes()
        yield Case("small", f"the index of {store}", put(DATA, index), exit_code=1)


# --- asking both -------------------------------------------------------------------------------


def ask_program(program: str, store: Path, key: str | None) -> tuple[int, dict[str, Any]]:
    pinned = ["--key", key] if key else []
    try:
        run = subprocess.run([program, "verify", "--json", *pinned, str(store)],
                             capture_output=True, timeout=60, check=False)
        return run.returncode, json.loads(run.stdout)
    except subprocess.TimeoutExpired:
        return -1, {}
    except ValueError:
        return run.returncode, {}


def compare(program: str, store: Path, case: Case) -> Outcome:
    ours, result, why = verify(store, case.key)
    theirs, summary = ask_program(program, store, case.key)
    codes = ",".join(sorted({finding.code for finding in result.findings})) or why
    outcome = Outcome(f"{Path(case.store).name}: {case.name}", codes=codes)
    outcome.faults += [f"not inkfs-verify/1: {fault}" for fault in SCHEMA.faults(summary)[:3]]
    if ours != theirs:
        outcome.faults.append(f"verify.py says {ours} ({codes}), "
                              f"inkfs says {theirs} ({','.join(sorted(summary_codes(summary)))})")
    elif case.exit_code not in (None, ours):
        outcome.faults.append(f"both say {ours} ({codes}), not {case.exit_code}")
    elif ours < 2:
        told = summary.get("result", {})
        outcome.faults += [f"{key}: verify.py {mine}, inkfs {told.get(key)} ({codes})"
                           for key in ("records", "root", "closed")
                           if (mine := getattr(result, key)) != told.get(key)
                           and not (key == "root" and result.records == 0)]
        here, there = COMPARED & set(codes.split(",")), COMPARED & summary_codes(summary)
        if here != there:
            outcome.faults.append(f"verify.py finds {here}, inkfs {there}")
    return outcome


def summary_codes(summary: dict[str, Any]) -> set[str]:
    return {str(finding.get("code")) for finding in summary.get("findings", ())}


def run_case(program: str, stores: Path, scratch: Path, case: Case) -> Outcome:
    """In a copy of the store that this process keeps; afterwards the copy is as it was."""
    copy = scratch / f"{Path(case.store).name}-{os.getpid()}"
    if not copy.exists():
        shutil.copytree(stores / case.store, copy)
    edits = case.edits(copy)
    before = {file: (copy / file).read_bytes() if (copy / file).exists() else None
              for file in edits}
    apply_edits(copy, edits)
    try:
        return compare(program, copy, case)
    finally:
        apply_edits(copy, before)


def apply_edits(copy: Path, edits: Edits) -> None:
    for file, data in edits.items():
        path, aside = copy / file, copy.with_name(f"{copy.name}.aside")
        if path.is_dir():
            path.rmdir()
        elif data is Odd.LINK:
            path.replace(aside)
        else:
            path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        if isinstance(data, bytes):
            path.write_bytes(data)
        elif data is Odd.FOLDER:
            path.mkdir()
        elif data is Odd.LINK:
            path.symlink_to(aside)
        elif data is Odd.PIPE:
            os.mkfifo(path)


CASES: list[Case] = []  # inherited by the workers, which a pickled function could not be
WHERE: list[Any] = []


def run_number(number: int) -> Outcome:
    return run_case(*WHERE, CASES[number])


def main() -> int:
    program, stores, scratch = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    started = time.monotonic()
    WHERE[:] = [program, stores, scratch]
    cases = [*all_cases(stores), *crafts(scratch / "crafted")]
    chosen = [case for case in cases if "".join(sys.argv[4:5]) in case.name]
    every = int(os.environ.get("AGREE_EVERY", "1"))
    CASES[:] = [case for number, case in enumerate(chosen)
                if number % every == 0 or case.name.startswith("crafted: ")]
    with get_context("fork").Pool(os.cpu_count()) as pool:
        outcomes = pool.map(run_number, range(len(CASES)), chunksize=8)
    bad = [outcome for outcome in outcomes if outcome.faults]
    for outcome in bad[:SHOWN_MAX]:
        print(f"{outcome.case}: {'; '.join(outcome.faults)}")
    if len(bad) > SHOWN_MAX:
        print(f"and {len(bad) - SHOWN_MAX} more")
    found = Counter(code for outcome in outcomes for code in outcome.codes.split(","))
    print(", ".join(f"{code} {count}" for code, count in sorted(found.items())))
    print(f"{len(outcomes)} cases, {len(bad)} disagreements, {time.monotonic() - started:.1f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
