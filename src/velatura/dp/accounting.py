"""Epsilon of a list of releases, by privacy loss distributions.

One event is composed once for all its repetitions: a composition costs .3 to .5 s. The neighbouring relation is add-or-remove-one.
Source: dp-accounting's `PLDAccountant` (Doroshenko et al., "Connect the Dots", PoPETs 2022), which rounds up; the Gaussian-DP approximation is never
used. `analytic_sigma`: Balle and Wang, "Improving the Gaussian Mechanism for Differential Privacy", ICML 2018, theorem 8.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, erfc, exp, inf, isfinite, log, log1p, sqrt
from typing import Any

from velatura.errors import BadSpec, Missing

__all__ = ["Event", "analytic_sigma", "delta_of", "epsilon", "noise_for"]

MOST_NOISE = 10_000_000  # thousandths of a sensitivity
PATIENCE = 14  # secants; then halves
FAINT = 0.3
"""Sensitivities: below, epsilon is in the hundreds whatever the sampling, and a grid of losses takes minutes, then terabytes."""


@dataclass(frozen=True, slots=True)
class Event:
    """One release of a kind.

    Attributes:
        mechanism: "gaussian" or "laplace".
        noise: standard deviation (gaussian) or scale (laplace), in sensitivities.
        sampling: each unit takes part with this probability, by itself (Poisson); 1: all of them.
    """

    mechanism: str
    noise: float
    sampling: float = 1.0

    def __post_init__(self) -> None:
        if self.mechanism not in ("gaussian", "laplace"):
            raise BadSpec("dp.event", f"{self.mechanism!r} is no mechanism that is accounted", hint="gaussian, laplace")
        if not (isfinite(self.noise) and self.noise > 0):
            raise BadSpec("dp.event", f"noise {self.noise} gives no epsilon", hint="more than 0, in sensitivities")
        if not 0 < self.sampling <= 1:
            raise BadSpec("dp.event", f"sampling {self.sampling} is no probability above 0")


def epsilon(events: Iterable[tuple[Event, int]], delta: float) -> float:
    """What all releases together cost.

    Args:
        events: each with how often it was released.
        delta: in (0, 1); 0 only for laplace without sampling.

    Raises:
        BadSpec: `dp.delta`.
        Missing: `extra.train`.
    """
    if not 0 <= delta < 1:
        raise BadSpec("dp.delta", f"delta {delta} is no probability below 1", hint="less than one over the number of records, e.g. 1e-5")
    counted: Counter[Event] = Counter()
    for event, times in events:
        counted[event] += times
    return _epsilon(tuple(sorted((counted + Counter()).items(), key=repr)), delta)


@lru_cache(maxsize=256)
def _epsilon(counted: tuple[tuple[Event, int], ...], delta: float) -> float:
    if not counted:
        return 0.0
    if delta == 0:
        pure = all(event.mechanism == "laplace" for event, _ in counted)
        return sum(times / event.noise for event, times in counted) if pure else inf
    if any(event.noise < FAINT for event, _ in counted) or all(event.mechanism == "gaussian" and event.sampling == 1 for event, _ in counted):
        return _unsampled(counted, delta)
    accounting, accountant = _library()
    for event, times in counted:
        kind = accounting.GaussianDpEvent if event.mechanism == "gaussian" else accounting.LaplaceDpEvent
        one = kind(event.noise) if event.sampling == 1 else accounting.PoissonSampledDpEvent(event.sampling, kind(event.noise))
        accountant.compose(one, times)
    return float(accountant.get_epsilon(delta))


def _unsampled(counted: tuple[tuple[Event, int], ...], delta: float) -> float:
    """Without any use of sampling: Gaussians are one Gaussian, exactly; Laplace is pure, which is an upper end."""
    pure = sum(times / event.noise for event, times in counted if event.mechanism == "laplace")
    precision = sum(times / event.noise**2 for event, times in counted if event.mechanism == "gaussian")
    if not precision:
        return pure
    sigma, high = precision**-0.5, 1.0
    while delta_of(high, sigma) > delta:
        high *= 2
    low = 0.0
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if delta_of(middle, sigma) > delta else (low, middle)
    return pure + high


def noise_for(target: float, delta: float, *, sampling: float, times: int) -> float:
    """The least Gaussian noise, in sensitivities and rounded up to 1e-3, with which `times` releases stay within `target`.

    Raises:
        BadSpec: `dp.epsilon`: no noise up to 1e4 does.
    """
    if not (isfinite(target) and target > 0):
        raise BadSpec("dp.epsilon", f"epsilon {target} is no budget", hint="more than 0, usually at most 8")

    def cost(thousandths: int) -> float:
        return epsilon([(Event("gaussian", thousandths / 1000, sampling), times)], delta)

    return _least(cost, target, _guess(target, delta, sampling, times)) / 1000


def _least(cost: Callable[[int], float], target: float, guess: int) -> int:
    """The least number whose cost is within the target; costs fall. By secants in logarithms: an answer takes half a second."""
    low, high, at, asked = 0, MOST_NOISE + 1, guess, [(0.0, 0.0)]
    while high - low > 1:
        told = cost(at)
        low, high = (low, at) if told <= target else (at, high)
        asked.append((log(at), log(told / target)))
        (before, above), (here, now) = asked[-2:]
        slope = (now - above) / (here - before) if len(asked) > 2 and here != before else -1.0
        wanted = ceil(exp(min(here - now / (slope or -1.0), log(MOST_NOISE) + 1))) if len(asked) < PATIENCE else (low + high) // 2
        at = min(max(wanted, low + 1), high - 1)
        if low == MOST_NOISE:
            raise BadSpec("dp.epsilon", "no noise reaches this epsilon at this delta", hint="a larger epsilon, fewer rounds, or less sampling")
    return high


def _guess(target: float, delta: float, sampling: float, times: int) -> int:
    """Where to begin to look, by the central limit theorem (Bu et al. 2020), which is no bound and never a claim."""
    if delta == 0:
        return 1000
    whole = analytic_sigma(min(target, 400.0), delta) if 0 < delta < 1 else 1.0
    return max(1, min(round(1000 / sqrt(log1p(1 / (sampling * whole) ** 2 / times))), MOST_NOISE))


def delta_of(target: float, sigma: float, sensitivity: float = 1.0) -> float:
    """delta of one Gaussian release at an epsilon, exact."""
    a, b = sensitivity / (2 * sigma), target * sigma / sensitivity
    tail = _phi(-a - b)
    return _phi(a - b) - (exp(target + log(tail)) if tail > 0 else 0.0)


def _phi(x: float) -> float:
    """The normal distribution function, exact in its far lower tail, which 1 + erf is not."""
    return erfc(-x / sqrt(2)) / 2


def analytic_sigma(target: float, delta: float, sensitivity: float = 1.0) -> float:
    """The least sigma of one Gaussian release at (epsilon, delta), to 1e-9 of itself; right for every epsilon, which the classical formula is not.

    Raises:
        BadSpec: `dp.epsilon`, `dp.delta`.
    """
    if not (isfinite(target) and 0 < target < 500):
        raise BadSpec("dp.epsilon", f"epsilon {target} is no budget", hint="more than 0, usually at most 8")
    if not 0 < delta < 1:
        raise BadSpec("dp.delta", f"delta {delta} is no probability between 0 and 1", hint="less than one over the number of records, e.g. 1e-5")
    low, high = 1e-9, 1.0
    while delta_of(target, high) > delta:
        high *= 2
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if delta_of(target, middle) > delta else (low, middle)
    return high * sensitivity


def _library() -> tuple[Any, Any]:
    try:
        from dp_accounting import dp_event
        from dp_accounting.pld import PLDAccountant
    except ImportError as error:
        raise Missing("extra.train", "dp-accounting is not installed", hint="pip install 'velatura[train]'") from error
    logging.getLogger("absl").setLevel(logging.ERROR)
    return dp_event, PLDAccountant()
