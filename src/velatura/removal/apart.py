"""How far a finished picture is from what lies behind, where that is known.

Where the camera stands the background is known everywhere. Where it moves it is known behind the wide masks alone, and no more exactly than to a
pixel or so: that is how well another frame is carried there.
Limit: of a hit that lies by less than half in a wide mask nothing is known; it counts as something that shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.removal.planes import Mask

__all__ = ["Apart", "beside"]

SOFT_PX = 1.2  # of both, before they are compared: single pixels are grain
KNOWN = 0.5  # share of a box where the background must be known to say that the box shows the background


@dataclass(frozen=True, slots=True, eq=False)
class Apart:
    """Grey levels of 8 bits, (height, width).

    Attributes:
        known: where they mean something; None: everywhere.
        covered: what the fallback covers; there nothing shows.
    """

    levels: NDArray[np.uint8]
    known: Mask | None = None
    covered: Mask | None = None

    def mean(self, part: tuple[slice, slice]) -> float:
        """Of rows and columns; infinite where less than half of what is not covered is known, nought where there are none."""
        levels = self.levels[part]
        if not levels.size:
            return 0.0
        if self.known is None:
            return float(levels.mean())
        covered = self.covered[part] if self.covered is not None else np.zeros(levels.shape, np.bool_)
        known = self.known[part] & ~covered
        return float(levels[known].mean()) if known.any() and known.sum() >= KNOWN * (~covered).sum() else float("inf")


def beside(grey: NDArray[np.uint8], behind: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The least difference to what is behind within a pixel around; both (height, width), of one place."""
    mine, other = (cv2.GaussianBlur(one, (0, 0), SOFT_PX) for one in (grey, behind))
    square = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.absdiff(mine, np.clip(mine, cv2.erode(other, square), cv2.dilate(other, square))), np.uint8)
