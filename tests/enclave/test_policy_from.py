"""Policies from documents that are known to be good: strict, met by their document and by no other, and never from one that fails."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.enclave.evidence.test_process import KEY, NOW, claims, sealed

from velatura.enclave.companions import Companions, read_companions
from velatura.enclave.evidence.documents import guess, read_evidence
from velatura.enclave.evidence.process_document import INSECURE_TEST, measurement_of
from velatura.enclave.policy import With, load_policy
from velatura.enclave.policy_from import Proposal, policy_from
from velatura.enclave.verify import verify
from velatura.errors import VelaturaError, Withheld

SOURCES = (
    "snp-v5-turin-vcek",
    "snp-v3-milan-vlek-vmpl1",
    "tdx-v4",
    "nitro-2025-indefinite",
    "azure-snp-milan-v2",
    "tpm-gce-nonce",
    "nvidia-multi-gpu",
)


class Source:
    """One case of the evidence that lies with the data."""

    def __init__(self, shared: Path, name: str) -> None:
        self.folder = shared / "data" / "enclave-evidence"
        cases = json.loads((self.folder / "cases.json").read_text())["cases"]
        case: dict[str, Any] = next(case for case in cases if case["id"] == name)
        self.format, self.raw = case["format"], read_evidence(self.folder / case["evidence"])
        self.now = datetime.fromtimestamp(case["time"], UTC)
        self.beside = With(**{kind: str(self.folder / file) for kind, file in case.get("with", {}).items()})
        self.companions = read_companions(self.beside, Path())

    def policy(self, folder: Path) -> Proposal:
        return policy_from(self.raw, self.format, self.companions, self.beside, now=self.now, folder=folder)


@pytest.mark.parametrize("name", SOURCES)
def test_a_policy_is_met_by_its_document(name: str, shared: Path, tmp_path: Path) -> None:
    source = Source(shared, name)
    made = source.policy(tmp_path)
    path = tmp_path / "p.toml"
    path.write_text(made.text)
    policy = load_policy(path)
    assert policy.format == source.format and policy.reference.values and not policy.reference.any_measurement
    assert not policy.require.debug and not policy.require.migration and not policy.require.accept_warning
    found = verify(source.raw, policy, read_companions(policy.companions, tmp_path), now=source.now)
    assert found.verdict == made.appraisal.verdict != "contraindicated"
    assert {check.code for check in made.open} == {check.code for check in found.checks if check.outcome == "warned"}


@pytest.mark.parametrize("name", SOURCES)
def test_every_value_that_it_lists_is_held(name: str, shared: Path, tmp_path: Path) -> None:
    source = Source(shared, name)
    text = source.policy(tmp_path).text
    listed = re.findall(r"^(\w+) = \[\"([^\"]+)\"\]$", text, re.MULTILINE)
    listed = [(key, value) for key, value in listed if key in tomllib.loads(text)["reference"]]
    assert listed
    for key, value in listed:
        other = ("0" if value[0] != "0" else "1") + value[1:]
        path = tmp_path / f"{key}.toml"
        path.write_text(text.replace(f'{key} = ["{value}"]', f'{key} = ["{other}"]'))
        policy = load_policy(path)
        found = verify(source.raw, policy, source.companions, now=source.now)
        assert (found.verdict, found.code) == ("contraindicated", "measurement-mismatch"), key


def test_a_raised_minimum_is_not_met(shared: Path, tmp_path: Path) -> None:
    source = Source(shared, "snp-v5-turin-vcek")
    text = source.policy(tmp_path).text
    told = tomllib.loads(text)["require"]["min_tcb"]
    assert set(told) == {"fmc", "bl", "tee", "snp", "ucode"}
    path = tmp_path / "p.toml"
    path.write_text(text.replace(f"snp = {told['snp']}", f"snp = {told['snp'] + 1}"))
    assert verify(source.raw, load_policy(path), source.companions, now=source.now).code == "tcb-below-minimum"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("snp-v2-milan-debug", "debug-enabled"),
        ("snp-v2-chain-of-other-product", "chain-invalid"),
        ("snp-v2-wrong-vcek", "chain-invalid|wrong-leaf"),
        ("snp-no-leaf", "collateral-missing"),
        ("nitro-2022-late", "expired"),
        ("nvidia-hopper-bad-signature", "signature"),
    ],
)
def test_a_document_that_fails_is_never_the_source(name: str, code: str, shared: Path, tmp_path: Path) -> None:
    with pytest.raises(Withheld, match=rf"\[({code})\].*\[enclave.unverified\]"):
        Source(shared, name).policy(tmp_path)


def test_a_changed_document_is_never_the_source(shared: Path, tmp_path: Path) -> None:
    source = Source(shared, "snp-v5-turin-vcek")
    for at in range(0, len(source.raw), 41):
        source_raw = bytearray(source.raw)
        source_raw[at] ^= 1
        with pytest.raises(VelaturaError):
            policy_from(bytes(source_raw), "sev-snp", source.companions, source.beside, now=source.now, folder=tmp_path)


@pytest.mark.parametrize("form", ["process", "simulated"])
def test_a_policy_from_a_process_wants_its_program_and_tells_its_job(form: str, tmp_path: Path) -> None:
    raw = sealed(key=INSECURE_TEST if form == "simulated" else KEY, named=form)
    assert guess(raw) == form
    made = policy_from(raw, form, Companions(), With(), now=NOW, folder=tmp_path)
    path = tmp_path / "p.toml"
    path.write_text(made.text)
    policy = load_policy(path)
    assert (policy.minimum_assurance, set(policy.reference.values)) == (form, {"measurement"})
    assert f'# job = ["{claims().job}"]' in made.text
    other = claims(interpreter="99" * 32)
    other = claims(interpreter="99" * 32, measurement=measurement_of(other))
    assert verify(sealed(other, key=INSECURE_TEST if form == "simulated" else KEY, named=form), policy, now=NOW).code == "measurement-mismatch"


def test_a_layer_that_is_absent_has_to_be_named(tmp_path: Path) -> None:
    raw = sealed(claims(layers=claims().layers | {"landlock": "no-landlock"}))
    with pytest.raises(Withheld, match=r"\[degraded\]"):
        policy_from(raw, "process", Companions(), With(), now=NOW, folder=tmp_path)
    made = policy_from(raw, "process", Companions(), With(), now=NOW, folder=tmp_path, degraded=("landlock",))
    assert 'degraded = ["landlock"]' in made.text and [check.code for check in made.open] == ["degraded"]
