"""Simulated identifications whose truth is known, and how the product judges them.

P people with m probes each, attacked by several; each person has a probability of his own to be recognised (beta distributed, so that two probes of
one person agree with the given correlation), and an attacker repeats the first one's result on half of the probes. Ends come from `effective` and
`exact` on stacks of thousands; of each stack some go through `estimate` and `judge` themselves, and have to come out the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Outcomes
from velatura.attacks.intervals import effective, estimate, exact, worse_than_chance
from velatura.findings import Claim, Estimate, Verdict, judge, limit

Floats = NDArray[np.float64]
LOW, HIGH = 0.05, 0.025
CHANCE = Claim()
THROUGH_JUDGE = 200


@dataclass(frozen=True, slots=True)
class Setting:
    """Who is attacked, and how well: `truth` times chance; correlation None: all probes are taken for one person."""

    people: int
    probes: int
    correlation: float | None
    truth: float = 1
    attackers: int = 3

    @property
    def chance(self) -> float:
        return 1 / self.people

    @property
    def words(self) -> str:
        alike = "all for one person" if self.correlation is None else f"{self.correlation:g}"
        return f"{self.people} x {self.probes} | {alike}"

    def play(self, reports: int, rng: Generator) -> Floats:
        """(reports, attackers, people): mean success of each person."""
        if self.correlation is None:
            hits = rng.integers(0, self.people, (reports, self.attackers, 1)) == np.arange(self.people)
            return hits.astype(float)
        parts = [self._play(min(500, reports - done), rng) for done in range(0, reports, 500)]
        return np.concatenate(parts)

    def _play(self, reports: int, rng: Generator) -> Floats:
        own = self._people((reports, self.people), rng)[:, None, :, None]
        drawn = rng.random((reports, self.attackers, self.people, self.probes), np.float32) < own
        same = rng.random(drawn.shape, np.float32) < 0.5
        return np.where(same, drawn[:, :1], drawn).mean(-1)

    def _people(self, shape: tuple[int, int], rng: Generator) -> Floats:
        p, alike = self.truth * self.chance, self.correlation
        if alike == 0:
            return np.full(shape, p)
        if alike == 1:
            return (rng.random(shape) < p).astype(float)
        assert alike is not None
        return rng.beta(p * (1 / alike - 1), (1 - p) * (1 / alike - 1), shape)

    def guesses(self, reports: int, rng: Generator) -> Iterator[Floats]:
        """(attackers, people, people) of each report: whom attackers named who see nothing, some names more often than others."""
        everyone, alike = np.arange(self.people), self.correlation
        for _ in range(reports):
            liked = np.full(self.people, 1 / self.people) if not alike else rng.dirichlet(np.full(self.people, (1 / alike - 1) / self.people))
            named = rng.choice(self.people, (self.attackers, self.people, self.probes), p=liked)
            named = np.where(rng.random(named.shape) < 0.5, named[:1], named)
            yield (named[..., None] == everyone).mean(2)

    def outcomes(self, success: Floats, guesses: Floats | None = None) -> Outcomes:
        names = tuple(f"attacker {at}" for at in range(len(success)))
        return Outcomes(success, names, self.chance, "people", "rank-1 rate", self.probes, guesses=guesses)

    def named(self, guesses: Floats) -> Outcomes:
        return self.outcomes(np.diagonal(guesses, axis1=1, axis2=2), guesses)

    def unprotected(self) -> Estimate:
        """Nineteen of twenty are recognised."""
        return Estimate(0.95, 0.9, 0.98, self.chance, self.people, "people", "rank-1 rate")


def ends(success: Floats, probes: int, findings: int) -> tuple[Floats, Floats]:
    """Lower and upper end of each report's strongest attacker, (reports,); the same as `estimate`, for many at once."""
    n, p = effective(success, probes), success.mean(-1)
    low, high = exact(p * n, n, LOW / findings / success.shape[1], HIGH)
    return np.minimum(low.max(-1), p.max(-1)), np.maximum(high.max(-1), p.max(-1))


def accused(setting: Setting, success: Floats, findings: int) -> NDArray[np.bool_]:
    """Whether each is `weakened` or `broken`; some go through `estimate` and `judge`."""
    low, _ = ends(success, setting.probes, findings)
    found = low > setting.chance
    through_judge(setting, success, findings, found, (Verdict.WEAKENED, Verdict.BROKEN))
    return found


def acquitted(setting: Setting, success: Floats, findings: int) -> NDArray[np.bool_]:
    """Whether each is `held`; some go through `estimate` and `judge`."""
    low, high = ends(success, setting.probes, findings)
    base = setting.unprotected()
    edge = limit(base, base, CHANCE)
    found = (low <= setting.chance) & (high < edge)
    through_judge(setting, success, findings, found, (Verdict.HELD,))
    return found


def through_judge(setting: Setting, success: Floats, findings: int, found: NDArray[np.bool_], verdicts: Sequence[Verdict]) -> None:
    """The first ones, and as many of those that were found, must be judged the same by the product."""
    for at in [*range(min(THROUGH_JUDGE, len(success))), *np.flatnonzero(found)[:THROUGH_JUDGE]]:
        verdict = judge(estimate(setting.outcomes(success[at]), findings=findings), setting.unprotected(), CHANCE)
        # `error` comes first in the table and is counted apart
        assert (verdict in verdicts) == bool(found[at]) or verdict is Verdict.ERROR, f"{setting} report {at}: {verdict}, but {found[at]}"


def in_a_report(share: float, findings: int) -> float:
    """Share of reports with one or more, if their findings were drawn independently: the worst case."""
    return float(1 - (1 - share) ** findings)


def faulty_by_interval(setting: Setting, success: Floats, findings: int) -> float:
    """Share that is called worse than guessing without a table of guesses."""
    return float(worse_than_chance(success, setting.probes, setting.chance, LOW / 2 / findings).mean())
