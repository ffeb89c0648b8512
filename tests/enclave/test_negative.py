"""What must not be accepted, by its class and by the document that it is made of; the document itself is accepted first, each time."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from benchmarks.enclave_material import honest
from tests.attacks.enclave.process_evidence import honest as of_a_process

from velatura.attacks.enclave.catalogue import forgeries
from velatura.attacks.enclave.classes import CLASSES
from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.opening import opened
from velatura.attacks.enclave.parts import Opened
from velatura.attacks.enclave.submission import Forgery, Submission
from velatura.audit.enclave.arms import BelievingArm, VerifyingArm

SHARED = Path(os.environ.get("VELATURA_SHARED", Path(__file__).parents[3] / "shared"))
ALL = (*range(1, 6), *range(8, 19), 19, 20, 21, 25, 26, 27, 41)
"""Classes that every format with certificates has."""
APPLY = {
    "snp-v2-milan-vcek": (*ALL, 23, 24, 28, 33, 34, 35, 36, 38),
    "snp-v2-milan-debug-allowed": (*ALL, 23, 24, 28, 33, 34, 35, 36, 38),
    "snp-v3-genoa-vcek": (*ALL, 23, 24, 28, 33, 34, 35, 36, 38),
    "snp-v5-genoa-vcek": (*ALL, 23, 24, 28, 33, 34, 35, 36, 38),
    "snp-v5-turin-vcek": (*ALL, 23, 24, 28, 33, 34, 35, 36, 38),
    "snp-v3-milan-vlek-vmpl1": (*ALL, 23, 24, 28, 33, 34, 35, 36, 38),
    "sgx-v3-accepted": (*ALL, 23, 33, 35, 36, 37, 38, 39),
    "tdx-v4": (*ALL, 23, 24, 28, 31, 33, 34, 36, 38, 39),
    "tdx-v5": (*ALL, 23, 24, 28, 33, 34, 36, 38, 39),
    "ccel-cos113": (*ALL, 23, 24, 28, 33, 34, 36, 37, 38, 39, 40),
    "nitro-2022": (*ALL, 6, 7, 23, 24, 28, 32, 33, 38),
    "nitro-2025-indefinite": (*ALL, 6, 7, 23, 24, 32, 33, 38),
    "nitro-2024-large-fields": (*ALL, 6, 7, 23, 24, 32, 33, 38),
    "azure-snp-milan-v2": (*ALL, 6, 7, 31, 33, 34, 35, 36, 38, 42),
    "azure-tdx-2025": (*ALL, 6, 7, 31, 33, 34, 36, 38, 39, 42),
    "tpm-gce-nonce": (1, 2, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 26, 27, 31, 35, 38, 40, 41, 42),
    "nvidia-hopper": (*ALL, 6, 23, 24, 28, 38),
    "nvidia-blackwell": (*ALL, 6, 23, 24, 28, 38),
    "nvidia-multi-gpu": (*ALL, 6, 7, 23, 24, 28, 31, 38),
    "process": (1, 2, 6, 7, 8, 9, 10, 11, 15, 26, 27, 32, 38, 41, 42),
}
NOT_HERE = dict.fromkeys(("nvidia-hopper", "nvidia-blackwell", "nvidia-multi-gpu"), (3, 13, 20))
WITHOUT_RESERVED = ("nitro-2022", "nitro-2025-indefinite", "nitro-2024-large-fields", "tdx-v4", "tdx-v5", "ccel-cos113", "azure-tdx-2025")
NOT_HERE |= dict.fromkeys(WITHOUT_RESERVED, (3,))
NOT_HERE |= {name: (5,) for name in APPLY if name.startswith("snp-")}
"""Formats without reserved bytes, lengths, a field that names an algorithm, or certificates that end."""
PAIRS = [(name, number) for name, numbers in APPLY.items() for number in sorted(set(numbers) - set(NOT_HERE.get(name, ())))]


@cache
def submissions() -> dict[str, Submission]:
    return {**honest(SHARED), "process": of_a_process()}


@cache
def taken_apart() -> dict[str, Opened]:
    return {name: opened(one) for name, one in submissions().items()}


@cache
def made_of(name: str) -> tuple[Forgery, ...]:
    others = [one for other, one in taken_apart().items() if other != name]
    return tuple(forgeries(taken_apart()[name], others, Keys(1)))


@cache
def accepted_as_it_is(name: str) -> bool:
    return VerifyingArm()(submissions()[name], rng())


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(("name", "number"), PAIRS, ids=[f"{name}-{number}-{CLASSES[number].replace(' ', '_')}" for name, number in PAIRS])
def test_no_forgery_is_accepted(name: str, number: int, shared: Path) -> None:
    verified = VerifyingArm()
    assert accepted_as_it_is(name), "or its forgeries prove nothing"
    chosen = [one for one in made_of(name) if one.number == number]
    assert chosen, f"no forgery of class {number} is made of {name}"
    taken = [one.name for one in chosen if verified(one.make(), rng())]
    assert not taken


def test_there_are_enough_of_them_and_they_differ_from_what_they_are_made_of(shared: Path) -> None:
    made = [(name, one) for name in APPLY for one in made_of(name)]
    assert len(made) >= 300
    assert len({(name, one.number, one.name) for name, one in made}) == len(made), "each has a name of its own"
    assert all(one.make() != submissions()[name] for name, one in made[::7])
    assert len({one.number for _, one in made}) >= 39


@pytest.mark.parametrize("name", APPLY)
def test_whoever_believes_evidence_accepts_most_of_them(name: str, shared: Path) -> None:
    believing = BelievingArm()
    assert believing(submissions()[name], rng())
    taken = [believing(one.make(), rng()) for one in made_of(name)[::5]]
    assert sum(taken) > len(taken) / 3
