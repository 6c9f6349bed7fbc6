# SPDX-License-Identifier: MIT
"""The bytes of an inkfs store, read as fs/store/FORMAT.md (version 1) says: pure functions.

A second reading of that page.  It shares no code with the C library, on purpose; where the two
disagree, one of them or the page is wrong.  Section numbers in comments are those of the page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from stat import S_IFDIR, S_IFLNK, S_IFMT, S_IFREG
from typing import NamedTuple

import nacl.exceptions
import nacl.signing

SEGMENT_MAGIC = b"inkfsSEG"
SEGMENT_HEADER_SIZE = 128
FRAME_MAGIC = b"inkF"
HEADER_AT, NONCE_AT, BODY_AT = 8, 141, 157  # in a frame
HEADER_SIZE = 133
NONCE_SIZE = BODY_AT - NONCE_AT
APPEND_SIZE_MAX = 1 << 20
BODY_SIZE_MAX = 65535
CI_VALUES_MAX = 64
ROOT_INODE = 1
ZERO_HASH = bytes(32)


class Bad(Exception):
    """Something that the format forbids.  The code is the finding's stable name."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Unknown(Exception):
    """A store of a version, or with a feature, that this program does not know."""


class Kind(IntEnum):
    GENESIS = 1
    MOUNT = 2
    UNMOUNT = 3
    RECOVERY = 4
    ACTOR = 5
    CREATE = 6
    MKDIR = 7
    SYMLINK = 8
    ATTR = 9
    RENAME = 10
    LINK = 11
    UNLINK = 12
    OPEN = 13
    CLOSE = 14
    APPEND = 15
    DENIED = 16
    SEAL = 17
    EPOCH = 18
    REKEY = 19
    ERASE = 20
    ANCHOR = 21


SEALS = (Kind.SEAL, Kind.EPOCH, Kind.REKEY)
NAMELESS = (Kind.MOUNT, Kind.UNMOUNT, Kind.RECOVERY, Kind.ACTOR, *SEALS, Kind.ERASE, Kind.ANCHOR)
ERASABLE = (Kind.MOUNT, Kind.ACTOR, Kind.APPEND, Kind.ANCHOR)
REASON_UNMOUNT = 8


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


# --- sections 2 to 4: segments, frames, headers ------------------------------------------


class SegmentHeader(NamedTuple):
    index: int
    first_seq: int
    store_id: bytes
    prev: bytes


def parse_segment_header(data: bytes) -> SegmentHeader:
    code = "segment-header"
    if len(data) < SEGMENT_HEADER_SIZE:
        raise Bad(code, "segment is shorter than its header")
    if data[:8] != SEGMENT_MAGIC:
        raise Bad(code, "no segment magic")
    version, has_hash = int.from_bytes(data[8:12]), sha256(data[:96]) == data[96:128]
    is_ours = sha256(data[:8], b"\0\0\0\1", data[12:96]) == data[96:128]
    if version != 1 and (has_hash or (1 < version < 256 and not is_ours)):
        raise Unknown("the segment is of a later format version")
    if version != 1 or not has_hash:
        raise Bad(code, "version or hash of the segment header is wrong")
    if any(data[72:96]):
        raise Bad(code, "reserved bytes of the segment header are not zero")
    return SegmentHeader(int.from_bytes(data[12:16]), int.from_bytes(data[16:24]),
                         data[24:40], data[40:72])


@dataclass(slots=True)
class Record:
    kind: Kind
    seq: int
    wall_ns: int
    boot_ns: int
    inode: int
    offset: int
    uid: int
    gid: int
    actor: int
    prev: bytes
    digest: bytes
    header: bytes
    nonce: bytes
    body: bytes
    leaf: bytes
    place: int = 0
    end_place: int = 0  # behind the padding
    is_erased: bool = False


def parse_frame(data: bytes, pos: int) -> tuple[Record, int]:
    """The record whose frame begins at `pos`, and where the next begins.  Checks no digest."""
    if len(data) - pos < BODY_AT:
        raise Bad("frame", "too few bytes for a frame")
    if data[pos:pos + 4] != FRAME_MAGIC:
        raise Bad("frame", "no frame magic")
    header = data[pos + HEADER_AT:pos + NONCE_AT]
    leaf = sha256(b"\0", header)
    if data[pos + 4:pos + 8] != leaf[:4]:
        raise Bad("frame", "frame check does not match the header")
    size = int.from_bytes(header[4:8])
    record = parse_header(header, leaf, size)
    end = pos + BODY_AT + size
    next_pos = pos + (BODY_AT + size + 7) // 8 * 8
    if next_pos > len(data):
        raise Bad("frame", "frame goes on behind the segment's end")
    if any(data[end:next_pos]):
        raise Bad("frame", "padding is not zero")
    record.nonce = data[pos + NONCE_AT:pos + BODY_AT]
    record.body = data[pos + BODY_AT:end]
    return record, next_pos


def parse_header(header: bytes, leaf: bytes, size: int) -> Record:
    kind_number = header[1]
    if header[0] != 1 or header[128:] != b"\0\0\0\x60\x01":
        raise Bad("header", "header version or constant is unknown")
    if kind_number not in Kind._value2member_map_:
        raise Bad("header", f"kind {kind_number} is unknown")
    kind = Kind(kind_number)
    if any(header[2:4]):
        raise Bad("header", "flags are not zero")
    if size > (APPEND_SIZE_MAX if kind == Kind.APPEND else BODY_SIZE_MAX):
        raise Bad("header", "body is longer than its kind may be")
    if kind == Kind.APPEND and size == 0:
        raise Bad("header", "APPEND without a byte")
    words = [int.from_bytes(header[at:at + 8]) for at in (8, 24, 32, 40, 56)]
    seq, boot_ns, inode, offset, actor = words
    if kind != Kind.APPEND and offset != 0:
        raise Bad("header", "offset in a record that is no APPEND")
    return Record(kind, seq, int.from_bytes(header[16:24], signed=True), boot_ns, inode, offset,
                  int.from_bytes(header[48:52]), int.from_bytes(header[52:56]), actor,
                  header[64:96], header[96:128], header, b"", b"", leaf)


# --- section 5: bodies -------------------------------------------------------------------


class Cursor:
    """Takes fields off a body from the front and refuses whatever does not fit."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.pos = 0

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.pos:
            raise Bad("body", "body is shorter than its fields")
        self.pos += size
        return self.data[self.pos - size:self.pos]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def u8(self) -> int:
        return self.number(1)

    def u16(self) -> int:
        return self.number(2)

    def u32(self) -> int:
        return self.number(4)

    def u64(self) -> int:
        return self.number(8)

    def i64(self) -> int:
        return int.from_bytes(self.take(8), signed=True)

    def str(self) -> bytes:
        return self.take(self.u16())

    def name(self) -> bytes:
        name = self.str()
        if not 1 <= len(name) <= 255 or name in (b".", b"..") or b"/" in name or b"\0" in name:
            raise Bad("body", f"{name!r} is not a name")
        return name

    def zero(self, size: int) -> None:
        if any(self.take(size)):
            raise Bad("body", "a field that must be zero is not")

    def end(self) -> None:
        if self.pos != len(self.data):
            raise Bad("body", "body is longer than its fields")


def require(is_good: bool, text: str, code: str = "body") -> None:
    if not is_good:
        raise Bad(code, text)


class Genesis(NamedTuple):
    root_mode: int
    store_id: bytes
    log_key: bytes
    seal_key: bytes
    segment_size: int
    origin: bytes
    software: bytes
    log_signature: bytes
    seal_signature: bytes


def parse_genesis(c: Cursor) -> Genesis:
    version, features, hash_id, signature_id = c.u32(), c.u32(), c.u8(), c.u8()
    if (version, features) != (1, 0):
        raise Unknown("GENESIS names a version or feature that is not of version 1")
    require((hash_id, signature_id) == (1, 1), "GENESIS names an unknown algorithm")
    c.zero(2)
    root_mode = c.u32()
    require(S_IFMT(root_mode) == S_IFDIR and root_mode <= 0o47777, "the root is no folder")
    return Genesis(root_mode, c.take(16), c.take(32), c.take(32), c.u64(), c.str(), c.str(),
                   c.take(64), c.take(64))


class Mount(NamedTuple):
    texts: tuple[bytes, ...]
    monotonic_ns: int
    pid: int
    seal_interval_ms: int
    sync_interval_ms: int
    epoch_s: int
    heartbeat_s: int


def parse_mount(c: Cursor) -> Mount:
    mount = Mount(tuple(c.str() for _ in range(6)), c.u64(), c.u32(), c.u32(), c.u32(), c.u32(),
                  c.u32())
    require(all(mount[3:]), "MOUNT has an interval of zero")
    return mount


class Unmount(NamedTuple):
    reason: int
    records: int
    payload_bytes: int


def parse_unmount(c: Cursor) -> Unmount:
    reason = c.u8()
    require(1 <= reason <= 3, "UNMOUNT for an unknown reason")
    c.zero(7)
    return Unmount(reason, c.u64(), c.u64())


class Lost(NamedTuple):
    size: int
    digest: bytes


class Recovery(NamedTuple):
    durable: int
    unsealed: int
    place: int
    lost: tuple[Lost, ...]


def parse_recovery(c: Cursor) -> Recovery:
    count = c.u8()
    require(count <= 64, "RECOVERY names more than 64 tails")
    c.zero(7)
    durable, unsealed, place = c.u64(), c.u64(), c.u64()
    require((place == 0) == (count == 0), "RECOVERY contradicts itself about what was cut")
    lost = tuple(Lost(c.u64(), c.take(32)) for _ in range(count))
    require(all(tail.size for tail in lost), "RECOVERY names an empty tail")
    return Recovery(durable, unsealed, place, lost)


class Actor(NamedTuple):
    pid: int
    start_time: int


def parse_actor(c: Cursor) -> Actor:
    pid, ppid, start_time = c.u32(), c.u32(), c.u64()
    login, session, known = c.u32(), c.u32(), c.u32()
    comm, exe, cgroup, system = (c.str() for _ in range(4))
    values = [(c.str(), c.str()) for _ in range(c.u16())]
    require(len(values) <= CI_VALUES_MAX, "ACTOR with too many values")
    require(known < 128, "ACTOR with unknown bits")
    fields = (ppid or start_time, login, session, comm, exe, cgroup, system or values)
    for bit, field in enumerate(fields):
        require(bool(known >> bit & 1) or not field, "ACTOR holds what it says is not known")
    return Actor(pid, start_time)


class Node(NamedTuple):
    parent: int
    mode: int
    uid: int
    gid: int
    name: bytes
    target: bytes


def parse_node(c: Cursor, file_type: int) -> Node:
    node = Node(c.u64(), c.u32(), c.u32(), c.u32(), c.name(), c.str())
    require(node.mode & ~0o7777 == file_type, "mode is not of the record's kind")
    is_link = file_type == S_IFLNK
    require(1 <= len(node.target) <= 4095 if is_link else not node.target, "target of a wrong size")
    require(b"\0" not in node.target, "NUL in a target")
    return node


class Attr(NamedTuple):
    mask: int
    mode: int
    uid: int
    gid: int
    atime: int
    mtime: int


def parse_attr(c: Cursor) -> Attr:
    attr = Attr(c.u32(), c.u32(), c.u32(), c.u32(), c.i64(), c.i64())
    require(1 <= attr.mask < 32, "ATTR with an unknown mask")
    require(attr.mode <= 0o7777, "ATTR with more than permissions")
    for bit, value in enumerate(attr[1:]):
        require(bool(attr.mask >> bit & 1) or value == 0, "ATTR holds what its mask leaves out")
    return attr


class Rename(NamedTuple):
    old_parent: int
    new_parent: int
    old_name: bytes
    new_name: bytes


class Name(NamedTuple):
    parent: int
    name: bytes


class Denied(NamedTuple):
    op: int
    count: int
    second: int
    names: tuple[bytes, bytes]


def parse_denied(c: Cursor) -> Denied:
    op = c.u16()
    c.zero(2)
    _errno, count, _flags = c.u32(), c.u32(), c.u32()
    _a, _b, second = c.u64(), c.u64(), c.u64()
    names = (c.str(), c.str())
    require(1 <= op <= 13, "DENIED names an unknown operation")
    require(count >= 1, "DENIED stands for nothing")
    return Denied(op, count, second, names)


class Seal(NamedTuple):
    epoch: int
    reason: int
    tree_size: int
    root: bytes
    durable: int
    next_key: bytes  # empty in a SEAL
    signature: bytes
    next_signature: bytes  # empty in a SEAL


def parse_seal(c: Cursor, has_next: bool) -> Seal:
    epoch, reason = c.u32(), c.u8()
    require(1 <= reason <= 9, "seal for an unknown reason")
    c.zero(3)
    tree_size, root, durable = c.u64(), c.take(32), c.u64()
    require(durable <= tree_size, "durable size is beyond the tree")
    next_key = c.take(32) if has_next else b""
    return Seal(epoch, reason, tree_size, root, durable, next_key, c.take(64),
                c.take(64) if has_next else b"")


class Erase(NamedTuple):
    target: int
    authority: bytes
    why: bytes


class Anchor(NamedTuple):
    type: int
    tree_size: int
    who: bytes
    data: bytes


def parse_anchor(c: Cursor) -> Anchor:
    anchor_type = c.u8()
    require(1 <= anchor_type <= 2, "ANCHOR of an unknown type")
    c.zero(7)
    return Anchor(anchor_type, c.u64(), c.str(), c.take(c.u32()))


Body = (Genesis | Mount | Unmount | Recovery | Actor | Node | Attr | Rename | Name | int | bytes
        | Denied | Seal | Erase | Anchor)

PARSERS: dict[Kind, Callable[[Cursor], Body]] = {
    Kind.GENESIS: parse_genesis,
    Kind.MOUNT: parse_mount,
    Kind.UNMOUNT: parse_unmount,
    Kind.RECOVERY: parse_recovery,
    Kind.ACTOR: parse_actor,
    Kind.CREATE: lambda c: parse_node(c, S_IFREG),
    Kind.MKDIR: lambda c: parse_node(c, S_IFDIR),
    Kind.SYMLINK: lambda c: parse_node(c, S_IFLNK),
    Kind.ATTR: parse_attr,
    Kind.RENAME: lambda c: Rename(c.u64(), c.u64(), c.name(), c.name()),
    Kind.LINK: lambda c: Name(c.u64(), c.name()),
    Kind.UNLINK: lambda c: Name(c.u64(), c.name()),
    Kind.OPEN: Cursor.u32,
    Kind.CLOSE: Cursor.u32,
    Kind.APPEND: lambda c: c.take(len(c.data)),
    Kind.DENIED: parse_denied,
    Kind.SEAL: lambda c: parse_seal(c, False),
    Kind.EPOCH: lambda c: parse_seal(c, True),
    Kind.REKEY: lambda c: parse_seal(c, True),
    Kind.ERASE: lambda c: Erase(c.u64(), c.str(), c.str()),
    Kind.ANCHOR: parse_anchor,
}


def parse_body(kind: Kind, body: bytes) -> Body:
    cursor = Cursor(body)
    parsed = PARSERS[kind](cursor)
    cursor.end()
    return parsed


# --- signatures (5.5) --------------------------------------------------------------------

DOMAINS = {
    Kind.GENESIS: b"inkfs/genesis/v1",
    Kind.SEAL: b"inkfs/seal/v1",
    Kind.EPOCH: b"inkfs/epoch/v1",
    Kind.REKEY: b"inkfs/rekey/v1",
}


def signed_message(record: Record) -> bytes:
    signatures_size = 64 if record.kind == Kind.SEAL else 128
    return b"".join((DOMAINS[record.kind], b"\0", record.header[:96], record.nonce,
                     record.body[:-signatures_size]))


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """libsodium refuses non-canonical and small-order input by itself."""
    try:
        nacl.signing.VerifyKey(key).verify(message, signature)
    except (nacl.exceptions.BadSignatureError, nacl.exceptions.ValueError):
        return False
    return True


# --- the Merkle tree of RFC 6962, leaf by leaf ---------------------------------------------


class Merkle:
    def __init__(self) -> None:
        self.size = 0
        self.subtrees: list[bytes] = []  # perfect ones, largest first

    def add(self, leaf: bytes) -> None:
        size = self.size
        while size & 1:
            leaf = sha256(b"\1", self.subtrees.pop(), leaf)
            size >>= 1
        self.subtrees.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self.subtrees:
            return sha256(b"")
        *larger, root = self.subtrees
        for subtree in reversed(larger):
            root = sha256(b"\1", subtree, root)
        return root


def tiles_above(hashes: list[bytes]) -> dict[tuple[int, int], list[bytes]]:
    """The tlog tiles of level 1 and up over these leaves, by (level, number)."""
    tiles: dict[tuple[int, int], list[bytes]] = {}
    level = 0
    while len(hashes) >= 256:
        level += 1
        hashes = [perfect_root(hashes[at:at + 256]) for at in range(0, len(hashes) // 256 * 256,
                                                                    256)]
        for number in range(0, len(hashes), 256):
            tiles[level, number // 256] = hashes[number:number + 256]
    return tiles


def perfect_root(hashes: list[bytes]) -> bytes:
    tree = Merkle()
    for node in hashes:
        tree.add(node)
    return tree.root()
