"""Whether a clip is as long as it says of itself: the outermost lengths of MP4, Matroska and AVI against the size of the file.

Nothing is decoded, nothing but lengths is read. Limit: other containers (MPEG-TS, elementary streams) and files that were never finished say
no length, and one that was cut between two parts is whole by this measure.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

__all__ = ["is_cut"]

MOST_BOXES = 100_000
_BOXES = (b"ftyp", b"moov", b"mdat", b"moof", b"wide", b"free", b"skip")
_EBML, _SEGMENT = bytes.fromhex("1a45dfa3"), bytes.fromhex("18538067")


def is_cut(path: Path) -> bool:
    """Whether something in it ends behind the file's end. Raises OSError."""
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        head = stream.read(12)
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            return 8 + int.from_bytes(head[4:8], "little") > size
        if head[:4] == _EBML:
            return _is_segment_cut(stream, size)
        return head[4:8] in _BOXES and _is_box_cut(stream, size)


def _is_box_cut(stream: BinaryIO, size: int) -> bool:
    """ISO/IEC 14496-12: boxes one after the other, each with its length (1: it follows in 8 bytes; 0: to the end) and its kind."""
    at = 0
    for _ in range(MOST_BOXES):
        stream.seek(at)
        head = stream.read(16)
        if len(head) < 8:
            return False
        (length,) = struct.unpack_from(">I", head)
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack_from(">Q", head, 8)
        if length < 8:
            return False  # to the end, or what somebody put behind
        if at + length > size:
            return head[4:8] in _BOXES
        at += length
    return False


def _is_segment_cut(stream: BinaryIO, size: int) -> bool:
    """RFC 8794: the header, then one segment that holds everything; a length of ones alone is unknown."""
    stream.seek(4)
    header = _length(stream)
    if header is None:
        return False
    stream.seek(header, os.SEEK_CUR)
    if stream.read(4) != _SEGMENT:
        return False
    length = _length(stream)
    return length is not None and stream.tell() + length > size


def _length(stream: BinaryIO) -> int | None:
    """A length of 1 to 8 bytes; None: unknown, or none."""
    first = stream.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    rest = stream.read(more)
    value = int.from_bytes(first + rest, "big") & ((1 << 7 * (more + 1)) - 1)
    return None if len(rest) < more or value == (1 << 7 * (more + 1)) - 1 else value
