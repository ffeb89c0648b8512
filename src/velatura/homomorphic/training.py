"""One step of a linear classifier's training as a program: the pull of the present weights on every row, summed over the rows.

    pull(w) = sum over rows of x P(x . w / r),      P the odd part of a polynomial sigmoid: sigma(t) ~ 1/2 + P(t / r) for |t| <= r

The gradient of the log-likelihood is sum x (y - 1/2) minus that. The first sum holds the labels, is the same in every step and stays with the owner.
Columns lie one after the other, slot = feature * rows + row (Kim et al. 2018 turned by a quarter): the fold over features is cyclic over the whole
ciphertext, so x . w arrives in every slot without a mask and without a way back. Three levels at degree 3, four at degree 7.

Nothing wraps: |x . w| <= |x| |w| (Cauchy, Schwarz), and the owner keeps rows and weights within norms whose product is the radius r that P was
fitted for. A prototype that reckoned a sum over rows without that lost thirty points of accuracy, without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from velatura.errors import Unsupported
from velatura.homomorphic.fitting import interpolant
from velatura.homomorphic.graph import ACTIVATIONS
from velatura.homomorphic.parameters import MAX_LOG_QP
from velatura.homomorphic.program import Program, ProgramBuilder, Ref
from velatura.homomorphic.ranges import Interval, Ranges, proven
from velatura.homomorphic.search import Found, search

__all__ = [
    "DEGREES",
    "LOGIT",
    "Columns",
    "Odd",
    "box",
    "chosen",
    "drawn",
    "greatest_sum",
    "half_sigmoid",
    "layouts",
    "logit",
    "odd_values",
    "over_rows",
    "pull",
    "pull_program",
    "pull_ranges",
]

Floats: TypeAlias = NDArray[np.float64]
DEGREES = tuple(n for n in MAX_LOG_QP if 4096 <= n <= 32768)
MOST_NUMBERS = 1 << 20
"""Of a table, padded. The search for primes took 34 s and 1.3 GB with so many."""
Odd: TypeAlias = tuple[float, ...]
"""Coefficients of the odd powers, lowest first."""
LOGIT, _SUM = "logit", "sum"


@dataclass(frozen=True)
class Columns:
    """How a table lies in ciphertexts.

    Args:
        slots: of a ciphertext.
        features: columns of the table, its constant included.
        samples: rows of the table.
    """

    slots: int
    features: int
    samples: int

    @cached_property
    def width(self) -> int:
        """Columns of a ciphertext: the power of two above the features."""
        return 1 << (self.features - 1).bit_length()

    @cached_property
    def rows(self) -> int:
        """Rows of a ciphertext; none where a row does not fit."""
        return self.slots // self.width

    @cached_property
    def ciphertexts(self) -> int:
        return -(-self.samples // self.rows)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """(features, 2) output and slot of each feature's sum: the last row of its column, far from slot 0, where key switching is noisiest."""
        return np.stack([np.zeros(self.features, np.int64), np.arange(1, self.features + 1) * self.rows - 1], axis=1)

    def pack(self, x: Floats) -> Floats:
        """(ciphertexts, slots) of (samples, features)."""
        table = np.zeros((self.ciphertexts * self.rows, self.width))
        table[: self.samples, : self.features] = x
        return np.ascontiguousarray(table.reshape(self.ciphertexts, self.rows, self.width).transpose(0, 2, 1)).reshape(self.ciphertexts, self.slots)

    def spread(self, w: Floats) -> Floats:
        """(slots,) of (features,) weights: each fills its column."""
        return np.repeat(np.pad(w, (0, self.width - self.features)), self.rows)


def layouts(features: int, samples: int, *, classes: int = 1) -> list[Columns]:
    """A table at each degree that takes it. `classes`: that a step handles at once.

    Raises:
        Unsupported: `he.table`.
    """
    tried = (Columns(n // 2, features, samples) for n in DEGREES)
    found = [columns for columns in tried if columns.rows > 1 and columns.ciphertexts * columns.slots * classes <= MOST_NUMBERS]
    if not found:
        raise Unsupported(
            "he.table",
            f"{samples} rows of {features} features are more than a step takes",
            hint=f"rows x features (the next power of two) x classes with a softmax: {MOST_NUMBERS} at most; train on a sample of the rows",
        )
    return found


def half_sigmoid(radius: float, degree: int) -> Odd:
    """P's coefficients of u, u^3, .., u^degree; the interpolant of sigma(radius u) - 1/2 over [-1, 1]."""
    # odd: an even degree adds a point, and no term
    powers = chebyshev.cheb2poly(interpolant(lambda u: ACTIVATIONS["sigmoid"](radius * u) - 0.5, 1.0, degree + 1))
    return tuple(float(one) for one in powers[1 : degree + 1 : 2])


def odd_values(odd: Odd, u: Floats) -> Floats:
    """P(u)."""
    result: Floats = u * np.polynomial.polynomial.polyval(u * u, odd)
    return result


def pull(x: Floats, w: Floats, odd: Odd, radius: float) -> Floats:
    """What the program computes, in float64: (features, classes) of x (samples, features) and w (features, classes)."""
    result: Floats = x.T @ odd_values(odd, x @ w / radius)
    return result


def pull_program(columns: Columns, odd: Odd) -> Program:
    """Source 0: the table's ciphertexts; source 1: one class's weights, divided by the radius, spread. One output."""
    builder = ProgramBuilder(columns.slots)
    w, slope = builder.take(0, 1), builder.new_scale()
    pairs: list[tuple[Ref, Ref]] = []
    rest: list[tuple[Ref, Floats]] = []
    for number in range(columns.ciphertexts):
        x = builder.take(number)
        u = logit(builder, columns, x, w)
        builder.layer = "polynomial"
        xu = builder.multiply([(builder.weigh([(x, np.full(1, odd[-1]))], scale=slope), u)])
        square = builder.multiply([(u, u)])
        if len(odd) == 2:  # a u + b u^3 = b u (u^2 + a/b)
            pairs.append((xu, builder.shift(square, np.full(1, odd[0] / odd[1]))))
            continue
        one, other, left = _cubic(odd)
        pairs.append((builder.multiply([(xu, builder.shift(square, one))]), builder.shift(builder.multiply([(square, square)]), other)))
        rest.append((xu, left))
    total = builder.multiply(pairs)  # all rows are relinearised once
    parts = [total, builder.weigh(rest, like=total)] if rest else [total]
    builder.layer = _SUM
    return builder.build([over_rows(builder, columns, builder.add(parts))])


def pull_ranges(columns: Columns, odd: Odd, program: Program, *, norm: float, largest: float) -> Ranges:
    """Proven for rows of norm `norm` and elements of `largest` at most, and weights of norm radius / `norm` at most."""
    inputs = {(0, number): box(columns, largest) for number in range(columns.ciphertexts)} | {(1, 0): box(columns, 1 / norm)}
    return proven(program, inputs, known={LOGIT: 1.0, _SUM: greatest_sum(columns, odd, largest=largest)})


def greatest_sum(columns: Columns, odd: Odd, *, largest: float) -> float:
    """What no sum over rows passes, whatever rows and weights within the bounds are."""
    slope = np.zeros(2 * len(odd) - 1)
    slope[::2] = np.array(odd) * np.arange(1, 2 * len(odd), 2)
    turns = np.roots(slope[::-1])
    inside = turns.real[(np.abs(turns.imag) < 1e-9) & (np.abs(turns.real) < 1)]
    return columns.samples * largest * float(np.max(np.abs(odd_values(odd, np.append(inside, 1.0)))))


def chosen(features: int, samples: int, odd: Odd, *, norm: float, largest: float, error: float, seed: int = 0) -> tuple[Columns, Program, Found]:
    """Layout, program, primes and scales of the least degree whose predicted error, relative to the greatest sum, is at most `error`.

    They are found on rows drawn at random within the bounds: nothing but the bounds is told by them.

    Raises:
        Unsupported: `he.table`; `he.depth` where no degree will do.
    """
    for columns in layouts(features, samples):
        program = pull_program(columns, odd)
        ranges = pull_ranges(columns, odd, program, norm=norm, largest=largest)
        try:
            found = search(program, drawn(columns, norm=norm, largest=largest, seed=seed), columns.places, ranges, seed=seed)
        except Unsupported as refusal:
            if refusal.code != "he.depth":
                raise
            continue
        if found.error <= error:
            return columns, program, found
    raise Unsupported(
        "he.depth",
        f"no degree up to {DEGREES[-1]} gives sums over {samples} rows of {features} features with an error of {error:g}",
        hint="fewer rows or features, a polynomial of degree 3, or allow a greater error",
    )


def _cubic(odd: Odd) -> tuple[Floats, Floats, Floats]:
    """p, q, r of a + b s + c s^2 + d s^3 = d ((s + p) (s^2 + q) + r): one level less than powers one by one."""
    a, b, c, d = odd
    return np.full(1, c / d), np.full(1, b / d), np.full(1, a / d - c / d * b / d)


def logit(builder: ProgramBuilder, columns: Columns, x: Ref, w: Ref) -> Ref:
    """x . w / r of each row, in every column."""
    builder.layer = LOGIT
    return _doubled(builder, builder.multiply([(x, w)]), [columns.rows << k for k in range((columns.width - 1).bit_length())])


def over_rows(builder: ProgramBuilder, columns: Columns, of: Ref) -> Ref:
    """The sum over each column, in its last row; the other rows hold sums over parts of two columns."""
    return _doubled(builder, of, [-(1 << k) for k in range((columns.rows - 1).bit_length())])


def _doubled(builder: ProgramBuilder, of: Ref, shifts: Sequence[int]) -> Ref:
    for by in shifts:
        of = builder.add([builder.rotate(of, by), of])
    return of


def box(columns: Columns, most: float) -> Interval:
    """Every slot within `most`."""
    return Interval(np.full(columns.slots, -most), np.full(columns.slots, most))


def drawn(columns: Columns, *, norm: float, largest: float, seed: int, draws: int = 2) -> dict[tuple[int, int], Floats]:
    """Inputs of the program at random within the bounds: no row of anybody."""
    rng = np.random.default_rng(seed)
    tables, weights = [], []
    for _ in range(draws):
        x = np.clip(_of_norm(rng.normal(size=(columns.samples, columns.features)), norm), -largest, largest)
        tables.append(columns.pack(x))
        weights.append(columns.spread(_of_norm(rng.normal(size=columns.features), 1 / norm)))
    stacked = np.stack(tables)
    return {(0, number): stacked[:, number] for number in range(columns.ciphertexts)} | {(1, 0): np.stack(weights)}


def _of_norm(vectors: Floats, norm: float) -> Floats:
    result: Floats = vectors * (norm / np.linalg.norm(vectors, axis=-1, keepdims=True))
    return result
