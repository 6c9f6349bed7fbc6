# SPDX-License-Identifier: MIT
"""Stores in which every hash and signature is good and yet something is wrong (or only unusual).

What a writer with all the keys could do: only the rules of sections 5 and 6 tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nacl.signing

from inkformat import Kind, sha256
from writer import Signed, Signer, Writer, text, u32, u64

NO_NAME = text("")
INTACT, BAD, UNKNOWN = 0, 1, 3


class Craft(NamedTuple):
    name: str
    exit_code: int
    write: Callable[[Writer], None]


class Session:
    """GENESIS, EPOCH, MOUNT, folder 2 `d`, file 3 `d/f` with four bytes; later an orderly end."""

    def __init__(self, w: Writer) -> None:
        self.w = w
        self.vkey = w.genesis()
        self.open()
        w.node(Kind.MKDIR, 2, 1, "d")
        w.node(Kind.CREATE, 3, 2, "f")
        self.append(3, 0, b"1234")

    def open(self) -> None:
        self.payload = 0
        self.w.next_epoch()
        self.mounted = self.w.mount()

    def append(self, inode: int, offset: int, data: bytes) -> None:
        self.w.append(inode, offset, data)
        self.payload += len(data)

    def close(self) -> None:
        self.w.unmount(self.w.tree.size - self.mounted, self.payload)
        self.w.next_epoch(reason=8, durable=self.w.tree.size)


def recovery_body(unsealed: int, count: int = 0, place: int = 0, tails: tuple[bytes, ...] = (),
                  zero: bytes = bytes(7)) -> bytes:
    return bytes([count]) + zero + u64(0, unsealed, place) + b"".join(tails)


CRAFTS: list[Craft] = []
Rule = Callable[[Session], None]


def craft(exit_code: int, name: str) -> Callable[[Rule], Rule]:
    """Register a function that writes into an open session."""
    def register(rule: Rule) -> Rule:
        def write(w: Writer) -> None:
            session = Session(w)
            rule(session)
            session.close()
            w.save(session.vkey)
        CRAFTS.append(Craft(name, exit_code, write))
        return rule
    return register


def record(exit_code: int, name: str, kind: Kind, body: bytes, inode: int = 0, offset: int = 0,
           actor: int = 0) -> None:
    """Register a store with this one record in its session."""
    def rule(s: Session) -> None:
        s.w.add(kind, body, inode, offset, actor)
    craft(exit_code, name)(rule)


def node(parent: int, mode: int, name: str | bytes, target: str | bytes = "") -> bytes:
    return u64(parent) + u32(mode, 0, 0) + text(name) + text(target)


def name_of(parent: int, name: str | bytes) -> bytes:
    return u64(parent) + text(name)


def rename(old: int, new: int, old_name: str, new_name: str | bytes) -> bytes:
    return u64(old, new) + text(old_name) + text(new_name)


def attr(mask: int, mode: int = 0, uid: int = 0, gid: int = 0, atime: int = 0,
         mtime: int = 0) -> bytes:
    return u32(mask, mode, uid, gid) + u64(atime, mtime)


def denied(op: int, count: int = 1, zero: int = 0) -> bytes:
    return (op.to_bytes(2) + zero.to_bytes(2) + u32(1, count, 0) + u64(0, 0, 0) + NO_NAME + NO_NAME)


def actor(known: int, ppid: int = 0, comm: str = "", values: int = 0, cut: int = 0) -> bytes:
    body = (u32(7, ppid) + u64(0) + u32(0, 0, known) + text(comm) + NO_NAME * 3 + values.to_bytes(2)
            + (text("CI") + text("yes")) * (values - cut))
    return body


# --- single records ----------------------------------------------------------------------------

FILE, FOLDER, LINK, PIPE = 0o100644, 0o40755, 0o120777, 0o10644

record(INTACT, "a second file", Kind.CREATE, node(1, FILE, "g"), 4)
record(INTACT, "a name of 255 bytes", Kind.CREATE, node(1, FILE, "n" * 255), 4)
record(INTACT, "a name that is no UTF-8", Kind.CREATE, node(1, FILE, b"\xff\x01\n"), 4)
record(BAD, "a name of 256 bytes", Kind.CREATE, node(1, FILE, "n" * 256), 4)
record(BAD, "no name", Kind.CREATE, node(1, FILE, ""), 4)
record(BAD, "the name .", Kind.CREATE, node(1, FILE, "."), 4)
record(BAD, "the name ..", Kind.CREATE, node(1, FILE, ".."), 4)
record(BAD, "a slash in a name", Kind.CREATE, node(1, FILE, "a/b"), 4)
record(BAD, "NUL in a name", Kind.CREATE, node(1, FILE, "a\0b"), 4)
record(BAD, "an inode left out", Kind.CREATE, node(1, FILE, "g"), 5)
record(BAD, "an inode used again", Kind.CREATE, node(1, FILE, "g"), 3)
record(BAD, "a name used again", Kind.CREATE, node(2, FILE, "f"), 4)
record(BAD, "a parent that is not there", Kind.CREATE, node(9, FILE, "g"), 4)
record(BAD, "a file as parent", Kind.CREATE, node(3, FILE, "g"), 4)
record(BAD, "CREATE of a folder", Kind.CREATE, node(1, FOLDER, "g"), 4)
record(BAD, "CREATE of a pipe", Kind.CREATE, node(1, PIPE, "g"), 4)
record(BAD, "CREATE with a target", Kind.CREATE, node(1, FILE, "g", "t"), 4)
record(BAD, "MKDIR of a file", Kind.MKDIR, node(1, FILE, "g"), 4)
record(BAD, "mode beyond st_mode", Kind.CREATE, node(1, FILE | 1 << 16, "g"), 4)
record(INTACT, "a symbolic link", Kind.SYMLINK, node(1, LINK, "g", "t" * 4095), 4)
record(BAD, "a target too long", Kind.SYMLINK, node(1, LINK, "g", "t" * 4096), 4)
record(BAD, "NUL in a target", Kind.SYMLINK, node(1, LINK, "g", "t\0t"), 4)
record(BAD, "a symbolic link without target", Kind.SYMLINK, node(1, LINK, "g"), 4)
record(BAD, "a byte too many", Kind.CREATE, node(1, FILE, "g") + b"\0", 4)
record(BAD, "a byte too few", Kind.CREATE, node(1, FILE, "g")[:-1], 4)
record(BAD, "an empty body", Kind.CREATE, b"", 4)

record(INTACT, "chmod", Kind.ATTR, attr(1, 0o7777), 3)
record(INTACT, "all attributes", Kind.ATTR, attr(31, 0o600, 1, 2, 3, 4), 3)
record(BAD, "an unknown bit in the mask", Kind.ATTR, attr(32), 3)
record(BAD, "a value that the mask leaves out", Kind.ATTR, attr(2, 0o600, 1), 3)
record(BAD, "a type in the mode", Kind.ATTR, attr(1, FILE), 3)
record(BAD, "ATTR that changes nothing", Kind.ATTR, attr(0), 3)
record(INTACT, "ATTR of the root", Kind.ATTR, attr(1, 0o700), 1)
record(BAD, "ATTR of nothing", Kind.ATTR, attr(1, 0o600), 9)

record(INTACT, "a rename", Kind.RENAME, rename(2, 1, "f", "g"), 3)
record(INTACT, "a folder renamed", Kind.RENAME, rename(1, 1, "d", "e"), 2)
record(BAD, "a folder renamed beneath itself", Kind.RENAME, rename(1, 2, "d", "e"), 2)
record(BAD, "a rename onto a name", Kind.RENAME, rename(2, 1, "f", "d"), 3)
record(BAD, "a rename onto itself", Kind.RENAME, rename(2, 2, "f", "f"), 3)
record(BAD, "a rename of another object", Kind.RENAME, rename(2, 1, "f", "g"), 2)
record(BAD, "a rename of no name", Kind.RENAME, rename(2, 1, "x", "g"), 3)
record(BAD, "a rename into a file", Kind.RENAME, rename(1, 3, "d", "g"), 2)
record(BAD, "a rename into nothing", Kind.RENAME, rename(2, 9, "f", "g"), 3)

record(BAD, "a rename of the root", Kind.RENAME, rename(1, 2, "x", "y"), 1)
record(INTACT, "a link", Kind.LINK, name_of(1, "g"), 3)
record(BAD, "a link to a folder", Kind.LINK, name_of(1, "g"), 2)
record(BAD, "a link to nothing", Kind.LINK, name_of(1, "g"), 9)
record(BAD, "a link onto a name", Kind.LINK, name_of(1, "d"), 3)
record(BAD, "content unlinked", Kind.UNLINK, name_of(2, "f"), 3)
record(BAD, "a folder that holds a name unlinked", Kind.UNLINK, name_of(1, "d"), 2)
record(BAD, "a name unlinked that is not there", Kind.UNLINK, name_of(1, "x"), 3)

record(BAD, "APPEND with a hole", Kind.APPEND, b"x", 3, 5)
record(BAD, "APPEND inside", Kind.APPEND, b"x", 3, 3)
record(BAD, "APPEND to a folder", Kind.APPEND, b"x", 2, 0)
record(BAD, "APPEND to nothing", Kind.APPEND, b"x", 9, 0)
record(BAD, "APPEND of nothing", Kind.APPEND, b"", 3, 4)
record(BAD, "APPEND over the limit", Kind.APPEND, bytes((1 << 20) + 1), 3, 4)
record(BAD, "a long body that is no APPEND", Kind.ERASE, u64(1) + text(bytes(65530)) + text(b""))

record(INTACT, "OPEN", Kind.OPEN, u32(0), 3)
record(BAD, "OPEN of a folder", Kind.OPEN, u32(0), 2)
record(BAD, "OPEN of nothing", Kind.OPEN, u32(0), 9)
record(BAD, "CLOSE of nothing", Kind.CLOSE, u32(0), 9)
record(BAD, "OPEN with an offset", Kind.OPEN, u32(0), 3, 1)
record(INTACT, "DENIED", Kind.DENIED, denied(1, 7), 3)
record(INTACT, "DENIED of the last operation, of no one object", Kind.DENIED, denied(13, 7), 0)
record(BAD, "DENIED of nothing that is there", Kind.DENIED, denied(1), 9)
record(BAD, "DENIED of no count", Kind.DENIED, denied(1, 0), 3)
record(BAD, "DENIED of an unknown operation", Kind.DENIED, denied(14), 3)
record(BAD, "DENIED of operation 0", Kind.DENIED, denied(0), 3)
record(BAD, "DENIED with reserved bytes", Kind.DENIED, denied(1, 1, 1), 3)

record(INTACT, "ACTOR", Kind.ACTOR, actor(1 | 8 | 64, 1, "make", 2))
record(INTACT, "ACTOR with 64 values", Kind.ACTOR, actor(64, values=64))
record(BAD, "ACTOR with 65 values", Kind.ACTOR, actor(64, values=65))
record(BAD, "ACTOR with an inode", Kind.ACTOR, actor(0), 1)
record(BAD, "ACTOR with unknown bits", Kind.ACTOR, actor(128))
record(BAD, "ACTOR that knows what it does not", Kind.ACTOR, actor(0, 1))
for said in range(9):  # each field that only a bit of `known` allows
    fields = [0, 0, 0, 0, "", "", "", ""]
    fields[min(said, 7)] = 1 if said < 4 else "x"
    record(BAD if said < 8 else INTACT, f"ACTOR, field {said} of what is not known", Kind.ACTOR,
           u32(7, int(fields[0])) + u64(int(fields[1])) + u32(int(fields[2]), int(fields[3]), 64 * (said == 8))
           + b"".join(text(str(field)) for field in fields[4:]) + bytes(2))
record(BAD, "ACTOR with values from no environment", Kind.ACTOR, actor(0, values=1))
record(BAD, "ACTOR with too few values", Kind.ACTOR, actor(64, values=2, cut=1))
record(BAD, "an actor that is no ACTOR", Kind.OPEN, u32(0), 3, actor=3)
record(BAD, "an actor of the future", Kind.OPEN, u32(0), 3, actor=999)

record(INTACT, "ANCHOR", Kind.ANCHOR, bytes([1]) + bytes(7) + u64(3) + text("w") + u32(2) + b"ab")
record(BAD, "ANCHOR of an unknown type", Kind.ANCHOR,
       bytes([3]) + bytes(7) + u64(3) + NO_NAME + u32(0))
record(BAD, "ANCHOR of a larger size", Kind.ANCHOR,
       bytes([1]) + bytes(7) + u64(3) + NO_NAME + u32(9))
record(BAD, "ANCHOR of the future", Kind.ANCHOR,
       bytes([1]) + bytes(7) + u64(999) + NO_NAME + u32(0))
record(BAD, "ERASE of the future", Kind.ERASE, u64(999) + text("w") + text("y"))
record(BAD, "MOUNT in a session", Kind.MOUNT, NO_NAME * 6 + u64(1) + u32(1, 1, 1, 1, 1))
record(BAD, "UNMOUNT that counts wrongly", Kind.UNMOUNT, bytes([1]) + bytes(7) + u64(99, 4))
record(BAD, "a second GENESIS", Kind.GENESIS, bytes(300), 1)


# --- sequences ---------------------------------------------------------------------------------


@craft(INTACT, "two sessions")
def _two_sessions(s: Session) -> None:
    s.close()
    s.open()
    s.append(3, 4, b"56")


@craft(INTACT, "an empty file unlinked")
def _unlink_empty(s: Session) -> None:
    s.w.node(Kind.CREATE, 4, 1, "g")
    s.w.add(Kind.UNLINK, name_of(1, "g"), 4)


@craft(INTACT, "one of two names unlinked")
def _unlink_one(s: Session) -> None:
    s.w.add(Kind.LINK, name_of(1, "g"), 3)
    s.w.add(Kind.UNLINK, name_of(2, "f"), 3)


@craft(BAD, "both of two names unlinked")
def _unlink_both(s: Session) -> None:
    _unlink_one(s)
    s.w.add(Kind.UNLINK, name_of(1, "g"), 3)


@craft(INTACT, "a folder unlinked that never held anything")
def _rmdir(s: Session) -> None:
    s.w.node(Kind.MKDIR, 4, 1, "g")
    s.w.add(Kind.UNLINK, name_of(1, "g"), 4)


@craft(BAD, "a folder unlinked that once held something")
def _rmdir_held(s: Session) -> None:
    s.w.add(Kind.RENAME, rename(2, 1, "f", "g"), 3)
    s.w.add(Kind.UNLINK, name_of(1, "d"), 2)


@craft(INTACT, "a removed file that is still written")
def _write_removed(s: Session) -> None:
    _unlink_empty(s)
    s.append(4, 0, b"x")


@craft(BAD, "a removed file that is linked again")
def _link_removed(s: Session) -> None:
    _unlink_empty(s)
    s.w.add(Kind.LINK, name_of(1, "h"), 4)


@craft(INTACT, "a symbolic link with two names")
def _link_link(s: Session) -> None:
    s.w.node(Kind.SYMLINK, 4, 1, "l", "t")
    s.w.add(Kind.LINK, name_of(1, "m"), 4)
    s.w.add(Kind.UNLINK, name_of(1, "l"), 4)
    s.w.add(Kind.UNLINK, name_of(1, "m"), 4)


@craft(BAD, "a name in a removed folder")
def _removed_parent(s: Session) -> None:
    _rmdir(s)
    s.w.node(Kind.CREATE, 5, 4, "g")


@craft(BAD, "APPEND outside a session")
def _append_outside(s: Session) -> None:
    s.close()
    s.append(3, 4, b"x")
    s.open()


@craft(BAD, "MOUNT without EPOCH")
def _mount_alone(s: Session) -> None:
    s.close()
    s.w.seal(reason=4)
    s.mounted, s.payload = s.w.mount(), 0


@craft(BAD, "MOUNT with SEAL between it and EPOCH")
def _seal_between(s: Session) -> None:
    s.close()
    s.w.next_epoch()
    s.w.seal(reason=4)
    s.mounted, s.payload = s.w.mount(), 0


@craft(BAD, "MOUNT right behind the closing EPOCH")
def _mount_after_closing(s: Session) -> None:
    s.close()
    s.mounted, s.payload = s.w.mount(), 0


@craft(BAD, "two closing EPOCHs")
def _close_twice(s: Session) -> None:
    s.close()
    s.w.next_epoch(reason=8)
    s.open()


@craft(BAD, "SEAL between UNMOUNT and its EPOCH")
def _seal_before_closing(s: Session) -> None:
    s.w.unmount(s.w.tree.size - s.mounted, s.payload)
    s.w.seal()
    s.w.next_epoch(reason=8)
    s.open()


@craft(INTACT, "UNMOUNT without its EPOCH, then a session")
def _reopen_unclosed(s: Session) -> None:
    s.w.unmount(s.w.tree.size - s.mounted, s.payload)
    s.open()


@craft(BAD, "UNMOUNT twice")
def _unmount_twice(s: Session) -> None:
    s.w.unmount(s.w.tree.size - s.mounted, s.payload)
    s.w.unmount(1, 0)
    s.open()


@craft(BAD, "APPEND between RECOVERY and MOUNT")
def _append_recovered(s: Session) -> None:
    s.w.add(Kind.RECOVERY, recovery_body(4))
    s.append(3, 4, b"x")
    s.open()


@craft(BAD, "MOUNT after MOUNT without RECOVERY")
def _mount_twice(s: Session) -> None:
    s.open()


def recovery(s: Session, unsealed: int, count: int = 0, place: int = 0,
             tails: tuple[bytes, ...] = (), zero: bytes = bytes(7)) -> None:
    s.w.add(Kind.RECOVERY, recovery_body(unsealed, count, place, tails, zero))
    s.open()


@craft(INTACT, "a recovered session")
def _recovered(s: Session) -> None:
    recovery(s, 4)


@craft(BAD, "RECOVERY that counts unsealed records wrongly")
def _recovered_wrong(s: Session) -> None:
    recovery(s, 1)


TAIL = u64(7) + sha256(b"a tail\n")


@craft(INTACT, "a RECOVERY whose tail is not there")
def _recovered_tail(s: Session) -> None:
    recovery(s, 4, 1, 999, (TAIL,))


@craft(INTACT, "a RECOVERY of 64 tails")
def _recovered_tails(s: Session) -> None:
    recovery(s, 4, 64, 999, (TAIL,) * 64)


for title, fields in {
    "of 65 tails": (65, 999, (TAIL,) * 65),
    "with a tail too few": (2, 999, (TAIL,)),
    "with a tail too many": (1, 999, (TAIL,) * 2),
    "of nothing, somewhere": (0, 999),
    "of something, nowhere": (1, 0, (TAIL,)),
    "of an empty tail": (1, 999, (u64(0) + sha256(b""),)),
    "with a bit in its zeros": (1, 999, (TAIL,), b"\0\0\0\0\0\0\1"),
}.items():
    craft(BAD, f"RECOVERY {title}")(lambda s, fields=fields: recovery(s, 4, *fields))


# --- how long epochs take ------------------------------------------------------------------------


def epoch_of(s: Session, *seconds: int) -> None:
    """Lines at these times after MOUNT; epochs are to take 10 s."""
    for second in seconds:
        s.w.boot_shift = second * 1_000_000_000
        s.append(3, s.payload, b"x")


craft(INTACT, "an epoch that took a little long")(lambda s: epoch_of(s, 12, 31))
craft(INTACT, "an epoch that did not end")(lambda s: epoch_of(s, 12, 33))
craft(INTACT, "a machine that slept in an epoch")(lambda s: epoch_of(s, 5000, 5002))


@craft(INTACT, "seals and epochs long after the last line")
def _idle(s: Session) -> None:
    epoch_of(s, 12)
    s.w.boot_shift = 10**13
    s.w.seal(4)
    s.w.next_epoch(reason=7)
    epoch_of(s, 20_000, 20_005)


@craft(INTACT, "seals of all reasons")
def _seals(s: Session) -> None:
    for reason in (1, 2, 3, 4, 5):
        s.w.seal(reason)
    s.w.next_epoch(reason=7, durable=s.w.tree.size)


def seal_with(s: Session, key: Signer | None = None,
              **changes: int | bytes) -> None:
    """A SEAL with fields of choice."""
    w = s.w
    values: dict[str, int | bytes] = {"epoch": w.epoch, "reason": 2, "size": w.tree.size,
                                      "root": w.tree.root(), "durable": 0} | changes
    epoch, reason, size, root, durable = values.values()
    assert isinstance(root, bytes)
    body = b"".join((u32(int(epoch)), bytes([int(reason), 0, 0, 0]), u64(int(size)), root,
                     u64(int(durable))))
    w.add(Kind.SEAL, body, signers=(key or w.seal_key,))


craft(BAD, "a seal of another epoch")(lambda s: seal_with(s, epoch=0))
craft(BAD, "a seal of a smaller tree")(lambda s: seal_with(s, size=3))
craft(BAD, "a seal of another root")(lambda s: seal_with(s, root=bytes(32)))
craft(BAD, "a durable size beyond the tree")(lambda s: seal_with(s, durable=99))
craft(BAD, "a seal for no reason")(lambda s: seal_with(s, reason=0))
craft(BAD, "a seal for an unknown reason")(lambda s: seal_with(s, reason=10))
craft(BAD, "a seal by the log key")(lambda s: seal_with(s, key=s.w.log_key))


@craft(BAD, "a seal by the key of the epoch before")
def _old_key(s: Session) -> None:
    key = s.w.seal_key
    s.w.next_epoch(reason=7)
    seal_with(s, key=key)


@craft(BAD, "an epoch left out")
def _epoch_gap(s: Session) -> None:
    s.w.epoch += 1
    s.w.next_epoch(reason=7)


@craft(BAD, "a closing EPOCH in a session")
def _closing_inside(s: Session) -> None:
    s.w.next_epoch(reason=8)


def change_key(s: Session, kind: Kind, reason: int, first: Signer,
               is_second_good: bool = True) -> None:
    w = s.w
    new, other = (nacl.signing.SigningKey(w.random.randbytes(32)) for _ in range(2))
    body = (u32(w.epoch + 1) + bytes([reason, 0, 0, 0]) + u64(w.tree.size) + w.tree.root() + u64(0)
            + bytes(new.verify_key))
    w.add(kind, body, signers=(first, new if is_second_good else other))
    w.epoch, w.seal_key = w.epoch + 1, new


craft(BAD, "EPOCH by the log key")(lambda s: change_key(s, Kind.EPOCH, 7, s.w.log_key))
craft(BAD, "EPOCH that its new key did not sign")(
    lambda s: change_key(s, Kind.EPOCH, 7, s.w.seal_key, False))
craft(INTACT, "REKEY")(lambda s: change_key(s, Kind.REKEY, 9, s.w.log_key))
craft(BAD, "REKEY by the seal key")(lambda s: change_key(s, Kind.REKEY, 9, s.w.seal_key))


def segment_header(title: str, at: int, data: bytes) -> None:
    """A second segment whose header, sound in itself, says @data at @at."""
    def rule(s: Session) -> None:
        s.w.rotate()
        head = s.w.segments[-1]
        head[at:at + len(data)] = data
        head[96:128] = sha256(bytes(head[:96]))
        s.append(3, 4, b"behind")
    craft(BAD, f"a segment of {title}")(rule)


segment_header("another number", 12, u32(7))
segment_header("another first record", 16, u64(2))
segment_header("another record before", 40, b"x" * 32)


@craft(BAD, "a segment larger than GENESIS allows")
def _oversize(s: Session) -> None:
    s.w.segment_size *= 4
    for offset in range(3):
        s.append(3, 4 + (offset << 20), bytes(1 << 20))


class FirstWrong:
    """A key whose first signature is somebody else's."""

    def __init__(self, key: Signer, other: Signer) -> None:
        self.verify_key, self.keys = key.verify_key, [key, other]

    def sign(self, message: bytes) -> Any:
        return (self.keys.pop() if len(self.keys) == 2 else self.keys[0]).sign(message)


def genesis_unsigned(which: str) -> None:
    def write(w: Writer) -> None:
        setattr(w, which, FirstWrong(getattr(w, which), nacl.signing.SigningKey(w.random.randbytes(32))))
        session = Session(w)
        session.close()
        w.save(session.vkey)
    CRAFTS.append(Craft(f"GENESIS without the signature of its {which}", BAD, write))


genesis_unsigned("log_key")
genesis_unsigned("seal_key")


# --- Ed25519 as it must not be -----------------------------------------------------------------

ORDER = 2**252 + 27742317777372353535851937790883648493
BASE_POINT = b"\x58" + b"\x66" * 31


class SmallOrder:
    """The neutral element as a key: R = [S]B is a signature of everything."""

    verify_key = b"\1" + bytes(31)

    def sign(self, _message: bytes) -> Signed:
        return Signed(BASE_POINT + b"\1" + bytes(31))


class Malleable:
    """A good key whose signatures are good but for S, which is too large by the order."""

    def __init__(self, key: Signer) -> None:
        self.key = key
        self.verify_key = key.verify_key

    def sign(self, message: bytes) -> Signed:
        good = self.key.sign(message).signature
        s = int.from_bytes(good[32:], "little") + ORDER
        return Signed(good[:32] + s.to_bytes(32, "little"))


craft(BAD, "a malleable signature")(lambda s: seal_with(s, key=Malleable(s.w.seal_key)))


@craft(BAD, "a key of small order")
def _small_order(s: Session) -> None:
    s.w.next_epoch(reason=7, key=SmallOrder())
    s.w.seal()


# --- erased bodies, clocks, ends -----------------------------------------------------------------


def zero_body(w: Writer, start: int, size: int) -> None:
    """Overwrite nonce and body of the frame at `start` in the first segment."""
    w.segments[0][start + 141:start + 157 + size] = bytes(16 + size)


def erased(exit_code: int, kind: Kind, body: bytes, inode: int, offset: int = 0,
           is_named: bool = True) -> None:
    @craft(exit_code, f"{kind.name} {'erased' if is_named else 'zeroed, and no ERASE'}")
    def _rule(s: Session) -> None:
        start, seq = len(s.w.segments[0]), s.w.add(kind, body, inode, offset)
        if is_named:
            s.w.add(Kind.ERASE, u64(seq) + text("court") + text("request 17"))
        if kind == Kind.APPEND:
            s.payload += len(body)
        s.w.seal(durable=s.w.tree.size)
        zero_body(s.w, start, len(body))


erased(INTACT, Kind.APPEND, b"personal data", 3, 4)
erased(BAD, Kind.APPEND, b"personal data", 3, 4, is_named=False)
erased(INTACT, Kind.ACTOR, actor(0), 0)
erased(BAD, Kind.CREATE, node(1, FILE, "g"), 4)
erased(BAD, Kind.ATTR, attr(1, 0o600), 3)
erased(BAD, Kind.DENIED, denied(1), 3)


def raw(exit_code: int, name: str) -> Callable[[Callable[[Writer], None]], None]:
    def register(write: Callable[[Writer], None]) -> None:
        CRAFTS.append(Craft(name, exit_code, write))
    return register


@raw(INTACT, "GENESIS alone")
def _genesis_alone(w: Writer) -> None:
    w.save(w.genesis())


def genesis(exit_code: int, title: str, **fields: Any) -> None:
    def write(w: Writer) -> None:
        w.save(w.genesis(**fields))
    raw(exit_code, title)(write)


def later_segment(exit_code: int, name: str, index: int, version: int, is_hashed: bool,
                  is_other: bool = True) -> None:
    """A store whose segment `index` says that it is of `version`, and has another layout or not."""
    def write(w: Writer) -> None:
        session = Session(w)
        w.rotate()
        session.append(3, 4, b"later")
        session.close()
        head = w.segments[index]
        head[8:12] = u32(version)
        if is_other:
            head[72:80] = b"anything"
        if is_hashed:
            head[96:128] = sha256(bytes(head[:96]))
        w.save(session.vkey)
    CRAFTS.append(Craft(name, exit_code, write))


for number in (0, 1):
    title = f"segment {number}"
    later_segment(UNKNOWN, f"{title} of version 2", number, 2, is_hashed=True)
    later_segment(UNKNOWN, f"{title} of version 2, hashed otherwise", number, 2, is_hashed=False)
    later_segment(UNKNOWN, f"{title} of version 255, hashed otherwise", number, 255,
                  is_hashed=False)
    later_segment(BAD, f"{title} of no version", number, 256, is_hashed=False)
    later_segment(BAD, f"{title} of version 0", number, 0, is_hashed=False)
    later_segment(BAD, f"{title} whose version alone was changed", number, 2, is_hashed=False,
                  is_other=False)

genesis(UNKNOWN, "GENESIS of version 2", start=u32(2, 0) + b"\1\1\0\0")
genesis(UNKNOWN, "GENESIS of version 0", start=u32(0, 0) + b"\1\1\0\0")
genesis(UNKNOWN, "GENESIS with a feature", start=u32(1, 1) + b"\1\1\0\0")
genesis(BAD, "GENESIS with another hash", start=u32(1, 0) + b"\2\1\0\0")
genesis(BAD, "GENESIS with another signature", start=u32(1, 0) + b"\1\2\0\0")
genesis(BAD, "GENESIS with reserved bytes", start=u32(1, 0) + b"\1\1\0\1")
genesis(BAD, "a root that is a file", root_mode=0o100755)
genesis(INTACT, "a name with a slash", name="a/b")
genesis(BAD, "a name that is not ASCII", name="gr\u00fcn")
genesis(INTACT, "a name of 200 bytes", name="a" * 200)
genesis(BAD, "a name of 201 bytes", name="a" * 201)
genesis(BAD, "an origin with a space", name="a b")
genesis(BAD, "an origin with a plus", name="a+b")
genesis(BAD, "an origin without a name", name="")


@raw(BAD, "a body zeroed behind its seal, and an ERASE that no seal covers")
def _unsigned_erase(w: Writer) -> None:
    s = Session(w)
    start, seq = len(w.segments[0]), w.add(Kind.APPEND, b"personal data", 3, 4)
    w.seal(durable=w.tree.size)
    w.add(Kind.ERASE, u64(seq) + text("court") + text("request 17"))
    zero_body(w, start, len(b"personal data"))
    w.save(s.vkey)


@raw(BAD, "an ERASE behind the closing record")
def _erase_behind_end(w: Writer) -> None:
    s = Session(w)
    s.close()
    w.add(Kind.ERASE, u64(4) + text("court") + text("request 17"))
    w.save(s.vkey)


@raw(BAD, "a session behind the closing record, without its EPOCH")
def _session_behind_end(w: Writer) -> None:
    s = Session(w)
    s.close()
    w.mount()
    w.append(3, 4, b"5678")
    w.save(s.vkey)


@raw(BAD, "a session behind GENESIS, without its EPOCH")
def _session_behind_genesis(w: Writer) -> None:
    vkey = w.genesis()
    w.mount()
    w.save(vkey)


@raw(INTACT, "an open session")
def _open_session(w: Writer) -> None:
    w.save(Session(w).vkey)


@raw(INTACT, "UNMOUNT without its EPOCH")
def _no_closing(w: Writer) -> None:
    s = Session(w)
    w.unmount(w.tree.size - s.mounted, s.payload)
    w.save(s.vkey)


@raw(BAD, "an origin that commits to another key")
def _other_origin(w: Writer) -> None:
    seal_key, w.store_id = w.seal_key, w.random.randbytes(16)
    w.seal_key = nacl.signing.SigningKey(w.random.randbytes(32))
    commitment = sha256(b"inkfs/origin/v1\0", w.store_id, bytes(seal_key.verify_key)).hex()[:32]
    body = b"".join((u32(1, 0), b"\1\1\0\0", u32(0o40755), w.store_id, bytes(w.log_key.verify_key),
                     bytes(w.seal_key.verify_key), u64(w.segment_size), text(f"x/{commitment}"),
                     text("w")))
    w.add(Kind.GENESIS, body, inode=1, signers=(w.log_key, w.seal_key))
    w.save("x")


@raw(INTACT, "a last segment without a frame")
def _empty_segment(w: Writer) -> None:
    s = Session(w)
    s.close()
    w.rotate()
    w.save(s.vkey)


@raw(INTACT, "zeros behind an open session")
def _zeros(w: Writer) -> None:
    s = Session(w)
    w.segments[-1] += bytes(4096)
    w.save(s.vkey)


@raw(INTACT, "a torn frame behind an open session")
def _torn(w: Writer) -> None:
    s = Session(w)
    w.segments[-1] += b"inkF" + bytes(100) + b"x" * 30
    w.save(s.vkey)


@raw(BAD, "a torn frame before a seal that knew it synced")
def _torn_before_seal(w: Writer) -> None:
    s = Session(w)
    start = len(w.segments[0])
    s.append(3, 4, b"abc")
    w.seal(durable=w.tree.size)
    w.segments[0][start + 10] ^= 1
    w.save(s.vkey)


@raw(INTACT, "a torn frame before a seal that did not know it synced")
def _torn_before_weak_seal(w: Writer) -> None:
    s = Session(w)
    start = len(w.segments[0])
    s.append(3, 4, b"abc")
    w.seal(durable=w.tree.size - 1)
    w.segments[0][start + 10] ^= 1
    w.save(s.vkey)


@raw(BAD, "a segment that is too long")
def _long_segment(w: Writer) -> None:
    w.segment_size = 1500
    vkey = w.genesis()
    w.segment_size = 1 << 20
    w.next_epoch()
    w.mount()
    for inode in range(2, 12):
        w.node(Kind.CREATE, inode, 1, f"file {inode}")
    w.save(vkey)


def write_all(folder: Path) -> Iterator[tuple[Craft, Path]]:
    """Write every store beneath `folder`."""
    for number, crafted in enumerate(CRAFTS):
        store = folder / f"{number:03}"
        crafted.write(Writer(store, number))
        yield crafted, store
