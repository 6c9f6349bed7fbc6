# SPDX-License-Identifier: MIT
"""Blocks of the index: what 256 records hold, in few bytes (section 9.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from inkformat import Bad, Kind, Record, parse_body

RECORDS_PER_BLOCK = 256
MARKS_SIZE = 256
INODE, ACTOR, UID, NAME = 1, 2, 3, 4
WORD = (1 << 64) - 1


def mix(x: int) -> int:
    for _ in range(2):
        x = (x ^ x >> 32) * 0xd6e8feb86659fd93 & WORD
    return x ^ x >> 32


def mark(kind: int, number: int) -> int:
    return mix(kind << 56 ^ number)


def name_mark(folder: int, name: bytes) -> int:
    x = mark(NAME, folder)
    for byte in name:
        x = (x ^ byte) * 0x100000001b3 & WORD
    return mix(x)


@dataclass(slots=True)
class Block:
    kinds: int = 0
    wall_min: int = (1 << 63) - 1
    wall_max: int = -(1 << 63)
    marks: bytearray = field(default_factory=lambda: bytearray(MARKS_SIZE))

    def add(self, record: Record) -> None:
        self.kinds |= 1 << record.kind
        self.wall_min = min(self.wall_min, record.wall_ns)
        self.wall_max = max(self.wall_max, record.wall_ns)
        if record.inode:
            self._put(mark(INODE, record.inode))
        if Kind.ACTOR <= record.kind <= Kind.DENIED:
            self._put(mark(UID, record.uid))
            self._put(mark(ACTOR, record.seq if record.kind == Kind.ACTOR else record.actor))
        if record.kind == Kind.DENIED:
            self._add_denied(record)

    def _add_denied(self, record: Record) -> None:
        try:
            body = parse_body(record.kind, record.body)
        except Bad:
            return  # has been found
        if body.second:
            self._put(mark(INODE, body.second))
        for folder in (record.inode, body.second):
            for name in body.names:
                if folder and name:
                    self._put(name_mark(folder, name))

    def _put(self, wanted: int) -> None:
        for _ in range(3):
            bit = wanted % (8 * MARKS_SIZE)
            self.marks[bit // 8] |= 1 << bit % 8
            wanted >>= 11

    def value(self) -> bytes:
        return (self.kinds.to_bytes(4) + bytes(4) + self.wall_min.to_bytes(8, signed=True)
                + self.wall_max.to_bytes(8, signed=True) + bytes(self.marks))
