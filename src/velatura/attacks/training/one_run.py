"""An audit of epsilon in a single training: canaries that are in or out by a coin, and guesses at the coins from what was released.

What an audit can show has a ceiling: with r guesses, all of them right, log(x / (1 - x)) where x = error^(1/r). A claim above it cannot be refuted by
so many, however broken the mechanism; a delta lowers it further (of 1e-5, with 1,000 canaries and 200 guesses: from 3.35 to 2.60). The report names
the ceiling. Limit: a bound from below, of these canaries.
Source: Steinke, Nasr, Jagielski, "Privacy Auditing with One (1) Training Run", NeurIPS 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, log1p
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Outcomes
from velatura.attacks.one_run_bound import ceiling
from velatura.errors import BadInput, BadSpec

__all__ = ["ERROR", "OneRun", "guesses_for"]

ERROR = 0.001  # at which ceilings are told: findings against a bound are wrong as rarely
LEAST = 20


@dataclass(frozen=True, slots=True)
class OneRun:
    """See the module. Secrets are canaries, whatever they are; the arm takes who of them is in, and gives a score for each: high, where he seems in.

    Attributes:
        share: of the canaries that are guessed at, half of them "in" and half "out"; fixed before anybody looks.
        delta: of the claim.
        claim: epsilon, for the sentence on the ceiling; 0: none.
    """

    share: float = 0.2
    delta: float = 0.0
    claim: float = 0.0
    name: ClassVar[str] = "one-run"
    knowledge: ClassVar[str] = (
        "may put records or sites of his own into the training, each by a coin that he does not see, knows all of them, and sees the final model"
    )

    def play(self, arm: Arm[NDArray[np.bool_], NDArray[np.float64]], secrets: Sequence[Any], rng: Generator, *, budget_s: float) -> Outcomes:
        """One training; the budget cannot cut it.

        Raises:
            BadInput: `attack.canaries`: too few. BadSpec: `attack.share`.
        """
        count = len(secrets)
        if not 0 < self.share <= 1:
            raise BadSpec("attack.share", f"a share of {self.share} of the canaries cannot be guessed at", hint="more than 0, at most 1; .2 is usual")
        each = int(count * self.share / 2)
        if 2 * each < LEAST:
            raise BadInput(
                "attack.canaries", f"{count} canaries allow {2 * each} guesses, which show nothing", hint=f"{int(LEAST / self.share)} or more"
            )
        inside = rng.integers(0, 2, count).astype(bool)
        scores = np.asarray(arm(inside, rng), np.float64)
        if scores.shape != (count,) or not np.isfinite(scores).all():
            raise BadInput("attack.release", "an arm of canaries gives a finite score for each")
        order = np.lexsort((rng.permutation(count), scores))
        right = int((~inside[order[:each]]).sum() + inside[order[-each:]].sum())
        success = np.array([[right, 2 * each, count]], np.float64)
        return Outcomes(success, ("coins",), 0.0, "guesses", "epsilon", kind="coins", delta=self.delta, notes=self._told(2 * each, right, count))

    def _told(self, guesses: int, right: int, canaries: int) -> dict[str, str]:
        most = ceiling(guesses, ERROR, canaries=canaries, delta=self.delta)
        notes = {"right guesses": f"{right} of {guesses}", "ceiling": f"{guesses} guesses, all of them right, show epsilon {most:.2f} and no more"}
        if self.claim and most <= self.claim:
            notes["ceiling"] += f"; to refute {self.claim:g} takes {guesses_for(self.claim, ERROR):,} of them or more"
        return notes


def guesses_for(epsilon: float, error: float) -> int:
    """How many guesses, all of them right, refute an epsilon."""
    return int(np.ceil(log(1 / error) / log1p(exp(-epsilon))))
