"""Primes and scales that are found: within every bound, and better than equal ones."""

from __future__ import annotations

import numpy as np
import pytest
from tests.homomorphic.random_programs import random_program

from velatura.errors import Unsupported
from velatura.homomorphic.levels import plan
from velatura.homomorphic.parameters import MAX_LOG_QP, parameters
from velatura.homomorphic.program import Program, ProgramBuilder
from velatura.homomorphic.ranges import Interval, calibrated, proven, spare_bits
from velatura.homomorphic.search import Found, measured_error, search

SLOTS = 4096


def dense(rng: np.random.Generator) -> Program:
    """Two layers with squares."""
    builder = ProgramBuilder(SLOTS)
    x = builder.take(0)
    for number in range(2):
        builder.layer = f"dense {number}"
        terms = [(builder.rotate(x, by), rng.uniform(-1, 1, SLOTS) / 3) for by in range(4)]
        x = builder.weigh(terms, scale=builder.new_scale())
        x = builder.shift(builder.add([x, builder.rotate(x, 64)]), rng.uniform(-0.5, 0.5, SLOTS))
        x = builder.multiply([(x, x)])
    return builder.build([x])


@pytest.fixture(scope="module")
def world() -> tuple[Program, dict[tuple[int, int], np.ndarray], np.ndarray]:
    rng = np.random.default_rng(0)
    return dense(rng), {(0, 0): rng.uniform(-1, 1, (4, SLOTS))}, np.array([[0, 10 * k] for k in range(10)])


@pytest.fixture(scope="module")
def found(world: tuple[Program, dict[tuple[int, int], np.ndarray], np.ndarray]) -> Found:
    program, inputs, places = world
    return search(program, inputs, places, calibrated(program, inputs))


def test_what_is_found_holds_the_table_and_leaves_two_bits_at_every_step(
    world: tuple[Program, dict[tuple[int, int], np.ndarray], np.ndarray], found: Found
) -> None:
    program, inputs, _ = world
    assert found.parameters.log_qp <= MAX_LOG_QP[8192] and not found.parameters.insecure
    left = spare_bits(calibrated(program, inputs), found.plan, found.parameters.data)
    assert found.spare == left.min() >= 2
    assert found.layer in program.layer
    assert found.parameters.special.bit_length() >= max(prime.bit_length() for prime in found.parameters.data)


def test_it_is_several_times_better_than_equal_scales(world: tuple[Program, dict[tuple[int, int], np.ndarray], np.ndarray], found: Found) -> None:
    program, inputs, places = world
    equal = parameters(8192, [40, 34, 34, 34, 34], 38)
    planned = plan(program, equal.data, [2.0**34] * program.scales)
    assert found.error < measured_error(program, planned, equal, inputs, places, np.random.default_rng(0)) / 4


def test_it_is_the_same_again(world: tuple[Program, dict[tuple[int, int], np.ndarray], np.ndarray], found: Found) -> None:
    program, inputs, places = world
    assert search(program, inputs, places, calibrated(program, inputs)) == found


def test_tighter_bounds_on_values_give_a_smaller_error(world: tuple[Program, dict[tuple[int, int], np.ndarray], np.ndarray], found: Found) -> None:
    program, inputs, places = world
    assert found.error < search(program, inputs, places, calibrated(program, inputs, margin=1000.0)).error


def test_too_many_levels_are_refused_by_number() -> None:
    builder = ProgramBuilder(2048)
    x = builder.take(0)
    for _ in range(5):
        x = builder.multiply([(x, x)])
    program = builder.build([x])
    inputs = {(0, 0): np.ones((1, 2048))}
    with pytest.raises(Unsupported, match=r"5 levels .* degree 4096.*106.*he\.depth"):
        search(program, inputs, np.array([[0, 0]]), calibrated(program, inputs))
    asked = search(program, inputs, np.array([[0, 0]]), calibrated(program, inputs), max_log_qp=200)
    assert asked.parameters.insecure


@pytest.mark.parametrize("seed", range(4))
def test_random_programs_get_chains(seed: int) -> None:
    rng = np.random.default_rng(seed)
    program = random_program(rng, 8192, layers=5)
    inputs = {(0, 0): rng.uniform(-1, 1, (2, 8192))}
    found = search(program, inputs, np.array([[0, slot] for slot in range(100, 200)]), calibrated(program, inputs), trials=10)
    assert found.error < 1e-6 and found.spare >= 2


def test_a_chain_in_which_weights_vanish_has_no_precision_at_all() -> None:
    builder = ProgramBuilder(SLOTS)
    vector = np.zeros(SLOTS)
    vector[0] = 1e-9
    program = builder.build([builder.weigh([(builder.take(0), vector)], scale=builder.new_scale())])
    chosen = parameters(8192, [30, 20], 30)
    planned = plan(program, chosen.data, [2.0**20, 2.0**10])
    assert measured_error(program, planned, chosen, {(0, 0): np.ones((1, SLOTS))}, np.array([[0, 0]]), np.random.default_rng(0)) == float("inf")


def test_a_value_that_no_interval_bounds_is_refused_and_its_layer_named() -> None:
    builder = ProgramBuilder(SLOTS)
    x = builder.take(0)
    for number in range(11):  # 2 ** 2 ** 11 is beyond every double
        builder.layer = f"square {number}"
        x = builder.multiply([(x, x)])
    program = builder.build([x])
    ranges = proven(program, {(0, 0): Interval(np.full(SLOTS, -2.0), np.full(SLOTS, 2.0))})
    assert np.isinf(ranges.peak[-1])
    with pytest.raises(Unsupported, match="square 9 has no bound") as refusal:
        search(program, {(0, 0): np.ones((1, SLOTS))}, np.array([[0, 0]]), ranges)
    assert refusal.value.code == "he.depth"
