"""The finished file, before it gets its name, read back and searched again: does anybody still show?

What the detector fires on outside of the covered boxes was missed, or became findable by what coding did to it. Hits at `high` are doubts that
the policy must settle; fainter ones only count. Limit: what the detectors do not find here they would not find there either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from velatura.detect.detection import Search
from velatura.detect.region import Region
from velatura.detect.residual import Residual, residual
from velatura.detect.settings import DEFAULT_SCORES
from velatura.errors import Withheld
from velatura.media.frame import Box, Frame
from velatura.obfuscation.policy import Covering
from velatura.obfuscation.record import Covered, Record
from velatura.obfuscation.report import Shows

__all__ = ["SecondLook", "look_again"]

MOST_HITS = 200_000
MOST_SHOWN = 1_000
ROOT_HALF = 0.5**0.5


@dataclass(slots=True)
class SecondLook:
    """What was found in an output.

    Attributes:
        looked: frames that were searched.
        hits: outside of what was covered, down to `low`, for each frame that has some.
        doubted: frames with a hit at `high` or above.
        shows: those hits, the first thousand.
        faint, ghosts, count: how many hits below `high`; inside of what was covered; outside in all.
    """

    looked: set[int] = field(default_factory=set)
    hits: dict[int, list[Region]] = field(default_factory=dict)
    doubted: set[int] = field(default_factory=set)
    shows: list[Shows] = field(default_factory=list)
    faint: int = 0
    ghosts: int = 0
    count: int = 0

    def black(self, frames: int) -> set[int]:
        """The doubted frames and those beside them that were not searched."""
        gone = set(self.doubted)
        for doubted in self.doubted:
            for step in (-1, 1):
                beside = doubted + step
                while 0 <= beside < frames and beside not in self.looked:
                    gone.add(beside)
                    beside += step
        return gone


def look_again(frames: Iterable[Frame], record: Record, search: Search, covering: Covering, *, every: int = 1) -> SecondLook:
    """Search an output.

    Args:
        frames: of the output.
        record: what was covered on each of them.
        every: as the source was searched.

    Raises:
        Withheld: `obfuscate.frames`: the output has other frames than were written; `obfuscate.residual`: too many hits to go on.
    """
    look, covered = SecondLook(), iter(record)

    def find(frame: Frame) -> list[Region]:
        look.looked.add(frame.index)
        return list(search(frame, low=True))

    def hidden(frame: Frame) -> list[Box]:
        return _hidden(frame, next(covered, None), covering)

    for hit in residual(frames, find, hidden, every=every):
        _count(look, hit, search)
    if next(covered, None) is not None:
        raise _other_frames()
    return look


def _count(look: SecondLook, hit: Residual, search: Search) -> None:
    if hit.inside:
        look.ghosts += 1
        return
    look.count += 1
    if look.count > MOST_HITS:
        raise Withheld("obfuscate.residual", f"the output still shows more than {MOST_HITS} regions", hint="look at it with --policy open --review")
    region = hit.region
    look.hits.setdefault(hit.frame, []).append(region)
    if region.score < search.scores.get(region.label, DEFAULT_SCORES).high:
        look.faint += 1
        return
    look.doubted.add(hit.frame)
    if len(look.shows) < MOST_SHOWN:
        look.shows.append(Shows(hit.frame, region.time_s, region.box, region.label, region.score))


def _hidden(frame: Frame, covered: Covered | None, covering: Covering) -> list[Box]:
    if covered is None or covered.frame != frame.index:
        raise _other_frames()
    if covered.black:
        width, height = frame.size
        return [(0.0, 0.0, float(width), float(height))]
    boxes = [covering.grown(region) for region in covered.regions]
    return [_inscribed(box) for box in boxes] if covering.shape == "ellipse" else boxes


def _inscribed(box: Box) -> Box:
    """The largest box inside of a box's ellipse: what is surely covered."""
    x0, y0, x1, y1 = box
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    dx, dy = ROOT_HALF * (x1 - x0) / 2, ROOT_HALF * (y1 - y0) / 2
    return (x - dx, y - dy, x + dx, y + dy)


def _other_frames() -> Withheld:
    sentence = "the output has other frames than were written into it, so it cannot be checked against what was covered"
    return Withheld("obfuscate.frames", sentence, hint="choose another output format")
