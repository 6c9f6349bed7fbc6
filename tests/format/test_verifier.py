# SPDX-License-Identifier: MIT
"""Tests of verify.py with writer.py: no C in them."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import crafted
from verify import verify
from writer import write_store

# What writer.py makes of seed 1.
GOLDEN_ROOT = "b811ef6c8c7e37a56265110ebbec5d387ef45b7c1bc310d503e7c3950d860e17"
GOLDEN_RECORDS = 14


class VerifierTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.store = Path(folder.name) / "store"
        self.vkey = write_store(self.store)

    def verdict(self, store: Path | None = None) -> int:
        code, self.result, _ = verify(store or self.store)
        return code

    def test_a_golden_store_is_intact_and_closed_and_has_its_root(self) -> None:
        self.assertEqual(self.verdict(), 0)
        self.assertTrue(self.result.closed)
        self.assertEqual((self.result.records, self.result.root), (GOLDEN_RECORDS, GOLDEN_ROOT))

    def test_every_flipped_bit_of_a_segment_is_found(self) -> None:
        for path in sorted((self.store / "log").iterdir()):
            good = path.read_bytes()
            for pos in range(len(good)):
                path.write_bytes(good[:pos] + bytes([good[pos] ^ 1 << pos % 8]) + good[pos + 1:])
                code = self.verdict()
                # Without an index a fault in the last record may be a crash.
                is_last = self.result.records == GOLDEN_RECORDS - 1 and not self.result.closed
                self.assertTrue(code == 1 or is_last, f"{path.name} byte {pos}: {code}")
            path.write_bytes(good)

    def test_another_pinned_key_is_evidence(self) -> None:
        other = write_store(self.store.with_name("other"), seed=2)
        self.assertEqual(verify(self.store, self.vkey)[0], 0)
        self.assertEqual(verify(self.store, other)[0], 1)

    def test_what_is_no_store_cannot_be_checked(self) -> None:
        self.assertEqual(self.verdict(self.store.with_name("absent")), 3)
        self.assertEqual(self.verdict(self.store / "log"), 3)

    def test_forged_stores_are_told_from_unusual_ones(self) -> None:
        for craft, store in crafted.write_all(self.store.with_name("crafted")):
            with self.subTest(craft.name):
                code = self.verdict(store)
                self.assertEqual(code, craft.exit_code, [str(f) for f in self.result.findings])


if __name__ == "__main__":
    unittest.main(verbosity=2)
