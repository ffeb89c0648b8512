"""The first pass over a clip: where shots begin, how the camera moves in each, who is in it, and what lies behind.

Frames are looked at and let go; what stays is a few dozen samples of the shot at hand (`sampled`) and boxes. When the shot ends, its background is
made from the samples and laid aside (`shot.Kept`).
Limit: a shot whose camera moves has no background of its own; it is painted from its own frames (`moving`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from velatura.detect.detection import Search, looks
from velatura.detect.region import Look, Region
from velatura.detect.residual import hidden_share
from velatura.errors import BadSpec
from velatura.media.frame import Frame, PixelForm, Plane, to_stored
from velatura.removal.camera import Camera, look
from velatura.removal.cuts import is_same_place
from velatura.removal.followed import refuse_lost
from velatura.removal.given_masks import GivenMasks
from velatura.removal.given_nearby import GivenNearby
from velatura.removal.ground import IntBox, ground
from velatura.removal.planes import Mask, luma
from velatura.removal.posters import left_standing
from velatura.removal.registration import warp
from velatura.removal.sampled import Samples
from velatura.removal.shot import Kept, Kind, Shot
from velatura.removal.targets import picked, whole, wide_mask
from velatura.removal.tracks import Track, follow
from velatura.removal.upright import stored_mask, upright_plane
from velatura.removal.wanted import Wanted

__all__ = ["SHORT", "survey"]

SHORT = 5
"""Fewer frames than this have no background: each is a picture of its own."""
SLIP_PX = 0.25
"""A picture of a camera that sways is brought to its place so well."""
GREY = PixelForm("grey")
KNOWN = 0.5
"""Share of a hit on the background within a sign's box: it is the sign."""


@dataclass(slots=True)
class _Open:
    """The shot at hand."""

    first: int
    frame: Frame
    found: list[Sequence[Region] | None] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    shifts: list[tuple[float, float]] = field(default_factory=list)
    samples: Samples = field(default_factory=Samples)
    given: dict[int, Mask] = field(default_factory=dict)
    nearby: GivenNearby | None = None


def survey(
    frames: Iterable[Frame],
    wanted: Wanted,
    search: Search | None,
    masks: GivenMasks | None = None,
    *,
    warn: Callable[[str], None],
) -> list[Shot]:
    """All shots, in order.

    Args:
        search: None: nothing is searched for; motion and given masks only.
        masks: that a person gave, in step with the frames.
        warn: told what a person should know.

    Raises:
        BadSpec: `remove.pick`: nothing is there; `remove.span`: the clip is shorter.
        Withheld: `remove.lost`.
    """
    surveyor = _Surveyor(wanted, search)

    def find(frame: Frame) -> Sequence[Region]:
        return search(frame, low=True) if search is not None and wanted.is_inside(frame) else ()

    given = iter(masks) if masks is not None and masks.given else None
    for seen in looks(frames, find, every=wanted.every, warn=warn if search is not None else None):
        surveyor.see(seen, next(given) if given is not None else None)
    return surveyor.end()


class _Surveyor:
    """Collects looks into shots."""

    def __init__(self, wanted: Wanted, search: Search | None) -> None:
        self._wanted, self._search = wanted, search
        self._shots: list[Shot] = []
        self._open: _Open | None = None
        self._inside, self._picked, self._last_s = False, False, 0.0
        self._before: Frame | None = None

    def see(self, seen: Look, given: Mask | None) -> None:
        frame = seen.frame
        if self._open is None or self._starts(seen):
            self._close()
            self._open = _Open(frame.index, frame)
        now = self._open
        now.found.append(seen.found)
        now.times.append(seen.time_s)
        now.shifts.append(seen.shift_px)
        now.samples.add(frame)
        if given is not None:
            self._take(now, frame, stored_mask(given, frame.orientation))
        self._inside |= self._wanted.is_inside(frame)
        self._last_s, self._before = seen.time_s, frame

    def _starts(self, seen: Look) -> bool:
        """Whether the shot at hand is over."""
        frame, before = seen.frame, self._before
        if before is None or frame.form != before.form or frame.size != before.size or frame.shot_starts:
            return True
        return seen.shot_starts and not is_same_place(before.planes, frame.planes, frame.form)

    def _take(self, now: _Open, frame: Frame, given: Mask) -> None:
        """A mask that a person gave: small for each frame, whole for each sample."""
        now.nearby = now.nearby or GivenNearby()
        now.nearby.add(frame.index, given)
        kept = {sample.index for sample in now.samples.kept}
        now.given = {index: mask for index, mask in now.given.items() if index in kept}
        if frame.index in kept:
            now.given[frame.index] = given

    def end(self) -> list[Shot]:
        self._close()
        wanted = self._wanted
        if self._shots and not self._inside:
            raise BadSpec("remove.span", "no frame lies between --from and --to", hint="seconds from the clip's start")
        if wanted.pick is not None and not self._picked:
            last_s = self._last_s
            raise BadSpec("remove.pick", f"--pick {wanted.pick.time_s:g}: the clip ends at {last_s:.2f} s", hint="seconds from the clip's start")
        return self._shots

    def _close(self) -> None:
        now, self._open = self._open, None
        if now is None:
            return
        going, beside = self._tracks(now)
        shot = Shot(now.first, now.first + len(now.times) - 1, now.times[0], "short", going, beside, given=now.nearby)
        if shot.frames >= SHORT and len(now.samples.kept) >= SHORT:
            self._behind(shot, now)
        self._shots.append(shot)

    def _tracks(self, now: _Open) -> tuple[Sequence[Track], Sequence[Track]]:
        """What goes and what stays, boxes by index in the clip."""
        if self._search is None:
            return (), ()
        tracks = follow(now.found, now.times, now.frame.size, scores=self._search.scores, shifts=now.shifts, first=now.first)
        wanted = self._wanted
        pick = wanted.pick
        going: Sequence[Track] = tracks
        if pick is not None:
            going = ()
            if not self._picked and pick.time_s <= now.times[-1]:
                at = now.first + int(np.argmin(np.abs(np.array(now.times) - pick.time_s)))
                going = picked(tracks, at, pick.x, pick.y)
                self._picked = True
                self._refuse_lost(now, going, tracks)
        else:
            going = [track for track in tracks if track.label in wanted.targets.labels]
        going = whole(going, tracks) if wanted.whole_object else going
        ids = {track.id for track in going}
        return going, [track for track in tracks if track.id not in ids]

    def _refuse_lost(self, now: _Open, going: Sequence[Track], tracks: Sequence[Track]) -> None:
        """Within --from and --to."""
        from_s, to_s = self._wanted.from_s or 0.0, self._wanted.to_s if self._wanted.to_s is not None else float("inf")
        inside = [index for index, time_s in enumerate(now.times) if from_s <= time_s < to_s]
        if inside:
            ids = {track.id for track in going}
            times = now.times[inside[0] : inside[-1] + 1]
            refuse_lost(going, [track for track in tracks if track.id not in ids], times, now.first + inside[0], now.frame.size)

    def _behind(self, shot: Shot, now: _Open) -> None:
        """How the camera moved, and what a camera that does not go away sees behind everybody."""
        samples = now.samples.kept
        camera = self._camera(now, [self._covered(shot, now, sample.index) for sample in samples])
        self._leave_signs(shot, now, camera)
        if camera is None:
            shot.kind = "moving"
            return
        shot.kind, shot.sway_px = _kind(camera), camera.sway_px
        masks = [self._covered(shot, now, sample.index) for sample in samples]
        rng = np.random.default_rng([self._wanted.seed, shot.first])
        shot.ground = Kept(
            ground(samples, masks, camera, now.frame.form, judge=self._judge(now.frame, shot.signs), rng=rng, inpainter=self._wanted.inpainter)
        )

    def _leave_signs(self, shot: Shot, now: _Open, camera: Camera | None) -> None:
        """What is no person stays: it neither goes nor is it kept from the background."""
        if self._search is None or self._wanted.pick is not None or not shot.tracks:
            return
        frame, swaying = now.frame, camera is not None and camera.kind == "swaying"
        greys = {}
        for sample, motion in zip(now.samples.kept, camera.motions if camera is not None else repeat(np.eye(3)), strict=False):
            if motion is not None:
                grey = luma(sample.planes, frame.form)
                grey = warp([grey], GREY, np.asarray(np.linalg.inv(motion), np.float64), cubic=False)[0][0] if swaying else grey
                greys[sample.index] = upright_plane(grey, frame.orientation)
        signs = {track.id for track in left_standing(shot.tracks, greys, self._search.scores, slip_px=SLIP_PX if swaying else 0.0)}
        shot.signs = [track for track in shot.tracks if track.id in signs]
        shot.tracks = [track for track in shot.tracks if track.id not in signs]

    def _covered(self, shot: Shot, now: _Open, index: int) -> Mask:
        """What must not vote on a frame: everybody who was found, whether he goes or stays."""
        frame = now.frame
        tracks = [track for track in (*shot.tracks, *shot.beside) if track.is_found(index)]
        mask = stored_mask(wide_mask(tracks, index, frame.size, dilate=self._wanted.dilate), frame.orientation)
        return mask | now.given[index] if index in now.given else mask

    def _camera(self, now: _Open, masks: Sequence[Mask]) -> Camera | None:
        """None where it moves."""
        if self._wanted.camera == "moving":
            return None
        greys = [luma(sample.planes, now.frame.form) for sample in now.samples.kept]
        free = [~mask for mask in masks]
        camera = _look(greys, free)
        if camera.kind != "moving":
            return camera
        # a camera that a person calls static, although it looks like moving: what can be registered is
        return None if self._wanted.camera == "auto" else replace(look(greys, free), kind="swaying")

    def _judge(self, like: Frame, signs: Sequence[Track]) -> Callable[[Sequence[Plane]], Sequence[IntBox]] | None:
        """Detectors of what goes, on a background."""
        search, labels = self._search, set(self._wanted.targets.labels)
        if search is None or not labels or self._wanted.pick is not None:
            return None

        known = [track.boxes[track.first] for track in signs]

        def judge(planes: Sequence[Plane]) -> Sequence[IntBox]:
            picture = Frame(list(planes), like.form, like.orientation)
            found = [region for region in search(picture, low=False) if region.label in labels]
            found = [region for region in found if not known or hidden_share(region.box, known, picture.size) < KNOWN]
            boxes = [to_stored(region.box, picture.size, picture.orientation) for region in found]
            return [(int(x0), int(y0), int(np.ceil(x1)), int(np.ceil(y1))) for x0, y0, x1, y1 in boxes]

        return judge


def _look(greys: Sequence[NDArray[np.uint8]], free: Sequence[Mask]) -> Camera:
    """Where people hide most of a scene, nothing may speak for its standing, and nothing for its moving: then they may be looked at too."""
    camera = look(greys, free, hurried=True)
    if camera.kind == "moving" and camera.sway_px == 0:
        whole = look(greys, [None] * len(greys), hurried=True)
        return whole if whole.kind == "standing" else camera
    return camera


def _kind(camera: Camera) -> Kind:
    return "standing" if camera.kind == "standing" else "swaying"
