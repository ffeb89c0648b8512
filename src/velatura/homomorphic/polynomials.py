"""A polynomial, element by element, in as few levels as its degree allows.

A square is one product. Anything else goes through powers T_1, T_2, T_4 ... (of x itself or Chebyshev's, T_2k = 2 T_k^2 - 1) and is divided by the
greatest of them again and again: p = q T_g + r. Depth is ceil(log2(degree + 1)), after Paterson and Stockmeyer (SIAM J. Comput. 2, 1973) in the
form that Chen, Chillotti and Song (EUROCRYPT 2019) use for Chebyshev series.
"""

from __future__ import annotations

from math import ceil, log2
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.homomorphic.graph import Polynomial
from velatura.homomorphic.layout import Layout
from velatura.homomorphic.program import ProgramBuilder, Ref

__all__ = ["TINY", "depth", "emit"]

Floats: TypeAlias = NDArray[np.float64]
TINY = 2.0**-20
"""Stands for a slope of zero, which no engine can multiply by."""


def depth(node: Polynomial) -> int:
    """Levels that it takes, the division by the radius apart (it is one more where `scaled`)."""
    if _is_square(node):
        return 1
    if node.degree <= 1:
        return 1
    return ceil(log2(node.degree + 1)) + (node.radius not in (None, 1.0))


def emit(builder: ProgramBuilder, node: Polynomial, layout: Layout, inputs: list[Ref]) -> list[Ref]:
    """One ciphertext for each of the input's, in the same layout."""
    return [_one(builder, node, layout, number, of) for number, of in enumerate(inputs)]


def _is_square(node: Polynomial) -> bool:
    c = node.coefficients
    return node.radius is None and node.degree == 2 and bool(np.all(c[2] == 1) and np.all(c[1] == 0))


def _one(builder: ProgramBuilder, node: Polynomial, layout: Layout, number: int, of: Ref) -> Ref:
    rows = [_spread(row, layout, number) for row in node.coefficients]
    if _is_square(node):
        return builder.shift(builder.multiply([(of, of)]), rows[0])
    if node.radius is not None and (node.radius != 1.0 or not layout.clean):  # a slot beside the elements may lie far outside: it is cleared
        inside = np.where(layout.table[number] >= 0, 1 / node.radius, 0.0)
        of = builder.weigh([(of, inside)], scale=builder.new_scale())
    powers = _Powers(builder, of, chebyshev=node.radius is not None)
    return powers.value(rows)


def _spread(row: Floats, layout: Layout, number: int) -> Floats:
    """Coefficients as a vector over the slots; the same for all elements as one number (then garbage is treated like a value)."""
    if len(row) == 1:
        return row.copy()
    vector = np.zeros(layout.slots)
    table = layout.table[number]
    vector[table >= 0] = row[table[table >= 0]]
    return vector


class _Powers:
    """Powers of one ciphertext, made when they are asked for, and polynomials in them."""

    def __init__(self, builder: ProgramBuilder, of: Ref, *, chebyshev: bool) -> None:
        self._builder, self._chebyshev = builder, chebyshev
        self._made = {1: of}

    def power(self, number: int) -> Ref:
        """`number`: a power of two."""
        if number not in self._made:
            half = self.power(number // 2)
            square = self._builder.multiply([(half, half)])
            if self._chebyshev:
                square = self._builder.shift(self._builder.add([square, square]), np.full(1, -1.0))
            self._made[number] = square
        return self._made[number]

    def value(self, rows: list[Floats]) -> Ref:
        """The polynomial with these coefficients."""
        while len(rows) > 2 and not np.any(rows[-1]):
            rows = rows[:-1]
        if len(rows) <= 2:
            return self._linear(rows)
        greatest = 1 << ((len(rows) - 1).bit_length() - 1)
        quotient, remainder = self._divide(rows, greatest)
        if len(quotient) == 1:  # a constant times a power
            high = self._builder.weigh([(self.power(greatest), quotient[0])], scale=self._builder.new_scale())
        else:
            high = self._builder.multiply([(self.value(quotient), self.power(greatest))])
        if not any(np.any(row) for row in remainder[1:]):
            return self._builder.shift(high, remainder[0])
        return self._builder.add([high, self._matched(remainder, high)])

    def _linear(self, rows: list[Floats], like: Ref | None = None) -> Ref:
        slope = rows[1] if len(rows) > 1 and np.any(rows[1]) else np.full(1, TINY)
        scale = 0 if like is not None else self._builder.new_scale()
        return self._builder.shift(self._builder.weigh([(self._made[1], slope)], scale=scale, like=like), rows[0])

    def _matched(self, rows: list[Floats], like: Ref) -> Ref:
        """A polynomial of lower degree at the scale of another step: it has a level to spare for that, except where it is linear and needs none."""
        while len(rows) > 2 and not np.any(rows[-1]):
            rows = rows[:-1]
        return self._linear(rows, like) if len(rows) == 2 else self._builder.weigh([(self.value(rows), np.ones(1))], like=like)

    def _divide(self, rows: list[Floats], by: int) -> tuple[list[Floats], list[Floats]]:
        """p = q T_by + r, slot by slot."""
        width = max(len(row) for row in rows)
        matrix = np.stack([np.broadcast_to(row, width) for row in rows])
        if not self._chebyshev:
            return list(matrix[by:]), list(matrix[:by])
        # T_by T_k = (T_(by+k) + T_(by-k)) / 2: the coefficients above `by` are doubled and reflected
        quotient = matrix[by:].copy()
        quotient[1:] *= 2
        remainder = matrix[:by].copy()
        for k in range(1, len(quotient)):
            remainder[by - k] -= quotient[k] / 2
        return list(quotient), list(remainder)
