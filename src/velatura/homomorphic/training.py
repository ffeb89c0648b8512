"""One step of a linear classifier's training as a program: the pull of the present weights on every row, summed over the rows.

    pull(w) = sum over rows of x P(x . w),      P the odd part of a polynomial sigmoid: sigma(t) ~ 1/2 + P(t)

The gradient of the log-likelihood is sum x (y - 1/2) minus that. The first sum holds the labels, is the same in every step and stays with the owner.
Columns lie one after the other, slot = feature * rows + row (Kim et al. 2018 turned by a quarter): the fold over features is cyclic over the whole
ciphertext, so x . w arrives in every slot without a mask and without a way back. Three levels.

Nothing wraps: |x . w| <= |x| |w| (Cauchy, Schwarz), and the owner keeps rows and weights within norms whose product is the radius that P was fitted
for. A prototype that reckoned a sum over rows without that lost thirty points of accuracy, without a word.
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

__all__ = ["Columns", "chosen", "greatest_sum", "half_sigmoid", "pull", "pull_program", "pull_ranges"]

Floats: TypeAlias = NDArray[np.float64]
DEGREES = tuple(n for n in MAX_LOG_QP if 4096 <= n <= 32768)
_LOGIT, _SUM = "logit", "sum"


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


def half_sigmoid(radius: float) -> tuple[float, float]:
    """a, b of P(t) = a t + b t^3, the interpolant of sigma(t) - 1/2 over [-radius, radius]."""
    powers = chebyshev.cheb2poly(interpolant(lambda t: ACTIVATIONS["sigmoid"](t) - 0.5, radius, 4))  # odd: an even degree adds a point, and no term
    return float(powers[1] / radius), float(powers[3] / radius**3)


def pull(x: Floats, w: Floats, odd: tuple[float, float]) -> Floats:
    """What the program computes, in float64: (features, classes) of x (samples, features) and w (features, classes)."""
    t = x @ w
    result: Floats = x.T @ (odd[0] * t + odd[1] * t**3)
    return result


def pull_program(columns: Columns, odd: tuple[float, float]) -> Program:
    """Source 0: the table's ciphertexts; source 1: one class's weights, spread. One output."""
    builder = ProgramBuilder(columns.slots)
    w, slope = builder.take(0, 1), builder.new_scale()
    pairs: list[tuple[Ref, Ref]] = []
    for number in range(columns.ciphertexts):
        x = builder.take(number)
        t = _logit(builder, columns, x, w)
        builder.layer = "square"
        square = builder.shift(builder.multiply([(t, t)]), np.full(1, odd[0] / odd[1]))
        builder.layer = "slope"
        pairs.append((builder.multiply([(builder.weigh([(x, np.full(1, odd[1]))], scale=slope), t)]), square))
    builder.layer = _SUM
    return builder.build([_over_rows(builder, columns, builder.multiply(pairs))])  # all rows are relinearised once


def pull_ranges(columns: Columns, odd: tuple[float, float], program: Program, *, radius: float, norm: float, largest: float) -> Ranges:
    """Proven for rows of norm `norm` and elements of `largest` at most, and weights of norm `radius` / `norm` at most."""
    inputs = {(0, number): _box(columns, largest) for number in range(columns.ciphertexts)} | {(1, 0): _box(columns, radius / norm)}
    return proven(program, inputs, known={_LOGIT: radius, _SUM: greatest_sum(columns, odd, radius=radius, largest=largest)})


def greatest_sum(columns: Columns, odd: tuple[float, float], *, radius: float, largest: float) -> float:
    """What no sum over rows passes, whatever rows and weights within the bounds are."""
    turns = (-odd[0] / (3 * odd[1])) ** 0.5  # P grows up to there; b has the other sign than a, as the sigmoid bends
    return columns.samples * largest * max(abs(odd[0] * t + odd[1] * t**3) for t in (min(turns, radius), radius))


def chosen(features: int, samples: int, *, radius: float, norm: float, largest: float, error: float, seed: int = 0) -> tuple[Columns, Program, Found]:
    """Layout, program, primes and scales of the least degree whose predicted error, relative to the greatest sum, is at most `error`.

    They are found on rows drawn at random within the bounds: nothing but the bounds is told by them.

    Raises:
        Unsupported: `he.depth` where no degree will do.
    """
    odd = half_sigmoid(radius)
    for n in DEGREES:
        columns = Columns(n // 2, features, samples)
        if columns.rows < 2:
            continue
        program = pull_program(columns, odd)
        ranges = pull_ranges(columns, odd, program, radius=radius, norm=norm, largest=largest)
        try:
            found = search(program, _drawn(columns, radius=radius, norm=norm, largest=largest, seed=seed), columns.places, ranges, seed=seed)
        except Unsupported as refusal:
            if refusal.code != "he.depth":
                raise
            continue
        if found.error <= error:
            return columns, program, found
    raise Unsupported(
        "he.depth",
        f"no degree up to {DEGREES[-1]} gives sums over {samples} rows of {features} features with an error of {error:g}",
        hint="fewer rows or features, a smaller radius, or allow a greater error",
    )


def _logit(builder: ProgramBuilder, columns: Columns, x: Ref, w: Ref) -> Ref:
    """x . w of each row, in every column."""
    builder.layer = _LOGIT
    return _doubled(builder, builder.multiply([(x, w)]), [columns.rows << k for k in range((columns.width - 1).bit_length())])


def _over_rows(builder: ProgramBuilder, columns: Columns, of: Ref) -> Ref:
    """The sum over each column, in its last row; the other rows hold sums over parts of two columns."""
    return _doubled(builder, of, [-(1 << k) for k in range((columns.rows - 1).bit_length())])


def _doubled(builder: ProgramBuilder, of: Ref, shifts: Sequence[int]) -> Ref:
    for by in shifts:
        of = builder.add([builder.rotate(of, by), of])
    return of


def _box(columns: Columns, most: float) -> Interval:
    return Interval(np.full(columns.slots, -most), np.full(columns.slots, most))


def _drawn(columns: Columns, *, radius: float, norm: float, largest: float, seed: int, draws: int = 2) -> dict[tuple[int, int], Floats]:
    rng = np.random.default_rng(seed)
    tables, weights = [], []
    for _ in range(draws):
        x = np.clip(_of_norm(rng.normal(size=(columns.samples, columns.features)), norm), -largest, largest)
        tables.append(columns.pack(x))
        weights.append(columns.spread(_of_norm(rng.normal(size=columns.features), radius / norm)))
    stacked = np.stack(tables)
    return {(0, number): stacked[:, number] for number in range(columns.ciphertexts)} | {(1, 0): np.stack(weights)}


def _of_norm(vectors: Floats, norm: float) -> Floats:
    result: Floats = vectors * (norm / np.linalg.norm(vectors, axis=-1, keepdims=True))
    return result
