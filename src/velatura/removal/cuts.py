"""Whether a cut is one: somebody who walks close by the camera changes most of the picture from one frame to the next, and is no cut.

Edges tell: where the scene had strong ones it still has them, brightness shift taken out, unless another scene is there. A shot that is cut in two
by mistake has a background for neither half where he stands.
Limit: a camera that moves has its edges elsewhere; there the cut of `detect.camera` stands.
"""

from __future__ import annotations

import cv2
import numpy as np

from velatura.media.frame import PixelForm
from velatura.removal.planes import Planes, luma

__all__ = ["is_same_place"]

STRONG = 90.0  # percentile of the gradient
LEAST_GRADIENT = 24.0
LEVEL = 12.0  # grey levels that noise and coder explain
KEPT = 0.35  # of the strong edges; two unrelated scenes share a tenth
FEWEST = 50


def is_same_place(before: Planes, now: Planes, form: PixelForm) -> bool:
    """Two frames of one size and form."""
    first, second = luma(before, form).astype(np.float32), luma(now, form).astype(np.float32)
    gradient = np.abs(cv2.Sobel(first, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(first, cv2.CV_32F, 0, 1))
    strong = gradient >= max(float(np.percentile(gradient, STRONG)), LEAST_GRADIENT)
    if int(strong.sum()) < FEWEST:
        return False
    apart = (second - first)[strong]
    near = np.abs(apart - np.median(apart)) < LEVEL
    unmoved = np.abs(apart) < LEVEL  # where he covers more than half, the median is his
    return bool(max(near.mean(), unmoved.mean()) >= KEPT)
