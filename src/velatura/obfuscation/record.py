"""What was covered on each frame, kept for the second look and for passes after it.

Frames are appended in order and read in order, from a temporary file that stays in memory while it is small: an hour of clip with ten faces on
each frame needs 8 MiB of memory and 50 MB of disk. It holds boxes and numbers, no pixels.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from velatura.detect.region import Region

__all__ = ["Covered", "Record"]

HEAD = struct.Struct("<IIB")
ROW = struct.Struct("<4dddIHB")
IN_MEMORY = 8 << 20


@dataclass(frozen=True, slots=True)
class Covered:
    """One frame.

    Attributes:
        frame: its index.
        regions: without the margin; those that a person left as they are carry `clear`.
        black: all of it went.
    """

    frame: int
    regions: tuple[Region, ...]
    black: bool = False


class Record:
    """Written once, frame by frame; then read any number of times. `with` it."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # closed by `close`
        self._labels: list[str] = []
        self.frames = 0
        self.regions = 0

    def add(self, covered: Covered) -> None:
        self._file.write(HEAD.pack(covered.frame, len(covered.regions), covered.black))
        for region in covered.regions:
            self._file.write(ROW.pack(*region.box, region.score, region.time_s, _number(region), self._label(region.label), region.clear))
        self.frames += 1
        self.regions += sum(not region.clear for region in covered.regions)

    def __iter__(self) -> Iterator[Covered]:
        """From the first frame; one reader at a time."""
        self._file.seek(0)
        while head := self._file.read(HEAD.size):
            frame, count, black = HEAD.unpack(head)
            rows = self._file.read(count * ROW.size)
            yield Covered(frame, tuple(self._region(row) for row in ROW.iter_unpack(rows)), bool(black))

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _label(self, label: str) -> int:
        if label not in self._labels:
            self._labels.append(label)
        return self._labels.index(label)

    def _region(self, row: tuple[float, ...]) -> Region:
        x0, y0, x1, y1, score, time_s, track, label, clear = row
        return Region((x0, y0, x1, y1), self._labels[int(label)], score, time_s, int(track), bool(clear))


def _number(region: Region) -> int:
    assert region.track is not None, "what is covered belongs to a track"
    return region.track
