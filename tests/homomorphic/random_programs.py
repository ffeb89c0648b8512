"""Small programs drawn at random: rotations, weights, products, sums and shifts, a chain of a few levels."""

from __future__ import annotations

import numpy as np

from velatura.homomorphic.program import Program, ProgramBuilder


def random_program(rng: np.random.Generator, slots: int, *, layers: int = 3) -> Program:
    """Values stay near one. Each layer: a weighing of rotated copies, folded or shifted, sometimes squared or added to what was there before."""
    builder = ProgramBuilder(slots)
    x = builder.take(0)
    for number in range(layers):
        builder.layer = f"layer {number}"
        if number and rng.random() < 0.4:
            x = builder.multiply([(x, x)] if rng.random() < 0.5 else [(x, builder.rotate(x, 1)), (x, x)])
            continue
        terms = int(rng.integers(1, 5))
        vectors = [rng.uniform(-1, 1, slots if rng.random() < 0.8 else 1) / terms for _ in range(terms)]
        y = builder.weigh([(builder.rotate(x, int(rng.integers(slots))), vector) for vector in vectors], scale=builder.new_scale())
        if rng.random() < 0.5:
            y = builder.add([y, builder.rotate(y, int(rng.integers(1, slots)))])
        if rng.random() < 0.4:
            y = builder.add([y, builder.weigh([(x, np.full(1, 0.5))], like=y)])
        x = builder.shift(y, rng.uniform(-0.5, 0.5, slots))
    return builder.build([x])
