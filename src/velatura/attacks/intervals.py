"""From raw successes to an estimate with its interval: the only maker of intervals, for all attacks.

The two ends have different jobs. The lower end accuses: it is wrong in at most one report of twenty, all findings and attackers together
(.05 / findings / attackers, Bonferroni). The upper end acquits: it is wrong in one finding of forty, and is widened by nothing: of several
attackers the largest upper end is taken, which covers the strongest one's true success at that level, however many they are.

Intervals are over what is independent (people, clips, keys), never over its pictures; random splits add no n.
Source: Clopper, Pearson, Biometrika 1934; Korn, Graubard, Survey Methodology 1998 (clusters); Johnson, JASA 1978 (skewness); DeLong, DeLong,
Clarke-Pearson, Biometrics 1988 (AUC); Zou, Donner, Statistics in Medicine 2008 (epsilon); Steinke, Nasr,
Jagielski, NeurIPS 2023 (coins). How often they are wrong: docs/benchmarks/verdicts.md.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, expit, logit, ndtri, stdtrit

from velatura.attacks.attack import Kind, Outcomes
from velatura.attacks.one_run_bound import epsilon_at_least
from velatura.findings import Estimate

__all__ = ["LEAST_GAIN_UNITS", "effective", "estimate", "exact", "worse_than_chance", "worse_than_shuffled"]

Floats = NDArray[np.float64]
Ends = tuple[Floats, Floats, Floats]
"""Value, lower and upper end, (attackers,) each."""

LEAST_GAIN_UNITS = 36
"""Below it a gain has no upper end, so that it cannot be held. A leak that shows one unit in ten in full lies at the limit, and that none of so many
shows it, however equal they are, is .9**36 = .0225 < .025."""

MOST_GAIN = 1.0
"""Of a mean likeness, correlation or rate, and of a difference of two rates: an end beyond it would say what cannot be."""

LEAST_HITS = 10
"""With fewer nothing is called worse than guessing by its probes: so few do not tell how they cluster, and false alarms came in 40 % of reports."""

SHUFFLES = 20_000
_TINY = 1e-300
_ROUNDING = 1e-9  # a success that is chance to the last bit but one must not lie above it


def estimate(outcomes: Outcomes, *, findings: int = 1, low: float = 0.05, high: float = 0.025) -> Estimate:
    """The strongest attacker's success with its interval.

    Args:
        findings: how many findings of the report share the lower end's error; counted before anything runs.
        low, high: how often the report's lower ends, and this upper end, may be wrong.
    """
    o = outcomes
    value, lower, upper = _KINDS[o.kind](o, low / findings / len(o.success), high)
    return Estimate(
        float(value.max()),
        float(min(lower.max(), value.max())),
        float(max(upper.max(), value.max())),
        float(o.chance),
        _independent(o),
        o.per,
        o.unit,
        below=_below(o, low / 2 / findings),
        cut=o.cut,
        reference=o.reference,
    )


def _independent(o: Outcomes) -> int:
    """How many stand behind it."""
    if o.kind == "epsilon":
        return int(o.success[0, 1] + o.success[0, 3])
    if o.kind == "coins":
        return int(o.success[0, 1])
    return int(o.success.shape[1]) // (o.probes if o.kind == "tpr" else 1)


def exact(hits: Floats, n: Floats, alpha: float, top: float) -> tuple[Floats, Floats]:
    """Clopper-Pearson of `hits` in `n`, of any one shape, also not whole: the lower end errs at `alpha`, the upper one at `top`, one-sided each."""
    low = np.where(hits > 0, betaincinv(np.maximum(hits, 1e-12), n - hits + 1, alpha), 0.0)
    return low, np.where(hits < n, betaincinv(hits + 1, np.maximum(n - hits, 1e-12), 1 - top), 1.0)


def effective(success: Floats, probes: int) -> Floats:
    """How many independent probes the units amount to: between the number of units and that of distinct probes.

    p(1-p) / (variance of the mean over units), at most all probes, shortened by the quantiles' ratio for few units (Korn and Graubard 1998).
    Where nobody or everybody was a success there is no spread to tell, and only the units count.

    Args:
        success: (..., units), each the mean over its probes.
        probes: distinct ones a unit.

    Returns:
        (...,), not whole.
    """
    units, p = success.shape[-1], success.mean(-1)
    if units == 1:
        return np.ones_like(p)
    coin, spread = p * (1 - p), success.var(-1, ddof=1) / units
    n = np.where(coin > _ROUNDING, coin / np.maximum(spread, _TINY), units)
    shorter = (ndtri(0.975) / stdtrit(units - 1, 0.975)) ** 2
    return np.asarray(np.clip(np.minimum(n, units * probes) * shorter, units, units * probes))


def _share(o: Outcomes, alpha: float, top: float) -> Ends:
    n, p = effective(o.success, o.probes), o.success.mean(-1)
    return p, *exact(p * n, n, alpha, top)


def _gain(o: Outcomes, alpha: float, top: float) -> Ends:
    """Student over units, each end lengthened for skewness, never shortened."""
    units, mean = o.success.shape[-1], o.success.mean(-1)
    if units == 1:
        return mean, np.full_like(mean, -np.inf), np.full_like(mean, np.inf)
    error = o.success.std(-1, ddof=1) / np.sqrt(units) + _ROUNDING
    third = ((o.success - mean[:, None]) ** 3).mean(-1) / np.maximum(o.success.std(-1) ** 3, _TINY) / (6 * np.sqrt(units))
    down, up = stdtrit(units - 1, 1 - alpha), stdtrit(units - 1, 1 - top)
    low = mean - (down + np.maximum(-third, 0) * (1 + 2 * down**2)) * error
    high = mean + (up + np.maximum(third, 0) * (1 + 2 * up**2)) * error
    if units < LEAST_GAIN_UNITS:
        return mean, np.maximum(low, -MOST_GAIN), np.full_like(mean, np.inf)
    return mean, np.maximum(low, -MOST_GAIN), np.minimum(high, MOST_GAIN)


def _auc(o: Outcomes, alpha: float, top: float) -> Ends:
    """DeLong on the logit; the variance is never below a third of that of a coin's AUC, which at AUC 1 would be 0."""
    assert o.member is not None, "Outcomes refuses an AUC without members"
    rows = np.array([_delong(scores[o.member], scores[~o.member], alpha, top) for scores in o.success])
    return rows[:, 0], rows[:, 1], rows[:, 2]


def _delong(x: Floats, y: Floats, alpha: float, top: float) -> tuple[float, float, float]:
    n, m = len(x), len(y)
    ranks = _midranks(np.concatenate([x, y]))
    area = (ranks[:n].sum() - n * (n + 1) / 2) / (n * m)
    spread = np.var((ranks[:n] - _midranks(x)) / m, ddof=1) / n + np.var(1 - (ranks[n:] - _midranks(y)) / n, ddof=1) / m
    inner = np.clip(area, 1 / (n + m + 2), 1 - 1 / (n + m + 2))
    spread = max(spread, inner * (1 - inner) / (min(n, m) + 2) / 3)
    middle, error = logit(inner), np.sqrt(spread) / (inner * (1 - inner))
    return float(area), float(expit(middle - ndtri(1 - alpha) * error)), float(expit(middle + ndtri(1 - top) * error))


def _midranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share the middle of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])


def _tpr(o: Outcomes, alpha: float, top: float) -> Ends:
    """Members above the threshold; its own error counts too: so many of the others exceed it here, and may not do so elsewhere.

    Where in the others' scores the true threshold lies has Clopper and Pearson's ends; what that changes, and the ends of the members' own share,
    are added as squares. Both shares count records that come in several rounds as clusters.
    """
    assert o.member is not None, "Outcomes refuses a rate without members"
    rows = np.array([_rate(scores, o.member, o.chance, o.probes, alpha, top) for scores in o.success])
    return rows[:, 0], rows[:, 1], rows[:, 2]


def _rate(scores: Floats, member: NDArray[np.bool_], chance: float, rounds: int, alpha: float, top: float) -> tuple[float, float, float]:
    inside, outside = scores[member], scores[~member]
    hit = scores > _threshold(outside, chance)
    p, n = float(hit[member].mean()), _clustered(hit, member, rounds)
    low, high = (float(end) for end in exact(np.array(p * n), np.array(n), alpha, top))
    others = _clustered(hit, ~member, rounds)
    rarer, oftener = (float(end) for end in exact(np.array(chance * others), np.array(others), alpha, top))
    strict, loose = (float((inside > _threshold(outside, share)).mean()) for share in (rarer, oftener))
    return p, max(p - float(np.hypot(p - low, p - strict)), 0.0), min(p + float(np.hypot(high - p, loose - p)), 1.0)


def _threshold(outside: Floats, share: float) -> float:
    """Exceeded by a further one of `outside` in at most `share` of cases, whatever their distribution; ties are none."""
    above = int(share * (len(outside) + 1) + _ROUNDING)
    if above < 1:
        return float("inf")
    place = len(outside) - above
    return float("-inf") if place < 0 else float(np.partition(outside, place)[place])


def _clustered(hit: NDArray[np.bool_], which: NDArray[np.bool_], rounds: int) -> float:
    """How many independent ones the chosen units amount to, between the number of their records and their own."""
    hits, chosen = hit.reshape(rounds, -1), which.reshape(rounds, -1)
    units, records = float(chosen.sum()), float(chosen.any(0).sum())
    p = float(hits[chosen].mean())
    spread = float((((hits - p) * chosen).sum(0) ** 2).sum()) / units**2
    return records if spread <= 0 or not 0 < p < 1 else float(np.clip(p * (1 - p) / spread, records, units))


def _epsilon(o: Outcomes, alpha: float, top: float) -> Ends:
    """Log ratio of an event's shares under two neighbours, delta taken off the first; the distances to both shares' own ends added as squares.

    Half of the error on each share would be safe and wide (at epsilon .5 and 20,000 runs .88 of it, not .92). Counted out over all results, of 10
    runs and more, the sum of squares errs no more often than asked. Source: Zou, Donner, Statistics in Medicine 2008.
    """
    hits1, runs1, hits0, runs0 = o.success.T
    first, second = np.maximum(hits1 / runs1 - o.delta, 0.5 / runs1), np.maximum(hits0, 0.5) / runs0
    low1, high1 = (end - o.delta for end in exact(hits1, runs1, alpha, top))
    low0, high0 = exact(hits0, runs0, top, alpha)  # the other way round: a small second share makes a large epsilon
    with np.errstate(divide="ignore"):
        value = np.log(first / second)
        down = np.hypot(np.log(first / np.maximum(low1, 0)), np.log(high0 / second))
        up = np.hypot(np.log(np.maximum(high1, first) / first), np.log(second / low0))
    return value, value - down, value + up


def _coins(o: Outcomes, alpha: float, top: float) -> Ends:
    """What right guesses refute: at even odds, at `alpha`. The upper end is what as many guesses could be right with: it is of this attacker."""
    rows = []
    for right, made, coins in o.success:
        even, accused = (
            epsilon_at_least(canaries=int(coins), guesses=int(made), right=int(right), delta=o.delta, error=error) for error in (0.5, alpha)
        )
        _, share = exact(np.array(right), np.array(made), alpha, top)
        upper = float("inf") if share >= 1 else max(float(np.log(share / (1 - share))), 0.0)
        rows.append((even, accused, upper))
    value, low, high = np.array(rows).T
    return value, low, high


def _proof(o: Outcomes, alpha: float, top: float) -> Ends:
    """What cannot be guessed proves itself: nothing is inferred beyond what was played, and the interval is a point."""
    p = o.success.mean(-1)
    return p, p, p


_KINDS: dict[Kind, Callable[[Outcomes, float, float], Ends]] = {
    "share": _share,
    "gain": _gain,
    "auc": _auc,
    "tpr": _tpr,
    "epsilon": _epsilon,
    "coins": _coins,
    "proof": _proof,
    "exact": _proof,
}


def _below(o: Outcomes, alpha: float) -> bool:
    """Whether even the strongest attacker is significantly worse than a blind guess: the attack is faulty, it protects nobody."""
    if o.kind in ("epsilon", "coins"):
        return False  # a log ratio below 0 is the other neighbour's event
    if o.guesses is not None:
        return worse_than_shuffled(o.guesses, alpha)
    if o.kind == "share":
        return bool(worse_than_chance(o.success, o.probes, o.chance, alpha))
    return bool(_KINDS[o.kind](o, 0.5, alpha)[2].max() < o.chance - _ROUNDING)


def worse_than_chance(success: Floats, probes: int, chance: float, alpha: float) -> NDArray[np.bool_]:
    """Does even the strongest attacker's upper end, at `alpha`, lie below chance? Where hits are few, over units alone.

    Args:
        success: (..., attackers, units), each the mean over its probes.

    Returns:
        (...,).
    """
    n, p = effective(success, probes), success.mean(-1)
    n = np.where(p * n < LEAST_HITS, success.shape[-1], n)
    return np.asarray(exact(p * n, n, 0.5, alpha)[1].max(-1) < chance - _ROUNDING)


def worse_than_shuffled(guesses: Floats, alpha: float) -> bool:
    """Are right names rarer than with the people's names shuffled? Clusters, splits and the maximum over attackers are inside.

    The error is at most `alpha`, however few the shuffles: the guesses as they came count as one of them (Phipson, Smyth, SAGMB 2010).

    Args:
        guesses: (attackers, people, people), share of all probes of person i that were taken for j.
    """
    right = np.trace(guesses, axis1=1, axis2=2).max()
    people, rng = guesses.shape[1], np.random.default_rng(0)
    if right >= guesses.sum((1, 2)).max() / people:
        return False  # at chance or above
    step, as_low, allowed = min(500, max(5, 2_000_000 // guesses[:, 0].size)), 1, alpha * (SHUFFLES + 1)
    for _ in range(0, SHUFFLES, step):
        names = rng.permuted(np.tile(np.arange(people), (step, 1)), axis=1)
        shuffled = guesses[:, np.arange(people), names].sum(-1).max(0)
        as_low += int((shuffled <= right + 1e-12).sum())
        if as_low > allowed:
            return False
    return True
