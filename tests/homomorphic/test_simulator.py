"""The simulator's arithmetic and its limits. Its noise is measured against SEAL in test_seal_public.py."""

from __future__ import annotations

import numpy as np
import pytest

from velatura.errors import BadInput, Unsupported
from velatura.homomorphic.engine import run
from velatura.homomorphic.levels import plan
from velatura.homomorphic.parameters import parameters
from velatura.homomorphic.program import ProgramBuilder
from velatura.homomorphic.simulator import Simulator

SET = parameters(8192, [40, 30, 30], 45)
SLOTS = SET.slots


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def small_program() -> tuple[ProgramBuilder, list[int]]:
    """(rotate(x, 3) w1 + x w0)^2 + bias."""
    rng = np.random.default_rng(5)
    builder = ProgramBuilder(SLOTS)
    x = builder.take(0)
    builder.layer = "dense"
    y = builder.weigh([(x, rng.normal(size=SLOTS)), (builder.rotate(x, 3), rng.normal(size=SLOTS))], scale=builder.new_scale())
    builder.layer = "square"
    return builder, [builder.shift(builder.multiply([(y, y)]), rng.normal(size=SLOTS))]


def test_a_quiet_run_is_exact_and_takes_many_samples_at_once(rng: np.random.Generator) -> None:
    builder, outputs = small_program()
    program = builder.build(outputs)
    x = rng.normal(size=(3, SLOTS))
    simulator = Simulator(SET)
    (result,) = run(program, plan(program, SET.data, [2.0**30, 2.0**30]), simulator, {(0, 0): simulator.encrypt(x, 2.0**30)})
    w0, w1, bias = program.plains
    assert np.allclose(simulator.decrypt(result), (np.roll(x, -3, axis=-1) * w1 + x * w0) ** 2 + bias, rtol=1e-14)
    assert result.level == 1


def test_noise_is_that_of_its_generator_and_falls_with_the_scale(rng: np.random.Generator) -> None:
    builder, outputs = small_program()
    program = builder.build(outputs)
    x = rng.normal(size=SLOTS)

    def noisy(seed: int, bits: int) -> np.ndarray:
        simulator = Simulator(SET, np.random.default_rng(seed))
        scales = [2.0**bits, 2.0**bits]
        return run(program, plan(program, SET.data, scales), simulator, {(0, 0): simulator.encrypt(x, scales[0])})[0].values

    quiet = Simulator(SET)
    exact = run(program, plan(program, SET.data, [2.0**30, 2.0**30]), quiet, {(0, 0): quiet.encrypt(x, 2.0**30)})[0].values
    assert np.array_equal(noisy(1, 30), noisy(1, 30)) and not np.array_equal(noisy(1, 30), noisy(2, 30))
    coarse, fine = np.std(noisy(1, 24) - exact), np.std(noisy(1, 28) - exact)
    assert 2**6 < coarse / fine < 2**9  # the square's own scale falls by eight bits


def test_it_says_where_least_room_was_left() -> None:
    builder, outputs = small_program()
    program = builder.build(outputs)
    x = np.zeros(SLOTS)
    x[5] = 1000.0  # its square has a million, twenty bits, beside a scale of thirty in a prime of forty
    simulator = Simulator(SET)
    run(program, plan(program, SET.data, [2.0**30, 2.0**30]), simulator, {(0, 0): simulator.encrypt(x, 2.0**30)}, watch=simulator.watch)
    room, step = simulator.least_room()
    assert room < 0 and program.layer[step] == "square"


def test_a_slot_that_nobody_reads_counts(rng: np.random.Generator) -> None:
    simulator = Simulator(SET)
    values = np.zeros(SLOTS)
    values[-1] = 2.0**10
    simulator.drop(simulator.encrypt(values, 2.0**30), 1)
    assert simulator.least_room()[0] == pytest.approx(40 - 1 - 40, abs=1e-3)


def test_different_scales_are_not_added() -> None:
    simulator = Simulator(SET)
    with pytest.raises(Unsupported, match=r"he\.scales"):
        simulator.add([simulator.encrypt(np.ones(SLOTS), 2.0**30), simulator.encrypt(np.ones(SLOTS), 2.0**31)])


def test_a_plain_vector_that_rounds_to_zero_is_refused(rng: np.random.Generator) -> None:
    simulator = Simulator(SET, rng)
    tiny = simulator.encode(np.full(SLOTS, 1e-9), 3, 2.0**20)
    with pytest.raises(BadInput, match=r"he\.transparent"):
        simulator.weigh([(simulator.encrypt(np.ones(SLOTS), 2.0**30), tiny)], 2.0**50)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    simulator = Simulator(SET)
    with pytest.raises(BadInput, match=r"he\.not-finite"):
        simulator.encode(np.full(1, value), 3, 2.0**20)
    with pytest.raises(BadInput, match=r"he\.not-finite"):
        simulator.encrypt(np.full(SLOTS, value), 2.0**20)


def test_a_constant_is_rounded_as_one_number(rng: np.random.Generator) -> None:
    assert Simulator(SET, rng).encode(np.array([0.3]), 2, 8.0).values.tolist() == [0.25]
