"""A softmax head on an encrypted table, the softmax itself with the owner: two programs, one for each matrix product.

    scores:  u = x . w / r for each row and class, packed: a class's scores lie where a feature's column would      two levels
    sums:    sum over rows of x times what is wrong with a class's probabilities                                    one level

The owner decrypts scores, takes the softmax exactly, and encrypts the differences: two round trips a step (HETAL, Lee et al., ICML 2023, approximates
it on ciphertext and bootstraps instead). Rows and columns lie as in `training`. One chain of primes serves both, so the table is encrypted once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.errors import Unsupported
from velatura.homomorphic.levels import Plan, plan
from velatura.homomorphic.program import Program, ProgramBuilder, Ref
from velatura.homomorphic.ranges import proven
from velatura.homomorphic.search import Found, search
from velatura.homomorphic.training import DEGREES, LOGIT, Columns, box, drawn, layouts, logit, over_rows

__all__ = ["SoftmaxPrograms", "chosen_softmax", "scores_of", "softmax", "spread_rows"]

Floats: TypeAlias = NDArray[np.float64]
_TRIED = 512
"""Places of scores that errors are looked at in."""


@dataclass(frozen=True)
class SoftmaxPrograms:
    """Source 0: the table; 1: each class's weights divided by the radius; 2: one class's differences, a ciphertext for each of the table's."""

    columns: Columns
    classes: int
    scores: Program
    sums: Program
    both: Program

    @staticmethod
    def of(columns: Columns, classes: int) -> SoftmaxPrograms:
        builder = ProgramBuilder(columns.slots)
        scale = builder.new_scale()
        scores: list[Ref] = []
        pairs: list[tuple[Ref, Ref]] = []
        for number in range(columns.ciphertexts):
            x = builder.take(number)
            each = [logit(builder, columns, x, builder.take(k, 1)) for k in range(classes)]
            builder.layer = "packed"
            for at in range(0, classes, columns.width):
                terms = [(u, np.repeat(np.eye(columns.width)[k], columns.rows)) for k, u in enumerate(each[at : at + columns.width])]
                scores.append(builder.weigh(terms, scale=scale))
            pairs.append((x, builder.take(number, 2)))
        builder.layer = "sum"
        sums = over_rows(builder, columns, builder.multiply(pairs))
        return SoftmaxPrograms(columns, classes, builder.build(scores), builder.build([sums]), builder.build([*scores, sums]))

    def plans(self, primes: Sequence[int], scales: Sequence[float]) -> tuple[Plan, Plan]:
        """Of `scores` and `sums`."""
        return plan(self.scores, primes, scales), plan(self.sums, primes, scales)

    @property
    def rotations(self) -> tuple[int, ...]:
        return self.both.rotations


def spread_rows(columns: Columns, values: Floats) -> Floats:
    """(ciphertexts, slots) of (samples,): a row's value in each of its columns."""
    padded = np.zeros(columns.ciphertexts * columns.rows)
    padded[: columns.samples] = values
    return np.tile(padded.reshape(columns.ciphertexts, columns.rows), (1, columns.width))


def scores_of(columns: Columns, classes: int, slots: Floats) -> Floats:
    """(samples, classes) of the outputs of `scores`, (ciphertexts x groups, slots)."""
    table = slots.reshape(columns.ciphertexts, -1, columns.rows)  # groups and their classes, one after the other
    return np.ascontiguousarray(table.transpose(0, 2, 1).reshape(-1, table.shape[1])[: columns.samples, :classes])


def softmax(scores: Floats) -> Floats:
    """Along the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return result


def chosen_softmax(
    features: int, samples: int, classes: int, *, norm: float, largest: float, error: float, seed: int = 0
) -> tuple[SoftmaxPrograms, Found]:
    """Programs, primes and scales of the least degree that will do; found on rows drawn at random within the bounds.

    Raises:
        Unsupported: `he.table`, `he.depth`.
    """
    for columns in layouts(features, samples, classes=classes):
        made = SoftmaxPrograms.of(columns, classes)
        rng = np.random.default_rng(seed)
        table = drawn(columns, norm=norm, largest=largest, seed=seed)
        inputs = {key: one for key, one in table.items() if key[0] == 0}
        inputs |= {(1, k): drawn(columns, norm=norm, largest=largest, seed=seed + k)[1, 0] for k in range(classes)}
        wrong = [spread_rows(columns, rng.uniform(-1, 1, samples) / (samples * largest)) for _ in table[0, 0]]
        inputs |= {(2, number): np.stack([one[number] for one in wrong]) for number in range(columns.ciphertexts)}
        bounds = {(0, number): box(columns, largest) for number in range(columns.ciphertexts)}
        bounds |= {(1, k): box(columns, 1 / norm) for k in range(classes)}
        bounds |= {(2, number): box(columns, 1 / (samples * largest)) for number in range(columns.ciphertexts)}
        ranges = proven(made.both, bounds, known={LOGIT: 1.0, "packed": 1.0, "sum": 1.0})
        outputs = len(made.both.outputs) - 1
        tried = rng.integers([0, 0], [outputs, min(classes, columns.width) * columns.rows], (_TRIED, 2))
        places = np.concatenate([tried, columns.places + np.array([outputs, 0])])
        try:
            found = search(made.both, inputs, places, ranges, seed=seed)
        except Unsupported as refusal:
            if refusal.code != "he.depth":
                raise
            continue
        if found.error <= error:
            return made, found
    raise Unsupported(
        "he.depth",
        f"no degree up to {DEGREES[-1]} gives scores and sums of {samples} rows of {features} features with an error of {error:g}",
        hint="fewer rows or features, or allow a greater error",
    )
