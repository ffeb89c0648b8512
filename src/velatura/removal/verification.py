"""Does the finished picture show anybody? Two looks that know nothing of the masks that made it.

Without any detector: what of the output differs from the background, in pieces. A dropped mask cannot hide from it, since the mask is not asked.
With detectors, at half the score that finds people at first: a hit in a place that was taken out. If the background shows the same there, the
background is at fault ("plate"), and to mask more would paste more of it.
Limits: what equals the background to 14 grey levels does not stand out, nor what is thinner than 5 pixels, nor what has fewer than 30 (of 384 x 288;
in a larger picture more, as its sides grow); what the detectors do not know they do not know here either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.detect.region import Region
from velatura.detect.residual import hidden_share
from velatura.media.frame import Box
from velatura.removal.labelled import labelled
from velatura.removal.planes import Mask

__all__ = ["Failure", "in_removed", "stands_out", "threshold"]

LEAST, SIGMAS = 14.0, 5.0
OPEN_PX = 5
LEAST_PX = 30.0  # at 384 x 288
AT = 384.0 * 288.0
FAINT = 0.5  # of the score that finds
INSIDE = 0.5  # share of a hit within what was taken out


@dataclass(frozen=True, slots=True)
class Failure:
    """A place that shows something.

    Attributes:
        box: pixels of the upright picture.
        why: "differs", "detected" or "plate".
    """

    frame: int
    time_s: float
    box: Box
    why: str
    label: str = ""
    score: float = 0.0


def stands_out(apart: NDArray[np.uint8], sigma: NDArray[np.float32] | float, *, where: Mask | None = None) -> Mask:
    """Pieces of a difference that noise does not explain.

    Args:
        apart: (height, width), `planes.difference` of output and background.
        sigma: noise over time, grey levels; a number, or for each pixel.
        where: only there; None: everywhere.
    """
    loud: Mask = apart > LEAST
    if where is not None:
        loud &= where
    at = np.flatnonzero(loud)  # few: the rest need not be asked for their noise
    if not len(at):
        return np.zeros(apart.shape, np.bool_)
    noise = sigma if isinstance(sigma, float) else sigma.ravel()[at]
    loud.ravel()[at] = apart.ravel()[at] > np.minimum(SIGMAS * noise, 254)
    opened = cv2.morphologyEx(loud.view(np.uint8), cv2.MORPH_OPEN, np.ones((OPEN_PX, OPEN_PX), np.uint8))
    count, labels, stats = labelled(opened)
    if count == 1:
        return np.zeros(apart.shape, np.bool_)
    keep = stats[:, 4] > LEAST_PX * max(1.0, (apart.size / AT) ** 0.5)
    keep[0] = False
    return np.asarray(keep[labels], np.bool_)


def threshold(high: float, low: float) -> float:
    """The score at which a label is looked for on an output: half of what finds, not below what the detector gives."""
    return max(FAINT * high, low)


def in_removed(found: Sequence[Region], removed: Sequence[Box], size: tuple[int, int]) -> list[Region]:
    """Hits that lie in what was taken out, by half of them.

    Args:
        removed: boxes of what was taken out of this frame, pixels of the upright picture.
        size: (width, height).
    """
    return [region for region in found if removed and hidden_share(region.box, removed, size) >= INSIDE]
