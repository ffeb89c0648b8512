"""SEV-SNP, the whole way: what the policy asks, which leaf is meant, and that no changed bit is believed."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from tests.enclave.evidence.amd_world import NOW, AmdWorld

from velatura.enclave.appraisal import Appraisal, Check, Verdict
from velatura.enclave.companions import Companions, read_companions
from velatura.enclave.evidence.amd_report import SIGNED_BYTES
from velatura.enclave.evidence.certificates import certificates_in
from velatura.enclave.evidence.roots import pinned_chain
from velatura.enclave.policy import Policy, With, parse_policy
from velatura.enclave.verify import verify
from velatura.errors import BadInput

REAL = {
    "snp-v2-milan-vcek": "leaf.der",
    "snp-v3-milan-vcek": "leaf.der",
    "snp-v3-genoa-vcek": "leaf.pem",
    "snp-v5-genoa-vcek": "leaf.der",
    "snp-v5-turin-vcek": "leaf.pem",
}
N384 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973


def policy(require: str = "", reference: str = "any_measurement = true") -> Policy:
    return parse_policy(f'version = 1\nformat = "sev-snp"\n[reference]\n{reference}\n[require]\n{require}')


ANY = policy()


def real(shared: Path, name: str) -> tuple[bytes, Companions]:
    folder = shared / "data/enclave-evidence/snp"
    return (folder / f"{name}.report.bin").read_bytes(), read_companions(With(leaf=f"{name}.{REAL[name]}"), folder)


def judged(evidence: bytes, beside: Companions, asked: Policy = ANY) -> Appraisal:
    return verify(evidence, asked, beside, now=NOW)


def check(found: Appraisal, name: str) -> Check:
    return next(one for one in found.checks if one.name == name)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> AmdWorld:
    found = AmdWorld()
    found.trust(monkeypatch)
    return found


@pytest.mark.parametrize("name", REAL)
def test_the_leaf_is_enough_since_the_package_has_the_chain(shared: Path, name: str) -> None:
    found = judged(*real(shared, name))
    assert (found.verdict, found.code, found.assurance.word) == ("affirming", "ok", "tee")


def test_measurement_and_nonce_are_those_that_are_asked_for(shared: Path) -> None:
    evidence, beside = real(shared, "snp-v2-milan-vcek")
    measured, data = evidence[0x90:0xC0].hex(), evidence[0x50:0x90].hex()
    for asked, code in (
        (policy(reference=f'measurement = ["{"00" * 48}", "{measured.upper()}"]'), "ok"),
        (policy(reference=f'measurement = ["{"00" * 48}"]'), "measurement-mismatch"),
        (policy(f'nonce = "{data}"'), "ok"),
        (policy(f'nonce = "{data[:-2]}00"'), "nonce-mismatch"),
        (policy(f'nonce = "{data[:-2]}"'), "nonce-mismatch"),
        (policy('nonce = "01"'), "nonce-mismatch"),
    ):
        assert judged(evidence, beside, asked).code == code, asked


def test_a_short_nonce_is_followed_by_zeros(world: AmdWorld) -> None:
    raw = world.unsigned()
    raw[0x50:0x90] = b"\1\2\3".ljust(64, b"\0")
    evidence = world.signed(raw)
    assert judged(evidence, world.companions(), policy('nonce = "010203"')).code == "ok"
    assert judged(evidence, world.companions(), policy('nonce = "0102"')).code == "nonce-mismatch"
    assert verify(evidence, ANY, world.companions(), now=NOW, expected=b"\1\2\3").code == "ok"
    assert verify(evidence, policy('nonce = "010203"'), world.companions(), now=NOW, expected=b"\1\2\4").code == "nonce-mismatch"


def test_what_the_guest_may_be_is_asked(world: AmdWorld) -> None:
    for said, code, tolerated in (
        ({"policy": 0x30000 | 1 << 19}, "debug-enabled", "debug = true"),
        ({"policy": 0x30000 | 1 << 18}, "migration", "migration = true"),
        ({"vmpl": 1}, "vmpl", "vmpl = [0, 1]"),
    ):
        evidence = world.report(**said)
        assert judged(evidence, world.companions()).code == code
        assert judged(evidence, world.companions(), policy(tolerated)).code == "ok"
        assert judged(evidence, world.companions(), policy(tolerated)).claims[code.split("-")[0]] in (True, 1)


def test_the_reported_version_counts_and_not_the_current_one(world: AmdWorld) -> None:
    raw = world.unsigned()
    raw[0x38:0x40] = world.tcb_bytes(world.tcb | {"snp": 30})
    found = judged(world.signed(raw), world.companions(), policy("min_tcb = { snp = 25 }"))
    assert (found.code, found.claims["tcb_current"]["snp"]) == ("tcb-below-minimum", 30)
    assert "snp 24 of 25" in check(found, "tcb").told
    assert judged(world.signed(raw), world.companions(), policy("min_tcb = { snp = 24, ucode = 219, bl = 4 }")).code == "ok"


def test_a_component_that_a_product_has_not_is_below_every_minimum(world: AmdWorld) -> None:
    assert judged(world.report(), world.companions(), policy("min_tcb = { fmc = 0 }")).code == "tcb-below-minimum"


def test_versions_are_compared_field_by_field(world: AmdWorld) -> None:
    higher = policy("min_tcb = { bl = 5, snp = 1 }")
    assert judged(world.report(), world.companions(), higher).code == "tcb-below-minimum"


def test_without_a_leaf_it_says_where_to_get_it(shared: Path) -> None:
    evidence, _ = real(shared, "snp-v5-turin-vcek")
    leaf = check(judged(evidence, Companions()), "leaf")
    assert leaf.code == "collateral-missing"
    assert leaf.hint == "fetch https://kdsintf.amd.com/vcek/v1/Turin/59790fb1c39f35c1?fmcSPL=1&blSPL=1&teeSPL=1&snpSPL=4&ucodeSPL=81"
    for world, word in ((AmdWorld(kind="vlek"), "cloud"), (AmdWorld(), "Genoa in place of Milan"), (AmdWorld("Turin"), "/Turin/")):
        version = 2 if "place" in word else None
        assert word in check(judged(world.report(version=version), Companions()), "leaf").hint
    assert "masks" in check(judged(AmdWorld().report(chip_id=b""), Companions()), "leaf").hint


def test_a_leaf_of_another_version_or_chip_says_which_field_differs(world: AmdWorld) -> None:
    other = AmdWorld(hwid=bytes(64 * [9]))
    found = judged(world.report(), world.companions(leaf=world.leaf(tcb=world.tcb | {"snp": 22, "ucode": 209})))
    assert (found.code, check(found, "leaf-tcb").told) == (
        "wrong-leaf",
        "the leaf is for another TCB: snp 22 (report: 24), ucode 209 (report: 219)",
    )
    assert check(found, "leaf-hwid").outcome == "passed"
    found = judged(world.report(), world.companions(leaf=other.leaf()))
    assert (found.code, check(found, "leaf-tcb").outcome, check(found, "leaf-hwid").outcome) == ("wrong-leaf", "passed", "failed")
    assert check(found, "signature").code == "signature"
    assert not found.claims, "what nobody signed supports no claim"


def test_a_leaf_of_another_kind_or_product_is_the_wrong_one(monkeypatch: pytest.MonkeyPatch, world: AmdWorld) -> None:
    vlek = AmdWorld(kind="vlek", key=world.key)
    assert judged(world.report(), vlek.companions()).code == "wrong-leaf"
    assert judged(vlek.report(), world.companions()).code == "wrong-leaf"
    for product in ("Genoa", "Turin"):
        other = AmdWorld(product, key=world.key)
        other.trust(monkeypatch)
        assert judged(world.report(version=3), other.companions()).code == "wrong-leaf"
        assert judged(world.report(version=2), other.companions()).code in ("wrong-leaf" if product == "Turin" else "ok",)


def test_a_masked_chip_id_is_told(world: AmdWorld) -> None:
    found = judged(world.report(chip_id=b""), world.companions())
    assert (found.code, "masks" in check(found, "leaf-hwid").told) == ("ok", True)


def test_a_turins_chip_id_is_eight_bytes_and_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    world = AmdWorld("Turin")
    world.trust(monkeypatch)
    assert judged(world.report(), world.companions()).code == "ok"
    assert judged(world.report(chip_id=world.hwid + b"\1"), world.companions()).code == "wrong-leaf"


@pytest.mark.parametrize(("r", "s"), [(0, None), (None, 0), (N384, None), (None, N384), (0, 0), ((1 << 384) - 1, None), (1, 1)])
def test_a_signature_out_of_range_is_refused(world: AmdWorld, r: int | None, s: int | None) -> None:
    raw = bytearray(world.report())
    for at, value in ((0x2A0, r), (0x2E8, s)):
        raw[at : at + 72] = raw[at : at + 72] if value is None else value.to_bytes(72, "little")
    assert judged(bytes(raw), world.companions()).code == "signature"


def test_the_other_form_of_a_signature_verifies_so_bytes_are_no_identity(shared: Path) -> None:
    evidence, beside = real(shared, "snp-v5-turin-vcek")
    s = int.from_bytes(evidence[0x2E8:0x330], "little")
    other = evidence[:0x2E8] + (N384 - s).to_bytes(72, "little") + evidence[0x330:]
    assert other != evidence
    first, second = judged(evidence, beside), judged(other, beside)
    assert (first.verdict, first.claims) == (second.verdict, second.claims) == ("affirming", first.claims)


def test_a_signature_over_another_report_by_the_same_key_is_refused(world: AmdWorld) -> None:
    one, other = world.report(), world.report(vmpl=1)
    spliced = one[:SIGNED_BYTES] + other[SIGNED_BYTES:]
    assert judged(spliced, world.companions(), policy("vmpl = [0, 1]")).code == "signature"


def test_a_leaf_with_somebodys_key_is_refused(world: AmdWorld) -> None:
    somebody = AmdWorld(key=ec.generate_private_key(ec.SECP384R1()))
    assert judged(somebody.report(), world.companions()).code == "signature"


@pytest.mark.parametrize("leaf", [b"", b"x", b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", bytes(2000)])
def test_a_leaf_that_is_none_is_refused(world: AmdWorld, leaf: bytes) -> None:
    assert judged(world.report(), world.companions(leaf=leaf)).code == "malformed"


def test_two_leaves_are_refused(shared: Path) -> None:
    evidence, beside = real(shared, "snp-v5-turin-vcek")
    assert beside.leaf is not None
    assert judged(evidence, Companions(leaf=beside.leaf + beside.leaf)).code == "malformed"


def flips(raw: bytes, every: int) -> range:
    return range(raw[0] % every, 8 * len(raw), every)


def accepted_report_flips(evidence: bytes, beside: Companions, every: int) -> list[int]:
    signed = [*range(SIGNED_BYTES), *range(0x2A0, 0x2D0), *range(0x2E8, 0x318)]
    return [bit for bit in flips(bytes(len(signed)), every) if accepted(evidence, signed[bit // 8] * 8 + bit % 8, beside)]


def accepted(evidence: bytes, bit: int, beside: Companions) -> bool:
    try:
        return judged(changed(evidence, bit), beside).verdict is not Verdict.CONTRAINDICATED
    except BadInput:
        return False


def changed(raw: bytes, bit: int) -> bytes:
    one = bytearray(raw)
    one[bit // 8] ^= 1 << bit % 8
    return bytes(one)


def accepted_leaf_flips(evidence: bytes, beside: Companions, every: int) -> list[int]:
    assert beside.leaf is not None
    (leaf,) = certificates_in(beside.leaf)
    found = []
    for bit in flips(leaf, every):
        if judged(evidence, Companions(leaf=changed(leaf, bit))).verdict is not Verdict.CONTRAINDICATED:
            found.append(bit)
    return found


def accepted_chain_flips(evidence: bytes, beside: Companions, name: str, every: int) -> list[tuple[int, int]]:
    chain = pinned_chain("amd-{}-{}".format(*name.split("-")[2:4]))
    found = []
    for place, certificate in enumerate(chain):
        for bit in flips(certificate, every):
            ders = [changed(one, bit) if at == place else one for at, one in enumerate(chain)]
            beside = replace(beside, chain=b"".join(map(pem, ders)))
            if judged(evidence, beside).verdict is not Verdict.CONTRAINDICATED:
                found.append((place, bit))
    return found


def pem(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("name", REAL)
def test_no_changed_bit_is_believed(shared: Path, name: str) -> None:
    evidence, beside = real(shared, name)
    assert judged(evidence, beside).verdict is Verdict.AFFIRMING
    assert accepted_report_flips(evidence, beside, 61) == []
    assert accepted_leaf_flips(evidence, beside, 61) == []
    assert accepted_chain_flips(evidence, beside, name, 151) == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("part", ["report", "leaf", "chain"])
def test_no_changed_bit_at_all_is_believed(shared: Path, name: str, part: str) -> None:
    evidence, beside = real(shared, name)
    if part == "chain":
        assert accepted_chain_flips(evidence, beside, name, 1) == []
    else:
        assert {"report": accepted_report_flips, "leaf": accepted_leaf_flips}[part](evidence, beside, 1) == []


@given(st.data())
def test_whatever_comes_is_refused_by_a_verdict_or_as_input(shared: Path, data: st.DataObject) -> None:
    evidence, beside = real(shared, data.draw(st.sampled_from(sorted(REAL))))
    raw = bytearray(evidence)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    if bytes(raw).rstrip(b"\0") == evidence.rstrip(b"\0"):
        return
    try:
        assert judged(bytes(raw), beside).verdict is Verdict.CONTRAINDICATED
    except BadInput as refused:
        assert refused.code == "enclave.evidence"
