"""Random changes of real documents: none is accepted that says something else, and nothing but typed errors is raised."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from benchmarks.enclave_material import honest
from tests.attacks.enclave.process_evidence import honest as of_a_process

from velatura.attacks.enclave.mutations import mutated, same_content
from velatura.attacks.enclave.opening import opened
from velatura.attacks.enclave.parts import Opened
from velatura.attacks.enclave.signatures import flipped, flips
from velatura.audit.enclave.arms import VerifyingArm

SHARED = Path(os.environ.get("VELATURA_SHARED", Path(__file__).parents[3] / "shared"))


@cache
def documents() -> tuple[Opened, ...]:
    return tuple(opened(one) for one in honest(SHARED).values())


def accepted_of(seed: int, count: int) -> list[str]:
    rng, verifying = np.random.default_rng(seed), VerifyingArm()
    taken = []
    for number in range(count):
        one = documents()[number % len(documents())]
        made = mutated(one, rng)
        if verifying(made, rng) and not same_content(one, made):
            taken.append(f"{one.submission.format} {number}")
    return taken


def test_a_thousand_random_changes_are_refused(shared: Path) -> None:
    assert accepted_of(1, 1_000) == []


@pytest.mark.slow
def test_ten_thousand_random_changes_are_refused(shared: Path) -> None:
    assert accepted_of(2, 10_000) == []


def test_no_flipped_bit_of_a_process_evidence_is_accepted() -> None:
    rng, verifying, known = np.random.default_rng(0), VerifyingArm(), opened(of_a_process())
    assert verifying(known.submission, rng)
    taken = []
    for part in known.parts:
        if part.name.startswith("claim"):  # they lie in the document, too
            continue
        for place, bit in flips(part):
            if verifying(part.put(flipped(part.raw, place, bit)), rng):
                taken.append(f"{part.name} {place}.{bit}")
    assert taken == []
