#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Write a small store by fs/store/FORMAT.md alone: something valid for the verifier's own tests.

    writer.py STORE [SEED]        the same SEED gives the same bytes

It writes no index and no keys.  `Writer.add` takes any header field and body, so that tests can
also make stores that are signed and yet wrong.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import nacl.signing

from inkformat import DOMAINS, ZERO_HASH, Kind, Merkle, sha256
from inkkeys import make_vkey

SEGMENT_SIZE = 2 << 20
WALL_NS = 1_700_000_000_000_000_000
STEP_NS = 1_000_000


def text(data: str | bytes) -> bytes:
    raw = data.encode() if isinstance(data, str) else data
    return len(raw).to_bytes(2) + raw


def u32(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4) for number in numbers)


def u64(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8) for number in numbers)


class Signed(NamedTuple):
    signature: bytes


class Signer(Protocol):
    """A nacl.signing.SigningKey, or something that tests put in its place."""

    @property
    def verify_key(self) -> Any: ...

    def sign(self, message: bytes) -> Any: ...


class Writer:
    def __init__(self, store: Path, seed: int = 1, segment_size: int = SEGMENT_SIZE) -> None:
        self.random = random.Random(seed)
        self.store = store
        self.segment_size = segment_size
        self.store_id = self.random.randbytes(16)
        self.log_key: Signer = nacl.signing.SigningKey(self.random.randbytes(32))
        self.seal_key: Signer = nacl.signing.SigningKey(self.random.randbytes(32))
        self.tree = Merkle()
        self.prev = ZERO_HASH
        self.epoch = 0
        self.boot_shift = 0  # added to the boot clock, ns
        self.segments: list[bytearray] = []
        self._begin_segment()

    def _begin_segment(self) -> None:
        head = b"".join((b"inkfsSEG", u32(1, len(self.segments)), u64(self.tree.size),
                         self.store_id,
                         self.prev, bytes(24)))
        self.segments.append(bytearray(head + sha256(head)))

    def add(self, kind: Kind, body: bytes, inode: int = 0, offset: int = 0, actor: int = 0,
            signers: tuple[Signer, ...] = ()) -> int:
        """Append one record and return its number; `signers` add their signatures to the body."""
        seq, size = self.tree.size, len(body) + 64 * len(signers)
        front = b"".join((bytes([1, kind, 0, 0]), u32(size),
                          u64(seq, WALL_NS + seq * STEP_NS, seq * STEP_NS + self.boot_shift, inode,
                              offset),
                          u32(1000, 1000), u64(actor), self.prev))
        nonce = self.random.randbytes(16)
        message = DOMAINS.get(kind, b"") + b"\0" + front + nonce + body
        body += b"".join(signer.sign(message).signature for signer in signers)
        header = front + sha256(nonce, body) + b"\0\0\0\x60\x01"
        self.prev = sha256(b"\0", header)
        frame = b"inkF" + self.prev[:4] + header + nonce + body
        frame += bytes(-len(frame) % 8)
        if len(self.segments[-1]) + len(frame) > self.segment_size:
            raise ValueError("segment is full")
        self.segments[-1] += frame
        self.tree.add(self.prev)
        return seq

    def rotate(self) -> None:
        self._begin_segment()

    # --- records with signatures ---------------------------------------------------------------

    def genesis(self, name: str = "golden", start: bytes = u32(1, 0) + b"\1\1\0\0",
                root_mode: int = 0o40755) -> str:
        seal_key = bytes(self.seal_key.verify_key)
        commitment = sha256(b"inkfs/origin/v1\0", self.store_id, seal_key).hex()[:32]
        origin = f"{name}/{commitment}"
        body = b"".join((start, u32(root_mode), self.store_id,
                         bytes(self.log_key.verify_key), seal_key, u64(self.segment_size),
                         text(origin), text("writer.py")))
        self.add(Kind.GENESIS, body, inode=1, signers=(self.log_key, self.seal_key))
        return make_vkey(origin.encode(), bytes(self.log_key.verify_key))

    def _seal_body(self, epoch: int, reason: int, durable: int) -> bytes:
        return b"".join((u32(epoch), bytes([reason, 0, 0, 0]), u64(self.tree.size),
                         self.tree.root(),
                         u64(durable)))

    def seal(self, reason: int = 2, durable: int = 0) -> int:
        return self.add(Kind.SEAL, self._seal_body(self.epoch, reason, durable),
                        signers=(self.seal_key,))

    def next_epoch(self, reason: int = 6, durable: int = 0, key: Signer | None = None) -> int:
        new_key = key or nacl.signing.SigningKey(self.random.randbytes(32))
        body = self._seal_body(self.epoch + 1, reason, durable) + bytes(new_key.verify_key)
        seq = self.add(Kind.EPOCH, body, signers=(self.seal_key, new_key))
        self.seal_key, self.epoch = new_key, self.epoch + 1
        return seq

    # --- records without -------------------------------------------------------------------------

    def mount(self) -> int:
        texts = map(text, ("0.1.0", "host", "boot", "kernel", "/mnt", "rw"))
        return self.add(Kind.MOUNT, b"".join(texts) + u64(1) + u32(42, 100, 1000, 10, 600))

    def unmount(self, records: int, payload_bytes: int) -> int:
        return self.add(Kind.UNMOUNT, bytes([1]) + bytes(7) + u64(records, payload_bytes))

    def node(self, kind: Kind, inode: int, parent: int, name: str, target: str = "") -> int:
        mode = {Kind.CREATE: 0o100644, Kind.MKDIR: 0o40755, Kind.SYMLINK: 0o120777}[kind]
        return self.add(kind, u64(parent) + u32(mode, 1000, 1000) + text(name) + text(target),
                        inode)

    def append(self, inode: int, offset: int, data: bytes) -> int:
        return self.add(Kind.APPEND, data, inode, offset)

    def save(self, vkey: str) -> None:
        (self.store / "log").mkdir(parents=True)
        (self.store / "lock").write_bytes(b"")
        (self.store / "vkey").write_text(vkey + "\n")
        for number, data in enumerate(self.segments):
            (self.store / "log" / f"{number:010}.seg").write_bytes(data)


def write_store(store: Path, seed: int = 1) -> str:
    """Genesis, a session with a folder, files and appends over two segments, closed in order."""
    w = Writer(store, seed)
    vkey = w.genesis()
    w.next_epoch(durable=1)
    mounted = w.mount()
    w.node(Kind.MKDIR, 2, 1, "logs")
    w.node(Kind.CREATE, 3, 2, "a.log")
    w.append(3, 0, b"one\n")
    w.seal(durable=3)
    w.rotate()
    w.append(3, 4, b"two\n")
    w.node(Kind.SYMLINK, 4, 1, "last", "logs/a.log")
    w.add(Kind.RENAME, u64(2, 1) + text("a.log") + text("b.log"), inode=3)
    w.append(3, 8, bytes(3000))
    w.seal(durable=w.tree.size)
    w.unmount(w.tree.size - mounted, 3008)
    w.next_epoch(reason=8, durable=w.tree.size)
    w.save(vkey)
    return vkey


if __name__ == "__main__":
    print(write_store(Path(sys.argv[1]), int((sys.argv + ["1"])[2])))
