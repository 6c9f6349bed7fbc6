#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Verify an inkfs store by fs/store/FORMAT.md alone, without the C library.

    verify.py [--key VKEY] [--json] STORE

Exit 0: intact.  1: the evidence is bad.  2: usage.  3: could not check.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import stat
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import inkindex
import inklmdb
from inkformat import Bad, Genesis, Record, Unknown, sha256
from inkkeys import is_log_key_line, is_vkey, make_vkey, seal_keys
from inklog import Damage, Log, is_torn_start, read_log, seals_behind
from inkreplay import Replay, State

EVIDENCE, OBSERVATION = "evidence", "observation"
BELONGS = {"lock": stat.S_IFREG, "vkey": stat.S_IFREG, "log": stat.S_IFDIR, "index": stat.S_IFDIR,
           "keys": stat.S_IFDIR, "lost": stat.S_IFDIR, "index.new": stat.S_IFDIR,
           "lost+found": stat.S_IFDIR}
BELONGS_IN_INDEX = {"data.mdb": stat.S_IFREG, "lock.mdb": stat.S_IFREG}
BELONGS_IN_KEYS = {"log.key": stat.S_IFREG, "seal.key": stat.S_IFREG, "seal.key.new": stat.S_IFREG}
INDEX_DIFFERENCES_MAX = 20


class CannotCheck(Exception):
    """Neither good nor bad: this cannot be judged."""


@dataclass(slots=True)
class Finding:
    code: str
    severity: str
    seq: int | None
    place: int | None
    text: str

    def __str__(self) -> str:
        where = "".join(f" {key}={value}" for key,
                        value in (("seq", self.seq), ("place", self.place))
                        if value is not None)
        return f"{self.code}{where} {self.severity}: {self.text}"


@dataclass(slots=True)
class Result:
    intact: bool = False
    records: int = 0
    root: str = ""
    closed: bool = False
    findings: list[Finding] = field(default_factory=list)


class Verifier:
    def __init__(self, store: Path, pinned: str | None = None) -> None:
        self.store = store
        self.pinned = pinned
        self.result = Result()
        self.is_live = False
        self.is_whole = True  # no evidence against the run of records
        self.tables: inkindex.Tables | None = None
        self.head = inkindex.Head(0, False)
        self.replay = Replay(self._record_evidence, self._record_observation)

    def run(self) -> Result:
        """Check everything.  Unknown, CannotCheck and OSError: no verdict."""
        self._check_folder()
        self.is_live = is_locked(self.store / "lock")
        self._read_index()  # before the log, which may grow meanwhile
        log = read_log(self._read_segments())
        self._replay(log)
        self._judge_end(log)
        self._check_segments(log)
        self._check_lost()
        self._check_keys()
        return self._finish()

    # --- findings --------------------------------------------------------------------------

    def _find(self, code: str, severity: str, text: str, seq: int | None = None,
              place: int | None = None) -> None:
        self.result.findings.append(Finding(code, severity, seq, place, text))

    def _record_evidence(self, code: str, record: Record, text: str) -> None:
        self._find(code, EVIDENCE, text, record.seq, record.place)

    def _record_observation(self, code: str, record: Record, text: str) -> None:
        self._find(code, OBSERVATION, text, record.seq, record.place)

    @property
    def state(self) -> State:
        return self.replay.state

    # --- the folder --------------------------------------------------------------------------

    def _check_folder(self) -> None:
        if not (self.store / "log").is_dir():
            raise CannotCheck("not a store: it has no folder `log`")
        self._check_names(self.store, BELONGS)
        self._check_names(self.store / "index", BELONGS_IN_INDEX)
        self._check_names(self.store / "index.new", BELONGS_IN_INDEX)
        self._check_names(self.store / "keys", BELONGS_IN_KEYS)
        self._check_fsck(self.store / "lost+found")
        if (self.store / "index.new").is_dir():
            self._find("foreign-file", OBSERVATION, "index.new is left of an index that was being made")
        if len(read_readable(self.store / "keys" / "seal.key.new")) > 144:
            self._find("foreign-file", EVIDENCE, "keys/seal.key.new is longer than a key file")
        names = sorted(entry.name for entry in os.scandir(self.store / "log"))
        good = {name: stat.S_IFREG for name in names
                if re.fullmatch(r"[0-9]{10}\.seg", name) and int(name[:10]) < 1 << 32}
        self._check_names(self.store / "log", good)
        for number, name in enumerate(good):
            if int(name[:10]) != number:
                self.is_whole = False
                return self._find("segment-missing", EVIDENCE, f"segment {number} is missing")
        if not good:
            self._find("segment-missing", EVIDENCE, "there is no segment")

    def _check_fsck(self, folder: Path) -> None:
        for entry in entries_of(folder):
            is_fsck = re.fullmatch(r"#[0-9]+", entry.name) is not None
            self._find("foreign-file", OBSERVATION if is_fsck else EVIDENCE,
                       f"lost+found/{entry.name} does not belong there")

    def _check_names(self, folder: Path, belongs: dict[str, int]) -> None:
        for entry in entries_of(folder):
            mode = entry.stat(follow_symlinks=False).st_mode
            if belongs.get(entry.name) != stat.S_IFMT(mode):
                name = os.path.relpath(entry.path, self.store)
                self._find("foreign-file", EVIDENCE, f"{name!r} does not belong there")

    def _read_segments(self) -> list[bytes]:
        segments: list[bytes] = []
        while (data := read_regular(self.store / "log" / f"{len(segments):010}.seg")) is not None:
            segments.append(data)
        return segments

    # --- index -------------------------------------------------------------------------------

    def _read_index(self) -> None:
        data = read_regular(self.store / "index" / "data.mdb")
        if not data:
            return self._find("no-index", OBSERVATION, "there is no index, or an empty file")
        try:
            self.tables = inklmdb.Snapshot(data).databases()
            self.head = inkindex.parse_head(self.tables)
        except inklmdb.Damaged as damage:
            self._find("index", EVIDENCE, f"index is damaged: {damage}")
        except Bad as bad:
            self._find(bad.code, EVIDENCE, bad.text)

    def _compare_index(self) -> None:
        assert self.tables is not None
        for count, text in enumerate(inkindex.differences(self.tables, self.state)):
            if count == INDEX_DIFFERENCES_MAX:
                return self._find("index", EVIDENCE, "and more")
            self._find("index", EVIDENCE, text)

    # --- the log -----------------------------------------------------------------------------

    def _replay(self, log: Log) -> None:
        for record in log.records:
            self.replay.add(record)
            if self.tables is not None and record.seq + 1 == self.head.count and self.state.genesis:
                self._compare_index()

    def _judge_end(self, log: Log) -> None:
        """Where the log ends, and whether that is an end, a crash or a loss."""
        state, count = self.state, len(log.records)
        if log.damage:
            self._judge_damage(log, log.damage)
        elif self.head.count > count:
            self._find("index-ahead", EVIDENCE,
                       f"the index knows of {self.head.count} records, the log of {count}")
        elif state.is_closed and (log.tail_size or log.is_last_empty):
            self._find("torn-tail", OBSERVATION, "zero bytes or an empty segment behind an orderly end",
                       count, log.end_place)
        if state.genesis is None:
            self._find("genesis", EVIDENCE, "the log does not begin with a GENESIS")
        if self.tables is not None and 0 <= self.head.count < count:
            code = "index-behind" if self.head.count else "index"
            severity = OBSERVATION if self.head.count else EVIDENCE
            self._find(code, severity, f"the index covers {self.head.count} of {count} records")
        is_end = (self.is_whole and not log.damage and log.tail_size == 0
                  and not log.is_last_empty)
        self.result.closed = state.is_closed and is_end

    def _judge_damage(self, log: Log, damage: Damage) -> None:
        """Section 6: before the durable size a fault is evidence, behind it it may be a crash."""
        state = self.state
        durable = [1, self.head.count, state.durable]
        if state.genesis:
            log_key = state.genesis.log_key
            durable += [seal.durable for seal in
                        seals_behind(log, state.seal_key, log_key, state.epoch)]
        is_torn = damage.can_be_crash and damage.seq >= max(durable)
        if is_torn and (not state.is_closed or is_torn_start(log, damage.place)):
            self._find("torn-tail", OBSERVATION, damage.text, damage.seq, damage.place)
        else:
            self.is_whole = False
            self._find(damage.code, EVIDENCE, damage.text, damage.seq, damage.place)

    def _check_segments(self, log: Log) -> None:
        genesis = self.state.genesis
        if genesis is None:
            return
        for index, store_id in enumerate(log.store_ids):
            if store_id != genesis.store_id:
                self._find("segment-header", EVIDENCE, f"segment {index} is of another store")
        for index, data in enumerate(log.segments):
            if len(data) > genesis.segment_size:
                self._find("segment-tail", EVIDENCE,
                           f"segment {index} is longer than segments may be")

    # --- lost/ -------------------------------------------------------------------------------

    def _check_lost(self) -> None:
        folder = self.store / "lost"
        named = {lost_name(seq, number): tail for seq, tails in self.state.recoveries.items()
                 for number, tail in enumerate(tails)}
        is_there = folder.is_dir() and not folder.is_symlink()
        entries = {entry.name: entry for entry in os.scandir(folder)} if is_there else {}
        for name, tail in named.items():
            if name not in entries:
                self._find("lost-missing", OBSERVATION, f"lost/{name} is not there")
                continue
            data = read_regular(folder / name)
            if data is None or (len(data), sha256(data)) != tail:
                self._find("lost-file", EVIDENCE, f"lost/{name} is not what was set aside")
        for name, entry in sorted(entries.items()):
            self._check_lost_entry(entry, name in named)

    def _check_lost_entry(self, entry: os.DirEntry[str], is_named: bool) -> None:
        match = re.fullmatch(r"([0-9]{20})(\.[1-9]|\.[1-5][0-9]|\.6[0-3])?\.tail", entry.name)
        is_ours = (match and int(match[1]) < 1 << 64) or entry.name == "tail.new"
        if not is_ours or not entry.is_file(follow_symlinks=False):
            self._find("foreign-file", EVIDENCE, f"lost/{entry.name} does not belong there")
        elif not match or (int(match[1]) >= self.state.tree.size and not is_named):
            self._find("lost-unnamed", OBSERVATION, f"lost/{entry.name}: of a cut-off opening")
        elif not is_named:
            self._find("foreign-file", EVIDENCE, f"no RECOVERY names lost/{entry.name}")

    # --- keys --------------------------------------------------------------------------------

    def _check_keys(self) -> None:
        genesis = self.state.genesis
        if genesis is None:
            return
        vkey = make_vkey(genesis.origin, genesis.log_key)
        if self.pinned is not None and self.pinned != vkey:
            self._find("pinned-key", EVIDENCE, "the store is not of the pinned verification key")
        line = read_regular(self.store / "vkey")
        if line is not None and line != vkey.encode() + b"\n":
            self._find("vkey-file", EVIDENCE, "`vkey` is not what GENESIS says")
        if self.is_live:
            return  # the key file changes under our eyes
        try:
            self._check_log_key(genesis)
            self._check_seal_key(genesis)
        except PermissionError:
            pass  # an auditor need not be able to read secrets

    def _check_log_key(self, genesis: Genesis) -> None:
        line = read_regular(self.store / "keys" / "log.key")
        if line is not None and not is_log_key_line(line, genesis.origin, genesis.log_key):
            self._find("key-file", EVIDENCE, "keys/log.key is damaged or of another store")

    def _check_seal_key(self, genesis: Genesis) -> None:
        data = read_regular(self.store / "keys" / "seal.key")
        if data is None:
            return
        keys = seal_keys(data, genesis.store_id)
        state = self.state
        if not keys:
            self._find("key-file", EVIDENCE, "keys/seal.key is damaged or of another store")
        elif keys.get(state.epoch) == b"":
            self._find("key-file", OBSERVATION, "keys/seal.key: a rekey was not brought to its end")
        elif keys.get(state.epoch) != state.seal_key and self.is_whole:
            self._find("key-file", EVIDENCE, "keys/seal.key is not the key of the last epoch")

    # --- summary -------------------------------------------------------------------------------

    def _finish(self) -> Result:
        state, result = self.state, self.result
        unsealed = state.tree.size - state.last_seal - 1
        if unsealed > 0:
            self._find("unsealed-tail", OBSERVATION,
                       f"no signature covers the last {unsealed} record{'s' * (unsealed != 1)}")
        if not result.closed:
            self._find("not-closed", OBSERVATION, "the log does not end with its closing record")
        if state.session and not self.is_live:
            self._find("unclean-end", OBSERVATION,
                       f"session of record {state.session} has no UNMOUNT")
        result.records, result.root = state.tree.size, state.tree.root().hex()
        result.intact = all(finding.severity != EVIDENCE for finding in result.findings)
        return result


def lost_name(seq: int, number: int) -> str:
    return f"{seq:020}.{number}.tail" if number else f"{seq:020}.tail"


# --- files ---------------------------------------------------------------------------------------


def read_readable(path: Path) -> bytes:
    try:
        return read_regular(path) or b""
    except PermissionError:
        return b""


def entries_of(folder: Path) -> list[os.DirEntry[str]]:
    """None if it is no folder, or one that an auditor need not be able to read."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    try:
        return sorted(os.scandir(folder), key=lambda entry: entry.name)
    except PermissionError:
        return []


def read_regular(path: Path) -> bytes | None:
    """None if there is nothing, or something that is no regular file (found as foreign before)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        if path.is_symlink() or path.is_socket():
            return None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return None
    with open(fd, "rb") as file:
        return file.read()


def is_locked(path: Path) -> bool:
    """Does somebody write this store now?"""
    if not stat.S_ISREG(os.lstat(path).st_mode if path.exists() else 0):
        return False
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


# --- command line --------------------------------------------------------------------------------


def verify(store: Path, pinned: str | None = None) -> tuple[int, Result, str]:
    """Exit code, result, and for exit code 3 why nothing could be checked."""
    verifier = Verifier(store, pinned)
    try:
        result = verifier.run()
    except (Unknown, CannotCheck, OSError) as error:
        return 3, verifier.result, str(error)
    return (0 if result.intact else 1), result, ""


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify an inkfs store by its format page alone.")
    parser.add_argument("store", type=Path)
    parser.add_argument("--key", help="pinned verification key, one line")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.key is not None and not is_vkey(args.key):
        parser.error("--key is no verification key")
    code, result, why = verify(args.store, args.key)
    if code == 3:
        print(f"could not check: {why}", file=sys.stderr)
    elif args.json:
        print(json.dumps(asdict(result), indent=1))
    else:
        for finding in result.findings:
            print(finding)
        print("intact" if result.intact else "NOT INTACT", result.records, "records, root",
              result.root)
    return code


if __name__ == "__main__":
    sys.exit(main())
