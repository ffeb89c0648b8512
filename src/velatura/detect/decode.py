"""What all detectors do with their boxes at the end: clip them to the input, drop duplicates, make regions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from velatura.detect.nms import suppress
from velatura.detect.region import Region

__all__ = ["Floats", "regions"]

Floats = NDArray[np.float64]


def regions(found: Floats, label: str, shape: Sequence[int], *, overlap: float) -> list[Region]:
    """Regions, best first.

    Args:
        found: (n, 5) corners and score; values that are not finite are dropped.
        label: of all of them.
        shape: of the network's input, (3, height, width).
        overlap: IoU above which the lesser of two is a duplicate.
    """
    found = found[np.isfinite(found).all(1)]
    boxes = np.clip(found[:, :4], 0, [shape[2], shape[1], shape[2], shape[1]])
    sized = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    boxes, scores = boxes[sized], np.clip(found[sized, 4], 0, 1)
    kept = suppress(boxes, scores, overlap=overlap)
    return [Region((float(a), float(b), float(c), float(d)), label, float(s)) for (a, b, c, d), s in zip(boxes[kept], scores[kept], strict=True)]
