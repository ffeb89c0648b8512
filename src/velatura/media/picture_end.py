"""Whether a picture file goes on after its picture: a second one, the clip of a motion photo, what an editor forgot to cut off.

Decoders stop at the end and say nothing. Here only headers are read, and of a JPEG the coded data are searched for their end, once.
Limit: JPEG, PNG, WebP and binary Netpbm; padding with one byte does not count. Source: as of `leaks.jpeg`, `leaks.png`.
"""

from __future__ import annotations

import re
from typing import Protocol

from velatura.media.netpbm import HEAD_BYTES, netpbm_head

__all__ = ["REST", "goes_on"]

REST = "bytes after the end of the picture"
_STEP = 256 << 10
_MOST_PARTS = 200_000
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})


class _File(Protocol):
    def read(self, count: int) -> bytes: ...
    def seek(self, offset: int) -> int: ...


def goes_on(file: _File, kind: str) -> bool:
    """Whether anything but padding follows. What cannot be walked has none: the decoder speaks of damage."""
    end = {"jpeg": _end_of_jpeg, "png": _end_of_png, "webp": _end_of_webp, "netpbm": _end_of_netpbm}.get(kind)
    at = end(file) if end else None
    if at is None:
        return False
    file.seek(at)
    first = file.read(1)
    if first not in (b"\0", b"\xff", b" "):
        return bool(first)
    while part := file.read(_STEP):
        if part.strip(first):
            return True
    return False


def _end_of_jpeg(file: _File) -> int | None:
    at = 2
    for _ in range(_MOST_PARTS):
        found = _next_marker(file, at)
        if found is None:
            return None
        at, marker = found
        if marker == 0xD9:
            return at + 2
        if marker not in _ALONE:
            file.seek(at + 2)
            at += int.from_bytes(file.read(2), "big")
        at += 2
    return None


def _next_marker(file: _File, at: int) -> tuple[int, int] | None:
    """The first from `at` on, past coded data with their stuffed and restart bytes."""
    step = 64  # most often it is right there
    while True:
        file.seek(at)
        part = file.read(step)
        step = min(step * 16, _STEP)
        if (found := _MARKER.search(part)) is not None:
            return at + found.start(), part[found.start() + 1]
        if len(part) < 2:
            return None
        at += len(part) - 1  # its last byte may be the first of a marker


def _end_of_png(file: _File) -> int | None:
    at = 8
    for _ in range(_MOST_PARTS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return None
        at += 12 + int.from_bytes(head[:4], "big")
        if head[4:] == b"IEND":
            return at
    return None


def _end_of_webp(file: _File) -> int | None:
    file.seek(4)
    size = int.from_bytes(file.read(4), "little")
    return 8 + size + size % 2


def _end_of_netpbm(file: _File) -> int | None:
    file.seek(0)
    head = netpbm_head(file.read(HEAD_BYTES))
    return None if head is None or head.plain else head.end
