"""Whether the time allows for an attack that trains: known after its first training, and told rather than overrun by hours."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from velatura.errors import Missing

__all__ = ["affordable"]

GRACE_S = 60.0


@contextmanager
def affordable(trainings: int, budget_s: float) -> Iterator[None]:
    """Around the first training.

    Args:
        trainings: that the attack needs at least, this one among them.

    Raises:
        Missing: `attack.time`: they would take more than a minute beyond the budget.
    """
    begun_s = time.monotonic()
    yield
    each_s = time.monotonic() - begun_s
    if trainings * each_s > budget_s + GRACE_S:
        told = f"one training takes {each_s:.0f} s, and this attack needs {trainings} at least"
        raise Missing("attack.time", told, hint=f"{trainings * each_s:.0f} s for each side of it, or a job of fewer rounds")
