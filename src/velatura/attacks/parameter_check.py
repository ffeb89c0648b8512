"""Are the parameters of an encryption as hard as they are said to be? An estimate that is not the table they were chosen by.

The arm says what a set of parameters costs the best lattice attack, in bits; what is missing to the level that was promised counts. It is an
estimate, reckoned and not played: nobody breaks 128 bits to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from velatura.attacks.attack import Arm, Outcomes

__all__ = ["PROMISED_BITS", "ParameterCheck"]

PROMISED_BITS = 128.0


@dataclass(frozen=True, slots=True)
class ParameterCheck:
    """An `Attack[None, float]`: the arm answers bits. Success: bits that are missing."""

    name: ClassVar[str] = "parameters"
    knowledge: ClassVar[str] = "has ciphertexts and public parameters, and reckons what the best known lattice attack on them costs"

    def play(self, arm: Arm[None, float], secrets: Sequence[Any], rng: Generator, *, budget_s: float) -> Outcomes:
        """See `Attack.play`."""
        bits = arm(None, rng)
        return Outcomes(
            np.array([[max(PROMISED_BITS - min(bits, PROMISED_BITS), 0.0)]]),
            ("primal lattice attack",),
            0.0,
            "sets",
            f"bits short of {PROMISED_BITS:.0f}",
            kind="exact",
            reference="none",
            notes={"estimated": f"{bits:.0f} bits"},
        )
