"""What all detectors do with their boxes at the end: clip them to the input, drop duplicates, make regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from velatura.detect.nms import suppress
from velatura.detect.region import Region

__all__ = ["Candidates", "Floats", "Shapes", "each", "regions"]

Floats = NDArray[np.float64]
Candidates = Sequence[tuple[str, Floats]]
"""Label -> (n, 5) corners and score in pixels of the input, duplicates among them."""
Shapes = Mapping[str, tuple[int, ...]]
"""Name of an output -> its shape; the name "" where there is one output and its name does not matter."""


def regions(found: Floats, label: str, shape: Sequence[int], *, overlap: float) -> list[Region]:
    """Regions, best first.

    Args:
        found: (n, 5) corners and score; values that are not finite are dropped.
        label: of all of them.
        shape: of the network's input, (3, height, width).
        overlap: IoU above which the lesser of two is a duplicate.
    """
    if not len(found):
        return []
    found = found[np.isfinite(found).all(1)]
    boxes = np.minimum(np.maximum(found[:, :4], 0), [shape[2], shape[1], shape[2], shape[1]])
    sized = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    boxes, scores = boxes[sized], np.minimum(np.maximum(found[sized, 4], 0), 1)
    kept = suppress(boxes, scores, overlap=overlap)
    return [Region((a, b, c, d), label, s) for (a, b, c, d), s in zip(boxes[kept].tolist(), scores[kept].tolist(), strict=True)]


def each(found: Candidates, shape: Sequence[int], *, overlap: float) -> list[Region]:
    """`regions` of each label by itself."""
    return [region for label, boxes in found for region in regions(boxes, label, shape, overlap=overlap)]
