"""What the layout search charges for an operation, in milliseconds: SEAL's measured shape, one machine's factors.

A rotation or relinearisation is a constant and a part that grows as l (l + 1) with l primes left, all else grows linearly (measured at N = 8192 and
16384, one core). Only ratios matter here; `cost` predicts whole programs, with factors of the machine at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

__all__ = ["Prices", "prices"]


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices at one degree: `unit` is its ratio to 8192."""

    unit: float

    def rotate(self, level: int) -> float:
        return self.unit * (0.55 + 0.13 * level * (level + 1))

    def weigh(self, level: int) -> float:
        """One product with a plain vector, added."""
        return self.unit * 0.07 * level

    def rescale(self, level: int) -> float:
        return self.unit * 0.22 * level


@cache
def prices(slots: int) -> Prices:
    return Prices(slots / 4096)
