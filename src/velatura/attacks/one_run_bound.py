"""From right guesses at coin flips to a lower bound on epsilon: one run, many canaries.

Source: Steinke, Nasr, Jagielski, "Privacy Auditing with One (1) Training Run", NeurIPS 2023, theorem 5.2 and its appendix.
"""

from __future__ import annotations

from math import exp, log

import numpy as np
from scipy.special import bdtr

__all__ = ["ceiling", "epsilon_at_least", "p_value"]

MOST = 60.0  # epsilon; e^60 is no promise


def p_value(epsilon: float, *, canaries: int, guesses: int, right: int, delta: float) -> float:
    """At most how often a mechanism that is (epsilon, delta)-private lets so many guesses be right.

    Args:
        canaries: each in with a fair coin of its own.
        guesses: made, a number fixed before anybody looked; right: of them.
    """
    if right <= 0:
        return 1.0
    q = 1 / (1 + exp(-epsilon))
    below = bdtr(np.arange(right), guesses, q)  # P[Bin <= k] for k = 0 .. right - 1
    tail = 1.0 if right > guesses else float(1 - below[right - 1])
    if not delta:
        return tail
    back = np.arange(1, right + 1)
    lower = np.concatenate([below[:-1][::-1], [0.0]])  # P[Bin <= right - i - 1]
    return min(1.0, tail + 2 * canaries * delta * float(((below[right - 1] - lower) / back).max()))


def epsilon_at_least(*, canaries: int, guesses: int, right: int, delta: float, error: float) -> float:
    """The largest epsilon that so many right guesses refute; wrong in a share `error` of audits at most."""
    low, high = 0.0, MOST
    if p_value(low, canaries=canaries, guesses=guesses, right=right, delta=delta) > error:
        return 0.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        refuted = p_value(middle, canaries=canaries, guesses=guesses, right=right, delta=delta) <= error
        low, high = (middle, high) if refuted else (low, middle)
    return low


def ceiling(guesses: int, error: float, *, canaries: int = 0, delta: float = 0.0) -> float:
    """What an audit with so many guesses can show at most, if all of them are right. canaries: matters where there is a delta."""
    if delta:
        return epsilon_at_least(canaries=canaries, guesses=guesses, right=guesses, delta=delta, error=error)
    x = error ** (1 / guesses)
    return log(x / (1 - x))
