"""What the layout search charges for an operation, in milliseconds: SEAL's measured shape, one machine's factors.

A rotation or relinearisation is a constant and a part that grows as l (l + 1) with l primes left, all else grows linearly (measured at N = 8192 and
16384, one core). Only ratios matter here; `cost` predicts whole programs, with factors of the machine at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from velatura.homomorphic.program import Multiply, Program, Rotate, Weigh

__all__ = ["Prices", "prices", "program_ms"]


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


def program_ms(program: Program) -> float:
    """Of a whole program on the shortest chain it fits, in the milliseconds of this table."""
    price, top = prices(program.slots), program.depth + 1
    total = 0.0
    for step, depth in zip(program.steps, program.depths(), strict=True):
        level = top - depth
        match step:
            case Rotate():
                total += price.rotate(level)
            case Weigh():
                total += len(step.terms) * price.weigh(level + 1) + price.rescale(level + 1)
            case Multiply():
                total += price.rotate(level + 1) + price.rescale(level + 1) + 2 * len(step.pairs) * price.weigh(level + 1)
    return total
