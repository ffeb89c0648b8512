"""Was this record trained on? LiRA and RMIA, with shadow models that are trained as the attacked one is.

The attacker trains shadow models through the arm itself, on halves of the candidate records, and so learns what a protection does to a record's
confidence: he adapts to it. What counts is how many members he names while he names one stranger in a hundred: a mean over all records (AUC,
accuracy) hides that a few are given away for certain (Carlini et al., section 2). The AUC and rarer false alarms stand beside it.
The attacked models are several, each on a half of its own, so that all records are both members and strangers.
Limit: shadows are few (16, not the 256 of the papers) and inputs are not augmented; more of both find more.
Source: `lira.py`, `rmia.py`; "loss": Yeom et al., CSF 2018, one threshold for all records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes
from velatura.attacks.intervals import estimate
from velatura.attacks.training.affordable import affordable
from velatura.attacks.training.lira import offline, online, phi
from velatura.attacks.training.rmia import relative
from velatura.errors import BadInput, BadSpec, nearest

__all__ = ["ATTACKERS", "Membership", "Trained"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST_SHADOWS = 4
SPARE = 1.5
AT, RARER = 0.01, 0.001
CURVE = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
"""False-positive rates at which the curve is told: equal steps of its logarithm."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """Confidences of models. phi: (models, records); inside: (models, records), who was trained on."""

    phi: Floats
    inside: Bools


ATTACKERS: dict[str, Callable[[Floats, Trained], Floats]] = {
    "loss": lambda target, shadows: target,
    "lira-offline": lambda target, shadows: offline(target, shadows.phi, shadows.inside),
    "lira-online": lambda target, shadows: online(target, shadows.phi, shadows.inside),
    "rmia-offline": lambda target, shadows: relative(target, shadows.phi, None, ~shadows.inside),
    "rmia": lambda target, shadows: relative(target, shadows.phi, shadows.inside, ~shadows.inside),
}
"""Confidences of the attacked model, shadow models -> a score for each record."""


@dataclass(frozen=True, slots=True)
class Membership:
    """A secret is a record's label; the arm is handed who is trained on, (records,) bool, and gives the trained model's logits, (records, classes).

    Attributes:
        shadows: models that the attacker trains, an even number.
        targets: models that he attacks.
        attackers: of `ATTACKERS`.
    """

    shadows: int = 16
    targets: int = 2
    attackers: tuple[str, ...] = tuple(ATTACKERS)
    name: ClassVar[str] = "membership"
    knowledge: ClassVar[str] = (
        "Has the trained model, and the records that he asks about with their labels. He knows how it was trained, its first weights too, and trains "
        "models of his own in the same way, protection included, on half of those records each."
    )

    def play(self, arm: Arm[Any, Any], secrets: Sequence[Any], rng: Generator, *, budget_s: float) -> Outcomes:
        """See `Attack`. Units are records, once for each attacked model.

        Raises:
            BadInput: `attack.few-records`: too few to name one stranger in a hundred; `attack.release`: logits not finite, or of another shape.
            BadSpec: `attack.shadows`, `attack.attacker`. Missing: `attack.time`: the budget is far too small.
        """
        labels = np.asarray(secrets, np.int64)
        self._check(labels)
        deadline, (own, chance) = Deadline(budget_s), (np.random.default_rng(seed) for seed in rng.integers(1 << 62, size=2))
        with affordable(self.targets + LEAST_SHADOWS, budget_s):
            first = _trained(arm, [_coins(len(labels), own)], labels, chance)
        attacked = _joined([first, *(_trained(arm, [_coins(len(labels), own)], labels, chance) for _ in range(self.targets - 1))])
        shadows, cut = self._shadows(arm, labels, own, chance, deadline)
        scores = np.stack([np.concatenate([ATTACKERS[name](one, shadows) for one in attacked.phi]) for name in self.attackers])
        notes = {"shadow models": f"{len(shadows.phi)}, and {self.targets} attacked models"}
        counted = Outcomes(
            scores, self.attackers, AT, "records", "true-positive rate", self.targets, "tpr", attacked.inside.ravel(), cut=cut,
            reference="false alarms",
        )  # fmt: skip
        return replace(counted, notes=notes | _told(counted))

    def _shadows(self, arm: Arm[Any, Any], labels: NDArray[np.int64], own: Generator, chance: Generator, deadline: Deadline) -> tuple[Trained, bool]:
        """In pairs that complete each other, so that each record is in half of them; and whether time ended it."""
        parts = list[Trained]()
        while 2 * len(parts) < self.shadows and not (deadline.passed() and 2 * len(parts) >= LEAST_SHADOWS):
            half = _half(len(labels), own)
            parts.append(_trained(arm, [half, ~half], labels, chance))
        done = _joined(parts)
        return done, len(done.phi) < self.shadows

    def _check(self, labels: NDArray[np.int64]) -> None:
        if self.shadows < LEAST_SHADOWS or self.shadows % 2 or self.targets < 1:
            told = f"{self.shadows} shadow models and {self.targets} attacked ones are not possible"
            raise BadSpec("attack.shadows", told, hint=f"an even number from {LEAST_SHADOWS}, and 1 or more")
        for name in self.attackers:
            if name not in ATTACKERS:
                raise BadSpec("attack.attacker", f"there is no attacker {name!r} on membership", hint=nearest(name, ATTACKERS))
        if AT * len(labels) / 2 * self.targets < SPARE:  # by coins there may be fewer strangers than half
            needed = ceil(2 * SPARE / AT / self.targets)
            told = f"{len(labels)} records are too few to name one stranger in {1 / AT:.0f}"
            raise BadInput("attack.few-records", told, hint=f"{needed} or more, with {self.targets} attacked models")


def _joined(parts: Sequence[Trained]) -> Trained:
    return Trained(np.concatenate([part.phi for part in parts]), np.concatenate([part.inside for part in parts]))


def _coins(records: int, rng: Generator) -> Bools:
    """Who is inside, each by himself: with and without a record all others are alike."""
    return rng.random(records) < 0.5


def _half(records: int, rng: Generator) -> Bools:
    chosen = np.zeros(records, np.bool_)
    chosen[rng.permutation(records)[: records // 2]] = True
    return chosen


def _trained(arm: Arm[Any, Any], masks: Sequence[Bools], labels: NDArray[np.int64], chance: Generator) -> Trained:
    return Trained(np.stack([_confidence(arm(mask, chance), labels) for mask in masks]), np.stack(masks))


def _confidence(logits: Any, labels: NDArray[np.int64]) -> Floats:
    read = np.asarray(logits, np.float64)
    if read.ndim != 2 or len(read) != len(labels) or read.shape[1] <= labels.max() or not np.isfinite(read).all():
        raise BadInput("attack.release", f"logits of shape {read.shape} for {len(labels)} records", hint="(records, classes), finite")
    return phi(read, labels)


def _told(counted: Outcomes) -> dict[str, str]:
    """Every attacker's numbers, and the strongest one's curve."""
    assert counted.member is not None, "membership has members"
    others = int((~counted.member).sum())
    told, best = dict[str, str](), ("", -1.0, counted.success[0])
    for name, scores in zip(counted.attackers, counted.success, strict=True):
        one = replace(counted, success=scores[None], attackers=(name,))
        parts = [_rate(one, at) for at in (AT, RARER) if at * (others + 1) >= 1]
        area = estimate(replace(one, kind="auc", chance=0.5, unit="AUC"))
        told[name] = "; ".join([*parts, f"AUC {area.value:.3f} [{area.low:.3f}, {area.high:.3f}]"])
        best = max(best, (name, estimate(one).value, scores), key=lambda known: known[1])
    curve = [f"{100 * at:g} %: {100 * _at(best[2], counted.member, at):.2g} %" for at in CURVE if at * (others + 1) >= 1]
    told[f"members named at so many false alarms, {best[0]}"] = "; ".join(curve)
    return told


def _rate(one: Outcomes, at: float) -> str:
    found = estimate(replace(one, chance=at))
    return f"{100 * found.value:.2g} % [{100 * found.low:.2g}, {100 * found.high:.2g}] at {100 * at:g} % false alarms"


def _at(scores: Floats, member: Bools, at: float) -> float:
    return estimate(Outcomes(scores[None], ("one",), at, "records", "rate", kind="tpr", member=member)).value
