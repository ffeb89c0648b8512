"""Scene cuts, and how far the camera moved between two frames; both from small grey pictures.

The shift: median of sparse Lucas-Kanade flow (OpenCV). A cut: two 32x32 thumbnails, brightness taken out, are neither alike nor close, and the
flow agrees on nothing. Limit: shift only, no rotation or zoom; where fewer than four in ten points agree (a crowd, strong parallax) the shift
counts as none. A wrong cut breaks tracks; what is hidden then reaches up to it from both sides.
Source: Lucas and Kanade 1981, in pyramids (Bouguet 2001).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["WIDTH", "Camera", "is_cut", "thumbnail"]

Grey = NDArray[np.uint8]
WIDTH = 160  # of the grey picture: nearly as good as 320 at half the cost (docs/benchmarks/tracking.md)
THUMB = 32
ALIKE = 0.4  # correlation of two frames of one shot
CLOSE = 12.0  # mean difference, grey levels
POINTS, FEWEST = 80, 8
AGREE_PX = 1.0
MOVES = 0.4  # so many points must agree, or the shift counts as none
STILL_ONE_SHOT = 0.25  # so many that agree are one shot, whatever the thumbnails say: a fast pan, a bar that vanishes; cuts reached .02


def thumbnail(grey: Grey) -> Grey:
    """32x32 of a grey picture."""
    return np.asarray(cv2.resize(grey, (THUMB, THUMB), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def is_cut(before: Grey, after: Grey) -> bool:
    """Whether two thumbnails of the same size could belong to different shots."""
    a, b = before - before.mean(dtype=np.float64), after - after.mean(dtype=np.float64)
    alike = (a * b).mean() >= ALIKE * max(float(a.std() * b.std()), 1.0)
    return not alike and bool(np.abs(a - b).mean() > CLOSE)


class Camera:
    """Takes the frames of a clip one after the other."""

    def __init__(self) -> None:
        self._last: Grey | None = None
        self._thumb: Grey | None = None

    def see(self, grey: Grey, *, scale: float = 1.0, shot_starts: bool = False) -> tuple[bool, tuple[float, float]]:
        """The next frame.

        Args:
            grey: (height, width) uint8, the same size for each frame.
            scale: pixels of the upright picture for one pixel of `grey`.
            shot_starts: known to share nothing with the frame before.

        Returns:
            whether a new shot starts here, and the picture's shift (x, y) since the frame before, in pixels of the upright picture.
        """
        grey = np.ascontiguousarray(grey)  # OpenCV takes no mirrored views
        thumb, last, before = thumbnail(grey), self._last, self._thumb
        self._last, self._thumb = grey, thumb
        if last is None or before is None or last.shape != grey.shape or shot_starts:
            return True, (0.0, 0.0)
        shift, agree = _flow(last, grey)
        if agree < STILL_ONE_SHOT and is_cut(before, thumb):
            return True, (0.0, 0.0)
        x, y = shift if agree > MOVES else (0.0, 0.0)
        return False, (x * scale, y * scale)


def _flow(before: Grey, after: Grey) -> tuple[tuple[float, float], float]:
    """The median shift of points, and the share of all points that agree with it to a pixel."""
    points = cv2.goodFeaturesToTrack(before, POINTS, 0.01, 12)
    if points is None or len(points) < FEWEST:
        return (0.0, 0.0), 0.0
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points, np.zeros_like(points), winSize=(15, 15), maxLevel=3)
    flow = (moved - points)[found.ravel() == 1].reshape(-1, 2)
    if len(flow) < FEWEST:
        return (0.0, 0.0), 0.0
    ranked = np.sort(flow, axis=0)  # the median by hand: the first np.median of a process imports numpy.ma, 8 ms
    middle = (ranked[(len(flow) - 1) // 2] + ranked[len(flow) // 2]) / 2
    agree = int((np.abs(flow - middle).max(axis=1) < AGREE_PX).sum()) / len(points)
    return (float(middle[0]), float(middle[1])), agree
