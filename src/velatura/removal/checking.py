"""The finished file, before it gets its name, read back and searched: does anybody show who was to go?

Where the camera stands the output is taken off the background once more, anew (`verification.stands_out`). Where it moves it is compared with what
lay behind its masks. Detectors look at every frame that they looked at before, at half the score that finds: in places that were taken out every
hit counts; elsewhere only one of which the detector is sure, for one hit of that kind alone begins a track.
Limit: "no detection at that score by these detectors", and nothing that differs: that is all it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from math import ceil, floor

import numpy as np

from velatura.detect.detection import Search
from velatura.detect.pace import Pace
from velatura.detect.region import Region
from velatura.detect.residual import hidden_share
from velatura.detect.settings import DEFAULT_SCORES
from velatura.errors import Withheld
from velatura.media.frame import Box, Frame, PixelForm, to_stored
from velatura.removal.apart import Apart, beside
from velatura.removal.painted import Wider
from velatura.removal.planes import Mask, difference, luma
from velatura.removal.report import Shows
from velatura.removal.shot import Shot
from velatura.removal.shown import Shown
from velatura.removal.standing import GREY, Behind, grown
from velatura.removal.targets import spared, wide_mask
from velatura.removal.upright import boxed, components, stored_mask
from velatura.removal.verification import Failure, in_removed, stands_out, threshold
from velatura.removal.wanted import Wanted

__all__ = ["Check", "Covered", "check"]

Covered = Mapping[int, Sequence[Box]]
"""Upright boxes that the fallback covered, by frame."""

BRIDGE = 12  # frames before and after a failure that the next round masks too
BESIDE = 2  # that the fallback covers too
GROW_PX = 6
MOST = 100_000
MOST_SHOWN = 1_000
MASKED = 0.4  # of a hit, in masks of its moment; somebody fills half of his box
MISSING = 0.05  # of it, in the mask of this very frame
PLATE_GREY = 8.0  # mean difference below which a hit shows the background itself
MOVED_SIGMA = 6.0  # grey levels that a donor a pixel out of place, its grain and the coder add where the camera moves
STAYS_PX = 8  # around who stays: a coder's block of him
ROOM_PX, ROOM = 16, 0.06  # around what the fallback covered: its margin, and the coder's blocks


@dataclass(slots=True)
class Check:
    """What was found.

    Attributes:
        failures: in order of time.
        faint: hits that show the background itself, and of which the detector is not sure: a texture more often than a person.
        thresholds: by label.
    """

    thresholds: dict[str, float] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    faint: int = 0

    def wider(self, number: int, *, before: Wider) -> Wider:
        """What the next round masks too: after round 1 a rim and a bridge, then whole detections, then both and more."""
        boxes: dict[int, list[Box]] = {frame: list(known) for frame, known in before.boxes.items()}
        _spread(boxes, self.failures, BRIDGE)
        return Wider(GROW_PX * number, boxes, whole_boxes=number >= 2)

    def to_cover(self) -> dict[int, list[Box]]:
        """What goes to the fallback."""
        boxes: dict[int, list[Box]] = {}
        _spread(boxes, self.failures, BESIDE)
        return boxes

    def shows(self) -> tuple[Shows, ...]:
        return tuple(Shows(one.frame, one.time_s, one.box, one.why, one.label, one.score) for one in self.failures[:MOST_SHOWN])


def check(
    frames: Iterable[tuple[Frame, Mask | None]],
    shots: Sequence[Shot],
    wanted: Wanted,
    search: Search | None,
    shown: Shown,
    covered: Covered,
    black: Set[int],
) -> Check:
    """Search an output.

    Args:
        frames: of the output, with the masks that a person gave (stored).
        shown: what lay behind the masks of moving shots.
        covered: by the fallback; nothing there counts.
        black: frames that are black altogether.

    Raises:
        Withheld: `remove.frames`: the output has other frames than were written; `remove.residual`: too many failures to go on.
    """
    checker = _Checker(wanted, search, shown, covered)
    source = iter(frames)
    for shot in shots:
        for index in range(shot.first, shot.last + 1):
            pair = next(source, None)
            if pair is None:
                raise _other_frames()
            frame, given = pair
            frame.index = index
            if index == shot.first:
                checker.begin(shot, frame.form)
            if index not in black and wanted.is_inside(frame):
                checker.see(frame, given)
    if next(source, None) is not None:
        raise _other_frames()
    return checker.done


class _Checker:
    def __init__(self, wanted: Wanted, search: Search | None, shown: Shown, covered: Covered) -> None:
        self._wanted, self._search, self._shown, self._covered = wanted, search, shown, covered
        self._labels = _labels(wanted)
        scores = search.scores if search is not None else {}
        self._scale = {label: scores.get(label, DEFAULT_SCORES) for label in self._labels} if search is not None else {}
        self.done = Check({label: threshold(scale.high, scale.low) for label, scale in self._scale.items()})
        self._shot: Shot | None = None
        self._behind: Behind | None = None
        self._pace = Pace(wanted.every)

    def begin(self, shot: Shot, form: PixelForm) -> None:
        """Args: form: of the output, which need not be the source's (grey is written with colours)."""
        self._shot = shot
        self._behind = Behind(shot, form) if shot.ground is not None else None
        self._pace = Pace(self._wanted.every)
        if self._wanted.pick is not None and self._search is not None:
            picked = {track.label for track in shot.tracks}
            self._labels |= picked
            for label in picked:
                scale = self._search.scores.get(label, DEFAULT_SCORES)
                self._scale[label] = scale
                self.done.thresholds[label] = threshold(scale.high, scale.low)

    def see(self, frame: Frame, given: Mask | None) -> None:
        shot = self._shot
        assert shot is not None, "a shot has begun"
        hidden = boxed([_roomy(box) for box in self._covered.get(frame.index, ())], frame)
        apart: Apart | None = None
        if self._behind is not None:
            like = frame if frame.form == self._behind.ground.form else _grey(frame)
            seen = self._behind.for_frame(like, hidden)
            apart = Apart(difference(like.planes, seen.planes, like.form))
            if seen.sure:
                self._differs(frame, stands_out(apart.levels, seen.sigma, where=self._where(frame, shot, given, hidden)))
        elif shot.kind == "moving":
            apart = self._moved(frame, hidden)
        if self._search is not None and self._labels and self._pace.is_due(float(frame.time)):
            self._detected(frame, self._search, shot, given, hidden, apart)

    def _where(self, frame: Frame, shot: Shot, given: Mask | None, hidden: Mask) -> Mask:
        """Where a difference counts: everywhere, or where something was to go."""
        assert self._behind is not None, "a camera that stands"
        if given is not None:
            where = (shot.given.around(frame.index) if shot.given is not None else given) & ~hidden
        elif self._wanted.targets.motion and self._wanted.pick is None:
            where = ~(hidden | self._behind.ground.unstable)
        else:
            wide = wide_mask(shot.tracks, frame.index, frame.size, dilate=self._wanted.dilate)
            if shot.beside:
                wide &= ~grown(spared(shot, frame.index, frame.size), STAYS_PX)
            where = stored_mask(wide, frame.orientation) & ~hidden
        return where

    def _moved(self, frame: Frame, hidden: Mask) -> Apart:
        """How far the output is from what lay behind the masks, where that is known, and what of it stands out."""
        apart, known = np.zeros(hidden.shape, np.uint8), np.zeros(hidden.shape, np.bool_)
        kept = self._shown.at(frame.index)
        if kept is None:
            return Apart(apart, known)
        grey, seen, (x0, y0, x1, y1) = kept
        apart[y0:y1, x0:x1] = beside(luma(frame.planes, frame.form)[y0:y1, x0:x1], grey)
        known[y0:y1, x0:x1] = seen
        self._differs(frame, stands_out(apart, MOVED_SIGMA, where=known & ~hidden))
        return Apart(apart, known, hidden)

    def _differs(self, frame: Frame, mask: Mask) -> None:
        if mask.any():
            for box in components(mask, frame):
                self._fail(frame, box, "differs")

    def _detected(self, frame: Frame, search: Search, shot: Shot, given: Mask | None, hidden: Mask, apart: Apart | None) -> None:
        found = [region for region in search(frame, low=True) if region.label in self._labels and region.score >= self.done.thresholds[region.label]]
        if not found:
            return
        if given is not None:
            nearby = shot.given.around(frame.index) if shot.given is not None else given
            inside = [region for region in found if self._masked(region, frame, given, nearby)]
        else:
            removed = [track.boxes[frame.index] for track in shot.tracks if frame.index in track.boxes]
            inside = in_removed(found, removed, frame.size)
        known = [*shot.signs, *(shot.beside if self._wanted.pick is not None else ())]  # what stays is to be seen
        signs = [track.boxes[frame.index] for track in known if frame.index in track.boxes]
        for region in found:
            if _mostly(region.box, frame, hidden) or (signs and hidden_share(region.box, signs, frame.size) > 0.5):
                continue
            scale, gone = self._scale[region.label], region in inside
            if not gone and (given is not None or self._wanted.pick is not None or region.score < scale.sure):
                continue
            if apart is None or apart.mean(_slices(region.box, frame)) >= PLATE_GREY:
                self._fail(frame, region.box, "detected", region)
            elif region.score >= scale.sure:
                self._fail(frame, region.box, "plate", region)
            else:  # the scene itself: detectors were asked about the background, and it is to be seen in other frames too
                self.done.faint += 1

    def _masked(self, region: Region, frame: Frame, given: Mask, nearby: Mask) -> bool:
        """Whether a hit lies where a mask is missing: a moment before and after it is there. What a person did not mask is his own choice."""
        where = _slices(region.box, frame)
        if not nearby[where].size or region.score < self._scale[region.label].high:
            return False
        return bool(nearby[where].mean() >= MASKED and given[where].mean() < MISSING)

    def _fail(self, frame: Frame, box: Box, why: str, region: Region | None = None) -> None:
        if len(self.done.failures) >= MOST:
            raise Withheld("remove.residual", f"the output still shows more than {MOST} places", hint="say what goes: --targets, --mask, --camera")
        label, score = (region.label, round(region.score, 3)) if region is not None else ("", 0.0)
        self.done.failures.append(Failure(frame.index, round(float(frame.time), 6), box, why, label, score))


def _grey(frame: Frame) -> Frame:
    """Brightness alone, where forms differ."""
    return replace(frame, planes=[luma(frame.planes, frame.form)], form=GREY)


def _roomy(box: Box) -> Box:
    x0, y0, x1, y1 = box
    dx, dy = ROOM * (x1 - x0) + ROOM_PX, ROOM * (y1 - y0) + ROOM_PX
    return x0 - dx, y0 - dy, x1 + dx, y1 + dy


def _labels(wanted: Wanted) -> set[str]:
    return set() if wanted.pick is not None else set(wanted.targets.labels)


def _spread(boxes: dict[int, list[Box]], failures: Iterable[Failure], beside: int) -> None:
    for one in failures:
        for frame in range(max(one.frame - beside, 0), one.frame + beside + 1):
            boxes.setdefault(frame, []).append(one.box)


def _slices(box: Box, frame: Frame) -> tuple[slice, slice]:
    x0, y0, x1, y1 = to_stored(box, frame.size, frame.orientation)
    return slice(max(floor(y0), 0), max(ceil(y1), 0)), slice(max(floor(x0), 0), max(ceil(x1), 0))


def _mostly(box: Box, frame: Frame, hidden: Mask) -> bool:
    part = hidden[_slices(box, frame)]
    return bool(part.size) and bool(part.mean() > 0.5)


def _other_frames() -> Withheld:
    sentence = "the output has other frames than were written into it, so it cannot be checked"
    return Withheld("remove.frames", sentence, hint="choose another output format")
