"""Sample tables of an MP4 track: where its packets lie, when they are shown, and what an edit list leaves out.

Source: ISO/IEC 14496-12:2022 sections 8.6 and 8.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from velatura.media.leaks.boxes import boxes, child, full
from velatura.media.leaks.span import Damaged, Span

__all__ = ["bytes_of_samples", "codec", "hidden_samples", "samples"]

_ROWS = 1 << 16
_MOST_SHOWN = 200_000  # two hours at 25/s
_MOST_EDITS = 100
_MOST_SIZES = 20_000_000


def codec(table: Span) -> tuple[bytes, Span | None]:
    """Name of the first sample description, and the description."""
    found = child(table, b"stsd")
    first = next(boxes(found, 8), None) if found is not None else None
    return (first.name, first.body) if first else (b"", None)


def _rows(body: Span, at: int, count: int, width: int) -> Iterator[tuple[int, ...]]:
    """`count` rows of big-endian numbers of four bytes, `width` numbers a row."""
    if count * width * 4 > len(body) - at:
        raise Damaged("media.truncated", "a table is longer than its box")
    for start in range(0, count, _ROWS):
        raw = body.read(at + start * width * 4, min(_ROWS, count - start) * width * 4)
        numbers = memoryview(raw).cast("B")
        for row in range(0, len(raw), width * 4):
            yield tuple(int.from_bytes(numbers[row + 4 * n : row + 4 * n + 4], "big") for n in range(width))


def _table(table: Span, name: bytes, width: int) -> Iterator[tuple[int, ...]]:
    body = child(table, name)
    return _rows(body, 8, body.number(4, 4), width) if body is not None else iter(())


def _sizes(table: Span) -> Iterator[int]:
    body = child(table, b"stsz")
    if body is None:
        return
    same, count = body.number(4, 4), body.number(8, 4)
    if same:
        for _ in range(count):
            yield same
    else:
        for (size,) in _rows(body, 12, count, 1):
            yield size


def bytes_of_samples(table: Span) -> int:
    """Bytes of all packets of a track; -1 where the table is of a kind that is not read."""
    body = child(table, b"stsz")
    if body is None:
        return -1
    same, count = body.number(4, 4), body.number(8, 4)
    if count > _MOST_SIZES:
        return -1
    return same * count if same else sum(_sizes(table))


def _chunks(table: Span) -> Iterator[int]:
    if (body := child(table, b"co64")) is not None:
        for high, low in _rows(body, 8, body.number(4, 4), 2):
            yield high << 32 | low
    else:
        yield from (at for (at,) in _table(table, b"stco", 1))


def samples(table: Span, whole: Span, most: int) -> Iterator[Span]:
    """The first packets of a track, as ranges of the file."""
    runs = list(islice(_table(table, b"stsc", 3), 65_536))
    sizes = islice(_sizes(table), most)
    run = 0
    for number, at in enumerate(_chunks(table), 1):
        while run + 1 < len(runs) and runs[run + 1][0] <= number:
            run += 1
        for size in islice(sizes, runs[run][1] if runs else 1):
            yield whole.clipped(at, size)
            at += size
        if number > most:
            return


def hidden_samples(track: Span, table: Span, movie_scale: int) -> int:
    """Pictures of a track that its edit list does not show: a lead-in, a tail, a gap between two edits."""
    edits = _edits(track)
    if not edits:
        return 0
    scale = _scale(track)
    shown = [(start, start + length * scale // max(movie_scale, 1) if length else None) for length, start in edits if start >= 0]
    hidden = 0
    for time, lasts in islice(_times(table), _MOST_SHOWN):
        # A frame that is cut off in its middle is shown; half a unit of the movie's clock is rounding.
        slack = scale // max(movie_scale, 1) + 1
        hidden += not any(time + lasts > start and (end is None or time < end + slack) for start, end in shown)
    return hidden


def _edits(track: Span) -> list[tuple[int, int]]:
    """Length (in the movie's clock) and start (in the track's, -1 for an empty edit) of each edit."""
    body = child(track, b"edts", b"elst")
    if body is None:
        return []
    version, _, rest = full(body)
    width = 8 if version == 1 else 4
    found = []
    for number in range(min(rest.number(0, 4), _MOST_EDITS)):
        at = 4 + number * (2 * width + 4)
        start = int.from_bytes(rest.read(at + width, width), "big", signed=True)
        found.append((rest.number(at, width), start))
    return found


def _scale(track: Span) -> int:
    header = child(track, b"mdia", b"mdhd")
    if header is None:
        raise Damaged("media.malformed", "a track has no header")
    return header.number(20 if header.number(0, 1) == 1 else 12, 4)


def _times(table: Span) -> Iterator[tuple[int, int]]:
    """Time of showing and duration of each picture, in the track's clock, in the order of decoding."""
    offsets = ((offset - (1 << 32) if offset >> 31 else offset) for count, offset in _table(table, b"ctts", 2) for _ in range(count))
    time = 0
    for count, lasts in _table(table, b"stts", 2):
        for _ in range(count):
            yield time + next(offsets, 0), lasts
            time += lasts
