"""Bytes that are foretold, against those that there are."""

from __future__ import annotations

import numpy as np
import pytest
from tests.homomorphic.small_models import small

from velatura.errors import BadInput
from velatura.homomorphic.levels import plan
from velatura.homomorphic.memory import ciphertext_bytes, live_bytes, machine_bytes, needed_by_program, refuse_too_much
from velatura.homomorphic.parameters import parameters
from velatura.homomorphic.program import Program, Rotate, Take


def test_live_bytes_count_what_is_there_at_once() -> None:
    chosen = parameters(4096, [25, 20], 25)
    one = 2 * 4096 * 2 * 8
    chain = Program(2048, (Take(0), Rotate(0, 1), Rotate(1, 1), Rotate(2, 1)), (), (3,), 1, ("",) * 4)
    assert live_bytes(chain, plan(chain, chosen.data, [2.0**20])) == 2 * one
    fan = Program(2048, (Take(0), Rotate(0, 1), Rotate(0, 2), Rotate(0, 3)), (), (1, 2, 3), 1, ("",) * 4)
    assert live_bytes(fan, plan(fan, chosen.data, [2.0**20])) == 4 * one


def test_a_ciphertext_is_no_larger_than_was_said() -> None:
    pytest.importorskip("tenseal", reason="tenseal is not installed")
    from velatura.homomorphic.seal_public import PublicSide
    from velatura.homomorphic.seal_secret import SecretSide

    for chosen in (parameters(4096, [30, 30], 40), parameters(8192, [60, 60], 60)):
        side = SecretSide(chosen)
        raw = side.encrypt(np.random.default_rng(0).normal(size=chosen.slots), 2.0**25)
        assert len(raw) < ciphertext_bytes(chosen, 2, fresh=True) < ciphertext_bytes(chosen, 2, fresh=False)
        public = PublicSide(chosen)
        whole = public.dump(public.load(raw, level=2, scale=2.0**25))
        assert ciphertext_bytes(chosen, 2, fresh=True) < len(whole) * 2
        assert len(whole) < ciphertext_bytes(chosen, 2, fresh=False)


def test_more_than_the_machine_has_is_refused() -> None:
    refuse_too_much(10, "it", machine=10)
    with pytest.raises(BadInput) as caught:
        refuse_too_much(11, "it", machine=10)
    assert (caught.value.code, caught.value.exit_status) == ("he.memory", 5)
    assert machine_bytes() > 1 << 28


def test_kept_vectors_are_part_of_what_a_program_needs() -> None:
    compiled = small()
    planned = plan(compiled.program, compiled.parameters.data, compiled.scales)
    with_plains, without = (needed_by_program(compiled.program, planned, compiled.parameters, plains=one) for one in (True, False))
    assert with_plains > without > sum(vector.nbytes for vector in compiled.program.plains)
