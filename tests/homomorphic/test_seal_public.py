"""SEAL against the simulator: the same numbers, noise of the size that was foretold, and each misuse by its name."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from tests.homomorphic.random_programs import random_program

from velatura.errors import BadInput, VelaturaError
from velatura.homomorphic.engine import run
from velatura.homomorphic.levels import plan
from velatura.homomorphic.parameters import parameters
from velatura.homomorphic.program import ProgramBuilder
from velatura.homomorphic.simulator import Simulator

pytest.importorskip("tenseal", reason="tenseal is not installed")

from velatura.homomorphic.seal_public import PublicSide
from velatura.homomorphic.seal_secret import SecretSide

SET = parameters(8192, [38, 29, 29, 29, 29], 40)
SCALE = 2.0**29
TOP = len(SET.data)
ROTATIONS = (1, 2, 7, 4000)


@pytest.fixture(scope="module")
def owner() -> SecretSide:
    return SecretSide(SET)


@pytest.fixture(scope="module")
def server(owner: SecretSide) -> PublicSide:
    return PublicSide(SET, owner.evaluation_keys(ROTATIONS))


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(3).uniform(-1, 1, SET.slots)


def sent(owner: SecretSide, server: PublicSide, values: np.ndarray) -> object:
    return server.load(owner.encrypt(values, SCALE), level=TOP, scale=SCALE)


def opened(owner: SecretSide, server: PublicSide, of: object, level: int, scale: float) -> np.ndarray:
    return owner.decrypt(server.dump(of), level=level, scale=scale).real


@pytest.mark.parametrize("seed", range(6))
def test_noise_is_within_a_factor_of_two_of_what_the_simulator_foretells(owner: SecretSide, seed: int) -> None:
    rng = np.random.default_rng(seed)
    program = random_program(rng, SET.slots)
    scales = [SCALE, *(2.0 ** rng.uniform(26, 29, program.scales - 1))]
    planned = plan(program, SET.data, scales)
    server = PublicSide(SET, owner.evaluation_keys(program.rotations))
    x = rng.uniform(-1, 1, (4, SET.slots))
    quiet, noisy = Simulator(SET), Simulator(SET, rng)
    exact = run(program, planned, quiet, {(0, 0): quiet.encrypt(x, SCALE)})[0].values
    foretold = run(program, planned, noisy, {(0, 0): noisy.encrypt(x, SCALE)})[0].values - exact
    (result,) = run(program, planned, server, {(0, 0): sent(owner, server, x[0])})
    level, scale = planned.level[program.outputs[0]], planned.scale[program.outputs[0]]
    seen = opened(owner, server, result, level, scale) - exact[0]
    assert 0.5 < np.std(seen) / np.std(foretold) < 2


def test_each_operation_does_what_the_simulator_does(owner: SecretSide, server: PublicSide, x: np.ndarray) -> None:
    quiet = Simulator(SET)
    vector = np.random.default_rng(4).uniform(-1, 1, SET.slots)
    prime = SET.data[TOP - 1]

    def operations(engine: Simulator | PublicSide, c: object) -> list[tuple[object, int, float]]:
        plain, number = engine.encode(vector, TOP, SCALE), engine.encode(np.full(1, 0.75), TOP, SCALE)
        weighed = engine.weigh([(c, plain), (engine.rotate(c, 2), number)], SCALE * SCALE)
        product = engine.multiply([(c, c), (c, engine.rotate(c, 1))])
        return [
            (engine.rotate(c, 4000), TOP, SCALE),
            (weighed, TOP, SCALE * SCALE),
            (engine.rescale(weighed, SCALE * SCALE / prime), TOP - 1, SCALE * SCALE / prime),
            (product, TOP, SCALE * SCALE),
            (engine.add([c, c, engine.rotate(c, 7)]), TOP, SCALE),
            (engine.shift(c, engine.encode(vector, TOP, SCALE)), TOP, SCALE),
            (engine.drop(c, 2), 2, SCALE),
        ]

    expected = operations(quiet, quiet.encrypt(x, SCALE))
    found = operations(server, sent(owner, server, x))
    for (ours, level, scale), (seal, _, _) in zip(expected, found, strict=True):
        assert np.allclose(opened(owner, server, seal, level, scale), quiet.decrypt(ours), atol=1e-3)


def test_no_operation_changes_what_it_reads(owner: SecretSide, server: PublicSide, x: np.ndarray) -> None:
    c = sent(owner, server, x)
    before = server.dump(c)
    server.add([c, c]), server.multiply([(c, c)]), server.rotate(c, 1), server.drop(c, 1), server.shift(c, server.encode(x, TOP, SCALE))
    server.rescale(c, SCALE / SET.data[TOP - 1])
    assert opened(owner, server, c, TOP, SCALE).tolist() == owner.decrypt(before, level=TOP, scale=SCALE).real.tolist()


def test_scales_a_rounding_apart_are_added(owner: SecretSide, server: PublicSide, x: np.ndarray) -> None:
    one, other = sent(owner, server, x), sent(owner, server, x)
    other.scale = SCALE * (1 + 1e-14)  # type: ignore[attr-defined]
    assert np.allclose(opened(owner, server, server.add([one, other]), TOP, SCALE), 2 * x, atol=1e-4)
    assert other.scale == SCALE * (1 + 1e-14)  # type: ignore[attr-defined]


def test_a_rotation_without_its_key_is_refused(owner: SecretSide, server: PublicSide, x: np.ndarray) -> None:
    with pytest.raises(BadInput, match=r"rotate by 3 .*he\.missing-key"):
        server.rotate(sent(owner, server, x), 3)
    with pytest.raises(BadInput, match=r"he\.missing-key"):
        PublicSide(SET).multiply([(sent(owner, server, x), sent(owner, server, x))])


@pytest.mark.parametrize(
    ("misuse", "code"),
    [
        (lambda e, c: e.encode(np.full(SET.slots, np.nan), TOP, SCALE), "he.not-finite"),
        (lambda e, c: e.encode(np.full(1, np.inf), TOP, SCALE), "he.not-finite"),
        (lambda e, c: e.encode(np.full(SET.slots, 1e30), TOP, 2.0**100), "he.range"),
        (lambda e, c: e.encode(np.ones(SET.slots), TOP, 2.0**200), "he.scales"),
        (lambda e, c: e.weigh([(c, e.encode(np.zeros(SET.slots), TOP, SCALE))], SCALE * SCALE), "he.transparent"),
        (lambda e, c: e.weigh([(c, e.encode(np.full(SET.slots, 1e-15), TOP, SCALE))], SCALE * SCALE), "he.transparent"),
        (lambda e, c: e.add([c, e.rescale(e.multiply([(c, c)]), SCALE**2 / SET.data[-1])]), "he.scales"),
        (lambda e, c: e.rescale(e.drop(c, 1), SCALE), "he.engine"),
        (lambda e, c: e.shift(c, e.encode(np.ones(SET.slots), 2, SCALE)), "he.engine"),
    ],
)
def test_a_misuse_is_one_error_of_ours(owner: SecretSide, server: PublicSide, x: np.ndarray, misuse: object, code: str) -> None:
    with pytest.raises(VelaturaError) as refused:
        misuse(server, sent(owner, server, x))  # type: ignore[operator]
    assert refused.value.code == code


def test_a_program_without_products_or_rotations_needs_no_keys(owner: SecretSide, x: np.ndarray) -> None:
    builder = ProgramBuilder(SET.slots)
    program = builder.build([builder.weigh([(builder.take(0), np.full(1, 0.25))], scale=builder.new_scale())])
    planned = plan(program, SET.data, [SCALE, SCALE])
    server = PublicSide(SET)
    (result,) = run(program, planned, server, {(0, 0): sent(owner, server, x)})
    assert np.allclose(opened(owner, server, result, TOP - 1, SCALE), x / 4, atol=1e-4)


def test_no_secret_is_reachable_from_the_server_s_module() -> None:
    told = "import sys, velatura.homomorphic.seal_public as m; print([n for n in sys.modules if 'seal_secret' in n], hasattr(m, 'SecretSide'))"
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, timeout=280).stdout.split() == ["[]", "False"]


def test_the_bias_of_a_key_stands_in_slot_nought_as_foretold(x: np.ndarray) -> None:
    """A hundred times the noise of other slots, and the same at every use of a key."""
    narrow = parameters(4096, [40, 30], 36)
    seen, foretold = [], []
    for seed in range(12):
        owner = SecretSide(narrow)
        server = PublicSide(narrow, owner.evaluation_keys([1]))
        simulator = Simulator(narrow, np.random.default_rng(seed))
        for _ in range(2):
            fresh = server.load(owner.encrypt(np.zeros(2048), 2.0**30), level=2, scale=2.0**30)
            seen.append(owner.decrypt(server.dump(server.rotate(fresh, 1)), level=2, scale=2.0**30).real)
            foretold.append(simulator.rotate(simulator.encrypt(np.zeros(2048), 2.0**30), 1).values)
    for errors in (np.array(seen), np.array(foretold)):
        assert 20 < np.std(errors[:, 0]) / np.median(np.std(errors, axis=0)) < 300
        assert np.std(errors[::2, 0] - errors[1::2, 0]) < np.std(errors[:, 0]) / 5
    assert 0.4 < np.std(np.array(seen)[:, 0]) / np.std(np.array(foretold)[:, 0]) < 2.5
    assert 0.8 < np.median(np.std(seen, axis=0)) / np.median(np.std(foretold, axis=0)) < 1.25
