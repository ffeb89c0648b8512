"""What the layout search charges for an operation, in milliseconds: SEAL's measured shape, one machine's factors.

Rotations and relinearisations grow as l (l + 1) with l primes left, all else linearly (notes: cost of the default engine, N = 8192 and 16384). Only
ratios matter here; `cost` predicts whole programs.
"""

from __future__ import annotations

from math import log2

__all__ = ["Prices", "prices"]


class Prices:
    """Prices at one number of slots."""

    def __init__(self, slots: int) -> None:
        n = 2 * slots
        self._key_switch: float = 0.155 * (n / 8192) ** 0.8 * (log2(n) / 13)
        self._linear = 0.055 * n / 8192

    def rotate(self, level: int) -> float:
        return self._key_switch * level * (level + 1)

    def weigh(self, level: int) -> float:
        """One product with a plain vector, added."""
        return self._linear * level * 1.25

    def rescale(self, level: int) -> float:
        return 4 * self._linear * level


def prices(slots: int) -> Prices:
    return Prices(slots)
