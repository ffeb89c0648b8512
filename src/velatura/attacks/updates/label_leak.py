"""Which labels has a site? From the update of one round; a batch of one, or how many of each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes
from velatura.attacks.updates.labels import counts_of, nearest_class
from velatura.attacks.updates.update import Batch, Update
from velatura.errors import BadInput

__all__ = ["LabelLeak"]


@dataclass(frozen=True, slots=True)
class LabelLeak:
    """Attackers: guess (one answer for all), last-layer, and template where the update is of one row.

    What counts is the share of a site's rows whose label is in the answer. Who guesses is among them, since noise is read as labels that are rare as
    often as those that are not: that nothing is told is no fault of the attack.
    """

    name: ClassVar[str] = "labels"
    knowledge: ClassVar[str] = "sees what one site sends in one round, and has the model and the job; asks for the labels of the site's rows"

    def play(self, arm: Arm[Batch, Update], secrets: Sequence[Batch], rng: Generator, *, budget_s: float) -> Outcomes:
        """See `Attack`. Units are batches.

        Raises:
            BadInput: `attack.no-rows`: there is no update.
        """
        if not secrets:
            raise BadInput("attack.no-rows", "no updates", hint="one row at least")
        deadline, seeds = Deadline(budget_s), rng.integers(1 << 62, size=(len(secrets), 2))
        right = list[list[float]]()
        for secret, (own, chance) in zip(secrets, seeds, strict=True):
            if deadline.passed() and right:
                break
            update = arm(secret, np.random.default_rng(chance))
            right.append(_right(secret, update, np.random.default_rng(own)))
        kept = secrets[: len(right)]
        names, blind = ("guess", "last-layer", "template")[: 1 + len(right[0])], _blind(kept)
        notes = {"whole answers right": f"{sum(max(one) == 1 for one in right)} of {len(right)}"}
        cut = len(kept) < len(secrets)
        return Outcomes(np.vstack([blind, np.array(right).T]), names, float(blind.mean()), "updates", "label rate", cut=cut, notes=notes)


def _right(secret: Batch, update: Update, rng: Generator) -> list[float]:
    """Share of right labels, of each attacker. A sum of several sites' rows is answered by the labels that most of them have."""
    counts, wanted = counts_of(update, rng), np.bincount(secret.y, minlength=update.classes)
    if len(secret.y) < update.rows:
        counts = np.bincount(np.argsort(-counts, kind="stable")[: len(secret.y)], minlength=update.classes)
    told = [_overlap(counts, wanted)]
    if update.rows == 1:
        told.append(float(nearest_class(update) == secret.y[0]))
    return told


def _overlap(told: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.minimum(told, wanted).sum() / wanted.sum())


def _blind(secrets: Sequence[Batch]) -> NDArray[np.float64]:
    """(units,): what the best one answer for all gets: the most frequent label, or all labels as often as they are."""
    classes = int(max(one.y.max() for one in secrets)) + 1
    wanted = [np.bincount(one.y, minlength=classes) for one in secrets]
    mean = np.mean([one / one.sum() for one in wanted], axis=0)
    most = np.eye(classes)[mean.argmax()]
    each = np.array([[_overlap(one.sum() * guess, one) for one in wanted] for guess in (most, mean)])
    return np.asarray(each[each.mean(1).argmax()])
