"""Costs foretold: operations against an engine that counts, sizes against SEAL's bytes."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from tests.homomorphic.random_programs import random_program

from velatura.homomorphic.cost import MEASURED, Factors, milliseconds, operations, sizes
from velatura.homomorphic.engine import run
from velatura.homomorphic.levels import plan
from velatura.homomorphic.parameters import parameters
from velatura.homomorphic.program import ProgramBuilder
from velatura.homomorphic.simulator import Simulator

SET = parameters(8192, [38, 29, 29, 29], 40)


class Counting(Simulator):
    """A simulator that counts what it is asked for."""

    def __init__(self) -> None:
        super().__init__(SET)
        self.counts: Counter[tuple[str, int]] = Counter()

    def encode(self, values: np.ndarray, level: int, scale: float) -> Any:
        self.counts["encode" if len(values) > 1 else "encode_number", level] += 1
        return super().encode(values, level, scale)

    def rotate(self, of: Any, by: int) -> Any:
        self.counts["switch", of.level] += 1
        return super().rotate(of, by)

    def weigh(self, terms: Any, scale: float) -> Any:
        self.counts["weigh", terms[0][0].level] += len(terms)
        self.counts["add", terms[0][0].level] += len(terms) - 1
        return super().weigh(terms, scale)

    def multiply(self, pairs: Any) -> Any:
        for a, b in pairs:
            self.counts["square" if a is b else "multiply", a.level] += 1
        self.counts["add", pairs[0][0].level] += len(pairs) - 1
        self.counts["switch", pairs[0][0].level] += 1
        return super().multiply(pairs)

    def add(self, of: Any) -> Any:
        self.counts["add", of[0].level] += len(of) - 1
        return super().add(of)

    def shift(self, of: Any, by: Any) -> Any:
        self.counts["add", of.level] += 1
        return super().shift(of, by)

    def rescale(self, of: Any, scale: float) -> Any:
        self.counts["rescale", of.level] += 1
        return super().rescale(of, scale)

    def drop(self, of: Any, level: int) -> Any:
        self.counts["drop", level] += 1
        return super().drop(of, level)


@pytest.mark.parametrize("seed", range(15))
def test_operations_are_those_that_an_engine_is_asked_for(seed: int) -> None:
    program = random_program(np.random.default_rng(seed), SET.slots)
    planned = plan(program, SET.data, [2.0**29] * program.scales)
    engine = Counting()
    run(program, planned, engine, {(0, 0): engine.encrypt(np.ones(SET.slots), 2.0**29)}, plains={})
    assert operations(program, planned) == +engine.counts


def test_a_rotation_of_many_levels_costs_more_than_its_share() -> None:
    def turned(levels: int) -> float:
        builder = ProgramBuilder(SET.slots)
        program = builder.build([builder.rotate(builder.take(0), 1)])
        return milliseconds(program, plan(program, [2.0**30] * levels, [2.0**30]))

    assert turned(2) == pytest.approx(1.3, rel=0.05) and turned(4) == pytest.approx(3.1, rel=0.05)  # the notes' table, milliseconds


def test_factors_are_followed_to_other_degrees() -> None:
    def weighed(slots: int) -> float:
        builder = ProgramBuilder(slots)
        program = builder.build([builder.weigh([(builder.take(0), np.full(1, 2.0))], scale=0)])
        return milliseconds(program, plan(program, [2.0**40, 2.0**30], [2.0**30]))

    costs = [weighed(slots) for slots in (2048, 4096, 8192, 16384, 32768)]
    assert all(1.5 < more / less < 2.5 for less, more in pairwise(costs))


def test_the_first_run_costs_the_encoding_of_plain_vectors() -> None:
    program = random_program(np.random.default_rng(1), SET.slots)
    planned = plan(program, SET.data, [2.0**29] * program.scales)
    encoded = sum(count * level for (name, level), count in operations(program, planned).items() if name == "encode")
    more = milliseconds(program, planned, encoding=True) - milliseconds(program, planned)
    assert encoded > 0 and more == pytest.approx(encoded * MEASURED[0].encode, rel=0.05)


@pytest.mark.parametrize(
    ("n", "bits"), [(8192, [35, 31, 28, 27, 23, 31, 39]), (8192, [37, 26, 33, 28, 28, 20, 42]), (8192, [50, 38, 38, 38, 50]), (4096, [40, 30, 36])]
)
def test_sizes_are_seal_s_within_a_tenth(n: int, bits: list[int]) -> None:
    pytest.importorskip("tenseal", reason="tenseal is not installed")
    from velatura.homomorphic.seal_public import PublicSide
    from velatura.homomorphic.seal_secret import SecretSide

    chosen = parameters(n, bits[:-1], bits[-1])
    builder = ProgramBuilder(chosen.slots)
    x = builder.take(0)
    program = builder.build([builder.multiply([(builder.rotate(x, 1), builder.rotate(x, 5))])])
    planned = plan(program, chosen.data, [2.0**24])
    foretold = sizes(program, planned, chosen)
    owner = SecretSide(chosen)
    keys = owner.evaluation_keys(program.rotations)
    upload = owner.encrypt(np.ones(chosen.slots), 2.0**24)
    server = PublicSide(chosen, keys)
    (result,) = run(program, planned, server, {(0, 0): server.load(upload, level=len(chosen.data), scale=2.0**24)})
    assert foretold.upload == pytest.approx(len(upload), rel=0.1)
    assert foretold.result == pytest.approx(len(server.dump(result)), rel=0.1)
    assert foretold.evaluation_keys == pytest.approx(len(keys), rel=0.1)
    assert len(keys) <= foretold.evaluation_keys * 1.005
    assert foretold.keys_held > 2 * foretold.evaluation_keys


def test_plain_vectors_are_held_in_eight_bytes_a_coefficient_and_prime() -> None:
    builder = ProgramBuilder(SET.slots)
    program = builder.build([builder.weigh([(builder.take(0), np.arange(SET.slots, dtype=float))], scale=0)])
    assert sizes(program, plan(program, SET.data, [2.0**29]), SET).plains_held == 8192 * 4 * 8


def test_one_measured_degree_is_enough() -> None:
    program = random_program(np.random.default_rng(1), SET.slots)
    planned = plan(program, SET.data, [2.0**29] * program.scales)
    assert milliseconds(program, planned, measured=(Factors(*([8192] + [1.0] * 10)),)) > 0
