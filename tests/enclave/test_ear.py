"""The record of an appraisal, signed and read again; what is not such a record is refused."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.crypto.keys import Signer
from velatura.crypto.secret import Secret
from velatura.enclave.appraisal import Appraisal, Examination
from velatura.enclave.assurance import Assurance
from velatura.enclave.ear import PROFILE, open_record, read_record, record, sign_record
from velatura.enclave.verdict_text import in_words, record_in_words
from velatura.errors import BadInput, VelaturaError, Withheld

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
SIGNER, OTHER = (Signer(Secret(bytes([number]) * 32)) for number in (1, 2))


def appraisal(*failed: tuple[str, str], warned: tuple[tuple[str, str], ...] = (), assurance: Assurance = Assurance.TEE) -> Appraisal:
    examination = Examination(claims={"measurement": "ab" * 48, "debug": False})
    for name in ("structure", "chain", "signature"):
        if name not in dict(failed):
            examination.passed(name)
    for name, code in failed:
        examination.failed(name, code, f"{name} is wrong")
    for name, code in warned:
        examination.warned(name, code, f"{name} was not looked at")
    return examination.appraisal("sev-snp", assurance, "cd" * 32)


def test_a_record_says_what_was_found() -> None:
    made = record(appraisal(), now=NOW, nonce=b"\1" * 32)
    about = made["submods"]["cpu0"]
    assert (made["eat_profile"], made["iat"], made["ear_status"]) == (PROFILE, int(NOW.timestamp()), "affirming")
    assert about["ear_appraisal_policy_ids"] == ["sha256:" + "cd" * 32]
    assert about["ear_attester_claims"]["measurement"] == "ab" * 48
    assert about["ear_trustworthiness_vector"]["hardware"] == 2
    assert about["ear_trustworthiness_vector"]["runtime-opaque"] == 2
    assert base64.urlsafe_b64decode(made["eat_nonce"] + "=") == b"\1" * 32
    json.dumps(made)


def test_no_area_is_better_than_its_worst_check() -> None:
    vector = record(appraisal(("debug", "debug-enabled")), now=NOW)["submods"]["cpu0"]["ear_trustworthiness_vector"]
    assert vector["configuration"] == 96 and "runtime-opaque" not in vector
    vector = record(appraisal(warned=(("tcb", "tcb-status"),)), now=NOW)["submods"]["cpu0"]["ear_trustworthiness_vector"]
    assert vector["hardware"] == 32
    vector = record(appraisal(("signature", "signature")), now=NOW)["submods"]["cpu0"]["ear_trustworthiness_vector"]
    assert vector["hardware"] == vector["instance-identity"] == 99


def test_any_measurement_claims_nothing_of_the_program() -> None:
    examination = Examination()
    examination.passed("measurement", "the policy takes any program (any_measurement)")
    made = record(examination.appraisal("tdx", Assurance.TEE, "cd" * 32), now=NOW)
    assert "executables" not in made["submods"]["cpu0"]["ear_trustworthiness_vector"]


def test_each_device_has_a_submodule_of_its_own() -> None:
    examination = Examination(claims={"measurement": "ab" * 48, "devices": [{"product": "one"}, {"product": "two"}]})
    for name in ("chain", "signature", "gpu", "gpu:device0:chain", "gpu:device1:chain", "gpu:nonce"):
        examination.passed(name)
    examination.warned("gpu:device1:reference-values", "no-reference-values", "not compared")
    made = record(examination.appraisal("sev-snp", Assurance.TEE_GPU, "cd" * 32), now=NOW)
    told = {name: (about["ear_status"], len(about["ear_verifier_claims"]["checks"])) for name, about in made["submods"].items()}
    assert told == {"cpu0": ("affirming", 2), "gpu0": ("affirming", 3), "gpu1": ("warning", 4)}
    assert made["ear_status"] == "warning" and made["submods"]["gpu1"]["ear_attester_claims"] == {"product": "two"}
    assert "devices" not in made["submods"]["cpu0"]["ear_attester_claims"]


def test_a_report_that_was_refused_has_a_submodule_too() -> None:
    examination = Examination()
    examination.failed("signature", "signature", "it does not verify")
    for named, name in (("nvidia", "gpu0"), ("sev-snp", "cpu0"), ("tpm", "tpm0")):
        made = record(examination.appraisal(named, Assurance.TEE, "cd" * 32), now=NOW)
        assert list(made["submods"]) == [name] and made["submods"][name]["ear_status"] == "contraindicated"
        assert "runtime-opaque" not in made["submods"][name]["ear_trustworthiness_vector"]


def test_a_signed_record_is_read_by_who_names_the_signer() -> None:
    made = record(appraisal(), now=NOW)
    token = sign_record(made, SIGNER)
    assert open_record(token + "\n", SIGNER.verifier) == made
    with pytest.raises(Withheld, match="does not verify"):
        open_record(token, OTHER.verifier)


def test_every_changed_letter_of_a_signed_record_is_refused() -> None:
    token = sign_record(record(appraisal(), now=NOW), SIGNER)
    for at in range(0, len(token), 7):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises((Withheld, BadInput)):
            open_record(changed, SIGNER.verifier)


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "ES256"}, {"alg": "EdDSA", "crit": ["b64"]}, ["EdDSA"], {}])
def test_another_algorithm_is_not_tried(header: object) -> None:
    _, body, signature = sign_record(record(appraisal(), now=NOW), SIGNER).split(".")
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    with pytest.raises(BadInput, match="EdDSA"):
        open_record(f"{head}.{body}.{signature}", SIGNER.verifier)


@given(st.text(max_size=80) | st.from_regex(r"\A[A-Za-z0-9_-]{0,12}\.[A-Za-z0-9_-]{0,12}\.[A-Za-z0-9_-]{0,90}\Z"))
def test_what_is_no_record_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(VelaturaError):
        open_record(text, SIGNER.verifier)
    with pytest.raises(VelaturaError):
        read_record(text.encode("utf-8", "replace"))


@pytest.mark.parametrize(
    "tree",
    [{}, {"result": None}, {"result": {"ear": 3}}, {"eat_profile": PROFILE}, {"eat_profile": PROFILE, "submods": {"cpu0": {}}}]
    + [{"eat_profile": PROFILE, "submods": {"cpu0": {"ear_verifier_claims": {"checks": [checks]}}}} for checks in (1, {}, {"name": 1})],
)
def test_a_file_that_is_not_as_we_write_it_is_refused(tree: object) -> None:
    with pytest.raises(BadInput, match=r"\[enclave.record\]"):
        read_record(json.dumps(tree).encode())


def test_a_verdict_reads_with_every_check_and_what_it_does_not_prove() -> None:
    told = in_words(appraisal(("debug", "debug-enabled")), now=NOW)
    assert told.startswith("CONTRAINDICATED: sev-snp, debug is wrong [debug-enabled]")
    assert "FAIL debug" in told and "ok   signature" in told and "nothing vouches" in told and "Nothing was proven" in told
    again = record_in_words(record(appraisal(("debug", "debug-enabled")), now=NOW), signed=False)
    assert "CONTRAINDICATED" in again and "[debug-enabled]" in again and "nobody's signature" in again
