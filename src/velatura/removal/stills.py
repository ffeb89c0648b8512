"""Pictures, pages, and shots too short for a background: each frame by itself, filled from around what goes.

Nothing but the picture itself can say what was behind: what fills the hole is invented, and every pixel of it counts so. Whoever stays is no source:
detections that are not to go are forbidden to the fill. A hole that leaves too little to paint from is in doubt, and so is all of a frame of which
nobody can say what goes: too few frames to see what moves, and no detector.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.random import Generator

from velatura.media.frame import Frame
from velatura.removal.blending import match_grain
from velatura.removal.inpainting import fill
from velatura.removal.painted import Painted, Wider
from velatura.removal.planes import Mask, put
from velatura.removal.shot import Shot
from velatura.removal.standing import grown
from velatura.removal.targets import spared, wide_mask
from velatura.removal.tracks import Track
from velatura.removal.upright import boxed, stored_mask
from velatura.removal.wanted import Wanted

__all__ = ["MOST_HOLE", "Stills"]

MOST_HOLE = 0.7
"""Share of a picture; beyond it nothing is left to paint from."""


class Stills:
    """A `Painter` of frames that know nothing of each other.

    Args:
        searched: detectors or given masks say what goes.
    """

    def __init__(self, shot: Shot, wanted: Wanted, rng: Generator, wider: Wider, *, searched: bool = True) -> None:
        self._shot, self._wanted, self._rng, self._wider, self._searched = shot, wanted, rng, wider, searched

    def paint(self, frames: Iterable[tuple[Frame, Mask | None]]) -> Iterator[Painted]:
        """See `Painter`."""
        for frame, given in frames:
            yield self._painted(frame, given)

    def _painted(self, frame: Frame, given: Mask | None) -> Painted:
        nothing = np.zeros(frame.planes[0].shape, np.bool_)
        if frame.corrupt or not self._wanted.is_inside(frame):
            return Painted(frame, nothing)
        whole = (0.0, 0.0, float(frame.size[0]), float(frame.size[1]))
        if not self._searched:
            return Painted(frame, nothing, doubt=[whole])
        mask = self._mask(self._shot.tracks, frame) if given is None else given
        if frame.index in self._wider.boxes:
            mask = mask | boxed(self._wider.boxes[frame.index], frame)
        mask = grown(mask, self._wider.grow_px)
        if given is None and self._shot.beside:
            mask = mask & ~stored_mask(spared(self._shot, frame.index, frame.size), frame.orientation)
        if not mask.any():
            return Painted(frame, mask)
        if mask.mean() > MOST_HOLE:
            return Painted(frame, mask, doubt=[whole])
        forbidden = self._mask(self._shot.beside, frame) & ~mask
        planes = fill(frame.planes, frame.form, mask, forbidden=forbidden, rng=self._rng, inpainter=self._wanted.inpainter).planes
        match_grain(planes, frame.form, mask, frame.planes, None, self._rng)
        put(frame.planes, frame.form, planes, mask)
        return Painted(frame, mask, 0, int(mask.sum()))

    def _mask(self, tracks: Sequence[Track], frame: Frame) -> Mask:
        return stored_mask(wide_mask(tracks, frame.index, frame.size, dilate=self._wanted.dilate), frame.orientation)
