"""An update of bounded length: what one site can change at most."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from velatura.federated.guards import distance, squared

__all__ = ["clipped", "shortened"]


def clipped(state: Mapping[str, np.ndarray], sent: Mapping[str, np.ndarray], most: float) -> dict[str, np.ndarray]:
    """The state, moved towards what was sent until its floating-point arrays differ by an L2 norm of `most` at the most; others are as sent."""
    length = distance(state, sent)
    factor = min(1.0, most / length) if length > 0 else 1.0
    moved = {}
    for name, value in state.items():
        before = sent[name]
        far = before + (value.astype(np.float64) - before) * factor
        moved[name] = far.astype(value.dtype) if value.dtype.kind == "f" else before.copy()
    return moved


def shortened(update: NDArray[np.float64], most: float) -> NDArray[np.float64]:
    """A flat update, of L2 norm `most` at the most."""
    length = float(np.sqrt(squared(update)))
    return update * min(1.0, most / length) if length > 0 else update
