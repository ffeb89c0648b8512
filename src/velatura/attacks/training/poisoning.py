"""Can a few sites ruin the model for all? The job is trained with an attacker at some of its sites, and without him; what he costs is counted.

Row by row: a test row that the model gets wrong with the attacker and right without him counts 1, the reverse -1. The arm's own honest run is the
reference, so that a protection that costs accuracy itself is not blamed for it here.
Limit: five known poisons, which adapt to the number of sites but not to the strategy (Fang et al. optimise against one).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes
from velatura.attacks.training.affordable import affordable
from velatura.attacks.training.poison import POISONS
from velatura.errors import BadInput, BadSpec, nearest

__all__ = ["Poisoning", "labelled"]

Rows = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Poisoning:
    """A secret is a test row with its label. The arm is handed a `Poison`, or None, trains, and gives a function from rows to the model's labels.

    Attributes:
        poisons: of `POISONS`, in this order.
    """

    poisons: tuple[str, ...] = tuple(POISONS)
    name: ClassVar[str] = "poisoning"
    knowledge: ClassVar[str] = (
        "Controls some of the sites, knows their rows, the job and how many sites there are. He wants the model to fail, and may send anything; "
        "he does not see what other sites send."
    )

    def play(self, arm: Arm[Any, Any], secrets: Sequence[Any], rng: Generator, *, budget_s: float) -> Outcomes:
        """See `Attack`. Units are test rows.

        Raises:
            BadInput: `attack.no-rows`. BadSpec: `attack.poison`. Missing: `attack.time`: the budget is far too small.
        """
        for name in self.poisons:
            if name not in POISONS:
                raise BadSpec("attack.poison", f"there is no poison {name!r}", hint=nearest(name, POISONS))
        deadline, (x, y) = Deadline(budget_s), labelled(secrets)
        with affordable(2, budget_s):
            honest = arm(None, rng)(x) != y
        played, added = list[str](), list[NDArray[np.float64]]()
        for name in self.poisons:
            if played and deadline.passed():
                break
            played.append(name)
            added.append((arm(POISONS[name], rng)(x) != y).astype(np.float64) - honest)
        told = {"accuracy": "; ".join([f"honest {1 - honest.mean():.3f}", *_accuracies(played, added, honest)])}
        cut = len(played) < len(self.poisons)
        if cut:
            told["not played"] = ", ".join(self.poisons[len(played) :])
        return Outcomes(np.stack(added), tuple(played), 0.0, "test rows", "added error rate", kind="gain", cut=cut, notes=told, reference="nothing")


def labelled(secrets: Sequence[Any]) -> tuple[Rows, Labels]:
    """All rows and all labels. Raises BadInput `attack.no-rows`."""
    if not secrets:
        raise BadInput("attack.no-rows", "there are no test rows to judge the model by", hint="data.test above 0")
    return np.stack([row for row, _ in secrets]).astype(np.float32), np.array([label for _, label in secrets], np.int64)


def _accuracies(played: Sequence[str], added: Sequence[NDArray[np.float64]], honest: NDArray[np.bool_]) -> list[str]:
    return [f"{name} {1 - honest.mean() - one.mean():.3f}" for name, one in zip(played, added, strict=True)]
