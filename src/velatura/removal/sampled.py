"""Frames kept of a shot whose length nobody knows: evenly spread over all of it, never more than a budget of bytes.

Every k-th frame is kept; when too many are, every other one goes and k doubles. So the first and the latest part of the shot weigh the same: a
sample of the beginning alone would make a background of whoever stood there (docs/benchmarks/removal.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from velatura.media.frame import Frame, Plane
from velatura.removal.planes import copied

__all__ = ["FEWEST", "MOST", "Sample", "Samples", "most_samples"]

MOST = 120
"""Kept at most; after thinning half of it: 60 to 120 steady a median's noise to a tenth of the picture's."""
FEWEST = 12
BUDGET_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame's planes. `index`: of the frame in the clip; `mask` goes with it where a person gave one."""

    planes: list[Plane]
    index: int


def most_samples(frame: Frame) -> int:
    """How many frames of this size are kept at most (even, so that thinning halves them)."""
    size = sum(plane.nbytes for plane in frame.planes)
    return max(FEWEST, min(MOST, BUDGET_BYTES // max(size, 1))) // 2 * 2


class Samples:
    """Of one shot; `add` each of its frames."""

    def __init__(self) -> None:
        self.kept: list[Sample] = []
        self._step, self._since = 1, 0

    def add(self, frame: Frame) -> None:
        """Damaged frames are nobody's background."""
        if frame.corrupt:
            return
        if self._since % self._step == 0:
            self.kept.append(Sample(copied(frame.planes), frame.index))
            if len(self.kept) >= most_samples(frame):
                self.kept = self.kept[::2]
                self._step *= 2
        self._since += 1
