# SPDX-License-Identifier: MIT
"""Origin, verification key and key files (sections 5.1, 7 and 8)."""

from __future__ import annotations

import base64
import binascii

import nacl.signing

from inkformat import sha256

SEAL_KEY_SIZE = 144


def is_origin_of(origin: bytes, store_id: bytes, seal_key: bytes) -> bool:
    commitment = sha256(b"inkfs/origin/v1\0", store_id, seal_key).hex()[:32].encode()
    name, _, tail = origin.rpartition(b"/")
    is_name = 1 <= len(name) <= 200 and all(33 <= c <= 126 and c != ord("+") for c in name)
    return tail == commitment and is_name


def key_hash(origin: bytes, log_key: bytes) -> str:
    return sha256(origin, b"\n\1", log_key)[:4].hex()


def make_vkey(origin: bytes, log_key: bytes) -> str:
    key = base64.b64encode(b"\1" + log_key).decode()
    return f"{origin.decode('utf-8', 'surrogateescape')}+{key_hash(origin, log_key)}+{key}"


def decode_key(text: bytes) -> bytes:
    """The 32 bytes behind the algorithm's number; empty if that is not what is there."""
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return key[1:] if len(key) == 33 and key[0] == 1 else b""


def is_vkey(line: str) -> bool:
    """Is this a well-formed verification key, whoever's it is?"""
    origin, _, rest = line.encode("utf-8", "surrogateescape").partition(b"+")
    log_key = decode_key(rest[9:])
    return log_key != b"" and make_vkey(origin, log_key).encode("utf-8", "surrogateescape") == \
        b"+".join((origin, rest))


def public_key(seed: bytes) -> bytes:
    return bytes(nacl.signing.SigningKey(seed).verify_key)


def is_log_key_line(line: bytes, origin: bytes, log_key: bytes) -> bool:
    start = b"+".join((b"PRIVATE", b"KEY", origin, key_hash(origin, log_key).encode(), b""))
    if not line.startswith(start) or not line.endswith(b"\n"):
        return False
    text = line[len(start):-1]
    seed = decode_key(text)
    return seed != b"" and public_key(seed) == log_key and base64.b64encode(b"\1" + seed) == text


def seal_keys(data: bytes, store_id: bytes) -> dict[int, bytes]:
    """Public keys by epoch from a seal key file, b"" if a rekey was begun and that one is lost; empty if it is damaged or of
    another store."""
    if len(data) != SEAL_KEY_SIZE or sha256(data[:112]) != data[112:]:
        return {}
    if data[:12] != b"inkfsKEY\0\0\0\1" or any(data[20:32]) or data[32:48] != store_id:
        return {}
    epoch, count = int.from_bytes(data[12:16]), int.from_bytes(data[16:20])
    seeds = [data[48:80], data[80:112]][:count]
    if count not in (1, 2) or any(data[80:112]) != (count == 2) or not any(seeds[-1]):
        return {}
    return {epoch + i: public_key(seed) if any(seed) else b"" for i, seed in enumerate(seeds)}
