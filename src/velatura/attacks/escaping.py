"""Does anything get out? Every way out that the room's own list knows is tried from inside; one that is open breaks the promise.

The arm tries them and says which were open; those that do not work outside of any confinement either prove nothing, and are left out of both arms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from velatura.attacks.attack import Arm, Outcomes

__all__ = ["Escapes"]

MOST_NAMED = 12


@dataclass(frozen=True, slots=True)
class Escapes:
    """An `Attack[None, Mapping[str, bool]]`: probe -> whether it was open. Success: 1 where any was.

    Attributes:
        unproven: names of probes that do not work outside either, once the arms have played; the report says so.
    """

    unproven: Callable[[], Sequence[str]] = tuple
    name: ClassVar[str] = "escapes"
    knowledge: ClassVar[str] = (
        "runs code of his own in the process that works on secrets, before and after it is locked, and tries everything on a list of ways out"
    )

    def play(self, arm: Arm[None, Mapping[str, bool]], secrets: Sequence[Any], rng: Generator, *, budget_s: float) -> Outcomes:
        """See `Attack.play`."""
        tried = arm(None, rng)
        found = sorted(name for name, is_open in tried.items() if is_open)
        told = ", ".join(found[:MOST_NAMED]) + (f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else "")
        return Outcomes(
            np.array([[float(bool(found))]]),
            ("any of them",),
            0.0,
            "runs",
            "escape rate",
            kind="proof",
            reference="a guess",
            notes={"ways out that were tried": f"{len(tried)}", "open": told or "none"} | self._left_out(),
        )

    def _left_out(self) -> dict[str, str]:
        names = sorted(self.unproven())
        return {"left out, since they work nowhere here": ", ".join(names)} if names else {}
