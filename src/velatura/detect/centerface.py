"""CenterFace: a face detector that marks centres on a heat map.

Input: RGB 0..255, both sides stretched up to a multiple of 32. Stride 4: output 537 is the heat, 538 log height and log width, 539 the offset
(y, x): size = exp(s) * 4, centre = (cell + offset + .5) * 4. The file fixes its sizes to those of an example; they are freed at load.
Source: Xu, Yan, Yang, Jiang, Kang, Zhu, "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019 (arXiv 1911.03599).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from velatura.detect.decode import Candidates, Shapes, each
from velatura.detect.region import Region, Scores
from velatura.detect.way import Way
from velatura.media.input_form import InputForm
from velatura.models.runtime import InferenceBackend

__all__ = ["CenterFace"]

_STRIDE = 4


class CenterFace:
    """A `Detector` of faces."""

    labels = frozenset({"face"})
    overlap = 0.3
    pass_pixels = 1_200_000  # in one piece 2560x1920 takes a gigabyte
    ways = (Way(), Way(flip=True), Way(zoom=0.5, weight=0.5))

    def __init__(self, backend: InferenceBackend, name: str, form: InputForm, scores: Scores) -> None:
        self._backend, self.name, self.form, self.scores = backend, name, form, scores

    def detect(self, x: NDArray[np.float32], *, threshold: float) -> Sequence[Region]:
        return each(self.candidates(x, threshold=threshold), x.shape, overlap=self.overlap)

    def candidates(self, x: NDArray[np.float32], *, threshold: float) -> Candidates:
        """What `detect` finds, before duplicates are dropped."""
        out = self._backend.run(x[None])
        heat, size, offset = out["537"][0, 0], out["538"][0], out["539"][0]
        rows, columns = np.nonzero(heat >= threshold)
        half = np.exp(np.clip(size[:, rows, columns].astype(np.float64), -10, 10)) * _STRIDE / 2
        y = (rows + offset[0, rows, columns] + 0.5) * _STRIDE
        x_centre = (columns + offset[1, rows, columns] + 0.5) * _STRIDE
        found = np.stack([x_centre - half[1], y - half[0], x_centre + half[1], y + half[0], heat[rows, columns]], 1)
        return [("face", found.astype(np.float64))]

    @staticmethod
    def shapes(height: int, width: int) -> Shapes:
        """Of the outputs that are read, for an input of that size."""
        rows, columns = height // _STRIDE, width // _STRIDE
        return {"537": (1, 1, rows, columns), "538": (1, 2, rows, columns), "539": (1, 2, rows, columns)}
