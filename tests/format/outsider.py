#!/usr/bin/env python3
"""Checks what leaves a store as somebody would who has only the public texts: C2SP signed-note, tlog-checkpoint,
tlog-cosignature, tlog-tiles, tlog-addenda, tlog-proof and tlog-witness, RFC 6962, and fs/store/EVIDENCE.md.

    outsider.py vectors DATA                   the vectors in tests/data
    outsider.py export DIR VKEY                an export, each byte of it
    outsider.py consistency OLD BODY VKEY      the body of an add-checkpoint request
    outsider.py proof ENTRY PROOF VKEY         a tlog-proof
    outsider.py evidence FILE VKEY [KEPT]      an evidence file, under a checkpoint that was kept
    outsider.py agree FILE VKEY INKFS          changes FILE in many ways; `inkfs check` must say the same of each

Exit 0: good, 1: bad.  Shares no code with anything else here; needs python3-nacl.
"""

import base64
import hashlib
import json
import os
import random
import re
import struct
import subprocess
import sys
from pathlib import Path

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

ED25519, COSIGNATURE = 1, 4
HEADER, NONCE = 133, 16
GENESIS, APPEND, EPOCH, REKEY = 1, 15, 18, 19


class Bad(Exception):
    pass


class Unknown(Exception):
    """Not judged."""


def demand(condition, what):
    if not condition:
        raise Bad(what)


def sha(data):
    return hashlib.sha256(data).digest()


# --- notes ----------------------------------------------------------------------------------------


def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Bad("not base64") from None
    demand(base64.b64encode(data) == text, "base64 that is not canonical")
    return data


def is_signed(key, message, signature):
    try:
        VerifyKey(key).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


def key_id(name, kind, key):
    return sha(name + b"\n" + bytes([kind]) + key)[:4]


def parse_vkey(vkey):
    name, identity, material = vkey.encode().split(b"+", 2)
    material = unbase64(material)
    demand(len(material) == 33 and material[0] == ED25519, "not an Ed25519 key")
    demand(key_id(name, ED25519, material[1:]).hex().encode() == identity, "key id of the vkey")
    return name, material[1:]


class Note:
    def __init__(self, data):
        demand(data.endswith(b"\n") and b"\n\n" in data, "not a note")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise Bad("not UTF-8") from None
        demand(all(c >= " " or c == "\n" for c in text), "a control character")
        head, tail = data[:-1].rsplit(b"\n\n", 1)
        self.text = head + b"\n"
        self.lines = {}
        for line in tail.split(b"\n"):
            found = re.fullmatch(rb"\xe2\x80\x94 (\S+) (\S+)", line)
            demand(found and b"+" not in found[1] and not re.search(r"\s", found[1].decode()), "signature line")
            data = unbase64(found[2])
            demand(len(data) > 4 and (found[1], data[:4]) not in self.lines, "signature")
            self.lines[found[1], data[:4]] = data[4:]
        demand(len(self.lines) <= 16, "more lines than must be read")

    def verdict(self, name, kind, key):
        """None: no line of this key."""
        signature = self.lines.get((name, key_id(name, kind, key)))
        if signature is None:
            return None
        if kind == ED25519:
            return is_signed(key, self.text, signature)
        if len(signature) != 72 or struct.unpack(">q", signature[:8])[0] < 0:
            return False
        head = b"cosignature/v1\ntime %d\n" % struct.unpack(">Q", signature[:8])
        return is_signed(key, head + self.text, signature[8:])


class Checkpoint:
    def __init__(self, data, vkey):
        name, key = parse_vkey(vkey)
        self.note = Note(data)
        lines = self.note.text.split(b"\n")
        demand(len(lines) >= 4 and lines[-1] == b"" and all(lines[:-1]), "lines of a checkpoint")
        demand(re.fullmatch(rb"0|[1-9][0-9]*", lines[1]) and int(lines[1]) < 1 << 64, "size of a checkpoint")
        self.origin, self.size, self.root = lines[0], int(lines[1]), unbase64(lines[2])
        self.extensions = lines[3:-1]
        demand(len(self.root) == 32 and len(self.origin) <= 255, "root or origin of a checkpoint")
        demand(self.size > 0 or self.root == sha(b""), "root of the empty log")
        demand(self.origin == name, "a checkpoint of another log")
        demand(self.note.verdict(name, ED25519, key), "signature of the log key")

    def is_ours(self):
        """What the specifications allow but inkfs never does."""
        demand(not self.extensions, "an extension line")
        demand(re.fullmatch(rb"[!-*,-~]{1,200}/[0-9a-f]{32}", self.origin), "form of the origin")
        names = [name for name, _ in self.note.lines]
        demand(len(names) == 2 and names[0] == self.origin, "the log's line comes first, one more line")
        demand(re.fullmatch(re.escape(self.origin) + rb"/epoch/(0|[1-9][0-9]*)", names[1]), "name of the seal key's line")
        demand([len(s) for s in self.note.lines.values()] == [64, 72], "sizes of signatures")


# --- trees ----------------------------------------------------------------------------------------


def leaf_hash(entry):
    return sha(b"\x00" + entry)


def node_hash(left, right):
    return sha(b"\x01" + left + right)


def tree_root(leaves):
    """RFC 6962 2.1, by its levels: the last of an odd number goes up as it is."""
    if not leaves:
        return sha(b"")
    while len(leaves) > 1:
        pairs = [node_hash(*leaves[i : i + 2]) for i in range(0, len(leaves) - 1, 2)]
        leaves = pairs + ([leaves[-1]] if len(leaves) % 2 else [])
    return leaves[0]


def check_inclusion(index, size, leaf, proof, root):
    """RFC 9162 2.1.3.2, word for word."""
    demand(index < size, "index behind the end")
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        demand(sn != 0, "inclusion proof too long")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    demand(sn == 0 and r == root, "inclusion proof")


def check_growth(first, second, proof, first_root, second_root):
    """RFC 9162 2.1.4.2, word for word."""
    if first == 0:
        return demand(not proof, "a proof of nothing")
    if first == second:
        return demand(not proof and first_root == second_root, "same size, another root")
    demand(first < second and proof, "consistency proof")
    if first & (first - 1) == 0:
        proof = [first_root] + proof
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        demand(sn != 0, "consistency proof too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    demand(fr == first_root and sr == second_root and sn == 0, "consistency proof")


# --- texts of proofs --------------------------------------------------------------------------------


def split_proof(data, word):
    """number, hashes, checkpoint."""
    demand(b"\n\n" in data, "no checkpoint in it")
    head, checkpoint = data.split(b"\n\n", 1)
    lines = head.split(b"\n")
    found = re.fullmatch(word + rb" (0|[1-9][0-9]*)", lines[0])
    demand(found and int(found[1]) < 1 << 64, "first line")
    hashes = [unbase64(line) for line in lines[1:]]
    demand(all(len(h) == 32 for h in hashes) and len(hashes) <= 64, "hashes")
    return int(found[1]), hashes, checkpoint


def check_proof(entry, proof, vkey):
    magic = b"c2sp.org/tlog-proof@v1\n"
    demand(proof.startswith(magic), "first line of a tlog-proof")
    index, hashes, note = split_proof(proof[len(magic) :], b"index")
    checkpoint = Checkpoint(note, vkey)
    check_inclusion(index, checkpoint.size, leaf_hash(entry), hashes, checkpoint.root)
    return index, note, checkpoint


def check_consistency(old, body, vkey):
    number, hashes, note = split_proof(body, b"old")
    first, second = Checkpoint(old, vkey), Checkpoint(note, vkey)
    demand(number == first.size, "old size")
    check_growth(first.size, second.size, hashes, first.root, second.root)


# --- exports ----------------------------------------------------------------------------------------


def tile_path(level, number, width):
    groups = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03d}")
    return f"tile/{level}/" + "/".join(groups) + ("" if width == 256 else f".p/{width}")


def tiles_of(size):
    """level, number, width of all that a log of this size has."""
    level = 0
    while size > 0:
        for number in range((size + 255) // 256):
            yield level, number, min(256, size - number * 256)
        level, size = level + 1, size // 256


def digests_of(entry):
    """C2SP tlog-addenda: offsets behind the content, then their number."""
    count = entry[-1]
    start = len(entry) - 1 - 4 * count
    demand(start >= 0, "index of the addenda")
    offsets = struct.unpack(f">{count}I", entry[start:-1])
    demand(all(o + 32 <= start for o in offsets), "an offset beyond the content")
    return [entry[o : o + 32] for o in offsets]


def entries_of(bundle, width):
    at, entries = 0, []
    for _ in range(width):
        (size,) = struct.unpack_from(">H", bundle, at)
        entries.append(bundle[at + 2 : at + 2 + size])
        at += 2 + size
    demand(at == len(bundle), "an entry bundle has something behind its end")
    return entries


def check_addenda(root, entries):
    seen = set()
    for entry in entries:
        demand(len(entry) == HEADER, "an entry is a record's header")
        (digest,) = digests_of(entry)
        hexed = digest.hex()
        path = f"addenda/{hexed[:2]}/{hexed[2:4]}/{hexed}"
        addendum = (root / path).read_bytes()
        demand(sha(addendum) == digest, "an addendum is not what its name says")
        demand(len(addendum) == NONCE + struct.unpack(">I", entry[4:8])[0], "size of a body")
        seen.add(path)
    return seen


def check_export(root, vkey):
    checkpoint = Checkpoint((root / "checkpoint").read_bytes(), vkey)
    checkpoint.is_ours()
    wanted, entries = {"checkpoint", "addenda.v1"}, []
    for level, number, width in tiles_of(checkpoint.size):
        path = tile_path(level, number, width)
        hashes = (root / path).read_bytes()
        demand(len(hashes) == 32 * width, f"{path}: size")
        wanted.add(path)
        if level == 0:
            path = tile_path("entries", number, width)
            entries += entries_of((root / path).read_bytes(), width)
            wanted.add(path)
            of = [leaf_hash(e) for e in entries[number * 256 :]]
        else:
            below = [tile_path(level - 1, number * 256 + i, 256) for i in range(width)]
            of = [tree_root([t[i : i + 32] for i in range(0, 8192, 32)]) for t in ((root / b).read_bytes() for b in below)]
        demand(b"".join(of) == hashes, f"{path}: hashes")
    demand(tree_root([leaf_hash(e) for e in entries]) == checkpoint.root, "the root of all entries")
    wanted |= check_addenda(root, entries)
    there = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
    demand((root / "addenda.v1").read_bytes() == b"", "the marker is empty")
    demand(wanted <= there, f"missing: {sorted(wanted - there)[:3]}")
    # An export that has grown keeps the partial tiles of before; anything else is too much.
    more = {p for p in there - wanted if not re.search(r"\.p/[0-9]+$", p) and not p.startswith(".inkfs")}
    demand(not more, f"nobody asked for {sorted(more)[:3]}")
    return checkpoint


# --- evidence ---------------------------------------------------------------------------------------


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        demand(self.at + size <= len(self.data), "cut off")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(form)))[0]

    def record(self):
        header = self.take(HEADER)
        demand(header[0] == 1 and header[2:4] == b"\0\0" and header[128:] == b"\0\0\0\x60\x01", "a record's header")
        record = Record(header)
        demand(record.size <= 1 << 20, "size of a body")
        record.nonce, record.body = self.take(NONCE), self.take(record.size)
        demand(sha(record.nonce + record.body) == header[96:128], "a body that was not recorded")
        return record


class Record:
    def __init__(self, header):
        self.header, self.kind = header, header[1]
        self.size, self.seq = struct.unpack(">IQ", header[4:16])
        self.inode, self.offset = struct.unpack(">QQ", header[32:48])

    def signatures_are_good(self, domain, *keys):
        end = len(self.body) - 64 * len(keys)
        message = domain + b"\0" + self.header[:96] + self.nonce + self.body[:end]
        return end > 0 and all(
            is_signed(key, message, self.body[end + 64 * i : end + 64 * i + 64]) for i, key in enumerate(keys)
        )


class Succession:
    def __init__(self, record, vkey):
        name, log_key = parse_vkey(vkey)
        body = record.body
        demand(record.kind == GENESIS and record.seq == 0 and len(body) > 104 + 128, "link 0")
        demand(body[:10] == b"\0\0\0\x01\0\0\0\0\x01\x01", "format of the log")
        store_id, self.log_key, self.seal_key = body[16:32], body[32:64], body[64:96]
        size = struct.unpack(">H", body[104:106])[0]
        demand(self.log_key == log_key and body[106 : 106 + size] == name, "GENESIS of another log")
        demand(record.signatures_are_good(b"inkfs/genesis/v1", self.log_key, self.seal_key), "GENESIS")
        commitment = sha(b"inkfs/origin/v1\0" + store_id + self.seal_key).hex()[:32].encode()
        demand(name.endswith(b"/" + commitment), "the origin does not commit to GENESIS")
        self.epoch, self.seq, self.covers, self.has_rekey = 0, 0, [], False

    def follow(self, record):
        body = record.body
        demand(record.kind in (EPOCH, REKEY) and len(body) == 216 and record.seq > self.seq, "a link")
        epoch, size, root, key = struct.unpack(">I4xQ32s8x32s", body[:88])
        demand(epoch == self.epoch + 1 and size == record.seq and body[5:8] == b"\0\0\0", "a link's epoch or size")
        by, domain = (self.seal_key, b"inkfs/epoch/v1") if record.kind == EPOCH else (self.log_key, b"inkfs/rekey/v1")
        demand(record.signatures_are_good(domain, by, key), "a link's signatures")
        self.epoch, self.seq, self.seal_key = epoch, size, key
        self.has_rekey |= record.kind == REKEY
        self.covers.append((size, root, not self.has_rekey))


class Claim:
    def __init__(self, kind, first, last, inode):
        demand(1 <= kind <= 3 and (kind == 2 or not inode) and (kind > 1 or not (first or last)), "head")
        demand(first <= last, "3: first and last")
        self.kind, self.first, self.last, self.inode = kind, first, last, inode
        self.next = None

    def take(self, r):
        if self.kind == 3:
            demand(r.seq == (self.first if self.next is None else self.next), "a gap in the run")
            self.next = r.seq + 1
        elif self.kind == 2:
            demand(r.kind == APPEND and r.inode == self.inode, "a record of something else")
            if self.next is None:
                demand(r.offset <= self.first < r.offset + r.size, "the first byte")
            else:
                demand(r.offset == self.next <= self.last, "a gap in the bytes")
            self.next = r.offset + r.size
        else:
            self.next = 0

    def finish(self):
        demand(self.next is not None, "nothing claimed")
        demand(self.kind == 1 or self.next > self.last, "the end is missing")
        demand(self.kind != 3 or self.next == self.last + 1, "the end of the run")


def check_evidence(data, vkey, kept=None):
    """EVIDENCE.md section 5; the numbers are its.  True: covered, as section 6 says."""
    if len(data) < 48 or data[:8] != b"inkfsEVI" or data[8:12] != b"\0\0\0\x01":
        raise Unknown("not evidence of version 1")
    demand(len(data) >= 80 and sha(data[:-32]) == data[-32:], "1: hash")
    reader = Reader(data[:-32])
    reader.take(12)
    kind, has_links, zero = reader.number("B"), reader.number("B"), reader.number("H")
    claim = Claim(kind, reader.number("Q"), reader.number("Q"), reader.number("Q"))
    link_count, record_count = reader.number("I"), reader.number("I")
    demand(has_links <= 1 and zero == 0 and (link_count > 0) == bool(has_links), "1: head")
    demand(link_count <= 1 << 20 and 0 < record_count <= 1 << 20, "1: counts")
    keys = None
    for i in range(link_count):
        record = reader.record()
        if i == 0:
            keys = Succession(record, vkey)
        else:
            keys.follow(record)
    checkpoint, note, before, behind = None, None, -1, None
    for _ in range(record_count):
        role, record = reader.number("B"), reader.record()
        demand(role in (1, 2) and record.seq > before, "1: role or order")
        before = record.seq
        index, text, checkpoint = check_proof(record.header, reader.take(reader.number("I")), vkey)
        demand(index == record.seq and note in (None, text), "2, 3: index, checkpoint")
        note = text
        cover = [reader.take(32) for _ in range(reader.number("B"))]
        behind = next((c for c in keys.covers if c[0] > record.seq), None) if keys else None
        demand(len(cover) <= 64 and (behind or not cover), "5: cover")
        if behind:
            check_inclusion(record.seq, behind[0], leaf_hash(record.header), cover, behind[1])
        if role == 1:
            claim.take(record)
    demand(reader.at == len(reader.data), "1: something left over")
    claim.finish()
    if keys:
        demand(keys.seq < checkpoint.size, "4: a link behind the checkpoint")
        line = checkpoint.note.verdict(b"%s/epoch/%d" % (checkpoint.origin, keys.epoch), COSIGNATURE, keys.seal_key)
        demand(line or (line is None and keys.seq > before), "5: line of the seal key")
    if kept:
        pinned = Checkpoint(kept, vkey)
        if pinned.size != checkpoint.size:
            raise Unknown("a checkpoint of another size")
        demand(pinned.root == checkpoint.root, "6: another history than the one that was kept")
    return behind is not None and behind[2]


# --- against our own program ------------------------------------------------------------------------


def changes_of(data, rng):
    """Each with the hash made anew, as anybody can."""
    for at in sorted(rng.sample(range(len(data) - 32), 140)):
        changed = bytearray(data[:-32])
        changed[at] ^= 1 << rng.randrange(8)
        yield f"byte {at}", bytes(changed)
    for size in sorted(rng.sample(range(len(data) - 32), 20)):
        yield f"cut at {size}", data[:size]
    yield "nothing", data[:-32]
    yield "first and last changed over", data[:16] + data[24:32] + data[16:24] + data[32:-32]
    yield "doubled", data[:-32] + data[48:-32]
    yield "longer", data[:-32] + b"\0"


def agree(data, vkey, inkfs):
    rng = random.Random(os.environ.get("INKFS_TEST_SEED", "outsider"))
    codes = {}
    for what, changed in changes_of(data, rng):
        changed += sha(changed)
        covered = None
        try:
            covered = check_evidence(changed, vkey)
            ours = 0
        except Bad:
            ours = 1
        except Unknown:
            ours = 3
        done = subprocess.run([inkfs, "check", "-", "--key", vkey, "--json"], input=changed, capture_output=True, check=False)
        said = json.loads(done.stdout.split(b"\n", 1)[0])
        demand(done.returncode == ours, f"{what}: {ours} here, {done.returncode} there: {done.stderr.decode()}")
        demand(said.get("covered") == covered, f"{what}: covered is {covered} here, {said.get('covered')} there")
        codes[ours] = codes.get(ours, 0) + 1
    print("agreed:", ", ".join(f"{count} times exit {code}" for code, count in sorted(codes.items())))


def check_vectors(data):
    vkey = "example.com/sample+02517d3a+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
    witness = base64.b64decode("BM0Us3+VbpUxlP9/tzs9gdzFYdYadTgJS3w+GmQ+5fOq")[1:]
    tile = (data / "merkle/tile-0-000").read_bytes() + (data / "merkle/tile-0-001.p44").read_bytes()
    leaves = [tile[i : i + 32] for i in range(0, len(tile), 32)]
    bundle = entries_of((data / "merkle/entries-001.p44").read_bytes(), 44)
    demand([leaf_hash(e) for e in bundle] == leaves[256:], "entries")
    demand((data / "merkle/tile-1-000.p1").read_bytes() == tree_root(leaves[:256]), "the tile above")
    notes = {int(p.name[11:]): p.read_bytes() for p in data.glob("merkle/checkpoint-*")}
    for size, note in notes.items():
        checkpoint = Checkpoint(note, vkey)
        demand(checkpoint.size == size and checkpoint.root == tree_root(leaves[:size]), f"checkpoint {size}")
        demand(checkpoint.note.verdict(b"witness.example/w1", COSIGNATURE, witness), f"cosignature {size}")
    for path in data.glob("proof/*-*"):
        first, second = map(int, path.name.split(".")[0].split("-"))
        if path.suffix:
            _, hashes, note = split_proof(path.read_bytes().split(b"\n", 1)[1], b"index")
            demand(note == notes[first], path.name)
            check_inclusion(second, first, leaves[second], hashes, tree_root(leaves[:first]))
        else:
            body = b"old %d\n" % first + path.read_bytes() + b"\n" + notes[second]
            check_consistency(notes[first], body, vkey)
    for number, path in ((999, "999"), (1000, "x001/000"), (1234067, "x001/x234/067"), (1 << 40, "x001/x099/x511/x627/776")):
        demand(tile_path(0, number, 256) == "tile/0/" + path, path)
    demand(tile_path("entries", 5, 7) == "tile/entries/005.p/7", "a partial tile")
    counts = {(level, width): 0 for level, _, width in tiles_of(70000)}
    for level, _, width in tiles_of(70000):
        counts[level, width] += 1
    demand(counts == {(0, 256): 273, (0, 112): 1, (1, 256): 1, (1, 17): 1, (2, 1): 1}, "tiles of 70000 entries")


def main():
    command, args = sys.argv[1], sys.argv[2:]
    read = [Path(a).read_bytes() if Path(a).is_file() else a for a in args]
    try:
        if command == "vectors":
            check_vectors(Path(args[0]))
        elif command == "export":
            print(f"{check_export(Path(args[0]), args[1]).size} records")
        elif command == "consistency":
            check_consistency(*read)
        elif command == "proof":
            check_proof(*read)[2].is_ours()
        elif command == "evidence":
            print("covered" if check_evidence(*read) else "not covered")
        elif command == "agree":
            agree(read[0], args[1], args[2])
        else:
            sys.exit(__doc__)
    except (Bad, Unknown) as bad:
        print(f"bad: {bad}")
        sys.exit(1)


if __name__ == "__main__":
    main()
