"""Frames with what must be covered on them: given by a person, or as covered before with what still showed.

(What detectors find comes from `detect.detection.found_in`.) What a second look found in an output is followed like detections of the source,
so that a miss is covered before and after the frame on which it was noticed too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Protocol

from velatura.detect.cover import cover
from velatura.detect.detection import looks
from velatura.detect.document import Sheet
from velatura.detect.region import Region, Scores
from velatura.detect.settings import lookahead_for
from velatura.errors import BadInput, BadSpec
from velatura.media.frame import Frame
from velatura.media.reader import Facts
from velatura.obfuscation.record import Record

__all__ = ["Doubts", "Step", "again", "given"]

Step = tuple[Frame, Sequence[Region]]
MOST_TRACK = (1 << 32) - 1


class Doubts(Protocol):
    """What still showed in an output."""

    @property
    def looked(self) -> Collection[int]: ...
    @property
    def hits(self) -> Mapping[int, Sequence[Region]]: ...


def given(frames: Iterable[Frame], sheet: Sheet) -> Iterator[Step]:
    """Frames of a source with what a person wrote down.

    Raises:
        BadSpec: `regions.unmet`: a row that meets no frame; `regions.track`.
    """
    taken = [row.track for row in sheet.item.regions if row.track is not None]
    if any(not 0 <= track <= MOST_TRACK // 2 for track in taken):
        raise BadSpec("regions.track", f"{sheet.item.file}: a track's number is not possible", hint="whole numbers from 0, or leave it out")
    numbers: dict[Region, int] = {}
    fresh = count(max(taken, default=-1) + 1)
    for frame in frames:
        regions = [region if region.track is not None else _own(region, numbers, fresh) for region in sheet.at(frame)]
        yield frame, [replace(region, time_s=float(frame.time)) for region in regions]
    unmet = sheet.unmet()
    if unmet:
        sentence = f"{sheet.item.file}: {len(unmet)} regions of the document meet no frame, the first at {unmet[0].time_s:g} s"
        raise BadSpec("regions.unmet", sentence, hint="take the document of this very file, or correct frame and time")


def again(frames: Iterable[Frame], facts: Facts, before: Record, doubts: Doubts, scores: Mapping[str, Scores], *, first_id: int) -> Iterator[Step]:
    """The source once more: what was covered, and what still showed, from track `first_id` on.

    Every hit counts as sure enough to start a track, the faint ones too: what is near the threshold would else show in the next output.

    Raises:
        BadInput: `media.changed`: it has other frames than before.
    """
    extra = _extra(frames, facts, doubts, scores)
    for (frame, found), covered in _in_step(extra, before, facts):
        regions = [replace(region, track=(region.track or 0) + first_id) for region in found]
        yield frame, [*covered, *regions]


def _extra(frames: Iterable[Frame], facts: Facts, doubts: Doubts, scores: Mapping[str, Scores]) -> Iterator[Step]:
    def hits(frame: Frame) -> Sequence[Region]:
        found = doubts.hits.get(frame.index, ())
        return [replace(region, score=max(region.score, scores[region.label].high)) if region.label in scores else region for region in found]

    if not _is_timed(facts):
        numbers = count()
        for frame in frames:
            yield frame, _numbered(hits(frame), frame, numbers)
        return
    seen = looks(frames, hits, is_due=lambda frame: frame.index in doubts.looked)
    yield from cover(seen, lookahead_s=lookahead_for(facts.rate), scores=scores)


def _in_step(steps: Iterator[Step], before: Record, facts: Facts) -> Iterator[tuple[Step, Sequence[Region]]]:
    covered = iter(before)
    for step in steps:
        last = next(covered, None)
        if last is None or last.frame != step[0].index:
            raise _changed()
        yield step, last.regions
    if next(covered, None) is not None:
        raise _changed()


def _changed() -> BadInput:
    return BadInput("media.changed", "the input became another file while it was worked on", hint="wait until it is complete, then run it again")


def _is_timed(facts: Facts) -> bool:
    return facts.kind in ("clip", "animation")


def _numbered(found: Iterable[Region], frame: Frame, numbers: Iterator[int]) -> list[Region]:
    return [replace(region, track=next(numbers), time_s=float(frame.time)) for region in found]


def _own(region: Region, numbers: dict[Region, int], fresh: Iterator[int]) -> Region:
    """A row without a track is one of its own, on every frame that it applies to."""
    if region not in numbers:
        numbers[region] = next(fresh)
    return replace(region, track=numbers[region])
