"""A smooth surface through known samples: averages of them go up a pyramid of ever coarser grids and come down into what is unknown.

Linear in the number of samples, where solving for a membrane is not; a coarse grid answers only where all finer ones know nothing.
Limit: it continues no edge and no texture; a wide hole becomes a smooth patch.
Memory: about four times the plane, in float32.
Source: Gortler, Grzeszczuk, Szeliski, Cohen, The Lumigraph, SIGGRAPH 1996, section 3.4 (there named pull-push).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.removal.planes import Mask

__all__ = ["push_pull"]

Floats = NDArray[np.float32]
ENOUGH = 0.05
"""So much weight of a coarse sample counts as all of it: it is a mean over several known samples by then."""


def push_pull(plane: Floats, known: Mask) -> Floats:
    """`plane` with its unknown samples filled in.

    Args:
        plane: (height, width) or (height, width, channels), at most 4 channels; what unknown samples hold (NaN too) is not looked at.
        known: (height, width).

    Returns:
        a new array of that shape; known samples are as they were. Where nothing at all is known, zero everywhere.
    """
    shape = plane.shape
    values = np.array(plane, np.float32, copy=True, order="C").reshape(*shape[:2], -1)
    values[~known] = 0
    if known.all() or not known.any():
        return values.reshape(shape)
    made = _filled(values, known.astype(np.float32))
    np.copyto(made, values, where=known[..., None])  # to the last bit
    return made.reshape(shape)


def _filled(values: Floats, weight: Floats) -> Floats:
    """Values, zero where the weight is, blended over the same at half the size."""
    if weight.min() >= 1 or weight.size == 1:
        return values
    sums, total = _halved(values * weight[..., None]), _halved(weight)
    total = total[..., 0]
    coarse = _filled(np.asarray(sums / np.maximum(total, 1e-12)[..., None], np.float32), np.asarray(np.minimum(total / ENOUGH, 1), np.float32))
    height, width = weight.shape
    over = _channels(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR))
    return np.asarray(over + (values - over) * weight[..., None], np.float32)


def _halved(values: Floats) -> Floats:
    return _channels(cv2.pyrDown(values))


def _channels(values: object) -> Floats:
    """OpenCV drops a third axis of length one."""
    array = np.asarray(values, np.float32)
    return array if array.ndim == 3 else array[..., None]
