"""PP-OCR's text detector: a probability map, cut into words.

Input: RGB, ImageNet mean and deviation, sides multiples of 32. Output: one map of the input's size. Differentiable binarisation at inference
is a threshold, connected components, and growing each box by area * 1.6 / perimeter, since the map is trained on shrunken text.
Limit: boxes are upright rectangles; slanted text is covered by a larger one.
Source: Liao, Wan, Yao, Chen, Bai, "Real-time Scene Text Detection with Differentiable Binarization", AAAI 2020, section 3.4; PP-OCR.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.detect.decode import regions
from velatura.detect.region import Region, Scores
from velatura.media.input_form import InputForm
from velatura.models.runtime import InferenceBackend

__all__ = ["PpOcr"]

_MAP = 0.2  # at .3 thin plates fall apart
_UNCLIP = 1.6
_SMALLEST = 4  # pixels of a component


class PpOcr:
    """A `Detector` of text."""

    labels = frozenset({"text"})
    pass_pixels = 1_300_000

    def __init__(self, backend: InferenceBackend, name: str, form: InputForm, scores: Scores) -> None:
        self._backend, self.name, self.form, self.scores = backend, name, form, scores

    def detect(self, x: NDArray[np.float32], *, threshold: float) -> Sequence[Region]:
        certain = next(iter(self._backend.run(x[None]).values()))[0, 0]
        count, marks, stats, _ = cv2.connectedComponentsWithStats((certain > _MAP).astype(np.uint8), connectivity=8)
        sums = np.bincount(marks.ravel(), weights=certain.ravel(), minlength=count)
        found = [_grown(stats[k], sums[k]) for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] >= _SMALLEST]
        boxes = np.array(found, np.float64).reshape(-1, 5)
        return regions(boxes[boxes[:, 4] >= threshold], "text", x.shape, overlap=0.5)


def _grown(stat: NDArray[np.int32], total: float) -> tuple[float, float, float, float, float]:
    x, y, w, h, area = (float(value) for value in stat)
    by = w * h * _UNCLIP / (2 * (w + h))
    return x - by, y - by, x + w + by, y + h + by, total / area
