"""What of a reply is believed. Flower believes all of it: one NaN destroys the model without a word, one shape that broadcasts is averaged in, and
whoever says 1e9 examples owns the model (measured on 1.42).

Each guard answers with the reason, or None. The order matters: later ones rely on earlier ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arrays", "distance", "outliers", "squared", "why_not"]

Arrays = Mapping[str, NDArray[np.generic]]
NAMED = 3


def why_not(update: Arrays, sent: Arrays, examples: object, *, most_examples: int) -> str | None:
    """Why a reply is not believed, by itself.

    Args:
        update: what came.
        sent: what went out, whose keys, shapes and types it must have.
        examples: what it says of its number of rows.
    """
    for name, value in update.items():
        if value.dtype.kind not in "fiub":
            return f"{name} is {value.dtype}, no number"
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            return f"{name} has values that are not finite"
    if update.keys() != sent.keys():
        return _keys(update, sent)
    for name, value in update.items():
        if value.shape != sent[name].shape:
            return f"{name} has shape {value.shape}, not {sent[name].shape}"
        if value.dtype != sent[name].dtype:
            return f"{name} is {value.dtype}, not {sent[name].dtype}"
    if isinstance(examples, bool) or not isinstance(examples, int | float) or not np.isfinite(examples):
        return f"num-examples is {examples!r}, no number"
    if not 1 <= examples <= most_examples or examples != int(examples):
        return f"num-examples is {examples}, not from 1 to {most_examples}"
    return None


def distance(update: Arrays, sent: Arrays) -> float:
    """L2 norm of the difference, over all floating-point arrays, in float64."""
    total = 0.0
    for name, value in update.items():
        if value.dtype.kind == "f":
            total += squared(np.subtract(value, sent[name], dtype=np.float64).ravel())
    return float(np.sqrt(total))


def squared(flat: NDArray[np.float64]) -> float:
    """Squared L2 norm of a flat array. Not `flat @ flat`: that wakes all cores for a millisecond's sum, and how many they are shows in its bits."""
    return float(np.einsum("i,i->", flat, flat))


def outliers(norms: Sequence[float], times: float) -> list[int]:
    """Which updates are longer than `times` the median of all; none of fewer than three, or where `times` is 0."""
    if times == 0 or len(norms) < 3:
        return []
    limit = times * float(np.median(norms))
    return [index for index, norm in enumerate(norms) if norm > limit > 0]


def _keys(update: Arrays, sent: Arrays) -> str:
    missing, more = sorted(sent.keys() - update.keys()), sorted(update.keys() - sent.keys())
    parts = [f"lacks {', '.join(missing[:NAMED])}"] if missing else []
    return " and ".join([*parts, *([f"has {', '.join(more[:NAMED])} beside"] if more else [])])
