"""A sidecar carried at the end of its public file, where players do not look, instead of beside it.

    the public file, byte by byte | wrapping | sidecar | u64 bytes of the public file | "VLSEALED"

The wrapping makes the end a part of the format: a `uuid` box in MP4 (ISO/IEC 14496-12, section 11.1), a Void element in Matroska and WebM
(RFC 8794, section 11.3.2). Pictures have none: their readers stop at the picture's end. Both sides compute it from the sizes, so a changed bit
in it is refused as well. The public file is a prefix: cutting there gives it back, and that is what the sidecar is bound to.

Limit: whoever gets the file gets the sidecar; a later thief of the key can open every copy. Sites that re-encode uploads drop it.
"""

from __future__ import annotations

import os
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from velatura.obfuscation.sidecar import MAGIC, refused

__all__ = ["Attached", "attach", "find"]

FOOTER = struct.Struct(">Q8s")
MARK = b"VLSEALED"
UUID = bytes.fromhex("c1f0a6f24e3b4d5f9a5b2f1d6e7a8b90")
EBML = b"\x1a\x45\xdf\xa3"


@dataclass(frozen=True, slots=True)
class Attached:
    """Where things lie in a file that carries its sidecar, in bytes."""

    public_bytes: int
    sidecar_at: int
    sidecar_bytes: int


def attach(public: Path, sidecar: Path) -> Attached:
    """Append a finished sidecar to the public file that it is bound to."""
    with public.open("r+b") as target, sidecar.open("rb") as source:
        head = target.read(12)
        public_bytes = target.seek(0, os.SEEK_END)
        sidecar_bytes = os.fstat(source.fileno()).st_size
        wrapping = _wrapping(head, sidecar_bytes + FOOTER.size)
        target.write(wrapping)
        shutil.copyfileobj(source, target, 1 << 20)
        target.write(FOOTER.pack(public_bytes, MARK))
    return Attached(public_bytes, public_bytes + len(wrapping), sidecar_bytes)


def find(stream: BinaryIO) -> Attached | None:
    """Where a file's own sidecar lies; None if it carries none.

    Raises:
        Withheld: `seal.refused`: the end is marked as a sidecar, but its wrapping was changed.
    """
    size = stream.seek(0, os.SEEK_END)
    if size < FOOTER.size:
        return None
    stream.seek(-FOOTER.size, os.SEEK_END)
    public_bytes, mark = FOOTER.unpack(stream.read(FOOTER.size))
    if mark != MARK:
        return None
    stream.seek(0)
    head = stream.read(12)
    overhead = len(_wrapping(head, 0))
    sidecar_at, end = public_bytes + overhead, size - FOOTER.size
    if sidecar_at + len(MAGIC) > end:
        raise refused()
    stream.seek(public_bytes)
    if stream.read(overhead) != _wrapping(head, size - sidecar_at):
        raise refused()
    return Attached(public_bytes, sidecar_at, end - sidecar_at)


def _wrapping(head: bytes, size: int) -> bytes:
    """What comes before `size` bytes so that a player of this kind of file skips them."""
    if head[4:8] == b"ftyp":
        return struct.pack(">I4sQ", 1, b"uuid", 32 + size) + UUID
    if head[:4] == EBML:
        return b"\xec\x01" + size.to_bytes(7, "big")
    return b""
