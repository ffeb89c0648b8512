"""Where and for how long the fallback covered something: rectangles over time, for a person who goes to look.

Boxes of neighbouring frames that touch are one place, and its box holds them all: where somebody in doubt walks through the picture, it is his way.
Limit: the `MOST` largest are told; how many there are is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import nlargest

from velatura.media.frame import Box, Frame
from velatura.removal.report import Place
from velatura.removal.upright import boxed

__all__ = ["MOST", "Places"]

MOST = 100


class Places:
    """Told of the frames of a pass in order.

    Attributes:
        pixels: covered, over all frames; what several boxes hold counts once.
        total: places that have ended, and those of the last frame.
    """

    def __init__(self) -> None:
        self.pixels = 0
        self._open: list[Place] = []
        self._ended: list[Place] = []
        self._count = 0

    def add(self, frame: Frame, boxes: Sequence[Box]) -> None:
        """What of a frame was covered, upright; an empty one ends nothing."""
        self.pixels += int(boxed(boxes, frame).sum())
        self._end(frame.index - 1)
        time_s = round(float(frame.time), 3)
        for box in boxes:
            here = Place(frame.index, frame.index, time_s, time_s, box)
            touching: list[Place] = []
            apart: list[Place] = []
            for place in self._open:
                (touching if _touch(place.box, box) else apart).append(place)
            self._open = [*apart, _joined([*touching, here])]

    @property
    def total(self) -> int:
        return self._count + len(self._open)

    def largest(self) -> tuple[Place, ...]:
        """The `MOST` that cover most of picture and time, in order of time."""
        return tuple(sorted(nlargest(MOST, [*self._ended, *self._open], key=_extent), key=lambda place: (place.first_frame, place.box)))

    def _end(self, before: int) -> None:
        """Places whose last frame lies before a frame."""
        ended = [place for place in self._open if place.last_frame < before]
        self._open = [place for place in self._open if place.last_frame >= before]
        self._ended = nlargest(MOST, [*self._ended, *ended], key=_extent)
        self._count += len(ended)


def _touch(a: Box, b: Box) -> bool:
    """Tiles of one place have edges in common, and nothing else."""
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def _joined(places: Sequence[Place]) -> Place:
    first, last = min(places, key=lambda place: place.first_frame), max(places, key=lambda place: place.last_frame)
    return Place(first.first_frame, last.last_frame, first.first_s, last.last_s, _around(place.box for place in places))


def _around(boxes: Iterable[Box]) -> Box:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _extent(place: Place) -> float:
    x0, y0, x1, y1 = place.box
    return (x1 - x0) * (y1 - y0) * (place.last_frame - place.first_frame + 1)
