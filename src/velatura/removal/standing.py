"""A shot of a camera that stands or sways: what differs from the background goes, and the background takes its place.

For each frame the background is carried to where the camera looks and to the frame's light, and taken off; what stays is somebody, or noise
(`motion_mask`). The background is pasted as it is, its low-frequency seam taken out and its grain brought to the frame's, for a median of many frames
is smoother than a frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.media.frame import Frame, PixelForm, Plane
from velatura.removal.blending import match_grain, seam
from velatura.removal.exposure import applied, fit
from velatura.removal.ground import Ground
from velatura.removal.motion_mask import MotionMask, lasting, touched
from velatura.removal.painted import Painted, Wider
from velatura.removal.planes import Mask, difference, luma, put
from velatura.removal.registration import Reference, similarity, warp
from velatura.removal.shot import Shot
from velatura.removal.targets import spared, wide_mask
from velatura.removal.upright import boxed, stored_mask, tiles
from velatura.removal.wanted import Wanted

__all__ = ["GREY", "Behind", "Standing", "grown"]

Matrix = NDArray[np.float64]
GREY = PixelForm("grey")
ROOM_PX = 24
"""Around a frame's boxes that do not vote for its light and place: shadows."""


@dataclass(slots=True)
class Seen:
    """The background as a frame should show it where nobody is."""

    planes: list[Plane]
    sigma: NDArray[np.float32]
    doubt: Mask
    invented: Mask
    sure: bool


class Behind:
    """The background of a shot, for any of its frames, or of the output's.

    Args:
        form: of the frames that will come; where it is not the background's own both are compared in brightness alone (`GREY`).

    Limit: a frame that cannot be brought to the background's place or light is not sure of anything.
    """

    def __init__(self, shot: Shot, form: PixelForm | None = None) -> None:
        assert shot.ground is not None, "a camera that stands has a background"
        self.ground: Ground = shot.ground.load()
        if form is not None and form != self.ground.form:
            self.ground = replace(self.ground, planes=[luma(self.ground.planes, self.ground.form)], form=GREY)
        self._reference = Reference(self.ground.anchor, self.ground.usable) if self.ground.anchor is not None else None
        self._last: Matrix = np.eye(3)

    def for_frame(self, frame: Frame, taken: Mask) -> Seen:
        """Args: taken: stored; what of the frame says nothing about place and light."""
        ground = self.ground
        planes, sigma, doubt, invented, sure = ground.planes, ground.sigma, ground.doubt, ground.invented, True
        if self._reference is not None:
            motion = similarity(self._reference, luma(frame.planes, ground.form), ~taken)
            sure = motion is not None
            self._last = self._last if motion is None else motion
            planes, inside = warp(planes, ground.form, self._last)
            sigma = _carried(sigma, self._last)
            invented = (_carried(invented, self._last) > 0) | ~inside
            doubt = _carried(doubt, self._last) > 0
        light = fit(frame.planes, planes, ground.form, ~taken)
        return Seen(applied(planes, ground.form, light), sigma, doubt, invented, sure and light.fits)


@dataclass(slots=True)
class _Waiting:
    frame: Frame
    behind: Seen | None
    given: Mask | None


class Standing:
    """A `Painter`.

    Args:
        shot: with a background.
        rng: of the grain.
        wider: what a round after the first masks too.
    """

    def __init__(self, shot: Shot, wanted: Wanted, rng: Generator, wider: Wider) -> None:
        self._shot, self._wanted, self._rng, self._wider = shot, wanted, rng, wider
        self._behind = Behind(shot)
        self._motion = MotionMask(self._behind.ground.sigma, self._behind.ground.unstable)

    def paint(self, frames: Iterable[tuple[Frame, Mask | None]]) -> Iterator[Painted]:
        """See `Painter`."""
        waiting: deque[_Waiting] = deque()

        def masks() -> Iterator[Mask]:
            for frame, given in frames:
                mask, behind = self._differs(frame, given)
                waiting.append(_Waiting(frame, behind, given))
                yield mask

        for mask in lasting(masks()):
            yield self._painted(waiting.popleft(), mask)

    def _differs(self, frame: Frame, given: Mask | None) -> tuple[Mask, Seen | None]:
        """What is there beside the background, before time has its say."""
        nothing = np.zeros(frame.planes[0].shape, np.bool_)
        if frame.corrupt or not self._wanted.is_inside(frame):
            return nothing, None
        boxes = self._boxes(frame)
        taken = boxes if given is None else boxes | given
        behind = self._behind.for_frame(frame, grown(taken, ROOM_PX))
        if given is not None:
            return nothing, behind
        apart = difference(frame.planes, behind.planes, frame.form)
        moving = self._motion.of(apart, boxes)
        # where a detector saw somebody he is, whatever differs; where his track only runs on, he is what differs
        found = touched(moving, self._boxes(frame, found=True)) | touched(moving, boxes, blank=False)
        return (moving | found if self._anything else found), behind

    @property
    def _anything(self) -> bool:
        """Whatever moves goes."""
        return self._wanted.targets.motion and self._wanted.pick is None

    def _boxes(self, frame: Frame, *, found: bool = False) -> Mask:
        """Wide boxes, stored. Args: found: without those of tracks that only run on."""
        tracks = [track for track in self._shot.tracks if track.is_found(frame.index)] if found else self._shot.tracks
        wide = wide_mask(tracks, frame.index, frame.size, dilate=self._wanted.dilate)
        return stored_mask(wide, frame.orientation)

    def _painted(self, now: _Waiting, mask: Mask) -> Painted:
        frame, behind = now.frame, now.behind
        if behind is None:
            return Painted(frame, np.zeros_like(mask))
        mask = self._final(frame, mask if now.given is None else now.given)
        if now.given is None and self._shot.beside and not self._anything:
            mask = mask & ~stored_mask(spared(self._shot, frame.index, frame.size), frame.orientation)
        anything = self._anything and now.given is None  # else only what was named is in doubt
        if not behind.sure:
            return Painted(frame, mask, doubt=tiles(np.ones_like(mask) if anything else mask, frame))
        doubt = tiles(behind.doubt if anything else behind.doubt & mask, frame)
        if mask.any():
            planes = behind.planes
            seam(frame.planes, planes, frame.form, mask)
            match_grain(planes, frame.form, mask, frame.planes, planes, self._rng)
            put(frame.planes, frame.form, planes, mask)
        invented = int((mask & behind.invented).sum())
        return Painted(frame, mask, int(mask.sum()) - invented, invented, doubt)

    def _final(self, frame: Frame, mask: Mask) -> Mask:
        wider = self._wider
        if wider.whole_boxes:
            mask = mask | self._boxes(frame)
        if frame.index in wider.boxes:
            mask = mask | boxed(wider.boxes[frame.index], frame)
        return grown(mask, wider.grow_px)


def grown(mask: Mask, pixels: int) -> Mask:
    """A mask with so many pixels around it."""
    if not pixels or not mask.any():
        return mask
    size = 2 * pixels + 1
    return np.asarray(cv2.dilate(mask.view(np.uint8), cv2.getStructuringElement(cv2.MORPH_RECT, (size, size)))).view(np.bool_)


def _carried(values: NDArray[np.generic], motion: Matrix) -> NDArray[np.float32]:
    """A map of the background at the place of a frame; what comes from outside repeats the border."""
    height, width = values.shape
    moved = cv2.warpPerspective(values.astype(np.float32), motion, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)
