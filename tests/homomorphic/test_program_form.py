"""Programs from files: the same as they were, or refused for what is impossible about them."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from tests.homomorphic.random_programs import random_program

from velatura.errors import BadInput
from velatura.homomorphic.parameters import parameters
from velatura.homomorphic.program import Add, Multiply, Program, Rotate, Shift, Take, Weigh
from velatura.homomorphic.program_form import (
    ParametersForm,
    StepForm,
    check_parameters,
    check_program,
    formed,
    inputs_of,
    joined_plains,
    parted_plains,
    read_steps,
)

SET = parameters(4096, [25, 20, 20], 25)
GOOD = Program(
    2048,
    (Take(0), Take(1), Rotate(0, 3), Weigh(((2, 0), (1, 1))), Multiply(((3, 3),)), Shift(4, 1)),
    (np.linspace(0, 1, 2048), np.ones(1)),
    (5,),
    1,
    ("x", "x", "a", "a", "b", "b"),
)
SCALES = (2.0**20,)


@pytest.mark.parametrize("seed", range(20))
def test_steps_and_vectors_come_back(seed: int) -> None:
    program = random_program(np.random.default_rng(seed), 2048)
    raw = msgspec.json.encode(formed(program.steps))
    assert read_steps(msgspec.json.decode(raw, type=tuple[StepForm, ...])) == program.steps
    for one, other in zip(parted_plains(*joined_plains(program.plains)), program.plains, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_possible_program_has_its_plan_and_inputs() -> None:
    assert check_program(GOOD, SET, SCALES).level[-1] == 1
    assert inputs_of(GOOD) == ((0, 0), (0, 1))


def with_step(ref: int, step: object) -> Program:
    return replace(GOOD, steps=tuple(step if place == ref else old for place, old in enumerate(GOOD.steps)))


@pytest.mark.parametrize(
    "program",
    [
        with_step(0, Take(-1)),
        with_step(0, Take(0, source=-1)),
        with_step(2, Rotate(0, 0)),
        with_step(2, Rotate(0, 2048)),
        with_step(2, Rotate(2, 1)),
        with_step(2, Rotate(-1, 1)),
        with_step(2, Rotate(99, 1)),
        with_step(3, Weigh(())),
        with_step(3, Weigh(((2, 2),))),
        with_step(3, Weigh(((2, -1),))),
        with_step(3, Weigh(((2, 0),), scale=1)),
        with_step(3, Weigh(((2, 0),), like=3)),
        with_step(3, Weigh(((3, 0),))),
        with_step(4, Multiply(())),
        with_step(4, Add((3,))),
        with_step(4, Add((3, 5))),
        with_step(4, Add((0, 3))),
        with_step(5, Shift(4, 2)),
        with_step(5, Multiply(((4, 4),))),
        replace(GOOD, outputs=()),
        replace(GOOD, outputs=(6,)),
        replace(GOOD, outputs=(-1,)),
        replace(GOOD, slots=4096),
        replace(GOOD, layer=("x",)),
        replace(GOOD, scales=2),
        replace(GOOD, plains=(np.zeros(7), np.ones(1))),
    ],
)
def test_what_is_not_possible_is_refused(program: Program) -> None:
    scales = (2.0**20, 2.0**22) if program.scales > 2 else SCALES
    if program.steps[4] == Add((0, 3)):
        scales = (2.0**20,)
        program = replace(program, steps=(*program.steps[:3], Multiply(((0, 0),)), *program.steps[4:]))  # a square has another scale than its root
    with pytest.raises(BadInput) as caught:
        check_program(program, SET, scales)
    assert caught.value.code == "he.artefact"


@pytest.mark.parametrize("scales", [(), (0.0,), (float("nan"),), (float("inf"),), (-(2.0**20),)])
def test_scales_are_numbers_above_zero(scales: tuple[float, ...]) -> None:
    with pytest.raises(BadInput):
        check_program(GOOD, SET, scales)


@pytest.mark.parametrize(
    ("n", "data", "special"),
    [
        (5000, SET.data, SET.special),
        (4096, (), SET.special),
        (4096, (3,), SET.special),
        (4096, SET.data[:1] * 2, SET.special),
        (4096, SET.data, 2**62 + 1),
    ],
)
def test_parameters_that_there_are_not_are_refused(n: int, data: tuple[int, ...], special: int) -> None:
    with pytest.raises(BadInput) as caught:
        check_parameters(ParametersForm(n, data, special, insecure=True))
    assert caught.value.code == "he.artefact"


def test_insecure_parameters_are_taken_only_where_they_say_so() -> None:
    loose = parameters(4096, [50, 50], 50, insecure_ok=True)
    assert check_parameters(ParametersForm(4096, loose.data, loose.special, insecure=True)).insecure
    with pytest.raises(BadInput) as caught:
        check_parameters(ParametersForm(4096, loose.data, loose.special, insecure=False))
    assert caught.value.code == "he.insecure-unsaid"
