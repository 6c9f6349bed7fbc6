# SPDX-License-Identifier: MIT
"""The run of records through all segments: frames, sequence, chain, digests (sections 2 to 4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from inkformat import (ERASABLE, FRAME_MAGIC, SEALS, SEGMENT_HEADER_SIZE, SEGMENT_MAGIC, ZERO_HASH,
                       Bad, Kind, Record, Seal, is_signed, parse_body, parse_frame,
                       parse_segment_header, sha256, signed_message)


@dataclass(slots=True)
class Damage:
    """Where the run of good records ends before the log does."""

    code: str
    text: str
    seq: int
    place: int
    can_be_crash: bool = True  # a write that was cut short, not something put in its place


@dataclass(slots=True)
class Log:
    segments: list[bytes]
    records: list[Record] = field(default_factory=list)
    damage: Damage | None = None
    end_place: int = 0
    tail_size: int = 0  # zero bytes behind the last frame
    is_last_empty: bool = False  # a segment without a frame behind others
    store_ids: list[bytes] = field(default_factory=list)

    @property
    def last_leaf(self) -> bytes:
        return self.records[-1].leaf if self.records else ZERO_HASH


def read_log(segments: list[bytes]) -> Log:
    """Records up to the first that is not whole.  Bodies are not decoded, but for ERASE."""
    log = Log(segments)
    place = 0
    try:
        for index, data in enumerate(segments):
            place = index << 32
            check_segment(log, index, data)
            pos = SEGMENT_HEADER_SIZE
            log.end_place = place | pos
            while not is_end(log, index, pos):
                place = index << 32 | pos
                record, pos = next_record(log, data, pos)
                record.place, record.end_place = place, index << 32 | pos
                log.records.append(record)
                log.end_place = record.end_place
            log.is_last_empty = pos == SEGMENT_HEADER_SIZE
    except Bad as bad:
        log.damage = Damage(bad.code, bad.text, len(log.records), place)
        log.damage.can_be_crash = not isinstance(bad, Replaced)
    keep_explained_zeros(log)
    return log


class Replaced(Bad):
    """Whole, but not what belongs there: no crash makes that."""


def check_segment(log: Log, index: int, data: bytes) -> None:
    header = parse_segment_header(data)
    log.store_ids.append(header.store_id)
    if header.index != index or header.first_seq < len(log.records):
        raise Replaced("segment-header", f"this is not segment {index} of this log")
    if (header.first_seq, header.prev) != (len(log.records), log.last_leaf):
        raise Bad("segment-header", f"segment {index} does not follow the one before")


def is_end(log: Log, index: int, pos: int) -> bool:
    """Does segment `index` end at `pos` as it should?"""
    data = log.segments[index]
    if pos == len(data):
        return True
    if any(data[pos:pos + 8]) or any(data[pos:]):
        return False
    if index + 1 < len(log.segments):
        raise Bad("segment-tail", "zero bytes behind the last frame of a finished segment")
    log.tail_size = len(data) - pos
    return True


def next_record(log: Log, data: bytes, pos: int) -> tuple[Record, int]:
    record, pos = parse_frame(data, pos)
    if sha256(record.nonce, record.body) != record.digest:
        if any(record.nonce) or any(record.body):
            raise Bad("digest", "body is not what the header says")
        record.is_erased = True
    if record.seq != len(log.records):
        is_old = record.seq < len(log.records) and not record.is_erased
        raise (Replaced if is_old else Bad)("sequence", f"record says it is number {record.seq}")
    if record.prev != log.last_leaf:
        raise Bad("chain", "prev is not the leaf hash of the record before")
    return record, pos


def keep_explained_zeros(log: Log) -> None:
    """Cut the run at the first zeroed body that no later ERASE names or may name; a seal must cover the ERASE."""
    erased = {}
    last_seal = max((record.seq for record in log.records if record.kind in SEALS), default=0)
    for record in log.records:
        if record.kind == Kind.ERASE and not record.is_erased and record.seq < last_seal:
            erased[int.from_bytes(record.body[:8])] = record.seq
    for record in log.records:
        is_named = record.kind in ERASABLE and erased.get(record.seq, 0) > record.seq
        if record.is_erased and not is_named:
            log.damage = Damage("erased", "body is zero and no ERASE says why", record.seq,
                                record.place)
            log.end_place, log.tail_size = record.place, 0
            del log.records[record.seq:]
            return


def is_torn_start(log: Log, place: int) -> bool:
    """Is what lies there the beginning of a frame or segment, or still zero?"""
    start = log.segments[place >> 32][place & 0xFFFFFFFF:][:4]
    return any(whole.startswith(start) for whole in (FRAME_MAGIC, SEGMENT_MAGIC, bytes(4)))


# --- what lies behind a damage ---------------------------------------------------------------


def seals_behind(log: Log, key: bytes, log_key: bytes, epoch: int) -> Iterator[Seal]:
    """Seals behind the damage, good under the key succession: how far the log was once synced.

    If the damage took the EPOCH that names a seal's key, the seal counts unchecked: a key signs
    nothing before its EPOCH is synced, so no crash leaves the one without the other.
    """
    assert log.damage
    seq = log.damage.seq
    for record in frames_behind(log):
        if record.kind not in SEALS or record.seq < seq:
            continue
        seal = parse_body(record.kind, record.body)
        assert isinstance(seal, Seal)
        has_next = record.kind != Kind.SEAL
        is_key_lost = seal.epoch - has_next > epoch and record.kind != Kind.REKEY
        signer = log_key if record.kind == Kind.REKEY else key
        if not is_key_lost and not is_good_seal(record, seal, signer, epoch):
            continue
        if has_next:
            key, epoch = seal.next_key, seal.epoch
        seq = record.seq
        yield seal


def is_good_seal(record: Record, seal: Seal, signer: bytes, epoch: int) -> bool:
    message, has_next = signed_message(record), record.kind != Kind.SEAL
    return (seal.epoch == epoch + has_next and is_signed(signer, message, seal.signature)
            and (not has_next or is_signed(seal.next_key, message, seal.next_signature)))


def frames_behind(log: Log) -> Iterator[Record]:
    """Whatever looks like a whole frame from the damage on."""
    assert log.damage
    first, pos = log.damage.place >> 32, log.damage.place & 0xFFFFFFFF
    for index in range(first, len(log.segments)):
        data = log.segments[index]
        pos = data.find(FRAME_MAGIC, pos if index == first else 0)
        while pos >= 0:
            try:
                record, _ = parse_frame(data, pos)
                if sha256(record.nonce, record.body) == record.digest:
                    if record.kind in SEALS:
                        parse_body(record.kind, record.body)
                    yield record
            except Bad:
                pass
            pos = data.find(FRAME_MAGIC, pos + 1)
