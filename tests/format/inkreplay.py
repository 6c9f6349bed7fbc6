# SPDX-License-Identifier: MIT
"""What the records mean, one after the other: signatures, key succession, sessions, names, sizes.

The state after some number of records is also what an index of that many must hold (section 9).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from stat import S_IFDIR, S_IFMT, S_IFREG
from typing import Any

from inkformat import (NAMELESS, REASON_UNMOUNT, ROOT_INODE, SEALS, ZERO_HASH, Actor, Attr, Bad,
                       Genesis, Kind, Lost, Merkle, Mount, Name, Node, Record, Rename, Seal,
                       Unmount, is_signed, parse_body, require, signed_message)
from inkblock import RECORDS_PER_BLOCK, Block
from inkkeys import is_origin_of

BEHIND_END = (*SEALS, Kind.RECOVERY)
OUTSIDE = (Kind.GENESIS, Kind.MOUNT, Kind.RECOVERY, *SEALS, Kind.ERASE, Kind.ANCHOR)
SECOND_NS = 1_000_000_000
PATIENCE_NS = 10 * SECOND_NS
RUN_GAP_MAX, RUN_SIZE_MAX = 4096, 65536

Note = Callable[[str, Record, str], None]  # code, record, text


@dataclass(slots=True)
class Inode:
    mode: int
    uid: int
    gid: int
    birth: int
    nlink: int = 1
    has_held: bool = False
    size: int = 0
    records: int = 0
    last_seq: int = 0
    last_leaf: bytes = ZERO_HASH
    atime: int = 0
    mtime: int = 0
    ctime: int = 0
    parent: int = 0
    run_offset: int = 0
    end_place: int = 0

    @property
    def type(self) -> int:
        return S_IFMT(self.mode)


@dataclass(slots=True)
class State:
    tree: Merkle = field(default_factory=Merkle)
    leaves: list[bytes] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    end_place: int = 0
    genesis: Genesis | None = None
    epoch: int = 0
    seal_key: bytes = b""
    last_seal: int = 0
    good_seals: int = 0
    durable: int = 0
    session: int = 0  # seq of its MOUNT
    was_ended: bool = True  # UNMOUNT or RECOVERY since the last MOUNT, if there was one
    is_closed: bool = False
    recoveries: dict[int, tuple[Lost, ...]] = field(default_factory=dict)
    epoch_ns: int = 0  # as the last MOUNT says
    epoch_begin: int = 0  # boot time of the first activity, and of the first behind epoch_ns
    epoch_over: int = 0
    is_epoch_long: bool = False
    payload: int = 0
    payload_before: int = 0  # the last MOUNT
    refusals: int = 0
    next_inode: int = 2
    last_kind: Kind | None = None
    wall_ns: int = 0
    inodes: dict[int, Inode] = field(default_factory=dict)
    names: dict[tuple[int, bytes], tuple[int, int]] = field(default_factory=dict)  # inode, cookie
    targets: dict[int, bytes] = field(default_factory=dict)
    extents: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)  # place, seq
    seals: dict[int, tuple[int, int]] = field(default_factory=dict)  # kind, epoch
    actors: dict[int, Actor | None] = field(default_factory=dict)


class Replay:
    def __init__(self, note_evidence: Note, note_observation: Note) -> None:
        self.state = State()
        self.evidence = note_evidence
        self.observation = note_observation

    def add(self, record: Record) -> None:
        for step in (self._check_inode, self._check_session, self._check_actor, self._check_clock,
                     self._apply):
            try:
                step(record)
            except Bad as bad:
                self.evidence(bad.code, record, bad.text)
        state = self.state
        state.tree.add(record.leaf)
        state.leaves.append(record.leaf)
        state.places.append(record.place)
        if record.seq % RECORDS_PER_BLOCK == 0:
            state.blocks.append(Block())
        state.blocks[-1].add(record)
        state.end_place = record.end_place
        state.last_kind = record.kind

    # --- what holds for every record -----------------------------------------------------

    def _check_inode(self, record: Record) -> None:
        kind, inode = record.kind, record.inode
        require(kind not in NAMELESS or inode == 0, f"{kind.name} with an inode", "header")
        require(kind != Kind.GENESIS or inode == ROOT_INODE, "GENESIS is about the root", "header")

    def _check_session(self, record: Record) -> None:
        state, kind = self.state, record.kind
        was_closed, state.is_closed = state.is_closed, False
        require(not was_closed or kind in BEHIND_END, f"{kind.name} behind the closing record",
                "session")
        require((kind == Kind.GENESIS) == (record.seq == 0), "record 0 alone is GENESIS", "session")
        require(state.session != 0 or kind in OUTSIDE, f"{kind.name} outside a session", "session")

    def _check_actor(self, record: Record) -> None:
        is_known = record.actor == 0 or record.actor in self.state.actors
        require(is_known, f"actor {record.actor} is no ACTOR record before this one", "actor")

    def _check_clock(self, record: Record) -> None:
        if record.wall_ns < self.state.wall_ns:
            self.observation("clock-back", record, "the wall clock went back")
        self.state.wall_ns = record.wall_ns

    def _apply(self, record: Record) -> None:
        if record.kind == Kind.GENESIS and record.seq > 0:
            return  # has been found
        if record.is_erased:
            self.observation("erased", record, "body erased, as an ERASE record says")
            body = None
        else:
            body = parse_body(record.kind, record.body)
        getattr(self, "_" + record.kind.name.lower())(record, body)
        self._watch_epoch(record)

    def _watch_epoch(self, record: Record) -> None:
        """Section 6, overlong epoch."""
        state, now = self.state, record.boot_ns
        if record.kind in (Kind.EPOCH, Kind.REKEY):
            state.epoch_begin = state.epoch_over = 0
            state.is_epoch_long = False
        if record.kind in SEALS or not state.session or not state.epoch_ns:
            return
        if not state.epoch_begin:
            state.epoch_begin = now
        elif not state.epoch_over:
            state.epoch_over = now if now - state.epoch_begin >= state.epoch_ns else 0
        elif not state.is_epoch_long and now - state.epoch_over > state.epoch_ns + PATIENCE_NS:
            state.is_epoch_long = True
            self.observation("epoch-long", record, "the epoch did not end when it should")

    # --- keys and seals --------------------------------------------------------------------

    def _genesis(self, record: Record, body: Genesis) -> None:
        state = self.state
        root = Inode(body.root_mode, record.uid, record.gid, record.wall_ns, nlink=2,
                     parent=ROOT_INODE)
        root.atime = root.mtime = root.ctime = record.wall_ns
        state.inodes[ROOT_INODE] = root
        state.genesis, state.seal_key, state.is_closed = body, body.seal_key, True
        require(record.prev == ZERO_HASH, "GENESIS has a record before it", "genesis")
        message = signed_message(record)
        require(is_origin_of(body.origin, body.store_id, body.seal_key),
                "origin does not commit to the store id and first seal key", "genesis")
        require(is_signed(body.log_key, message, body.log_signature), "log key's signature",
                "signature")
        require(is_signed(body.seal_key, message, body.seal_signature), "seal key's signature",
                "signature")

    def _seal(self, record: Record, body: Seal) -> None:
        self._check_seal(record, body, self.state.seal_key)
        require(body.reason != REASON_UNMOUNT, "SEAL with the reason of an EPOCH")

    def _epoch(self, record: Record, body: Seal) -> None:
        is_closing, is_ended = body.reason == REASON_UNMOUNT, self.state.last_kind == Kind.UNMOUNT
        self.state.is_closed = is_closing and is_ended
        self._check_seal(record, body, self.state.seal_key)
        require(is_ended or not is_closing, "closing EPOCH without UNMOUNT", "session")

    def _rekey(self, record: Record, body: Seal) -> None:
        self.observation("rekey", record, "seal keys were replaced on the log key's word")
        log_key = self.state.genesis.log_key if self.state.genesis else b""
        self._check_seal(record, body, log_key)

    def _check_seal(self, record: Record, body: Seal, signer: bytes) -> None:
        state, message = self.state, signed_message(record)
        state.seals[record.seq] = (record.kind, body.epoch)
        state.last_seal = record.seq
        epoch, has_next = state.epoch, record.kind != Kind.SEAL
        is_good = is_signed(signer, message, body.signature)
        if has_next:
            is_good = is_good and is_signed(body.next_key, message, body.next_signature)
            state.epoch, state.seal_key = epoch + 1, body.next_key
        require(body.epoch == epoch + has_next, f"epoch {body.epoch} follows epoch {epoch}",
                "epoch")
        require(is_good, "signature is not by the key of its epoch", "signature")
        require(body.tree_size == record.seq and body.root == state.tree.root(),
                "the tree that was signed is not this tree", "root")
        state.durable = max(state.durable, body.durable)
        state.good_seals += 1

    # --- sessions --------------------------------------------------------------------------

    def _mount(self, record: Record, body: Mount | None) -> None:
        state = self.state
        state.epoch_ns = body.epoch_s * SECOND_NS if body else 0
        was_ended = state.was_ended
        state.session, state.payload_before, state.was_ended = record.seq, state.payload, False
        require(was_ended, "MOUNT, but nothing ended the session before", "session")
        require(state.last_kind == Kind.EPOCH, "MOUNT without an EPOCH right before", "session")

    def _unmount(self, record: Record, body: Unmount) -> None:
        state = self.state
        counted = (record.seq - state.session, state.payload - state.payload_before)
        state.session, state.was_ended = 0, True
        require((body.records, body.payload_bytes) == counted, "UNMOUNT counts another session")

    def _recovery(self, record: Record, body: Any) -> None:
        state = self.state
        if state.session:
            self.observation("unclean-end", record,
                             f"session of record {state.session} has no UNMOUNT")
        self.observation("recovery", record,
                         f"{len(body.lost)} tails were set aside" if body.lost
                         else "an unclean end, nothing lost")
        state.session, state.was_ended = 0, True
        state.recoveries[record.seq] = body.lost
        require(body.durable <= record.seq, "durable size is beyond the record")
        require(body.unsealed == record.seq - 1 - state.last_seal,
                "unsealed records are miscounted")

    # --- bystanders ------------------------------------------------------------------------

    def _actor(self, record: Record, body: Actor | None) -> None:
        self.state.actors[record.seq] = body

    def _erase(self, record: Record, body: Any) -> None:
        require(body.target < record.seq, "ERASE names no record before it")

    def _anchor(self, record: Record, body: Any) -> None:
        require(body is None or body.tree_size <= record.seq,
                "ANCHOR of a tree that was not there yet")

    def _denied(self, record: Record, body: Any) -> None:
        self.state.refusals += body.count
        if record.inode != 0:
            self._object(record.inode)

    def _open(self, record: Record, _body: int) -> None:
        require(self._object(record.inode).type == S_IFREG, "opened what is no file", "names")

    _close = _open

    # --- name space ------------------------------------------------------------------------

    def _object(self, inode: int) -> Inode:
        require(inode in self.state.inodes, f"there is no inode {inode}", "names")
        return self.state.inodes[inode]

    def _folder(self, inode: int) -> Inode:
        folder = self._object(inode)
        require(folder.type == S_IFDIR, f"inode {inode} is no folder", "names")
        require(folder.nlink > 0, f"folder {inode} was removed", "names")
        return folder

    def _put_name(self, record: Record, parent: int, name: bytes) -> None:
        folder = self._folder(parent)
        require((parent, name) not in self.state.names, f"{name!r} is there already", "names")
        self.state.names[parent, name] = (record.inode, 3 + record.seq)
        folder.has_held = True
        folder.mtime = folder.ctime = record.wall_ns
        child = self.state.inodes[record.inode]
        if child.type == S_IFDIR:
            folder.nlink += 1
            child.parent = parent

    def _take_name(self, record: Record, parent: int, name: bytes) -> None:
        folder = self._folder(parent)
        held = self.state.names.get((parent, name), (0, 0))[0]
        require(held == record.inode != 0, f"{name!r} is not there, or is another object", "names")
        del self.state.names[parent, name]
        folder.mtime = folder.ctime = record.wall_ns
        if self.state.inodes[record.inode].type == S_IFDIR:
            folder.nlink -= 1

    def _create(self, record: Record, body: Node) -> None:
        state = self.state
        require(record.inode == state.next_inode, "number of a new inode is not the next", "names")
        self._folder(body.parent)
        require((body.parent, body.name) not in state.names, f"{body.name!r} is there already",
                "names")
        inode = Inode(body.mode, body.uid, body.gid, record.wall_ns)
        inode.atime = inode.mtime = inode.ctime = record.wall_ns
        inode.nlink = 2 if record.kind == Kind.MKDIR else 1
        inode.size = len(body.target)
        state.inodes[record.inode] = inode
        state.next_inode += 1
        if record.kind == Kind.SYMLINK:
            state.targets[record.inode] = body.target
        self._put_name(record, body.parent, body.name)

    _mkdir = _symlink = _create

    def _attr(self, record: Record, body: Attr) -> None:
        inode = self._object(record.inode)
        if body.mask & 1:
            inode.mode = inode.type | body.mode
        for bit, key in ((2, "uid"), (4, "gid"), (8, "atime"), (16, "mtime")):
            if body.mask & bit:
                setattr(inode, key, getattr(body, key))
        inode.ctime = record.wall_ns

    def _rename(self, record: Record, body: Rename) -> None:
        inode = self._object(record.inode)
        self._folder(body.new_parent)
        require((body.new_parent, body.new_name) not in self.state.names, "the new name is taken",
                "names")
        if inode.type == S_IFDIR:
            self._check_not_beneath(body.new_parent, record.inode)
        self._take_name(record, body.old_parent, body.old_name)
        self._put_name(record, body.new_parent, body.new_name)
        inode.ctime = record.wall_ns

    def _check_not_beneath(self, folder: int, above: int) -> None:
        while folder != ROOT_INODE:
            require(folder != above, "a folder renamed beneath itself", "names")
            folder = self.state.inodes[folder].parent

    def _link(self, record: Record, body: Name) -> None:
        inode = self._object(record.inode)
        require(inode.type != S_IFDIR, "a second name for a folder", "names")
        require(inode.nlink > 0, "a name for what was removed", "names")
        self._put_name(record, body.parent, body.name)
        inode.nlink += 1
        inode.ctime = record.wall_ns

    def _unlink(self, record: Record, body: Name) -> None:
        inode = self._object(record.inode)
        if inode.type == S_IFDIR:
            require(not inode.has_held, "a folder that has held names was removed", "names")
        elif inode.type == S_IFREG:
            require(inode.size == 0 or inode.nlink > 1, "the last name of bytes was removed",
                    "names")
        self._take_name(record, body.parent, body.name)
        inode.nlink = 0 if inode.type == S_IFDIR else inode.nlink - 1
        inode.ctime = record.wall_ns

    # --- bytes -----------------------------------------------------------------------------

    def _append(self, record: Record, _body: bytes | None) -> None:
        state, inode, size = self.state, self._object(record.inode), len(record.body)
        require(inode.type == S_IFREG, "APPEND to what is no file", "names")
        require(record.offset == inode.size, f"APPEND at {record.offset}, file has {inode.size}",
                "offset")
        if not self._goes_on(inode, record, size):
            inode.run_offset = record.offset
            state.extents[record.inode, record.offset] = (record.place, record.seq)
        inode.size += size
        inode.records += 1
        inode.last_seq, inode.last_leaf, inode.end_place = record.seq, record.leaf, record.end_place
        inode.mtime = inode.ctime = record.wall_ns
        state.payload += size

    @staticmethod
    def _goes_on(inode: Inode, record: Record, size: int) -> bool:
        """Does this APPEND continue the run of its file?"""
        return (inode.records > 0 and inode.end_place >> 32 == record.place >> 32
                and record.place - inode.end_place <= RUN_GAP_MAX
                and record.offset + size - inode.run_offset <= RUN_SIZE_MAX)
