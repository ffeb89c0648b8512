"""A shot of a moving camera: what detectors found goes, and other frames of the shot show what was behind.

Nothing stands still here, so motion alone says nothing (it masks 18 to 49 times too much under parallax): detectors or a person must say what goes.
Their boxes are wide; what differs from the background that other frames show is tightened to, then painted. What no other frame shows is painted
from around it, and where that would be more than a rim of somebody's box (or of a given mask) the place is in doubt. Around a box, where an arm or a
shadow may lie, paint is no worse than a cover: nothing of the frame's own is in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.random import Generator

from velatura.errors import Missing
from velatura.media.frame import Frame
from velatura.removal.blending import match_grain
from velatura.removal.ground import thick
from velatura.removal.inpainting import fill
from velatura.removal.narrowed import narrowed
from velatura.removal.painted import Painted, Wider
from velatura.removal.planes import Mask, Planes, copied, luma, put
from velatura.removal.propagation import Propagated, propagated
from velatura.removal.shot import Shot
from velatura.removal.shown import Shown
from velatura.removal.standing import grown
from velatura.removal.targets import spared, wide_mask
from velatura.removal.upright import boxed, stored_mask, tiles
from velatura.removal.wanted import Wanted

__all__ = ["Moving"]

RADIUS = 40
"""Frames before and after that may show what is hidden now."""


class Moving:
    """A `Painter`.

    Args:
        shot: without a background.
        rng: of grain and texture.
        wider: what a round after the first masks too.
        shown: keeps what lay behind each wide mask, for the check of the finished file.
        searched: detectors or given masks say what goes.

    Raises:
        Missing: `remove.no-detector`.
    """

    def __init__(self, shot: Shot, wanted: Wanted, rng: Generator, wider: Wider, shown: Shown, *, searched: bool) -> None:
        if not searched:
            sentence = f"from {shot.start_s:.2f} s on the camera moves, or too little of a scene that stands is seen; there motion says nothing"
            raise Missing("remove.no-detector", sentence, hint="velatura models pull fastestdet, or --mask, or --camera static if it does stand")
        self._shot, self._wanted, self._rng, self._wider, self._shown = shot, wanted, rng, wider, shown

    def paint(self, frames: Iterable[tuple[Frame, Mask | None]]) -> Iterator[Painted]:
        """See `Painter`."""
        waiting: deque[tuple[Frame, Mask]] = deque()
        source = iter(frames)
        first = next(source, None)
        if first is None:
            return

        def masked() -> Iterator[tuple[Planes, Mask]]:
            for frame, given in chain((first,), source):
                mask = self._mask(frame, given)
                waiting.append((frame, mask))
                yield frame.planes, mask | self._staying(frame)

        look = propagated if self._wanted.mask is not None else narrowed
        for done in look(masked(), first[0].form, radius=RADIUS):
            frame, wide = waiting.popleft()
            yield self._painted(frame, done, wide)

    def _mask(self, frame: Frame, given: Mask | None) -> Mask:
        """What goes, widely; all of a damaged frame, so that it is nobody's source."""
        if frame.corrupt:
            return np.ones(frame.planes[0].shape, np.bool_)
        if not self._wanted.is_inside(frame):
            return np.zeros(frame.planes[0].shape, np.bool_)
        if given is not None:
            mask = given
        else:
            mask = stored_mask(wide_mask(self._shot.tracks, frame.index, frame.size, dilate=self._wanted.dilate), frame.orientation)
        if frame.index in self._wider.boxes:
            mask = grown(mask | boxed(self._wider.boxes[frame.index], frame), self._wider.grow_px)
        if given is None and self._shot.beside:
            mask = mask & ~stored_mask(spared(self._shot, frame.index, frame.size), frame.orientation)
        return mask

    def _staying(self, frame: Frame) -> Mask:
        """Who stays beside the one that was picked: nobody's source either."""
        if self._wanted.mask is not None or not self._shot.beside:
            return np.zeros(frame.planes[0].shape, np.bool_)
        return stored_mask(wide_mask(self._shot.beside, frame.index, frame.size, dilate=self._wanted.dilate), frame.orientation)

    def _somebody(self, frame: Frame, wide: Mask) -> Mask:
        """Where somebody is said to be: boxes without their margins and bands, or all of a given mask."""
        if self._wanted.mask is not None:
            return wide
        boxes = [track.boxes[frame.index] for track in self._shot.tracks if frame.index in track.boxes]
        return boxed([*boxes, *self._wider.boxes.get(frame.index, ())], frame)

    def _painted(self, frame: Frame, done: Propagated, wide: Mask) -> Painted:
        if frame.corrupt or not wide.any():
            return Painted(frame, np.zeros_like(wide))
        mask = done.mask & ~(self._staying(frame) & ~wide)
        if frame.index in self._wider.boxes:  # what was found there once more goes whole, then everything that was found on that frame
            mask = mask | (wide if self._wider.whole_boxes else boxed(self._wider.boxes[frame.index], frame) & wide)
        never = done.never & mask
        planes = list(done.behind)
        doubt = thick(never) & self._somebody(frame, wide)
        if never.any() and not never.all():
            planes = fill(planes, frame.form, never, rng=self._rng, inpainter=self._wanted.inpainter, texture=False).planes
        self._shown.add(frame.index, luma(planes, frame.form), wide & ~done.never)
        if mask.any():
            match_grain(planes, frame.form, mask, frame.planes, None, self._rng)
            painted = copied(frame.planes)  # what the decoder gave still is a source for frames to come
            put(painted, frame.form, planes, mask)
            frame = replace(frame, planes=painted)
        invented = int(never.sum())
        return Painted(frame, mask, int(mask.sum()) - invented, invented, tiles(doubt, frame) if doubt.any() else [])
