"""YuNet: a small face detector, anchor-free, three strides.

Input: BGR 0..255, any size, padded right and bottom to a multiple of 32. Each cell of strides 8, 16, 32 gives class, objectness, box:
score = sqrt(class * objectness), centre = (cell + b[0:2]) * stride, size = exp(b[2:4]) * stride.
Limit: frontal faces down to about 10 pixels; profiles and masks less well than CenterFace.
Source: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023; libfacedetection.train.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from velatura.detect.decode import Candidates, Floats, Shapes, each
from velatura.detect.region import Region, Scores
from velatura.detect.way import Way
from velatura.media.input_form import InputForm
from velatura.models.runtime import InferenceBackend

__all__ = ["YuNet"]

_STRIDES = (8, 16, 32)
_NOTHING: Floats = np.zeros((0, 5))


class YuNet:
    """A `Detector` of faces."""

    labels = frozenset({"face"})
    overlap = 0.45
    pass_pixels = 2_100_000
    ways = (Way(), Way(zoom=2.0), Way(zoom=0.5, weight=0.5))

    def __init__(self, backend: InferenceBackend, name: str, form: InputForm, scores: Scores) -> None:
        self._backend, self.name, self.form, self.scores = backend, name, form, scores

    def detect(self, x: NDArray[np.float32], *, threshold: float) -> Sequence[Region]:
        return each(self.candidates(x, threshold=threshold), x.shape, overlap=self.overlap)

    def candidates(self, x: NDArray[np.float32], *, threshold: float) -> Candidates:
        """What `detect` finds, before duplicates are dropped."""
        out = self._backend.run(x[None])
        parts = [_level(out, stride, x.shape[2] // stride, threshold) for stride in _STRIDES]
        return [("face", np.concatenate(parts))]

    @staticmethod
    def shapes(height: int, width: int) -> Shapes:
        """Of the outputs that are read, for an input of that size."""
        parts = (("cls", 1), ("obj", 1), ("bbox", 4))
        return {f"{name}_{stride}": (1, (height // stride) * (width // stride), values) for stride in _STRIDES for name, values in parts}


def _level(out: object, stride: int, columns: int, threshold: float) -> Floats:
    """(n, 5) boxes and scores of one stride."""
    assert isinstance(out, dict), "a backend gives outputs by name"
    sure, there = out[f"cls_{stride}"][0, :, 0], out[f"obj_{stride}"][0, :, 0]
    cells = np.flatnonzero(sure * there >= 0.999 * threshold**2)  # most cells are nothing, and need no root
    if not len(cells):
        return _NOTHING
    certain = np.sqrt(np.clip(sure[cells], 0, 1) * np.clip(there[cells], 0, 1))
    cells, certain = cells[certain >= threshold], certain[certain >= threshold]
    box = out[f"bbox_{stride}"][0, cells].astype(np.float64)
    centre = (np.stack([cells % columns, cells // columns], 1) + box[:, :2]) * stride
    half = np.exp(np.clip(box[:, 2:], -10, 10)) * stride / 2
    return np.concatenate([centre - half, centre + half, certain[:, None]], 1)
