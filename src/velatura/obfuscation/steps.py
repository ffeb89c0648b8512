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
from velatura.detect.residual import hidden_share
from velatura.detect.settings import lookahead_for
from velatura.errors import BadInput, BadSpec
from velatura.media.frame import Frame
from velatura.media.reader import Facts
from velatura.obfuscation.record import Record

__all__ = ["Doubts", "Step", "again", "given"]

Step = tuple[Frame, Sequence[Region]]
MOST_TRACK = (1 << 32) - 1
FOLLOWED = 0.95  # share of a hit that a followed region covers before its margin


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

    A single hit at `high` counts as sure here, so that it is covered half a second before and after: a detector that first missed it would find
    it on another frame of the next output. Every hit is covered on its own frame, the faint ones too: coding anew lifts some over the threshold.

    Raises:
        BadInput: `media.changed`: it has other frames than before.
    """
    numbers: dict[int, int] = {}
    fresh = count(first_id)
    for (frame, found), covered in _in_step(_extra(frames, facts, doubts, scores), before):
        tracks = [next(fresh) if region.track is None else _number(region.track, numbers, fresh) for region in found]
        yield frame, [*covered, *(replace(region, track=track) for region, track in zip(found, tracks, strict=True))]


def _extra(frames: Iterable[Frame], facts: Facts, doubts: Doubts, scores: Mapping[str, Scores]) -> Iterator[Step]:
    """Followed hits, and without a track those that nothing followed covers."""

    def hits(frame: Frame) -> Sequence[Region]:
        return doubts.hits.get(frame.index, ())

    steps: Iterable[Step] = ((frame, ()) for frame in frames)
    if facts.kind in ("clip", "animation"):
        sure = {label: replace(scale, sure=scale.high) for label, scale in scores.items()}
        seen = looks(frames, hits, is_due=lambda frame: frame.index in doubts.looked)
        steps = cover(seen, lookahead_s=lookahead_for(facts.rate), scores=sure)
    for frame, followed in steps:
        boxes = [region.box for region in followed]
        alone = [hit for hit in hits(frame) if hidden_share(hit.box, boxes, frame.size) < FOLLOWED]
        yield frame, [*followed, *(replace(hit, track=None, time_s=float(frame.time)) for hit in alone)]


def _in_step(steps: Iterator[Step], before: Record) -> Iterator[tuple[Step, Sequence[Region]]]:
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


def _number(track: int, numbers: dict[int, int], fresh: Iterator[int]) -> int:
    if track not in numbers:
        numbers[track] = next(fresh)
    return numbers[track]


def _own(region: Region, numbers: dict[Region, int], fresh: Iterator[int]) -> Region:
    """A row without a track is one of its own, on every frame that it applies to."""
    if region not in numbers:
        numbers[region] = next(fresh)
    return replace(region, track=numbers[region])
