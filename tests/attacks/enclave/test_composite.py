"""Processors with GPUs, forged: a real processor's report, and GPUs of a vendor in memory that answer what it fixes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.enclave_material import honest
from tests.enclave.evidence.vendors import Authority, Gpu

from velatura.attacks.enclave.catalogue import forgeries
from velatura.attacks.enclave.forging import EvidenceForgery
from velatura.attacks.enclave.freshness import shown
from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.opening import opened
from velatura.attacks.enclave.parts import Opened
from velatura.attacks.enclave.submission import Forgery, Submission
from velatura.audit.enclave.arms import BelievingArm, VerifyingArm
from velatura.enclave.evidence import composite, nvidia
from velatura.enclave.evidence.nvidia import gpu_nonce

ROOT = Authority("A vendor's root")
RNG = np.random.default_rng(0)
PROCESSORS = ["snp-v5-genoa-vcek", "tdx-v4", "azure-snp-milan-v2"]


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """No real GPU answered a nonce that we could derive."""
    monkeypatch.setattr(nvidia, "pins", lambda *_: {ROOT.pin: "test root"})


def gpus(nonce: bytes, count: int = 2) -> bytes:
    return json.dumps([Gpu(ROOT, serial=str(number)).listed(nonce) for number in range(count)]).encode()


def bound(processor: Submission) -> bytes:
    return shown(opened(processor))


def machine(shared: Path, name: str) -> Submission:
    processor = honest(shared)[name]
    made = processor.beside(gpu=gpus(gpu_nonce(bound(processor)))).asked("", minimum_assurance="tee+gpu")
    return made.asked("require", accept_warning=True, gpus=2)


def elsewhere(shared: Path, name: str) -> list[Opened]:
    """GPUs that the same vendor made, which answered another nonce; another processor of the same kind."""
    processors = [one for other, one in honest(shared).items() if other != name and one.format == honest(shared)[name].format]
    devices = Submission("nvidia", gpus(bytes(range(32))), processors[0].policy if processors else "version = 1\n", honest(shared)[name].at)
    return [opened(devices), *map(opened, processors)]


def made_of(shared: Path, name: str, others: list[Opened]) -> list[Forgery]:
    return [one for one in forgeries(opened(machine(shared, name)), others, Keys(3)) if one.number in (16, 31)]


@pytest.mark.parametrize("name", PROCESSORS)
def test_no_machine_that_is_put_together_is_accepted_and_who_believes_takes_most(name: str, shared: Path) -> None:
    verifies, believes = VerifyingArm(), BelievingArm()
    assert verifies(machine(shared, name), RNG), "or its forgeries prove nothing"
    made = [one for one in made_of(shared, name, elsewhere(shared, name)) if "GPU" in one.name]
    told = {one.name.partition(" (")[0] for one in made}
    assert told >= {
        "no GPU at all",
        "a GPU twice",
        "a GPU is missing",
        "a GPU in the place of another",
        "reports of two GPUs exchanged",
        "GPUs of another machine",
        "GPUs answer a nonce of its own",
        "GPUs answer a nonce of its own, signed by others",
        "GPUs answer what the processor's nonce place begins with",
        "GPUs signed anew under a look-alike root",
    }
    assert [one.name for one in made if verifies(one.make(), RNG)] == []
    assert sum(believes(one.make(), RNG) for one in made) > len(made) / 2


def test_gpus_of_one_machine_beside_another_processor_are_refused(shared: Path) -> None:
    made = [one for one in made_of(shared, PROCESSORS[0], elsewhere(shared, PROCESSORS[0])) if "another processor" in one.name]
    assert len(made) >= 3
    assert not any(VerifyingArm()(one.make(), RNG) for one in made)
    fits = next(one.make() for one in made)
    theirs = gpus(gpu_nonce(bound(fits.beside(gpu=None))))
    assert VerifyingArm()(fits.beside(gpu=theirs), RNG), "with GPUs of its own it is accepted"


def test_a_verifier_that_forgets_the_nonce_is_found_out(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composite, "hold_nonce", lambda *_: None)
    made = made_of(shared, PROCESSORS[0], elsewhere(shared, PROCESSORS[0]))
    assert any(VerifyingArm()(one.make(), RNG) for one in made if one.name.startswith("GPUs of another machine"))


def test_the_same_devices_in_another_order_say_the_same(shared: Path) -> None:
    whole = machine(shared, PROCESSORS[0])
    turned = json.dumps(json.loads(whole.companions["gpu"])[::-1]).encode()
    assert VerifyingArm()(whole.beside(gpu=turned), RNG)


def test_every_family_is_played_on_the_gpus_too(shared: Path) -> None:
    found = EvidenceForgery(flips=40, mutations=40).play(VerifyingArm(), [machine(shared, PROCESSORS[0])], np.random.default_rng(2), budget_s=240)
    assert found.success.max() == 0
    assert {part.name for part in opened(machine(shared, PROCESSORS[0])).parts} >= {"gpu report", "gpu report 1"}
    names = [one.name for one in forgeries(opened(machine(shared, PROCESSORS[0])), (), Keys(3))]
    assert sum("gpu report 1" in name for name in names) > 20
    assert sum("gpu device 1" in name for name in names) > 5


def test_without_gpus_nothing_is_made(shared: Path) -> None:
    alone = replace(machine(shared, PROCESSORS[0]).beside(gpu=None))
    assert not [one for one in forgeries(opened(alone), (), Keys(3)) if "GPU" in one.name]
