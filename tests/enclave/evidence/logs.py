"""Event logs written from events, for tests: `write_log([(7, 0x04, b"\\0\\0\\0\\0")], "sha256")`."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence

from velatura.enclave.evidence.eventlog import BANKS

NUMBERS = {name: (number, size) for number, (name, size) in BANKS.items()}
Written = tuple[int, int, bytes]
"""Register, type, data; the digest is that of the data."""


def write_log(events: Sequence[Written], *banks: str) -> bytes:
    """A log of TCG 2 with these banks, its header first."""
    return header(*banks) + b"".join(record(*event, banks) for event in events)


def header(*banks: str) -> bytes:
    table = b"".join(struct.pack("<HH", *NUMBERS[bank]) for bank in banks)
    told = b"Spec ID Event03\0" + struct.pack("<IBBBBI", 0, 0, 2, 0, 2, len(banks)) + table + b"\0"
    return struct.pack("<II20sI", 0, 3, bytes(20), len(told)) + told


def record(register: int, kind: int, data: bytes, banks: Sequence[str], digests: Sequence[bytes] | None = None) -> bytes:
    found = digests or [hashlib.new(bank, data).digest() for bank in banks]
    listed = b"".join(struct.pack("<H", NUMBERS[bank][0]) + digest for bank, digest in zip(banks, found, strict=True))
    return struct.pack("<III", register, kind, len(banks)) + listed + struct.pack("<I", len(data)) + data
