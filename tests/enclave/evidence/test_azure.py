"""Azure's confidential machines: real documents hold, in each shape that attesters write, and no part of another machine fits."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.enclave.evidence.real import Real, accepted_flips, real

from velatura.enclave.appraisal import Refused, Verdict
from velatura.enclave.evidence.hcl import read_hcl
from velatura.errors import BadInput

SNP, TDX = "azure-snp-milan-v2", "azure-tdx-2025"
HARDWARE, RUNTIME = 0x20, 0x4D4


def bare(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def safe(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def changed(case: Real, change: Callable[[dict[str, Any]], object]) -> bytes:
    tree = case.tree
    change(tree)
    return json.dumps(tree).encode()


def hcl_of(case: Real) -> bytes:
    return bare(case.tree["hcl_report"])


def with_hcl(case: Real, raw: bytes) -> bytes:
    return changed(case, lambda tree: tree.update(hcl_report=safe(raw)))


# What real documents say


def test_claims_are_of_the_hardware_and_of_the_vtpm(shared: Path) -> None:
    claims = real(shared, SNP).judged().claims
    assert claims["product"] == "Milan" and claims["configuration"]["secure-boot"] is True
    assert claims["report_data"] == claims["nonce"] == claims["user_data"][:96] and len(claims["hardware_report_data"]) == 128
    assert set(claims["pcrs"]["sha256"]) == {str(index) for index in range(24)}


def test_claims_of_a_td_come_from_its_quote_and_never_from_the_tdreport(shared: Path) -> None:
    case = real(shared, TDX)
    raw, honest = hcl_of(case), case.judged().claims
    forged = raw[: HARDWARE + 512] + b"\x41" * 300 + raw[HARDWARE + 812 :]  # TDREPORT's TDINFO, which only a MAC for its machine protects
    assert case.judged(with_hcl(case, forged)).claims == honest


@pytest.mark.parametrize(("name", "on"), [(SNP, True), (TDX, False)])
def test_secure_boot_is_as_the_policy_asks(shared: Path, name: str, on: bool) -> None:
    case = real(shared, name)
    assert case.judged(secure_boot=on).verdict is Verdict.AFFIRMING
    assert case.judged(secure_boot=not on).code == "secure-boot"


def test_reference_values_are_of_the_hardware_and_of_the_registers(shared: Path) -> None:
    for name, measured in ((SNP, "measurement"), (TDX, "mrtd")):
        case = real(shared, name)
        claims = case.judged().claims
        good = {measured: [claims[measured]], "pcr4": [claims["pcrs"]["sha256"]["4"]]}
        assert case.judged(reference=good).verdict is Verdict.AFFIRMING
        for one in good:
            assert case.judged(reference=good | {one: ["00" * (len(good[one][0]) // 2)]}).code == "measurement-mismatch"


def test_the_nonce_is_the_quotes_and_not_the_hardwares(shared: Path) -> None:
    case = real(shared, SNP)
    claims = case.judged().claims
    assert case.judged(nonce=claims["nonce"]).verdict is Verdict.AFFIRMING
    assert case.judged(nonce=claims["hardware_report_data"]).code == "nonce-mismatch"
    assert case.judged(max_age_s=60).code == "age-unknown"


def test_policies_of_the_hardware_hold(shared: Path) -> None:
    case = real(shared, SNP)
    assert case.judged(min_tcb={"ucode": 220}).code == "tcb-below-minimum"
    assert case.judged(vmpl=[1]).code == "vmpl"
    assert real(shared, TDX).beside(dcap=None).judged().code == "collateral-missing"
    assert case.judged(changed(case, lambda tree: tree.pop("vcek"))).code == "collateral-missing"


# Shapes


def numbers(tree: dict[str, Any]) -> None:
    """As the first attesters wrote it: lists of numbers, other names, no version."""
    quote = tree.pop("tpm_quote")
    tree.pop("version")
    tree["report"] = list(bare(tree.pop("hcl_report")))
    tree["quote"] = {name: list(bytes.fromhex(quote[name])) for name in ("message", "signature")}
    tree["quote"]["pcrs"] = [list(bytes.fromhex(value)) for value in quote["pcrs"]]


def leaf_in_pem(tree: dict[str, Any]) -> None:
    tree["vcek"] = f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(bare(tree['vcek'])).decode()}-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    "change",
    [
        numbers,
        leaf_in_pem,
        lambda tree: tree.update(hcl_report=tree["hcl_report"].rstrip("=").replace("_", "/").replace("-", "+")),
        lambda tree: tree["tpm_quote"].update(message=tree["tpm_quote"]["message"].upper()),
    ],
)
def test_each_shape_is_the_same_document(shared: Path, change: Callable[[dict[str, Any]], object]) -> None:
    case = real(shared, SNP)
    found = case.judged(changed(case, change))
    assert found.verdict is Verdict.AFFIRMING and found.claims == case.judged().claims


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree.update(version=3),
        lambda tree: tree.update(version=True),
        lambda tree: tree.update(version="1"),
        lambda tree: tree.update(report=tree["hcl_report"]),
        lambda tree: tree.pop("hcl_report"),
        lambda tree: tree.pop("tpm_quote"),
        lambda tree: tree.update(policy="any"),
        lambda tree: tree["tpm_quote"]["pcrs"].pop(),
        lambda tree: tree["tpm_quote"]["pcrs"].append("00" * 32),
        lambda tree: tree["tpm_quote"].update(message=7),
        lambda tree: tree["tpm_quote"].update(message=tree["tpm_quote"]["message"][:-2]),
        lambda tree: tree["tpm_quote"].update(message=[*bytes.fromhex(tree["tpm_quote"]["message"])[:-1], 256]),
        lambda tree: tree.update(hcl_report=safe(bare(tree["hcl_report"])[:1000])),
        lambda tree: tree.update(hcl_report=safe(b"HCLB" + bare(tree["hcl_report"])[4:])),
        lambda tree: tree.update(hcl_report=tree["hcl_report"] + "!"),
    ],
)
def test_json_of_another_shape_is_no_evidence(shared: Path, change: Callable[[dict[str, Any]], object]) -> None:
    case = real(shared, SNP)
    with pytest.raises(BadInput):
        case.judged(changed(case, change))


def test_a_member_that_stands_twice_is_refused(shared: Path) -> None:
    case = real(shared, SNP)
    vcek = json.dumps(case.tree["vcek"]).encode()
    with pytest.raises(BadInput, match="twice"):
        case.judged(case.evidence.rstrip().removesuffix(b"}") + b', "vcek": ' + vcek + b"}")


# Parts of other machines


def test_documents_of_the_other_kind_are_refused(shared: Path) -> None:
    snp, tdx = real(shared, SNP), real(shared, TDX)
    assert snp.judged(tdx.evidence).code == tdx.judged(snp.evidence).code == "malformed"


@pytest.mark.parametrize("member", ["tpm_quote", "hcl_report"])
def test_no_part_of_another_machine_fits(shared: Path, member: str) -> None:
    case, other = real(shared, TDX), real(shared, "azure-tdx-v1")
    assert case.judged(changed(case, lambda tree: tree.update({member: other.tree[member]}))).code == "signature"


def test_the_td_quote_of_another_machine_does_not_fit(shared: Path) -> None:
    case, other = real(shared, "azure-tdx-v1"), real(shared, TDX)  # with the collateral of the machine whose quote it is
    spliced = changed(case, lambda tree: tree.update({name: other.tree[name] for name in ("hcl_report", "tpm_quote")}))
    failed = {check.name: check.code for check in case.judged(spliced).checks if check.outcome == "failed"}
    assert failed["td-report"] == "composite"


def test_a_td_quote_must_be_there(shared: Path) -> None:
    case = real(shared, TDX)
    with pytest.raises(BadInput, match="td_quote"):
        case.judged(changed(case, lambda tree: tree.pop("td_quote")))


def test_the_leaf_of_another_chip_is_refused(shared: Path) -> None:
    case, other = real(shared, SNP), real(shared, "snp-v2-milan-vcek")
    assert case.beside(leaf=other.companions.leaf).judged().verdict is Verdict.CONTRAINDICATED


def test_a_key_that_was_put_into_the_runtime_data_is_refused(shared: Path) -> None:
    case = real(shared, SNP)
    raw = hcl_of(case)
    key = json.loads(read_hcl(raw).runtime)["keys"][0]["n"].encode()
    other = safe(b"\x99" + bytes(254) + b"\x01").rstrip("=").encode()
    assert case.judged(with_hcl(case, raw.replace(key, other))).code == "composite"


# The HCL report


@pytest.mark.parametrize("name", [SNP, TDX])
@pytest.mark.parametrize(
    ("at", "value"),
    [(4, 3), (8, 1), (12, 1), (16, 1), (20, 1), (0x4C0, 1), (0x4C4, 2), (0x4C8, 3), (0x4CC, 4), (0x4D0, 1), (-1, 1)],
    ids=["version", "size", "request", "status", "reserved", "data-size", "data-version", "kind", "hash", "json-size", "tail"],
)
def test_each_field_of_the_head_is_looked_at(shared: Path, name: str, at: int, value: int) -> None:
    raw = bytearray(hcl_of(real(shared, name)))
    raw[at] = value
    with pytest.raises((Refused, BadInput)):
        read_hcl(bytes(raw))


def test_the_hash_is_over_the_json_and_not_over_what_follows_it(shared: Path) -> None:
    """The size says where the JSON ends: one byte more, or less, is other data, whether or not it still parses."""
    case = real(shared, SNP)
    raw = bytearray(hcl_of(case))
    size = int.from_bytes(raw[0x4D0:0x4D4], "little") + 1
    raw[RUNTIME + size - 1] = ord(" ")
    for at, value in ((8, RUNTIME + size), (0x4C0, size + 20), (0x4D0, size)):
        raw[at : at + 4] = value.to_bytes(4, "little")
    assert case.judged(with_hcl(case, bytes(raw))).code == "composite"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"HCLEkPub"', b'"HCLAkPub"'),
        (b'"sign"', b'"sigh"'),
        (b'"kty":"RSA","e":"AQAB","n":"mUK7', b'"kty":"RSB","e":"AQAB","n":"mUK7'),
        (b'"keys"', b'"kees"'),
        (b'"user-data":"98', b'"user-data":"zz'),
        (b'"kid":"HCLAkPub"', b'"kty":"HCLAkPub"'),
    ],
    ids=["two-keys", "no-signing-key", "no-rsa", "no-keys", "user-data", "member-twice"],
)
def test_runtime_data_of_another_form_are_refused(shared: Path, old: bytes, new: bytes) -> None:
    raw = hcl_of(real(shared, SNP))
    assert old in raw and len(old) == len(new)
    with pytest.raises((Refused, BadInput)):
        read_hcl(raw.replace(old, new))


# Each bit that is signed


def signed_bits(case: Real, name: str) -> list[int]:
    """Of the HCL report: the head, what the hardware signs (of a TDREPORT, its report data), and the JSON."""
    raw = hcl_of(case)
    size = int.from_bytes(raw[0x4D0:0x4D4], "little")
    hardware = range(HARDWARE, HARDWARE + 0x2A0) if name == SNP else range(HARDWARE + 128, HARDWARE + 192)
    places = [*range(HARDWARE), *hardware, *range(0x4C0, RUNTIME + size)]
    return [8 * place + bit for place in places for bit in range(8)]


@pytest.mark.parametrize("name", [SNP, TDX])
def test_no_flipped_bit_of_the_hcl_report_is_accepted(shared: Path, name: str) -> None:
    case = real(shared, name)
    assert case.accepted(with_hcl(case, hcl_of(case)))
    assert accepted_flips(case, hcl_of(case), lambda raw: with_hcl(case, raw), signed_bits(case, name)[::61]) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [SNP, TDX])
def test_no_flipped_bit_at_all_of_the_hcl_report_is_accepted(shared: Path, name: str) -> None:
    case = real(shared, name)
    assert accepted_flips(case, hcl_of(case), lambda raw: with_hcl(case, raw), signed_bits(case, name)) == []


@pytest.mark.parametrize("name", [SNP, TDX])
def test_no_flipped_bit_of_the_vtpms_quote_is_accepted(shared: Path, name: str) -> None:
    case = real(shared, name)
    for member, step in (("message", 11), ("signature", 61)):

        def put(raw: bytes, member: str = member) -> bytes:
            return changed(case, lambda tree: tree["tpm_quote"].update({member: raw.hex()}))

        raw = bytes.fromhex(case.tree["tpm_quote"][member])
        assert accepted_flips(case, raw, put, range(0, 8 * len(raw), step)) == []


def test_no_changed_register_is_accepted(shared: Path) -> None:
    case = real(shared, SNP)
    for index in range(24):

        def shown(tree: dict[str, Any], index: int = index) -> None:
            tree["tpm_quote"]["pcrs"][index] = "ab" * 32

        assert case.judged(changed(case, shown)).code == "registers"


@given(data=st.data(), name=st.sampled_from([SNP, TDX]))
def test_mutated_documents_are_refused_and_never_crash(shared: Path, data: st.DataObject, name: str) -> None:
    case = real(shared, name)
    raw = bytearray(case.evidence)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    if case.accepted(bytes(raw)):  # a TDREPORT's MACed bytes, Azure's certificate, padding of the TD quote
        told, before = json.loads(bytes(raw)), case.tree
        assert {name: word.lower() for name, word in told["tpm_quote"].items() if name != "pcrs"} == {
            name: word for name, word in before["tpm_quote"].items() if name != "pcrs"
        }
