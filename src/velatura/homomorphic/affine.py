"""An affine layer in steps: rotate, weigh, rescale, rotate again, fold, add the bias.

`Diagonals` is a placement with its rotations found: it knows its cost before a single plain vector is made, which is what the search asks for
thousands of times; `emit` makes the steps of the one that was chosen. Inner sums are rescaled before the giant rotation, which then runs lower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from velatura.homomorphic.cost import Prices
from velatura.homomorphic.diagonals import TOO_MANY, Fold, Numbers, Pairs, Split, least_rotations, pairs, rotations_of, split, vectors
from velatura.homomorphic.graph import Affine
from velatura.homomorphic.layout import Layout
from velatura.homomorphic.placement import Placement
from velatura.homomorphic.program import ProgramBuilder, Ref

__all__ = ["Diagonals", "diagonals", "emit", "fold", "fold_rotations"]


@dataclass(frozen=True, slots=True)
class Diagonals:
    """A placement with its rotations, and what it costs in milliseconds."""

    placement: Placement
    found: Pairs
    number: Numbers
    slot: Numbers
    parts: Split
    cost: float


def diagonals(node: Affine, layout: Layout, placement: Placement, level: int, price: Prices, at_most: float = inf) -> Diagonals | None:
    """The rotations of a placement; None where it costs more than `at_most`, or has too many. `level`: primes left of the input."""
    target = placement.target
    inputs, outputs = layout.ciphertexts, int(target.ciphertext.max()) + 1
    folding = outputs * sum(fold_rotations(one.terms) for one in target.folds) * price.rotate(level - 1)
    most = _rotations_for(at_most - folding, outputs, level, price)
    if least_rotations(node.matrix, layout, target) > most:
        return None
    found = pairs(node.matrix, layout, target)
    taken = rotations_of(layout, target, found, most)
    if taken is None:
        return None
    rotations, number, slot = taken
    parts = split(
        rotations,
        layout.slots,
        _strides(layout),
        baby_cost=inputs * price.rotate(level),
        giant_cost=outputs * (price.rotate(level - 1) + price.rescale(level)),
    )
    terms = np.unique((target.ciphertext[found.place] * inputs + found.source) * len(rotations) + number)
    babies = _count(terms // len(rotations) % inputs, parts.babies[terms % len(rotations)])
    giants = _count(terms // len(rotations) // inputs, parts.giants[terms % len(rotations)])
    sums = len(np.unique(terms // len(rotations) // inputs * layout.slots + parts.giants[terms % len(rotations)]))
    cost = babies * price.rotate(level) + giants * price.rotate(level - 1) + len(terms) * price.weigh(level) + sums * price.rescale(level) + folding
    return Diagonals(placement, found, number, slot, parts, cost)


def emit(builder: ProgramBuilder, node: Affine, chosen: Diagonals, inputs: Sequence[Ref], scale: int, like: Ref | None = None) -> list[Ref]:
    """The steps; one ciphertext for each of the layout's. Rows without weights are their bias alone."""
    slots, target, layout = builder.slots, chosen.placement.target, chosen.placement.layout
    sums: dict[int, dict[int, list[tuple[Ref, np.ndarray]]]] = {}
    for (output, source, number), vector in vectors(chosen.found, chosen.number, chosen.slot, target, slots).items():
        baby, giant = int(chosen.parts.babies[number]), int(chosen.parts.giants[number])
        term = (builder.rotate(inputs[source], baby), np.roll(vector, giant))
        sums.setdefault(output, {}).setdefault(giant, []).append(term)
    results = []
    for output in range(layout.ciphertexts):
        by_giant = sums.get(output) or {0: [(inputs[0], np.where(layout.table[output] >= 0, 0.0, 1.0))]}  # biases alone: no engine weighs by nothing
        parts = [builder.rotate(builder.weigh(by_giant[giant], scale=scale, like=like), giant) for giant in sorted(by_giant)]
        total = fold(builder, builder.add(parts), target.folds)
        bias = np.zeros(slots)
        here = layout.table[output] >= 0
        bias[here] = node.bias[layout.table[output][here]]
        results.append(builder.shift(total, bias))
    return results


def fold(builder: ProgramBuilder, of: Ref, folds: Sequence[Fold]) -> Ref:
    """Sums of `count` slots `step` apart, by doubling."""
    for count, step in folds:
        whole, length = of, 1
        for bit in bin(count)[3:]:
            whole, length = builder.add([whole, builder.rotate(whole, length * step)]), 2 * length
            if bit == "1":
                whole, length = builder.add([of, builder.rotate(whole, step)]), length + 1
        of = whole
    return of


def fold_rotations(count: int) -> int:
    """Rotations of a fold of `count`."""
    return count.bit_length() - 1 + count.bit_count() - 1


def _rotations_for(cost: float, outputs: int, level: int, price: Prices) -> int:
    """So many rotations at the very most fit a cost: r products for each output, and 2 sqrt(r) - 2 rotations in baby and giant steps."""
    if cost < 0:
        return 0
    most = TOO_MANY
    if cost < inf:
        count = np.arange(1, TOO_MANY + 1)
        least = count * outputs * price.weigh(level) + (2 * np.sqrt(count) - 2) * price.rotate(level - 1)
        most = int(np.searchsorted(least, cost, side="right"))
    return most


def _count(group: Numbers, rotation: Numbers) -> int:
    """Different (group, rotation) among those that rotate."""
    turns = rotation != 0
    return len(np.unique(np.stack([group[turns], rotation[turns]]), axis=1).T)


def _strides(layout: Layout) -> list[int]:
    return [axis.stride for axis in (*layout.grid, *layout.axes) if axis.stride > 1] + list(layout.copies[1:2])
