"""What lies beside evidence: named with its address before it is there, known when it is given, and told when it is of something else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from velatura.enclave.companions import Companions
from velatura.enclave.evidence.documents import read_evidence
from velatura.enclave.needed import State, needed
from velatura.errors import BadInput


@pytest.fixture
def cases(shared: Path) -> dict[str, dict[str, Any]]:
    folder = shared / "data" / "enclave-evidence"
    return {case["id"]: case | {"folder": folder} for case in json.loads((folder / "cases.json").read_text())["cases"]}


def document(case: dict[str, Any]) -> tuple[bytes, str, datetime]:
    return read_evidence(case["folder"] / case["evidence"]), case["format"], datetime.fromtimestamp(case["time"], UTC)


def beside(case: dict[str, Any]) -> Companions:
    return Companions(**{name: (case["folder"] / file).read_bytes() for name, file in case.get("with", {}).items()})


ADDRESSES = {
    "snp-no-leaf": "/vcek/v1/Genoa/{chip}?blSPL=",
    "snp-v5-turin-vcek": "/vcek/v1/Turin/{chip}?fmcSPL=1&blSPL=1&teeSPL=1&snpSPL=4&ucodeSPL=81",
    "snp-v3-milan-vlek-vmpl1": "the cloud hands it out",
    "sgx-v3-no-collateral": "/sgx/certification/v4/tcb?fmspc=00A067110000",
    "tdx-v4": "/tdx/certification/v4/tcb?fmspc=B0C06F000000",
    "azure-tdx-v1": "/tdx/certification/v4/tcb?fmspc=00806F050000",
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_what_is_missing_comes_with_its_address(name: str, cases: dict[str, dict[str, Any]]) -> None:
    raw, kind, now = document(cases[name])
    found = needed(raw, kind, Companions(), now=now)
    missing = next(need for need in found.needs if need.state is State.MISSING)
    chip = raw[0x1A0:0x1E0].rstrip(b"\0").hex()
    assert ADDRESSES[name].format(chip=chip) in " ".join(missing.where)
    assert not found.complete


@pytest.mark.parametrize("name", ["snp-v5-turin-vcek", "snp-v3-milan-vlek", "tdx-v4", "ccel-cos113", "azure-tdx-2025", "nvidia-hopper"])
def test_what_is_given_is_known(name: str, cases: dict[str, dict[str, Any]]) -> None:
    raw, kind, now = document(cases[name])
    found = needed(raw, kind, beside(cases[name]), now=now)
    assert found.complete and found.appraisal.verdict != "contraindicated"
    assert any(need.state is State.GIVEN for need in found.needs)


@pytest.mark.parametrize("name", ["nitro-2025-indefinite", "nvidia-multi-gpu", "tpm-gce-nonce", "azure-snp-milan-v2"])
def test_what_travels_within_is_not_missed(name: str, cases: dict[str, dict[str, Any]]) -> None:
    raw, kind, now = document(cases[name])
    found = needed(raw, kind, Companions(), now=now)
    assert found.complete and any(need.state is State.HERE for need in found.needs)


def test_what_is_of_something_else_is_told(cases: dict[str, dict[str, Any]]) -> None:
    raw, kind, now = document(cases["snp-v2-milan-azure"])
    found = needed(raw, kind, beside(cases["snp-v2-milan-debug"]), now=now)
    leaf = next(need for need in found.needs if need.name == "leaf")
    assert leaf.state is State.UNFIT and "[wrong-leaf]" in leaf.told
    raw, kind, now = document(cases["sgx-v3-accepted"])
    found = needed(raw, kind, beside(cases["sgx-v3-foreign-collateral"]), now=now)
    assert next(need for need in found.needs if need.name == "dcap").state is State.UNFIT
    absent = replace(Companions(), absent=("leaf (gone.der)",))
    raw, kind, now = document(cases["snp-v5-turin-vcek"])
    assert next(need for need in needed(raw, kind, absent, now=now).needs if need.name == "leaf").state is State.MISSING


@pytest.mark.parametrize("kind", ["sev-snp", "tdx", "sgx", "azure-tdx", "azure-snp", "tpm", "nitro", "nvidia", "process"])
def test_bytes_of_another_format_are_refused_in_a_line(kind: str) -> None:
    with pytest.raises(BadInput):
        needed(b"\7\0nothing of the kind", kind, Companions(), now=datetime(2026, 6, 30, tzinfo=UTC))
