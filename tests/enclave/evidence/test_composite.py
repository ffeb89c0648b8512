"""A processor with GPUs: the GPUs answer what the processor's evidence fixes, and those of another machine do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.enclave.evidence.real import Real, real
from tests.enclave.evidence.vendors import Authority, Gpu

from velatura.enclave.appraisal import Verdict
from velatura.enclave.evidence import nvidia
from velatura.enclave.evidence.nvidia import gpu_nonce
from velatura.enclave.policy import parse_policy
from velatura.errors import BadInput, BadSpec

ROOT = Authority("A vendor's root")
SNP, AZURE = "snp-v5-genoa-vcek", "azure-snp-milan-v2"
LISTED = "[reference]\nany_measurement = true\n"


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendor in memory is the one that is pinned: no real GPU answered a nonce that we could derive."""
    monkeypatch.setattr(nvidia, "pins", lambda *_: {ROOT.pin: "test root"})


def nonce_for(case: Real) -> bytes:
    return gpu_nonce(bytes.fromhex(case.judged().claims["report_data"]))


def listed(nonce: bytes, *gpus: Gpu) -> bytes:
    return json.dumps([gpu.listed(nonce) for gpu in gpus or (Gpu(ROOT),)]).encode()


def with_gpu(case: Real, evidence: bytes) -> Real:
    return case.asking(minimum_assurance="tee+gpu").beside(gpu=evidence)


def measured(case: Real) -> dict[str, Any]:
    return {"measurement": [case.judged().claims["measurement"]]}


@pytest.mark.parametrize("name", [SNP, AZURE])
def test_both_together_reach_tee_and_gpu(shared: Path, name: str) -> None:
    case = real(shared, name)
    both = with_gpu(case, listed(nonce_for(case)))
    found = both.judged()
    assert (found.verdict, found.code, found.assurance.word) == (Verdict.WARNING, "no-reference-values", "tee+gpu")
    known = measured(case) | {"gpu_measurement": [found.claims["devices"][0]["gpu_measurement"]], "driver": ["590.12"]}
    assert both.judged(reference=known, gpus=1).verdict is Verdict.AFFIRMING
    for name_, wrong in (("gpu_measurement", "00" * 48), ("driver", "590.13"), ("measurement", "00" * 48)):
        assert both.judged(reference=known | {name_: [wrong]}).code == "measurement-mismatch"


def test_the_gpu_of_another_machine_or_time_is_refused(shared: Path) -> None:
    case, other = real(shared, SNP), real(shared, "snp-v3-genoa-vcek")
    for nonce in (nonce_for(other), bytes(32), bytes.fromhex(case.judged().claims["report_data"])[:32]):
        found = with_gpu(case, listed(nonce)).judged()
        assert found.code == "nonce-mismatch" and found.assurance.word == "none"


def test_a_real_gpu_of_somewhere_else_is_refused(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = with_gpu(real(shared, SNP), real(shared, "nvidia-multi-gpu").evidence).judged()
    assert found.code == "nonce-mismatch"
    assert {"gpu:device3:signature", "gpu:distinct"} <= {check.name for check in found.checks if check.outcome == "passed"}


def test_the_processor_must_hold_too(shared: Path) -> None:
    case = real(shared, SNP)
    gpu = listed(nonce_for(case))
    changed = bytearray(case.evidence)
    changed[0x50] ^= 1
    found = with_gpu(case, gpu).judged(bytes(changed))
    assert found.code == "signature" and not any(check.name.startswith("gpu") for check in found.checks)


def test_gpus_are_counted_and_a_switch_is_none(shared: Path) -> None:
    case = real(shared, SNP)
    nonce = nonce_for(case)
    one, two = Gpu(ROOT, serial="1"), Gpu(ROOT, serial="2")
    assert with_gpu(case, listed(nonce, one, two)).judged(gpus=2).code == "no-reference-values"
    assert with_gpu(case, listed(nonce, one)).judged(gpus=2).code == "composite"
    assert with_gpu(case, listed(nonce, one, one)).judged(gpus=2).code == "composite"
    switch = json.dumps([Gpu(ROOT, product="LS_10").listed(nonce) | {"arch": "LS10"}]).encode()
    assert with_gpu(case, switch).judged().code == "composite"


def test_without_gpus_nothing_that_asks_for_them_passes(shared: Path) -> None:
    case = real(shared, SNP)
    assert case.asking(minimum_assurance="tee+gpu").judged().code == "assurance"
    assert case.judged(gpus=1).code == "collateral-missing"
    assert case.judged(reference=measured(case) | {"driver": ["590.12"]}).code == "collateral-missing"


def test_a_gpu_alone_is_no_machine_with_a_gpu(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = real(shared, "nvidia-hopper").asking(minimum_assurance="tee+gpu").judged()
    assert found.code == "assurance"


def test_a_format_without_a_place_for_it_has_no_gpu(shared: Path) -> None:
    case = real(shared, "tpm-gce-nonce")
    assert case.beside(gpu=listed(bytes(32))).judged().code == "composite"


def test_a_bare_report_beside_a_processor_is_no_list(shared: Path) -> None:
    case = real(shared, SNP)
    with pytest.raises(BadInput, match="JSON list"):
        with_gpu(case, Gpu(ROOT).report(nonce_for(case))).judged()


def test_a_policy_of_a_processor_names_more_than_its_gpu() -> None:
    with pytest.raises(BadSpec, match="values of a GPU alone"):
        parse_policy('version = 1\nformat = "sev-snp"\n[reference]\ndriver = ["590.12"]\n')
