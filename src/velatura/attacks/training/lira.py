"""The likelihood-ratio attack on membership: is this record's confidence that of models that were trained on it, or of those that were not?

`phi` makes a confidence nearly normal. Online: both distributions are known from shadow models, and the score is the log ratio of their densities.
Offline: only models without the record are known, and the score is how far beyond them the confidence lies.
Source: Carlini, Chien, Nasr, Song, Terzis, Tramer, "Membership Inference Attacks From First Principles", IEEE S&P 2022, algorithm 1 and section 4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

__all__ = ["OWN_VARIANCE", "offline", "online", "phi"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

OWN_VARIANCE = 64
"""With fewer shadow models all records share one variance (the paper's figure 8)."""

_LEAST = 1e-6  # a model that is sure of everything has no spread


def phi(logits: Floats, labels: NDArray[np.int64]) -> Floats:
    """log p_y - log sum of all other p, from logits without rounding to 0 or 1.

    Args:
        logits: (..., records, classes).
        labels: (records,).

    Returns:
        (..., records).
    """
    own = labels[:, None] == np.arange(logits.shape[-1])
    right = np.where(own, logits, 0.0).sum(-1)
    return np.asarray(right - logsumexp(np.where(own, -np.inf, logits), axis=-1))


def online(target: Floats, shadows: Floats, inside: Bools) -> Floats:
    """Log likelihood ratio of each record, (records,).

    Args:
        target: (records,) confidences of the attacked model.
        shadows: (models, records).
        inside: (models, records): which models were trained on which records; each record has some with and some without.
    """
    return _log_density(target, *_normal(shadows, inside)) - _log_density(target, *_normal(shadows, ~inside))


def offline(target: Floats, shadows: Floats, inside: Bools) -> Floats:
    """Standard deviations beyond the models without the record, (records,): one-sided, from those alone."""
    mean, spread = _normal(shadows, ~inside)
    return (target - mean) / spread


def _normal(values: Floats, which: Bools) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column over the chosen rows."""
    count = which.sum(0)
    mean = np.where(which, values, 0.0).sum(0) / count
    squares = (np.where(which, values - mean, 0.0) ** 2).sum(0)
    if len(values) < OWN_VARIANCE:
        shared = squares.sum() / max(float((count - 1).sum()), 1.0)
        return mean, np.full_like(mean, max(float(np.sqrt(shared)), _LEAST))
    return mean, np.maximum(np.sqrt(squares / np.maximum(count - 1, 1)), _LEAST)


def _log_density(x: Floats, mean: Floats, spread: Floats) -> Floats:
    return np.asarray(-(((x - mean) / spread) ** 2) / 2 - np.log(spread))
