"""The error in closed form against the simulator's, and its gradient against differences."""

from __future__ import annotations

import numpy as np
import pytest
from tests.homomorphic.random_programs import random_program

from velatura.homomorphic.engine import run
from velatura.homomorphic.exponents import exponents
from velatura.homomorphic.levels import plan
from velatura.homomorphic.parameters import parameters
from velatura.homomorphic.program import Program, ProgramBuilder
from velatura.homomorphic.sensitivity import output_variance
from velatura.homomorphic.simulator import Simulator

SLOTS = 512


def both(program: Program, x: np.ndarray, places: np.ndarray, bits: list[int], scales: list[float]) -> tuple[float, float]:
    """Root of the mean variance: foretold, and of many runs of the simulator."""
    chosen = parameters(2 * program.slots, bits[:-1], bits[-1], insecure_ok=True)
    foretold = output_variance(program, {(0, 0): x}, places, exponents(program, len(chosen.data)), np.random.default_rng(0))
    v = np.log2([*chosen.data, chosen.special, *scales])
    planned = plan(program, chosen.data, scales)
    runs = []
    for seed in (None, *range(40)):
        simulator = Simulator(chosen, None if seed is None else np.random.default_rng(seed))
        runs.append(run(program, planned, simulator, {(0, 0): simulator.encrypt(x, scales[0])})[0].values[:, places[:, 1]])
    return 2.0 ** (foretold.log2(v) / 2), float(np.sqrt(np.mean((np.array(runs[1:]) - runs[0]) ** 2)))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("special", [30, 50])  # with a narrow one the bias of the keys is all there is
def test_the_closed_form_foretells_the_simulator(seed: int, special: int) -> None:
    rng = np.random.default_rng(seed)
    program = random_program(rng, SLOTS)
    places = np.stack([np.zeros(300, np.int64), rng.choice(np.arange(8, SLOTS), 300, replace=False)], axis=-1)
    scales = [2.0**28, *np.exp2(rng.uniform(24, 28, program.scales - 1))]
    foretold, seen = both(program, rng.uniform(-1, 1, (8, SLOTS)), places, [38, *[28] * program.depth, special], scales)
    assert 0.6 < foretold / seen < 1.7


def test_copies_carry_one_error_not_many() -> None:
    """A fold over the whole ciphertext leaves the same error in every slot; adding the copies up adds it up."""
    builder = ProgramBuilder(SLOTS)
    x = builder.take(0)
    for step in (1, 2, 4, 8, 16, 32, 64, 128, 256):
        x = builder.add([x, builder.rotate(x, step)])
    x = builder.weigh([(x, np.full(1, 1 / SLOTS))], scale=0)
    for step in (1, 2, 4, 8):
        x = builder.add([x, builder.rotate(x, step)])
    program = builder.build([x])
    places = np.array([[0, slot] for slot in range(40, 60)])
    foretold, seen = both(program, np.ones((8, SLOTS)), places, [50, 40, 60], [2.0**30])
    assert 0.5 < foretold / seen < 2


def test_the_gradient_is_that_of_the_logarithm() -> None:
    rng = np.random.default_rng(3)
    program = random_program(rng, 64)
    found = output_variance(program, {(0, 0): rng.uniform(-1, 1, (4, 64))}, np.array([[0, 9]]), exponents(program, program.depth + 1), rng)
    v = rng.uniform(25, 30, found.rows.shape[1])
    numeric = [(found.log2(v + step) - found.log2(v - step)) / 2e-5 for step in 1e-5 * np.eye(len(v))]
    assert found.gradient(v) == pytest.approx(numeric, abs=1e-4)
