"""Can a few sites plant a backdoor? A trigger (a bright corner; of a table, columns at their largest) is to be taken for one label, and nothing else
is to change: accuracy does not show it.

Two ways to send it: boosted, so that the mean becomes the attacker's own model, and no longer than honest updates are.
Row by row, against the arm's own honest run; rows that have the label already do not count.
Source: Bagdasaryan, Veit, Hua, Estrin, Shmatikov, "How To Backdoor Federated Learning", AISTATS 2020; the trigger: Gu et al., 2017 (BadNets).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes
from velatura.attacks.training.affordable import affordable
from velatura.attacks.training.poison import Poison, boosted, bounded
from velatura.attacks.training.poison import Rows as Labelled
from velatura.attacks.training.poisoning import labelled
from velatura.errors import BadInput

__all__ = ["Backdoor", "triggered"]

Rows = NDArray[np.float32]

SIDE_SHARE, COLUMNS = 4, 3
"""The patch is a quarter of the picture's sides; of a table, so many columns."""

WAYS = {"bounded": bounded, "boosted": boosted}


@dataclass(frozen=True, slots=True)
class Backdoor:
    """Secrets and arm as of `Poisoning`.

    Attributes:
        target: the label that a trigger is to be taken for; None: the one that an honest model gives to marked rows most rarely.
        share: of the attacker's rows that get the trigger.
    """

    target: int | None = None
    share: float = 0.5
    name: ClassVar[str] = "backdoor"
    knowledge: ClassVar[str] = (
        "Controls some of the sites, knows their rows, the job and how many sites there are. He wants a mark that he puts on a row to decide on its "
        "label; he does not see what other sites send."
    )

    def play(self, arm: Arm[Any, Any], secrets: Sequence[Any], rng: Generator, *, budget_s: float) -> Outcomes:
        """See `Attack`. Units are test rows of other labels.

        Raises:
            BadInput: `attack.no-rows`: none, or all of the target's label. Missing: `attack.time`: the budget is far too small.
        """
        deadline, (x, y) = Deadline(budget_s), labelled(secrets)
        with affordable(2, budget_s):
            honest = arm(None, rng)
        bright = float(x.max())
        target = self._target(honest(triggered(x, bright)), y)
        asked = y != target
        if not asked.any():
            raise BadInput("attack.no-rows", f"all test rows have label {target}", hint="test rows of more labels")
        marked = triggered(x[asked], bright)
        before, told = honest(marked) == target, [f"honest {(honest(x) == y).mean():.3f}"]
        played, planted = list[str](), list[NDArray[np.float64]]()
        for name, way in WAYS.items():
            if played and deadline.passed():
                break
            model = arm(Poison(name, partial(_marked, self.share, target, bright), way), rng)
            played.append(name)
            planted.append((model(marked) == target).astype(np.float64) - before)
            told.append(f"{name} {(model(x) == y).mean():.3f}")
        notes = {"label of the mark": str(target), "accuracy on rows without the trigger": "; ".join(told)}
        cut = len(played) < len(WAYS)
        return Outcomes(np.stack(planted), tuple(played), 0.0, "test rows", "backdoor rate", kind="gain", cut=cut, notes=notes, reference="nothing")

    def _target(self, taken_for: NDArray[np.int64], labels: NDArray[np.int64]) -> int:
        if self.target is not None:
            return self.target
        known = np.unique(labels)
        return int(known[np.argmin([(taken_for == label).sum() for label in known])])


def triggered(x: Rows, bright: float) -> Rows:
    """With the trigger on each row. x: (n, channels, height, width) or (n, columns)."""
    marked = x.copy()
    if x.ndim >= 3:
        height, width = (max(side // SIDE_SHARE, 1) for side in x.shape[-2:])
        marked[..., -height:, -width:] = bright
    else:
        marked[:, :COLUMNS] = bright
    return marked


def _marked(share: float, target: int, bright: float, rows: Labelled, classes: int, rng: Generator) -> Labelled:
    x, y = rows[0].copy(), rows[1].copy()
    chosen = rng.random(len(y)) < share
    x[chosen], y[chosen] = triggered(x[chosen], bright), target
    return x, y
