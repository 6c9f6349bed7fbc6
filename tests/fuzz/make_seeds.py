#!/usr/bin/python3
"""The first inputs of each fuzz target, from the golden store and the vectors in tests/data.

Run from the top of the tree; writes tests/fuzz/corpus/TARGET/seed-*.  To be run again when the format changes.
"""

import hashlib
import os
import struct
import tarfile

CORPUS = "tests/fuzz/corpus"
SEGMENT_HEADER, FRAME_HEADER, FRAME_BODY, PAGE = 128, 8, 157, 4096


# tests/fuzz/fuzz_key.c takes this one: seed 32 times 'k'.
LOG_KEY = (
    b"PRIVATE+KEY+fuzz/00000000000000000000000000000000+ea422c4e"
    b"+AWtra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tr\n"
)


def put(target, name, data):
    os.makedirs(f"{CORPUS}/{target}", exist_ok=True)
    with open(f"{CORPUS}/{target}/seed-{name}", "wb") as file:
        file.write(data)


def golden(name):
    with tarfile.open("tests/data/golden/v1-small.tar.xz") as tar:
        return tar.extractfile(f"small/{name}").read()


def frames_of(log):
    at = SEGMENT_HEADER
    while log[at : at + 4] == b"inkF":
        size = struct.unpack(">I", log[at + 12 : at + 16])[0]
        yield log[at : at + FRAME_BODY + size]
        at += (FRAME_BODY + size + 7) & ~7


def image(data, unit):
    """tests/fuzz/image.h"""
    out = struct.pack(">H", len(data) // unit)
    at = 0
    while at < len(data):
        if data[at] == 0:
            at += 1
            continue
        end = at + 1
        while end < len(data) and end - at < 4096 and any(data[end : end + 9]):
            end += 1
        out += struct.pack(">IH", at, end - at) + data[at:end]
        at = end
    return out


def text(string):
    return struct.pack(">H", len(string)) + string


def bodies(log):
    for frame in frames_of(log):
        put("body", f"kind{frame[9]:02}", bytes([frame[9]]) + frame[FRAME_BODY:])
        put("frame", f"kind{frame[9]:02}", b"\0" + frame)
        put("frame", f"made{frame[9]:02}", b"\3" + frame)
    # Kinds that no session of the golden store has.
    put("body", "kind04", b"\x04" + struct.pack(">B7xQQQQ", 2, 9, 1, 77, 5000) + text(b"9.tail"))
    put("body", "kind11", b"\x0b" + struct.pack(">Q", 1) + text(b"name"))
    put("body", "kind19", b"\x13" + struct.pack(">IB3xQ32sQ32s", 2, 9, 7, b"r" * 32, 7, b"k" * 32) + b"s" * 128)
    put("body", "kind20", b"\x14" + struct.pack(">Q", 3) + text(b"court") + text(b"order 17"))
    put("body", "kind21", b"\x15" + struct.pack(">B7xQ", 1, 4) + text(b"witness") + struct.pack(">I", 5) + b"bytes")


def segments(log):
    put("segment", "whole", b"\0" + struct.pack(">H", len(log)) + log)
    put("segment", "zeros", b"\0" + struct.pack(">H", len(log) + 64) + log + bytes(64))
    few = SEGMENT_HEADER + sum((len(frame) + 7) & ~7 for frame in list(frames_of(log))[:5])
    for flags in 0, 1:
        put("segment", f"two{flags}", bytes([flags]) + struct.pack(">H", few) + log[:few] + log[:SEGMENT_HEADER] + log[few : few + 900])


def keys():
    seal = golden("keys/seal.key")
    made = b"inkfsKEY" + struct.pack(">III12x", 1, 7, 2) + b"0123456789abcde\0" + b"a" * 32 + b"b" * 32
    put("key", "seal-two", b"\0" + made + hashlib.sha256(made).digest())
    made = b"inkfsKEY" + struct.pack(">III12x", 1, 7, 1) + b"0123456789abcde\0" + b"a" * 32 + bytes(32)
    put("key", "seal-one", b"\2" + made + bytes(32))
    put("key", "seal-other-store", b"\0" + seal)
    put("key", "log-other-store", b"\1" + golden("keys/log.key"))
    put("key", "log", b"\1" + LOG_KEY)


def notes():
    for name in "checkpoint-0", "checkpoint-300":
        with open(f"tests/data/merkle/{name}", "rb") as file:
            put("note", name, b"\0" + file.read())
    put("note", "signed", b"\1\0\x20\1fuzz.example/log\n7\n" + b"3aY+nG6/qMumdIowTydyWkMHJaNL4XAL5c9r6Rl9ufw=\n")
    put("note", "cosigned", b"\3\0\x60\1fuzz.example/log\n7\n" + b"3aY+nG6/qMumdIowTydyWkMHJaNL4XAL5c9r6Rl9ufw=\nextension\n")


def stores():
    put("store", "unchanged", b"\0")
    for flags in range(1, 32):
        put("store", f"flags{flags:02}", bytes([flags]))
    # kind 0-2: a frame; then which way, frame, other
    for way in range(5):
        for flags in 0, 1, 2, 6:
            put("store", f"frame{way}-{flags}", bytes([flags, 0, way, 12, 20, 4]) + b"\0\0\0\1")
    for file in range(5):
        put("store", f"byte{file}", bytes([0, 3, file]) + struct.pack(">I", 60) + b"\1X")
        put("store", f"cut{file}", bytes([0, 6, file]) + struct.pack(">IH", 80, 65535))
        put("store", f"more{file}", bytes([0, 5, file]) + struct.pack(">I", 100) + b"\3abc")
        put("store", f"piece{file}", bytes([1, 7, file]) + struct.pack(">IHBI", 0, 40, (file + 1) % 5, 40))
    put("store", "tail-cut", bytes([12, 6, 0]) + struct.pack(">IH", 6000, 65535))


def indexes():
    put("index", "unchanged", b"")
    for db in range(11):
        put("index", f"removed{db:02}", bytes([0, db, 0]))
        put("index", f"shorter{db:02}", bytes([1, db, 1, 0, 7]))
        put("index", f"changed{db:02}", bytes([2, db, 0, 0, 0, 8]) + bytes(7) + b"\2")
        put("index", f"new{db:02}", bytes([3, db, 15]) + bytes(7) + b"\2" + bytes(7) + b"\1" + b"\0\0\x10" + b"\0" * 7 + b"\5" + b"\0" * 7 + b"\6")


def tiles():
    put("tiles", "unchanged", b"\0\0")
    for flags in 1, 2, 3, 4:
        put("tiles", f"flags{flags}", bytes([0, flags]))
    for file in range(0, 48, 3):
        put("tiles", f"before{file:02}", bytes([1, file, 0, 5]) + b"other")
    put("tiles", "byte", bytes([0, 0, 3, 0]) + struct.pack(">I", 3000) + b"\1X")
    put("tiles", "byte-before", bytes([1, 0, 0, 0, 0, 3, 0]) + struct.pack(">I", 3000) + b"\1X")


def states():
    leaf = "0123456789abcdef" * 4
    put("state", "one", f"inkfs-state/1 17 {leaf} 4096 json host.example\n".encode())
    put("state", "none", f"inkfs-state/1 0 {'0' * 64} 0 ecs -\n".encode())
    put("state", "spaces", f"inkfs-state/1 18446744073709551615 {leaf} 1 csv a host  \\n with spaces\n".encode())
    put("state", "long", f"inkfs-state/1 1 {leaf} 1 csv {'h' * 255}\n".encode())
    put("state", "nul", f"inkfs-state/1 1 {leaf} 1 csv h\n\0more".encode())


def main():
    log = golden("log/0000000000.seg")
    bodies(log)
    segments(log)
    keys()
    notes()
    put("vkey", "golden", b"\0" + golden("vkey").rstrip(b"\n"))
    put("vkey", "made", b"\1" + b"k" * 32 + b"example.org/log")
    put("proof", "one", struct.pack(">HHH", 300, 17, 256) + bytes(range(12)))
    put("proof", "two", struct.pack(">HHH", 7, 6, 3) + bytes(range(30)))
    put("lmdb", "golden", image(golden("index/data.mdb"), PAGE))
    stores()
    indexes()
    tiles()
    states()


if __name__ == "__main__":
    main()
