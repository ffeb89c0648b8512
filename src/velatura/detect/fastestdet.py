"""FastestDet: persons and vehicles in one small pass.

Input: BGR / 255, stretched to 352x352. Output (85, 22, 22): objectness, tanh x, tanh y, sigmoid w, sigmoid h, 80 classes of COCO:
score = objectness^.6 * class^.4, centre = (cell + tanh) / 22. Persons are class 0; bicycle, car, motorcycle, bus, truck count as vehicles.
Limit: a 352-pixel input misses whoever is smaller than a twentieth of the picture.
Source: dog-qiuqiu/FastestDet.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from velatura.detect.decode import Candidates, Shapes, each
from velatura.detect.region import Region, Scores
from velatura.media.input_form import InputForm
from velatura.models.runtime import InferenceBackend

__all__ = ["FastestDet"]

_STRIDE, _VALUES = 16, 5 + 80
_PERSON, _VEHICLES = (0,), (1, 2, 3, 5, 7)


class FastestDet:
    """A `Detector` of persons and vehicles."""

    labels = frozenset({"person", "vehicle"})
    overlap = 0.45
    pass_pixels = 352 * 352

    def __init__(self, backend: InferenceBackend, name: str, form: InputForm, scores: Scores) -> None:
        self._backend, self.name, self.form, self.scores = backend, name, form, scores

    def detect(self, x: NDArray[np.float32], *, threshold: float) -> Sequence[Region]:
        return each(self.candidates(x, threshold=threshold), x.shape, overlap=self.overlap)

    def candidates(self, x: NDArray[np.float32], *, threshold: float) -> Candidates:
        """What `detect` finds, before duplicates are dropped."""
        out = next(iter(self._backend.run(x[None]).values()))[0]
        best, most = out[5:].argmax(0), out[5:].max(0).astype(np.float64)
        out = out[:5].astype(np.float64)
        certain = np.clip(out[0], 0, 1) ** 0.6 * np.clip(most, 0, 1) ** 0.4
        found = []
        for label, classes in (("person", _PERSON), ("vehicle", _VEHICLES)):
            rows, columns = np.nonzero((certain >= threshold) & np.isin(best, classes))
            found.append((label, _boxes(out, rows, columns, certain, x.shape)))
        return found

    @staticmethod
    def shapes(height: int, width: int) -> Shapes:
        """Of the one output, for an input of that size."""
        return {"": (1, _VALUES, height // _STRIDE, width // _STRIDE)}


def _boxes(
    out: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp], certain: NDArray[np.float64], shape: Sequence[int]
) -> NDArray[np.float64]:
    height, width = shape[1], shape[2]
    x = (columns + np.tanh(out[1, rows, columns])) / out.shape[2] * width
    y = (rows + np.tanh(out[2, rows, columns])) / out.shape[1] * height
    w, h = width / (1 + np.exp(-out[3, rows, columns])), height / (1 + np.exp(-out[4, rows, columns]))
    return np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2, certain[rows, columns]], 1)
