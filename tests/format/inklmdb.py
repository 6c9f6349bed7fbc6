# SPDX-License-Identifier: MIT
"""A reader of LMDB files (format version 1, 64-bit little-endian), without LMDB.

It reads the named databases of a committed snapshot into dictionaries and refuses every file that
LMDB could not have written: pages out of place, keys out of order, counts that do not add up.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

PAGE_SIZE = 4096
PAGE_HEADER_SIZE = 16
MAGIC, VERSION = 0xBEEFC0DE, 1
NO_PAGE = (1 << 64) - 1
P_BRANCH, P_LEAF, P_OVERFLOW, P_META = 1, 2, 4, 8
F_BIGDATA, F_SUBDATA = 1, 2
KEY_SIZE_MAX = 511
DEPTH_MAX = 32
DB = struct.Struct("<IHHQQQQQ")
META_DBS_AT = PAGE_HEADER_SIZE + 24
META_SIZE = META_DBS_AT + 2 * DB.size + 16


class Damaged(Exception):
    """Not a file that LMDB has written."""


class Database(NamedTuple):
    pad: int
    flags: int
    depth: int
    branch_pages: int
    leaf_pages: int
    overflow_pages: int
    entries: int
    root: int


class Meta(NamedTuple):
    page: int
    page_size: int
    main: Database
    last_page: int
    txn: int


class Node(NamedTuple):
    key: bytes
    flags: int
    value: bytes  # of a branch: empty
    child: int


def check(is_good: bool, text: str) -> None:
    if not is_good:
        raise Damaged(text)


class Counts:
    """Pages seen while one database is walked."""

    def __init__(self) -> None:
        self.branch = self.leaf = self.overflow = 0


class Snapshot:
    """What the last commit in `data` says.  `spans` lists the byte ranges that were read for it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.spans: list[tuple[int, int]] = []
        self.seen: set[int] = set()
        self.meta = self._newest_meta()

    @property
    def txn(self) -> int:
        return self.meta.txn

    def databases(self) -> dict[str, dict[bytes, bytes]]:
        found: dict[str, dict[bytes, bytes]] = {}
        for name, value in self._walk(self.meta.main, is_main=True):
            check(len(value) == DB.size, "a database's descriptor has a wrong size")
            database = Database(*DB.unpack(value))
            found[name.decode("latin-1")] = dict(self._walk(database, is_main=False))
        return found

    # --- meta pages --------------------------------------------------------------------

    def _newest_meta(self) -> Meta:
        check(len(self.data) >= 2 * PAGE_SIZE, "shorter than two meta pages")
        metas = [self._meta(page) for page in (0, 1)]
        newest = max(metas, key=lambda meta: meta.txn)
        between = abs(metas[0].txn - metas[1].txn)
        check(between == (newest.txn != 0), "the meta pages are not of consecutive commits")
        check(newest.page == newest.txn % 2, "the newest meta page is out of place")
        check(newest.page_size == PAGE_SIZE, "page size is not 4,096")
        check((newest.last_page + 1) * PAGE_SIZE <= len(self.data), "pages are missing at the end")
        self.spans.append((newest.page * PAGE_SIZE, newest.page * PAGE_SIZE + META_SIZE))
        return newest

    def _meta(self, page: int) -> Meta:
        raw = self.data[page * PAGE_SIZE:page * PAGE_SIZE + META_SIZE]
        number, _pad, flags = struct.unpack_from("<QHH", raw)
        magic, version = struct.unpack_from("<II", raw, PAGE_HEADER_SIZE)
        check(number == page and flags == P_META, "no meta page")
        check((magic, version) == (MAGIC, VERSION), "not an LMDB file of a known version")
        free = Database(*DB.unpack_from(raw, META_DBS_AT))
        main = Database(*DB.unpack_from(raw, META_DBS_AT + DB.size))
        last_page, txn = struct.unpack_from("<QQ", raw, META_DBS_AT + 2 * DB.size)
        return Meta(page, free.pad, main, last_page, txn)

    # --- trees -------------------------------------------------------------------------

    def _walk(self, database: Database, is_main: bool) -> Iterator[tuple[bytes, bytes]]:
        check(database.flags == 0, "a database has flags")
        counts, entries, last = Counts(), 0, b""
        if database.root == NO_PAGE:
            check(database[2:7] == (0, 0, 0, 0, 0), "an empty database counts something")
            return
        check(1 <= database.depth <= DEPTH_MAX, "depth of a tree is out of bounds")
        for node in self._leaves(database.root, database.depth, b"", None, counts):
            check(entries == 0 or last < node.key, "keys are out of order")
            check(node.flags & ~F_BIGDATA == (F_SUBDATA if is_main else 0),
                  "node with unknown flags")
            last, entries = node.key, entries + 1
            yield node.key, node.value
        seen = (counts.branch, counts.leaf, counts.overflow, entries)
        check(seen == database[3:7], "the counts of a database are wrong")

    def _leaves(self, page: int, depth: int, low: bytes, high: bytes | None,
                counts: Counts) -> Iterator[Node]:
        """All leaf nodes beneath a page at that depth, whose keys are in [low, high)."""
        is_leaf = depth == 1
        nodes = self._nodes(page, P_LEAF if is_leaf else P_BRANCH, counts)
        if is_leaf:
            counts.leaf += 1
            for node in nodes:
                check(low <= node.key and (high is None or node.key < high), "key on a wrong page")
            yield from nodes
            return
        counts.branch += 1
        bounds = [low] + [node.key for node in nodes[1:]]
        for node, first, behind in zip(nodes, bounds, [*bounds[1:], high]):
            yield from self._leaves(node.child, depth - 1, first, behind, counts)

    def _page(self, page: int, wanted: int) -> int:
        check(2 <= page <= self.meta.last_page, "page number out of bounds")
        check(page not in self.seen, "one page in two places")
        self.seen.add(page)
        number, _pad, flags = struct.unpack_from("<QHH", self.data, page * PAGE_SIZE)
        check(number == page, "a page carries another number")
        check(flags == wanted, "a page of another kind")
        return page * PAGE_SIZE

    def _nodes(self, page: int, wanted: int, counts: Counts) -> list[Node]:
        at = self._page(page, wanted)
        lower, upper = struct.unpack_from("<HH", self.data, at + 12)
        check(PAGE_HEADER_SIZE < lower <= upper <= PAGE_SIZE and lower % 2 == 0, "bounds of a page")
        self.spans += [(at, at + 8), (at + 10, at + lower)]
        pointers = struct.unpack_from(f"<{(lower - PAGE_HEADER_SIZE) // 2}H", self.data,
                                      at + PAGE_HEADER_SIZE)
        return [self._node(at, pointer, upper, wanted == P_LEAF, counts) for pointer in pointers]

    def _node(self, at: int, pointer: int, upper: int, is_leaf: bool, counts: Counts) -> Node:
        check(upper <= pointer <= PAGE_SIZE - 8, "a node out of its page")
        low, high, flags, key_size = struct.unpack_from("<HHHH", self.data, at + pointer)
        key_at = pointer + 8
        check(key_size <= KEY_SIZE_MAX and key_at + key_size <= PAGE_SIZE, "a key out of its page")
        key = self.data[at + key_at:at + key_at + key_size]
        value_at = at + key_at + key_size
        if not is_leaf:
            self.spans.append((at + pointer, value_at))
            return Node(key, 0, b"", low | high << 16 | flags << 32)
        size = low | high << 16
        if flags & F_BIGDATA:
            check(value_at + 8 <= at + PAGE_SIZE, "a page number out of its page")
            self.spans.append((at + pointer, value_at + 8))
            overflow = int.from_bytes(self.data[value_at:value_at + 8], "little")
            return Node(key, flags, self._overflow(overflow, size, counts), 0)
        check(value_at + size <= at + PAGE_SIZE, "a value out of its page")
        self.spans.append((at + pointer, value_at + size))
        return Node(key, flags, self.data[value_at:value_at + size], 0)

    def _overflow(self, page: int, size: int, counts: Counts) -> bytes:
        at = self._page(page, P_OVERFLOW)
        pages = int.from_bytes(self.data[at + 12:at + 16], "little")
        check(pages == (PAGE_HEADER_SIZE - 1 + size) // PAGE_SIZE + 1,
              "overflow pages for a wrong size")
        check(page + pages - 1 <= self.meta.last_page, "overflow pages behind the end")
        for extra in range(page + 1, page + pages):
            check(extra not in self.seen, "one page in two places")
            self.seen.add(extra)
        counts.overflow += pages
        self.spans += [(at, at + 8), (at + 10, at + PAGE_HEADER_SIZE + size)]
        return self.data[at + PAGE_HEADER_SIZE:at + PAGE_HEADER_SIZE + size]
