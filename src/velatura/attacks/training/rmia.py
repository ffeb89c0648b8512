"""The relative attack on membership: is the model surer of this record, against how likely it is at all, than of most others?

ratio(x) = p(x | model) / p(x); the score is the share of other records z with ratio(x) >= gamma ratio(z). p(x) is the mean over reference models with
and without x; where only those without it are known, those with it are guessed from them: ((1 + a) p_out + (1 - a)) / 2.
Source: Zarifzadeh, Liu, Shokri, "Low-Cost High-Power Membership Inference Attacks", ICML 2024, equations 2 to 4, section 3.3 for a.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

__all__ = ["relative"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

A, GAMMA = 0.3, 1.0
_LEAST = 1e-30


def relative(target: Floats, references: Floats, inside: Bools | None, without: Bools, *, a: float = A, gamma: float = GAMMA) -> Floats:
    """Scores, (records,), of all records; each is compared with all others.

    Equal shares are told apart by the ratio itself, a billionth of its rank: with every z below x the share says no more.

    Args:
        target: (records,) confidences of the attacked model, as `lira.phi` makes them.
        references: (models, records), the same.
        inside: (models, records): which were trained on which; None: the attacker has none that were.
        without: (models, records): which were not.
    """
    probabilities, own = expit(references), expit(target)  # phi is the log of p_y / (1 - p_y)
    out = _mean(probabilities, without)
    usual = ((1 + a) * out + (1 - a)) / 2 if inside is None else (_mean(probabilities, inside) + out) / 2
    ratio = own / np.maximum(usual, _LEAST)
    ordered = np.sort(ratio)
    share = np.searchsorted(ordered, ratio / gamma, side="right") / len(ratio)
    return np.asarray(share + 1e-9 * np.searchsorted(ordered, ratio))


def _mean(values: Floats, which: Bools) -> Floats:
    return np.asarray(np.where(which, values, 0.0).sum(0) / which.sum(0))
