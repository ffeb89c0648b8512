"""A program run on plain numbers, without levels or noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from velatura.homomorphic.engine import run
from velatura.homomorphic.layout import Layout
from velatura.homomorphic.levels import plan
from velatura.homomorphic.parameters import Parameters
from velatura.homomorphic.program import Program
from velatura.homomorphic.simulator import Simulator

Floats = NDArray[np.float64]


def outputs(program: Program, packed: Floats) -> list[Floats]:
    """`packed`: (ciphertexts, slots)."""
    simulator = Simulator(Parameters(2 * program.slots, (1,) * (program.depth + 1), 1))
    planned = plan(program, [1.0] * (program.depth + 1), [1.0] * program.scales)
    made = run(program, planned, simulator, {(0, number): simulator.encrypt(row, 1.0) for number, row in enumerate(packed)})
    return [simulator.decrypt(one) for one in made]


def laid_out(layout: Layout, x: Floats) -> Floats:
    """A sample's elements where a layout has them, zero elsewhere."""
    return np.where(layout.table >= 0, x[np.maximum(layout.table, 0)], 0.0)


def read_back(layout: Layout, size: int, slots: list[Floats]) -> Floats:
    ciphertext, slot = layout.first(size)
    return np.stack(slots)[ciphertext, slot]
