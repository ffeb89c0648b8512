"""Surgery on MP4 files whose `moov` box comes last: what is added there moves no sample."""

from __future__ import annotations

import struct
from collections.abc import Iterator


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def boxes(raw: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end (header included) of each."""
    end = len(raw) if end is None else end
    while start + 8 <= end:
        size = int.from_bytes(raw[start : start + 4], "big")
        size = int.from_bytes(raw[start + 8 : start + 16], "big") if size == 1 else size or end - start
        yield raw[start + 4 : start + 8], start, start + size
        start += size


def find(raw: bytes, *path: bytes, start: int = 0, end: int | None = None) -> tuple[int, int]:
    """Start and end of the first box of a path."""
    for name, at, after in boxes(raw, start, end):
        if name == path[0]:
            return (at, after) if len(path) == 1 else find(raw, *path[1:], start=at + 8, end=after)
    raise LookupError(path)


def into_moov(raw: bytes, *added: bytes) -> bytes:
    """Boxes added at the end of `moov`."""
    start, end = find(raw, b"moov")
    assert end == len(raw), "moov comes last"
    body = raw[start + 8 : end] + b"".join(added)
    return raw[:start] + box(b"moov", body)


def with_edit(raw: bytes, first: int, length: int) -> bytes:
    """The first track's edit list, which is there, shows from `first` on, `length` long (in the movie's clock)."""
    start, _ = find(raw, b"moov", b"trak", b"edts", b"elst")
    assert raw[start + 8] == 0 and raw[start + 12 : start + 16] == b"\0\0\0\1", "one edit, version 0"
    return raw[: start + 16] + struct.pack(">II", length, first) + raw[start + 24 :]
