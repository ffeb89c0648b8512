"""Takes the time of writing out of an AVIF sequence: libavif puts it into the headers of movie, track and media.

It says when somebody worked, and it makes two runs over the same frames differ.
Source: ISO/IEC 14496-12:2022 sections 8.2.2, 8.3.2, 8.4.2 (the two times follow version and flags in all three boxes).
"""

from __future__ import annotations

__all__ = ["without_times"]

_PARENTS = frozenset({b"moov", b"trak", b"mdia"})
_TIMED = frozenset({b"mvhd", b"tkhd", b"mdhd"})


def without_times(raw: bytes) -> bytes:
    """The file with zeros for its times; `raw` is our own coder's and believed."""
    changed = bytearray(raw)
    _clear(changed, 0, len(changed))
    return bytes(changed)


def _clear(raw: bytearray, at: int, end: int) -> None:
    while at + 8 <= end:
        size, name = int.from_bytes(raw[at : at + 4], "big"), bytes(raw[at + 4 : at + 8])
        size = size or end - at
        if size < 8:  # a box with a long length: pixels; nothing of ours follows such a one
            return
        if name in _PARENTS:
            _clear(raw, at + 8, at + size)
        elif name in _TIMED:
            width = 16 if raw[at + 8] == 1 else 8
            raw[at + 12 : at + 12 + width] = bytes(width)
        at += size
