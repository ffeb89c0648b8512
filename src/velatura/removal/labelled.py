"""The connected parts of a mask, numbered: only where the mask is, and by the quickest algorithm (half the time of what OpenCV takes by itself).

And its holes, filled: `scipy.ndimage` does the same, but its import alone costs .2 s of CPU, a tenth of a short clip.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["labelled", "without_holes"]

Labels = NDArray[np.int32]


def labelled(mask: NDArray[Any]) -> tuple[int, Labels, Labels]:
    """Parts that hang together over sides or corners.

    Args:
        mask: (height, width) bool, or uint8 in which all but 0 counts.

    Returns:
        how many, nothing (0) included; (height, width) the number of each pixel; (count, 5) x, y, width, height and area of each, those of nothing
        without meaning.
    """
    bytes_ = np.ascontiguousarray(mask).view(np.uint8)
    x, y, width, height = cv2.boundingRect(bytes_)
    labels = np.zeros(bytes_.shape, np.int32)
    if not width:
        return 1, labels, np.zeros((1, 5), np.int32)
    where = (slice(y, y + height), slice(x, x + width))
    count, inner, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(bytes_[where], 8, cv2.CV_32S, cv2.CCL_BBDT)
    labels[where] = inner
    stats[:, :2] += (x, y)
    return count, labels, np.asarray(stats, np.int32)


def without_holes(mask: NDArray[Any]) -> NDArray[np.bool_]:
    """A mask (height, width) with all that it surrounds: what is not reached from beyond the picture over sides of pixels that are not in it."""
    padded = np.pad(np.asarray(mask, np.bool_).view(np.uint8), 1)
    cv2.floodFill(padded, None, (0, 0), 2, flags=4)
    return np.asarray(padded[1:-1, 1:-1] != 2)
