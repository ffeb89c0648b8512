"""Ultra-Light-Fast RFB-640: a small face detector with a fixed input; offered for comparison, weaker than YuNet at twice its cost.

Input: RGB, (x - 127) / 128, stretched to 640x480. Outputs: scores (n, 2), column 1 is "face"; boxes (n, 4), corners in 0..1.
Source: Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from velatura.detect.decode import regions
from velatura.detect.region import Region, Scores
from velatura.media.input_form import InputForm
from velatura.models.runtime import InferenceBackend

__all__ = ["Ultralight"]

_OVERLAP = 0.3


class Ultralight:
    """A `Detector` of faces."""

    labels = frozenset({"face"})
    pass_pixels = 640 * 480

    def __init__(self, backend: InferenceBackend, name: str, form: InputForm, scores: Scores) -> None:
        self._backend, self.name, self.form, self.scores = backend, name, form, scores

    def detect(self, x: NDArray[np.float32], *, threshold: float) -> Sequence[Region]:
        out = self._backend.run(x[None])
        certain, boxes = out["scores"][0, :, 1], out["boxes"][0]
        kept = certain >= threshold
        corners = np.clip(boxes[kept].astype(np.float64), 0, 1) * [x.shape[2], x.shape[1], x.shape[2], x.shape[1]]
        return regions(np.concatenate([corners, certain[kept, None]], 1), "face", x.shape, overlap=_OVERLAP)
