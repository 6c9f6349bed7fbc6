# SPDX-License-Identifier: MIT
"""The index that the log demands (section 9), and how one from disk differs from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from inkformat import Bad, Cursor, tiles_above
from inkreplay import Inode, State

Tables = dict[str, dict[bytes, bytes]]
LEAVES_PER_ENTRY = 256


def be32(number: int) -> bytes:
    return number.to_bytes(4)


def be64(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8) for number in numbers)


def i64(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, signed=True) for number in numbers)


class Head(NamedTuple):
    count: int
    is_closed: bool


def parse_head(tables: Tables) -> Head:
    """As much of the head as says what to compare it with."""
    c = Cursor(tables.get("meta", {}).get(b"head", b""))
    try:
        version, _epoch, count = c.u32(), c.u32(), c.u64()
        c.take(8 * 9 + 16 + 32 * 3)
        is_closed = c.u8() == 1
    except Bad:
        raise Bad("index", "the index has no head") from None
    if version != 1:
        raise Bad("index", "the index is of an unknown version")
    return Head(count, is_closed)


def expected_tables(state: State) -> Tables:
    return {
        "meta": {b"head": head(state)},
        "leaves": dict(leaves(state)),
        "tiles": {bytes([level]) + be64(number): b"".join(hashes)
                  for (level, number), hashes in tiles_above(state.leaves).items()},
        "seals": {be64(seq): bytes([kind, 0, 0, 0]) + be32(epoch)
                  for seq, (kind, epoch) in state.seals.items()},
        "inodes": {be64(number): inode_value(inode) for number, inode in state.inodes.items()},
        "names": {be64(parent) + name: be64(inode, cookie)
                  for (parent, name), (inode, cookie) in state.names.items()},
        "entries": {be64(parent, cookie): be64(inode) + be32(state.inodes[inode].type) + name
                    for (parent, name), (inode, cookie) in state.names.items()},
        "links": {be64(inode, cookie): be64(parent)
                  for (parent, _), (inode, cookie) in state.names.items()},
        "targets": {be64(inode): target for inode, target in state.targets.items()},
        "extents": {be64(inode, offset): be64(place, seq)
                    for (inode, offset), (place, seq) in state.extents.items()},
        "actors": {be64(seq): be32(actor.pid) + be64(actor.start_time)
                   for seq, actor in state.actors.items() if actor},
        "blocks": {be64(number): block.value() for number, block in enumerate(state.blocks)},
    }


def leaves(state: State) -> Iterator[tuple[bytes, bytes]]:
    for at in range(0, len(state.leaves), LEAVES_PER_ENTRY):
        hashes = state.leaves[at:at + LEAVES_PER_ENTRY]
        places = state.places[at:at + LEAVES_PER_ENTRY]
        yield be64(at // LEAVES_PER_ENTRY), b"".join(hashes) + be64(*places)


def head(state: State) -> bytes:
    assert state.genesis
    subtrees = state.tree.subtrees
    return b"".join((
        be32(1), be32(state.epoch),
        be64(state.tree.size, state.end_place, state.next_inode, state.last_seal, state.session,
             state.payload, state.durable, state.payload_before, state.refusals),
        state.genesis.store_id, state.leaves[-1], state.seal_key, state.genesis.log_key,
        bytes([state.is_closed]), bytes(6), bytes([len(subtrees)]), *subtrees))


def inode_value(inode: Inode) -> bytes:
    return b"".join((
        be32(inode.mode), be32(inode.uid), be32(inode.gid), be32(inode.nlink),
        be32(inode.has_held), bytes(4), be64(inode.size, inode.records, inode.last_seq),
        inode.last_leaf, i64(inode.atime, inode.mtime, inode.ctime, inode.birth),
        be64(inode.parent, inode.run_offset, inode.end_place)))


def differences(found: Tables, state: State) -> Iterator[str]:
    """One sentence for each entry that is not as the log says."""
    expected = expected_tables(state)
    for name in sorted(found.keys() - expected.keys()):
        yield f"database {name!r} does not belong there"
    erased = {be64(seq) for seq, actor in state.actors.items() if actor is None}
    for name, entries in expected.items():
        there = found.get(name, {})
        for key in sorted(entries.keys() | there.keys()):
            if name == "actors" and key in erased:
                continue
            if entries.get(key) != there.get(key):
                how = "is missing" if key not in there else \
                    "is not the log's" if key not in entries else "is wrong"
                yield f"{name}: entry {describe(name, key)} {how}"


def describe(name: str, key: bytes) -> str:
    if name == "meta":
        return key.decode("latin-1")
    if name == "tiles":
        return f"{key[:1].hex()}/{key[1:].hex()}"
    numbers = [int.from_bytes(key[at:at + 8]) for at in range(0, len(key) // 8 * 8, 8)]
    if name == "names":
        return f"{numbers[:1]} {key[8:]!r}"
    return str(numbers)
