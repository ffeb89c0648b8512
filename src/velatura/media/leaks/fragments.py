"""Packets of a fragmented MP4 (live recordings, streaming): their sizes stand in the fragments, not in the movie's header.

Source: ISO/IEC 14496-12:2022 section 8.8.
"""

from __future__ import annotations

from collections.abc import Iterator

from velatura.media.leaks.boxes import Box, boxes, child, full
from velatura.media.leaks.span import Span

__all__ = ["fragment_samples"]

_MOST = 2_000
_BASE, _DESCRIPTION, _DURATION, _SIZE = 0x1, 0x2, 0x8, 0x10
_OFFSET, _FIRST_FLAGS, _EACH_DURATION, _EACH_SIZE, _EACH_FLAGS, _EACH_TIME = 0x1, 0x4, 0x100, 0x200, 0x400, 0x800


def fragment_samples(fragment: Box, track: int, whole: Span) -> Iterator[Span]:
    """Packets of one track in a `moof` box, as ranges of the file; a packet without a size of its own has none here. Raises Damaged."""
    for part in boxes(fragment.body):
        header = child(part.body, b"tfhd") if part.name == b"traf" else None
        if header is None or header.number(4, 4) != track:
            continue
        flags, at = header.number(1, 3), 8
        base = header.number(at, 8) if flags & _BASE else fragment.at
        at += (8 if flags & _BASE else 0) + (4 if flags & _DESCRIPTION else 0) + (4 if flags & _DURATION else 0)
        usual = header.number(at, 4) if flags & _SIZE else 0
        for run in boxes(part.body):
            if run.name == b"trun":
                yield from _run(run.body, base, usual, whole)


def _run(body: Span, base: int, usual: int, whole: Span) -> Iterator[Span]:
    _, flags, rest = full(body)
    count, at = rest.number(0, 4), 4
    place = base
    if flags & _OFFSET:
        shift = rest.number(at, 4)
        place += shift - (1 << 32 if shift >> 31 else 0)
        at += 4
    at += 4 if flags & _FIRST_FLAGS else 0
    width = 4 * sum(bool(flags & each) for each in (_EACH_DURATION, _EACH_SIZE, _EACH_FLAGS, _EACH_TIME))
    for _ in range(min(count, _MOST)):
        size = rest.number(at + (4 if flags & _EACH_DURATION else 0), 4) if flags & _EACH_SIZE else usual
        yield whole.clipped(place, size)
        place += size
        at += width
