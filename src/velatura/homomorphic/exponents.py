"""Levels and scales with the primes unknown: log2 of each step's scale as a whole-number combination of the bits that a search may choose.

The unknowns v: bits of the data primes in the order of the chain, bits of the special prime, log2 of the free scales. It is `levels.plan` in
logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.homomorphic.program import Add, Multiply, Program, Rotate, Shift, Take, Weigh, reads, spends

__all__ = ["Exponents", "Row", "exponents", "limits"]

Row: TypeAlias = tuple[int, ...]
"""One whole number for each unknown."""


@dataclass(frozen=True, slots=True)
class Exponents:
    """
    Args:
        primes: data primes; then the special one, then `scales` scales.
        level: data primes left of each step's result.
        scale, raw: for each step the row whose product with v is log2 of its scale; `raw` before it is rescaled.
    """

    primes: int
    scales: int
    level: tuple[int, ...]
    scale: tuple[Row, ...]
    raw: tuple[Row, ...]

    @property
    def unknowns(self) -> int:
        return self.primes + 1 + self.scales

    def unit(self, number: int) -> Row:
        return tuple(int(k == number) for k in range(self.unknowns))

    def left(self, level: int) -> Row:
        """log2 of the modulus at a level."""
        return tuple(int(k < level) for k in range(self.unknowns))

    def digits(self, level: int, scale: Row) -> list[Row]:
        """(q / P)^2 / scale^2 for each data prime q left."""
        special = self.unit(self.primes)
        return [self.times(self.minus(self.minus(self.unit(k), special), scale), 2) for k in range(level)]

    @staticmethod
    def times(row: Row, by: int) -> Row:
        return tuple(by * one for one in row)

    @staticmethod
    def plus(a: Row, b: Row) -> Row:
        return tuple(x + y for x, y in zip(a, b, strict=True))

    @staticmethod
    def minus(a: Row, b: Row) -> Row:
        return tuple(x - y for x, y in zip(a, b, strict=True))


def exponents(program: Program, primes: int) -> Exponents:
    """For a chain of `primes` data primes: at least `program.depth` + 1."""
    bare = Exponents(primes, program.scales, (), (), ())
    zero: Row = (0,) * bare.unknowns
    level: list[int] = []
    scale: list[Row] = []
    raw: list[Row] = []
    for step in program.steps:
        below = min((level[ref] for ref in reads(step)), default=primes)
        before = zero
        match step:
            case Take():
                here, now = primes, bare.unit(primes + 1)
            case Rotate(of=of) | Shift(of=of):
                here, now = below, scale[of]
            case Add(of=refs):
                here, now = below, scale[refs[0]]
            case Weigh():
                here = below - spends(step)
                now = scale[step.like] if step.like is not None else bare.unit(primes + 1 + step.scale)
                before = now if step.lazy else bare.plus(now, bare.unit(here))
            case Multiply(pairs=pairs):
                here = below - 1
                before = bare.plus(scale[pairs[0][0]], scale[pairs[0][1]])
                now = bare.minus(before, bare.unit(here))
        level.append(here)
        scale.append(now)
        raw.append(before)
    return Exponents(primes, program.scales, tuple(level), tuple(scale), tuple(raw))


def limits(program: Program, of: Exponents, peak: NDArray[np.float64]) -> dict[tuple[int, Row], float]:
    """(level, scale) -> greatest |value| that occurs there, one at least: a scale beyond the modulus is refused whatever the value."""
    found: dict[tuple[int, Row], float] = {}
    for ref, step in enumerate(program.steps):
        places = [(of.level[ref], of.scale[ref], peak[ref])]
        if not isinstance(step, Rotate | Shift | Take):  # what is dropped to a lower level has to fit there
            at = of.level[ref] + spends(step)
            places += [(at, of.scale[below], peak[below]) for below in reads(step) if of.level[below] > at]
        for where_level, row, greatest in places:
            found[where_level, row] = max(found.get((where_level, row), 1.0), float(greatest))
    return found
