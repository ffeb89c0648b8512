"""The median of those samples around which least moved: written from the description of LaBGen-P.

For each pixel and sample the quantity of motion is the sum of the differences to the sample before, over a square window whose side is a third of the
picture's shorter one; the median is taken over the `KEPT` samples with least of it. Right where people pass in a stream, and the background shows
for less than half of the time. Wrong where somebody stands: he moves less than the scene. So it is a candidate, never the answer, and it is what
others are measured against.
Source: Laugraud, Pierard, Van Droogenbroeck 2016, LaBGen-P: a pixel-level stationary background generation method based on LaBGen. Ours keeps the
published parameters; motion is measured on `planes.luma`, and ties beyond the history go to the later sample, as published.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import PixelForm, Plane
from velatura.removal.planes import Mask, Planes, blocks, colours, luma
from velatura.removal.voting_median import voting_median

__all__ = ["calmest", "motion_median"]

KEPT = 19
WINDOW = 3
Grey = NDArray[np.uint8]


def calmest(greys: Sequence[Grey] | Grey, votes: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Which samples count at each pixel, (samples, height, width); four bytes of memory a pixel and sample.

    Args:
        greys: (height, width) each, in order of time. The first has no motion and does not count, unless it is alone.
        votes: (samples, height, width); others never count.
    """
    height, width = greys[0].shape
    side = (min(height, width) // WINDOW) | 1
    motion = np.full((len(greys), height, width), np.inf, np.float32)
    for at in range(1, len(greys)):
        moved = np.asarray(cv2.absdiff(greys[at], greys[at - 1]), np.float32)
        motion[at] = cv2.boxFilter(moved, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    if len(greys) == 1:
        motion[0] = 0
    if votes is not None:
        motion[~votes] = np.inf
    return _least(motion)


def motion_median(samples: Sequence[Planes], form: PixelForm, masks: Sequence[Mask | None]) -> list[Plane]:
    """The background by this method alone, as planes of `form`; alpha is opaque. Memory: eight bytes a pixel and sample."""
    votes = np.ones((len(samples), *samples[0][0].shape), np.bool_)
    for vote, mask in zip(votes, masks, strict=True):
        if mask is not None:
            vote &= ~mask
    counts = calmest([luma(planes, form) for planes in samples], votes)
    counts |= ~counts.any(axis=0)
    made: list[Plane] = []
    for index in colours(form):
        here = np.stack([~blocks(~count, form, index) for count in counts])
        here |= ~here.any(axis=0)
        made.append(voting_median(np.stack([planes[index] for planes in samples]), here, form.bits))
    return [*made, np.full_like(samples[0][-1], form.peak)] if form.alpha else made


def _least(motion: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The `KEPT` smallest along time, finite ones only; of equal ones the later."""
    finite = np.isfinite(motion)
    if len(motion) <= KEPT:
        return finite
    limit = np.partition(motion, KEPT - 1, axis=0)[KEPT - 1]
    below = motion < limit
    room = KEPT - below.sum(axis=0)
    tied = motion == limit
    later = np.cumsum(tied[::-1], axis=0)[::-1] <= room
    return np.asarray((below | (tied & later)) & finite)
