"""A guest in which no probe can make its call: what a verification must not take for a cell that holds."""

from __future__ import annotations

from velatura.sandbox.escapes import numbers
from velatura.sandbox.layers import Idle


class Blinded(Idle):
    """Forgets the number of every call."""

    def warm(self) -> None:
        numbers.NUMBERS.update(dict.fromkeys(numbers.NUMBERS, (9999, 9999)))
