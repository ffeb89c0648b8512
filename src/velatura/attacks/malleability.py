"""Answers under homomorphic encryption that are changed on their way: whoever holds a ciphertext can add to what it holds, without a key.

He adds to the score of a class that he likes; who decrypts is told it. No digest stands against this, since he makes it anew. It is how such
encryption works: integrity needs another means (a server that is attested, a second computation), so the result is stated and not judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes

__all__ = ["Forgery", "Malleability"]

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Forgery:
    """One answer on its way.

    Attributes:
        x: (elements,), what was asked.
        shift: (outputs,), what is added to the scores under encryption; zeros: the honest answer.
    """

    x: Floats
    shift: Floats


@dataclass(frozen=True, slots=True)
class Malleability:
    """An `Attack[Forgery, int]`: the arm answers the label that the owner is told, -1 where the message is refused.

    Attributes:
        outputs: scores of the model.
        reach: more than two scores lie apart.
    """

    outputs: int
    reach: float
    name: ClassVar[str] = "malleability"
    knowledge: ClassVar[str] = "is the server, or stands before it: has the ciphertexts, the public parameters and the wire format; no secret key"

    def play(self, arm: Arm[Forgery, int], secrets: Sequence[Floats], rng: Generator, *, budget_s: float) -> Outcomes:
        """Share of answers in which the owner is told the label that the attacker chose, and not the model's; see `Attack.play`."""
        deadline, told, refused = Deadline(budget_s), list[float](), 0
        for x in secrets:
            if told and deadline.passed():
                break
            honest = arm(Forgery(x, np.zeros(self.outputs)), rng)
            wanted, shift = self._shift(honest, rng)
            said = arm(Forgery(x, shift), rng)
            refused += said < 0
            told.append(float(said == wanted))
        return Outcomes(
            np.array([told]),
            ("an added number",),
            0.0,
            "answers",
            "forgery rate",
            cut=len(told) < len(secrets),
            reference="an honest server",
            notes={"refused": f"{refused} of {len(told)}"},
        )

    def _shift(self, honest: int, rng: Generator) -> tuple[int, Floats]:
        if self.outputs == 1:
            wanted = 1 - honest
            return wanted, np.array([self.reach if wanted else -self.reach])
        wanted = int((honest + rng.integers(1, self.outputs)) % self.outputs)
        return wanted, self.reach * (np.arange(self.outputs) == wanted)
