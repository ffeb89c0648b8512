"""What releases of a Gaussian on Poisson samples cost, computed apart from `dp/` and its library: losses on a grid, composed by FFT.

Losses are rounded to the nearest point of the grid, so that an answer is neither an upper nor a lower bound; half the grid tells how far off it is.
Source: Koskela, Jälkö, Honkela, "Computing Tight Differential Privacy Guarantees Using FFT", AISTATS 2020 (add or remove one row).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

__all__ = ["Releases", "recomputed"]

Floats = NDArray[np.float64]
Releases = Sequence[tuple[float, float, int]]
"""(sampling of a row, noise in sensitivities, how often)."""

GRID, REACH = 5e-5, 40.0  # of a loss


def recomputed(releases: Releases, delta: float, *, grid: float = GRID) -> float:
    """Epsilon of all of them together at delta, against a neighbour with a row more or a row less, whichever is worse."""
    return max(_epsilon(releases, delta, grid, added=added) for added in (False, True))


def _epsilon(releases: Releases, delta: float, grid: float, *, added: bool) -> float:
    half = round(REACH / grid)
    losses: Floats = np.asarray(np.arange(-half, half) * grid, np.float64)
    whole = np.ones(half + 1, np.complex128)
    for sampling, noise, times in releases:
        masses = _masses(losses, grid, sampling, noise, added=added)
        whole *= np.fft.rfft(np.fft.ifftshift(masses)) ** times
    composed = np.maximum(np.fft.fftshift(np.fft.irfft(whole, 2 * half)), 0.0)

    def over(epsilon: float) -> float:
        above = losses > epsilon
        return float((composed[above] * -np.expm1(epsilon - losses[above])).sum()) - delta

    return float(brentq(over, 0.0, REACH * 0.9, xtol=1e-7)) if over(0.0) > 0 else 0.0


def _masses(losses: Floats, grid: float, sampling: float, noise: float, *, added: bool) -> Floats:
    """Of each loss. removed: log P/Q under P, P the mixture with the row; added: log Q/P under Q, Q the noise alone."""
    edges = np.append(losses, losses[-1] + grid) - grid / 2
    at = _where(-edges if added else edges, sampling, noise)
    below = ndtr(at / noise)
    if not added:
        below = (1 - sampling) * below + sampling * ndtr((at - 1) / noise)
    return np.asarray(np.abs(np.diff(below)), np.float64)


def _where(loss: Floats, sampling: float, noise: float) -> Floats:
    """The outcome at which log P/Q has a value; -inf of values below all."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.maximum(np.exp(loss) - (1 - sampling), 0.0) / sampling
        return np.asarray(0.5 + noise**2 * np.log(ratio), np.float64)
