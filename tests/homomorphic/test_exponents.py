"""Scales in logarithms against the plan that engines follow."""

from __future__ import annotations

import numpy as np
import pytest
from tests.homomorphic.random_programs import random_program

from velatura.homomorphic.exponents import exponents, limits
from velatura.homomorphic.levels import plan
from velatura.homomorphic.program import ProgramBuilder


@pytest.mark.parametrize("seed", range(20))
def test_they_are_the_plan_s_levels_and_logarithms_of_its_scales(seed: int) -> None:
    rng = np.random.default_rng(seed)
    program = random_program(rng, 64, layers=4)
    v = rng.uniform(20, 40, program.depth + 2 + program.scales)
    primes, scales = np.exp2(v[: program.depth + 1]), np.exp2(v[program.depth + 2 :])
    planned, found = plan(program, primes, scales), exponents(program, program.depth + 1)
    assert found.level == planned.level
    assert np.array(found.scale) @ v == pytest.approx(np.log2(planned.scale))
    raw = np.array(planned.raw_scale)
    assert (np.array(found.raw) @ v)[raw > 0] == pytest.approx(np.log2(raw[raw > 0]))


def test_what_is_dropped_has_to_fit_on_the_lower_level() -> None:
    builder = ProgramBuilder(64)
    x = builder.take(0)
    y = builder.weigh([(x, np.full(1, 0.01))], scale=0)
    program = builder.build([builder.add([y, x])])
    found = exponents(program, 2)
    assert limits(program, found, np.array([500.0, 5.0, 505.0])) == {(2, found.scale[0]): 500.0, (1, found.scale[0]): 505.0}
    assert limits(program, found, np.array([500.0, 5.0, 3.0]))[1, found.scale[0]] == 500.0
