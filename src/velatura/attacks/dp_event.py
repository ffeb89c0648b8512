"""An event that tells two neighbours apart: a number made of a release (a score), and a threshold.

Four scores are tried, each a guess at the log likelihood ratio of the two neighbours. Entries that are always equal (pixels of a cell) count once.

- linear: the projection on the difference of the means, every entry divided by its variance (best for Gaussian noise);
- linear over the entries alone that differ clearly, so that thousands of others add no noise of their own;
- clipped: each of these entries clipped to what lies between its two medians (best for Laplace noise, however many entries share epsilon);
- absolute: distance from the one median in mean deviations, minus that from the other (sees that the spread differs).

Which of them, at which threshold, on which side: the one with the largest lower bound on epsilon, on releases that are not counted afterwards.
Source: Jagielski, Ullman, Oprea, NeurIPS 2020, section 3 (an event from one half, its shares from the other); Neyman and Pearson 1933.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from velatura.attacks.intervals import exact

__all__ = ["Event", "Look", "best_event", "first_look", "known_event"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Blocks = Iterable[tuple[Floats, Floats]]
"""Pairs of (k, d): k releases of each neighbour."""

Score = Callable[[Floats], Floats]
"""(k, d) releases -> (k,)."""

THRESHOLDS = 64
CHOOSING_ERROR = 0.001
CLEARLY = 1 / 3
MOST_CLEAR = 256
_TINY = 1e-12
_KURTOSIS = 6.0  # of Laplace noise; the variance of a sample variance is about (kurtosis - 1) / n of its square


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a first look at both neighbours shows.

    Attributes:
        distinct: entries of which no two are always equal.
        clear: those of them, at most 256, whose mean or spread differs by at least a third of the clearest difference.
        weights: (distinct,), of the linear score.
    """

    distinct: Integers
    clear: Integers
    weights: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """A score above a threshold (more often so with the second neighbour), or not above it (with the first).

    Attributes:
        bound: the lower bound on epsilon on the releases that it was chosen on.
    """

    score: Score
    threshold: float
    above: bool
    bound: float

    def hits(self, releases: Floats) -> int:
        """In how many of (k, d) releases it happens."""
        return int(((self.score(releases) > self.threshold) == self.above).sum())


def first_look(blocks: Blocks) -> Look:
    """Means and variances of both neighbours' entries, and what follows; only sums are held, and one block."""
    sums: Floats | None = None
    count = 0
    for a, b in blocks:
        if sums is None:
            origin, distinct = a[0], _distinct(a, b)  # sums of squares lose digits far from the mean
            sums = np.zeros((2, 2, len(distinct)))
        for total, releases in zip(sums, (a, b), strict=True):
            apart = (releases - origin)[:, distinct]
            total += (apart.sum(0), (apart**2).sum(0))
        count += len(a)
    assert sums is not None, "one release of each is played whatever the budget"
    means = sums[:, 0] / count
    variances = np.maximum(sums[:, 1] / count - means**2, 0.0)
    weights = (means[1] - means[0]) / (variances.mean(0) + _TINY)
    return Look(distinct, distinct[_clear(means, variances, count)], weights / max(np.abs(weights).max(), _TINY))


def best_event(look: Look, blocks: Blocks, *, delta: float) -> Event:
    """The score and threshold with the largest lower bound on epsilon on these releases."""
    held: tuple[list[Floats], list[Floats]] = ([], [])
    linear: tuple[list[Floats], list[Floats]] = ([], [])
    for block in blocks:
        for columns, projections, releases in zip(held, linear, block, strict=True):
            columns.append(releases[:, look.clear])
            projections.append(releases[:, look.distinct] @ look.weights)
    a, b = (np.concatenate(columns) for columns in held)
    projected_a, projected_b = (np.concatenate(projections) for projections in linear)
    events = [_threshold(lambda releases: np.asarray(releases[:, look.distinct] @ look.weights), projected_a, projected_b, delta)]
    for score in _scores(a, b, look.weights[np.searchsorted(look.distinct, look.clear)]):
        events.append(_threshold(_on(look.clear, score), score(a), score(b), delta))
    return max(events, key=lambda event: event.bound)


def known_event(blocks: Blocks, *, delta: float) -> Event:
    """The best threshold for releases that are one number each."""
    a, b = (np.concatenate(side)[:, 0] for side in zip(*blocks, strict=True))
    return _threshold(lambda releases: releases[:, 0], a, b, delta)


def _distinct(a: Floats, b: Floats) -> Integers:
    """The first of all entries that are equal in every one of these releases."""
    return np.sort(np.unique(np.concatenate([a, b]), axis=1, return_index=True)[1])


def _clear(means: Floats, variances: Floats, count: int) -> Integers:
    """Indices of the entries that differ most clearly, by standard errors of means and variances, ascending."""
    with np.errstate(divide="ignore", invalid="ignore"):
        by_mean = np.abs(means[1] - means[0]) / np.sqrt(variances.sum(0) / count)
        by_spread = np.abs(variances[1] - variances[0]) / np.sqrt((_KURTOSIS - 1) / count * (variances**2).sum(0))
    z = np.fmax(np.nan_to_num(by_mean, posinf=np.inf), np.nan_to_num(by_spread, posinf=np.inf))
    strongest = np.argsort(-z, kind="stable")[:MOST_CLEAR]
    return np.sort(strongest[z[strongest] >= CLEARLY * z.max()])


def _on(entries: Integers, score: Score) -> Score:
    return lambda releases: score(releases[:, entries])


def _scores(a: Floats, b: Floats, weights: Floats) -> list[Score]:
    """Of (k, entries) releases of each neighbour, the clear entries alone."""
    (middle_a, spread_a), (middle_b, spread_b) = map(_middle_and_spread, (a, b))
    low, high = np.minimum(middle_a, middle_b), np.maximum(middle_a, middle_b)
    slope = np.sign(middle_b - middle_a) / ((spread_a + spread_b) / 2)
    return [
        lambda releases: np.asarray(releases @ weights),
        lambda releases: np.asarray((np.clip(releases, low, high) - low) @ slope),
        lambda releases: np.asarray((np.abs(releases - middle_a) / spread_a - np.abs(releases - middle_b) / spread_b).sum(1)),
    ]


def _middle_and_spread(releases: Floats) -> tuple[Floats, Floats]:
    middle = np.median(releases, axis=0)
    return middle, np.abs(releases - middle).mean(0) + _TINY**0.5


def _threshold(score: Score, a: Floats, b: Floats, delta: float) -> Event:
    """Of (k,) scores of each neighbour: between which two values, and on which side."""
    pooled = np.sort(np.concatenate([a, b]))
    at = np.unique(np.linspace(0, len(pooled) - 1, THRESHOLDS).astype(int))
    # A little below a value: equal releases may differ in the last digits of their scores.
    thresholds = np.unique(pooled[at]) - 1e-9 * (1 + np.abs(pooled).max())
    above_a, above_b = (len(side) - np.searchsorted(np.sort(side), thresholds, side="right") for side in (a, b))
    bounds = np.stack([_bound(len(a) - above_a, len(b) - above_b, len(a), delta), _bound(above_b, above_a, len(a), delta)])
    side, place = np.unravel_index(int(bounds.argmax()), bounds.shape)
    return Event(score, float(thresholds[place]), bool(side), float(bounds[side, place]))


def _bound(hits: Integers, others: Integers, runs: int, delta: float) -> Floats:
    error, count = CHOOSING_ERROR / 2, np.full(len(hits), float(runs))
    low = exact(hits.astype(float), count, error, error)[0] - delta
    high = exact(others.astype(float), count, error, error)[1]
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.maximum(low, 0.0) / high))
