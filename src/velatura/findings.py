"""What an attack or a check says, and the one function that judges.

An attack hands back raw successes; `velatura.attacks.intervals` makes an `Estimate` of them; `judge` compares it with the same attack on the
unprotected arm and with what the method promises. The contract's verdict table stands in `judge` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite

__all__ = ["Claim", "Estimate", "Example", "Finding", "Verdict", "judge", "limit"]


class Verdict(StrEnum):
    """Worst last but two: `error` and `not-run` are no verdict on the protection and never count as held."""

    HELD = "held"
    STATED = "stated"
    INCONCLUSIVE = "inconclusive"
    WEAKENED = "weakened"
    BROKEN = "broken"
    ERROR = "error"
    NOT_RUN = "not-run"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a method promises against one attack.

    Attributes:
        bound: in the attack's unit (1/k, epsilon, bits an hour); None: no better than chance.
    """

    bound: float | None = None

    def __post_init__(self) -> None:
        if self.bound is not None and not (isfinite(self.bound) and self.bound >= 0):
            raise ValueError("a bound is a finite number that is not negative")


@dataclass(frozen=True, slots=True)
class Estimate:
    """Success of the strongest attacker, with its interval over n independent `per`.

    Attributes:
        value, low, high: in `unit`; low errs in one report of twenty, high in one finding of forty.
        chance: what a blind guess gets.
        n, per: how many independent people, clips, keys ... stand behind it.
        below: significantly worse than guessing: the attack is faulty.
        cut: the time budget ended the attack.
        reference: what `chance` is called in sentences.
    """

    value: float
    low: float
    high: float
    chance: float
    n: int
    per: str
    unit: str
    below: bool = False
    cut: bool = False
    reference: str = "guessing"

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:  # also refuses NaN
            raise ValueError("an estimate lies within its interval")

    @property
    def units(self) -> str:
        """How many of what: "40 people", "1 person"."""
        return f"{self.n:,} {self.per if self.n != 1 else _ONE.get(self.per, self.per.removesuffix('s'))}"


_ONE = {"people": "person"}


@dataclass(frozen=True, slots=True)
class Example:
    """One case for the reader's eye: pictures beside the report, by file name.

    Attributes:
        seen: what the attacker sees.
        recovered: what he makes of it.
        secret: what it was; "" where it is not shown.
    """

    seen: str
    recovered: str
    secret: str = ""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One attack against one target, judged.

    Attributes:
        baseline: the same attack on the unprotected arm of the same run.
        knowledge: what the attacker was assumed to know, in words a data-protection officer reads.
        why: the sentence of the report; names the limit of every `held`.
        evidence: further numbers and facts, name -> value in words.
        repeat: the command that reproduces it.
        examples: pictures.
    """

    attack: str
    target: str
    verdict: Verdict
    estimate: Estimate | None
    baseline: Estimate | None
    claim: Claim | None
    knowledge: str
    why: str
    repeat: str
    evidence: Mapping[str, str] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()

    def __post_init__(self) -> None:
        if self.verdict is Verdict.HELD and not _fallen(self.estimate, self.baseline, self.claim):
            raise ValueError("`held` needs an estimate, a claim, and an unprotected arm that fell in the same run")


def _fallen(estimate: Estimate | None, baseline: Estimate | None, claim: Claim | None) -> bool:
    return estimate is not None and baseline is not None and judge(estimate, baseline, claim) is Verdict.HELD


def limit(estimate: Estimate, baseline: Estimate, claim: Claim) -> float:
    """Below this the upper end of a `held` must lie.

    With r chance or the bound and d the way from r to the lower end of the baseline: r + min(d/10, max(2r, d/100)) for chance,
    r + min(d/10, r/2) for a bound.
    """
    r = _reference(estimate, claim)
    d = baseline.low - r
    return r + (min(d / 10, max(2 * r, d / 100)) if claim.bound is None else min(d / 10, r / 2))


def judge(estimate: Estimate, baseline: Estimate, claim: Claim | None) -> Verdict:
    """The contract's table: the first row that fits."""
    if claim is None:
        return Verdict.STATED
    if estimate.below:
        return Verdict.ERROR
    r = _reference(estimate, claim)
    if not baseline.low > r:
        return Verdict.INCONCLUSIVE
    if estimate.low > r:
        half_way = (r + baseline.value) / 2
        return Verdict.WEAKENED if claim.bound is None and estimate.value < half_way else Verdict.BROKEN
    hurried = estimate.cut and not baseline.cut  # the budget ended it here alone
    return Verdict.HELD if estimate.high < limit(estimate, baseline, claim) and not hurried else Verdict.INCONCLUSIVE


def _reference(estimate: Estimate, claim: Claim) -> float:
    return estimate.chance if claim.bound is None else claim.bound
