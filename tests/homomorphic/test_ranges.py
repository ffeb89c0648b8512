"""Bounds of every step: no input within the client's bounds passes them."""

from __future__ import annotations

import numpy as np
import pytest
from tests.homomorphic.random_programs import random_program

from velatura.homomorphic.levels import plan
from velatura.homomorphic.parameters import parameters
from velatura.homomorphic.program import Program, ProgramBuilder
from velatura.homomorphic.ranges import Interval, calibrated, chebyshev_arguments, proven, spare_bits

SLOTS = 256


def box(low: float, high: float) -> dict[tuple[int, int], Interval]:
    return {(0, 0): Interval(np.full(SLOTS, low), np.full(SLOTS, high))}


@pytest.mark.parametrize("seed", range(20))
def test_no_sample_and_no_corner_passes_a_proven_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    program = random_program(rng, SLOTS)
    bound = proven(program, box(-0.5, 1.0))
    inside = np.concatenate([rng.uniform(-0.5, 1.0, (20, SLOTS)), rng.choice([-0.5, 1.0], (20, SLOTS))])
    seen = calibrated(program, {(0, 0): inside}, margin=1.0)
    assert bound.proven and not seen.proven
    assert np.all(seen.peak <= bound.peak)


def test_an_affine_layer_s_bound_is_reached() -> None:
    rng = np.random.default_rng(1)
    builder = ProgramBuilder(SLOTS)
    x, w0, w1 = builder.take(0), rng.normal(size=SLOTS), rng.normal(size=SLOTS)
    program = builder.build([builder.weigh([(x, w0), (builder.rotate(x, 3), w1)], scale=builder.new_scale())])
    assert proven(program, box(-1, 1)).peak[-1] == pytest.approx(np.max(np.abs(w0) + np.abs(w1)))


def test_a_square_of_an_interval_about_nought_begins_at_nought() -> None:
    builder = ProgramBuilder(SLOTS)
    x = builder.take(0)
    program = builder.build([builder.shift(builder.multiply([(x, x)]), np.full(1, -4.0))])
    assert proven(program, box(-1, 2)).peak[-1] == pytest.approx(4.0)  # [0, 4] - 4; the naive product says [-2, 4] - 4


def test_slots_that_nobody_reads_count() -> None:
    builder = ProgramBuilder(SLOTS)
    vector = np.zeros(SLOTS)
    vector[[0, 200]] = 1.0, 900.0  # the output is read from slot 0
    program = builder.build([builder.weigh([(builder.take(0), vector)], scale=builder.new_scale())])
    assert proven(program, box(-1, 1)).peak[-1] == pytest.approx(900.0)
    assert calibrated(program, {(0, 0): np.ones((1, SLOTS))}).peak[-1] == pytest.approx(1.25 * 900.0)


def chebyshev(slope: float) -> Program:
    """T_4 (slope x)."""
    builder = ProgramBuilder(SLOTS)
    x = builder.weigh([(builder.take(0), np.full(1, slope))], scale=builder.new_scale())
    for _ in range(2):
        square = builder.multiply([(x, x)])
        x = builder.shift(builder.add([square, square]), np.full(1, -1.0))
    return builder.build([x])


def test_chebyshev_polynomials_are_bounded_only_within_their_range() -> None:
    inside, outside = chebyshev(0.5), chebyshev(0.6)
    assert len(chebyshev_arguments(inside)) == 2
    within = proven(inside, box(-2, 2))
    assert within.within and within.peak[-1] == pytest.approx(1.0)
    assert not proven(outside, box(-2, 2)).within
    assert calibrated(outside, {(0, 0): np.full((1, SLOTS), 1.6)}).within
    assert not calibrated(outside, {(0, 0): np.full((1, SLOTS), 1.7)}).within


def test_spare_bits_are_those_of_half_the_modulus_left() -> None:
    builder = ProgramBuilder(4096)
    program = builder.build([builder.weigh([(builder.take(0), np.full(1, 8.0))], scale=builder.new_scale())])
    chosen = parameters(8192, [40, 30], 45)
    planned = plan(program, chosen.data, [2.0**30, 2.0**31])
    bound = proven(program, {(0, 0): Interval(np.full(4096, -1.0), np.full(4096, 1.0))})
    assert spare_bits(bound, planned, chosen.data) == pytest.approx([70 - 1 - 30, 40 - 1 - 31 - 3], abs=1e-3)


def test_what_a_caller_proves_of_a_layer_narrows_it_and_what_comes_after() -> None:
    builder = ProgramBuilder(SLOTS)
    x, w = builder.take(0), builder.take(1)
    builder.layer = "dot"
    dot = builder.multiply([(x, w)])
    builder.layer = "after"
    program = builder.build([builder.weigh([(dot, np.full(1, 3.0))], scale=builder.new_scale())])
    inputs = box(-2, 2) | {(0, 1): Interval(np.full(SLOTS, -2.0), np.full(SLOTS, 2.0))}
    assert proven(program, inputs).peak[-2:].tolist() == pytest.approx([4, 12])
    assert proven(program, inputs, known={"dot": 0.5}).peak[-2:].tolist() == pytest.approx([0.5, 1.5])
