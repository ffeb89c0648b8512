"""NVIDIA's devices: real reports hold, each change of what is signed is refused, and neither look-alikes nor relayed devices pass."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.enclave.evidence.real import Real, accepted_flips, flipped, real
from tests.enclave.evidence.vendors import Authority, Gpu, pem

from velatura.enclave.appraisal import Appraisal, Verdict
from velatura.enclave.companions import Companions
from velatura.enclave.evidence import nvidia
from velatura.enclave.evidence.certificates import certificates_in
from velatura.enclave.evidence.nvidia import gpu_nonce
from velatura.enclave.policy import parse_policy
from velatura.enclave.verify import verify
from velatura.errors import BadInput

NOW = datetime(2026, 6, 30, tzinfo=UTC)
NONCE = bytes(range(32))
AUTHORITY = Authority("A vendor's devices", Authority("A vendor's root"))
ANY = "any_measurement = true"
CASES = ("nvidia-hopper", "nvidia-blackwell", "nvidia-switch")


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendor in memory is the one that is pinned."""
    assert AUTHORITY.above is not None
    monkeypatch.setattr(nvidia, "pins", lambda *_: {AUTHORITY.above.pin: "test root"})


def judged(evidence: bytes, *, reference: str = ANY, require: str = "", chain: bytes | None = None, more: str = "") -> Appraisal:
    policy = parse_policy(f'version = 1\nformat = "nvidia"\n{more}\n[reference]\n{reference}\n[require]\n{require}')
    return verify(evidence, policy, Companions(chain=chain), now=NOW)


def listed(*gpus: Gpu, **told: Any) -> bytes:
    return json.dumps([gpu.listed(NONCE, **told) for gpu in gpus]).encode()


def codes(found: Appraisal) -> set[str]:
    return {check.code for check in found.checks if check.outcome == "failed"}


def chain_of(case: Real) -> bytes:
    assert case.companions.chain is not None
    return case.companions.chain


# What a real document says


def test_claims_name_the_device_its_driver_and_its_firmware(shared: Path) -> None:
    (device,) = real(shared, "nvidia-hopper").judged().claims["devices"]
    assert (device["kind"], device["product"], device["driver"], device["vbios"]) == ("gpu", "GH100", "535.86.09", "96.00.5E.00.01")
    (device,) = real(shared, "nvidia-switch").judged().claims["devices"]
    assert (device["kind"], device["product"], device["driver"], device["vbios"]) == ("switch", "LS_10", None, "96.10.55.00.01")


def test_devices_with_one_firmware_and_driver_measure_the_same(shared: Path) -> None:
    case = real(shared, "nvidia-multi-gpu")
    (digest,) = {device["gpu_measurement"] for device in case.judged().claims["devices"]}
    found = case.judged(reference={"gpu_measurement": [digest], "driver": ["590.12"], "vbios": ["96.00.A5.00.01"]}, gpus=4)
    assert (found.verdict, found.code) == ("warning", "switches-absent")  # they trust switches that are not in this list


def test_a_report_that_is_known_to_be_good_makes_a_reference_value(shared: Path) -> None:
    case = real(shared, "nvidia-blackwell")
    good = case.judged().claims["devices"][0]["gpu_measurement"]
    assert case.judged(reference={"gpu_measurement": [good]}).verdict is Verdict.AFFIRMING
    assert case.judged(reference={"gpu_measurement": ["00" * 48]}).code == "measurement-mismatch"
    assert case.judged(reference={"driver": ["575.32"]}).code == "no-reference-values"
    assert case.judged(reference={"driver": ["575.33"]}).code == "measurement-mismatch"
    assert case.judged(reference={"vbios": ["97.00.88.00.0E"]}).code == "measurement-mismatch"


def test_a_switch_is_no_gpu(shared: Path) -> None:
    case = real(shared, "nvidia-switch")
    assert case.judged(gpus=1).code == "composite"
    assert case.judged(reference={"driver": ["575.32"]}).code == "measurement-mismatch"
    assert case.asking(minimum_assurance="tee+gpu").judged().code == "composite"


@pytest.mark.parametrize("gpus", [1, 3, 5])
def test_the_policy_counts_gpus(shared: Path, gpus: int) -> None:
    assert real(shared, "nvidia-multi-gpu").judged(gpus=gpus).code == "composite"


def test_the_nonce_is_the_one_of_the_signed_request(shared: Path) -> None:
    case = real(shared, "nvidia-hopper")
    assert case.judged(nonce="27a328247bf7935c993341cf587be6f05986ccce4fe7ba2c54100bd616a58f66").verdict is Verdict.WARNING
    assert case.judged(nonce="28a328247bf7935c993341cf587be6f05986ccce4fe7ba2c54100bd616a58f66").code == "nonce-mismatch"


# Each bit that is signed


@pytest.mark.parametrize("name", CASES)
def test_no_flipped_bit_of_a_report_is_accepted(shared: Path, name: str) -> None:
    case = real(shared, name)
    assert case.accepted(case.evidence)
    assert accepted_flips(case, case.evidence, lambda raw: raw, range(5, 8 * len(case.evidence), 397)) == []


@pytest.mark.slow
@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("name", CASES)
def test_no_flipped_bit_at_all_of_a_report_is_accepted(shared: Path, name: str, bit: int) -> None:
    case = real(shared, name)
    assert accepted_flips(case, case.evidence, lambda raw: raw, range(bit, 8 * len(case.evidence), 8)) == []


def in_pem(certificates: list[bytes]) -> bytes:
    blocks = (base64.encodebytes(der) for der in certificates)
    return b"".join(b"-----BEGIN CERTIFICATE-----\n" + block + b"-----END CERTIFICATE-----\n" for block in blocks)


def accepted_certificate_flips(case: Real, step: int, start: int) -> list[tuple[int, int]]:
    ders, found = certificates_in(chain_of(case)), []
    for number, der in enumerate(ders):
        for place, changed in flipped(der, range(start, 8 * len(der), step)):
            if case.beside(chain=in_pem([*ders[:number], changed, *ders[number + 1 :]])).accepted(case.evidence):
                found.append((number, place))
    return found


def test_no_flipped_bit_of_its_certificates_is_accepted(shared: Path) -> None:
    case = real(shared, "nvidia-blackwell")
    assert case.beside(chain=in_pem(certificates_in(chain_of(case)))).accepted(case.evidence)
    assert accepted_certificate_flips(case, 331, 3) == []


@pytest.mark.slow
@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("name", CASES)
def test_no_flipped_bit_at_all_of_its_certificates_is_accepted(shared: Path, name: str, bit: int) -> None:
    assert accepted_certificate_flips(real(shared, name), 8, bit) == []


@given(data=st.data())
def test_mutated_reports_are_refused_and_never_crash(shared: Path, data: st.DataObject) -> None:
    case = real(shared, "nvidia-hopper")
    raw = bytearray(case.evidence)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw) - 1))
        raw[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    same = bytes(raw).rstrip(b"\0") == case.evidence.rstrip(b"\0")
    assert case.accepted(bytes(raw)) == same


@given(data=st.data())
def test_mutated_lists_are_refused_and_never_crash(shared: Path, data: st.DataObject) -> None:
    case = real(shared, "nvidia-multi-gpu")
    raw = bytearray(case.evidence)
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    if case.accepted(bytes(raw)):  # white space, the case of a nonce's digits, a line end in PEM: what is signed is the same
        told, before = json.loads(bytes(raw)), case.tree
        assert [base64.b64decode(one["evidence"]) for one in told] == [base64.b64decode(one["evidence"]) for one in before]


# Chains


@pytest.mark.parametrize(
    "change",
    [
        lambda ders: ders[:-1],
        lambda ders: [ders[0], *ders[2:]],
        lambda ders: [ders[1], ders[0], *ders[2:]],
        lambda ders: [*ders, ders[-1]],
        lambda ders: ders[1:],
        lambda ders: [*ders[:2], ders[1], *ders[2:]],
    ],
    ids=["no-root", "no-intermediate", "reordered", "root-twice", "an-authority-as-leaf", "twice"],
)
def test_a_chain_that_is_not_the_devices_own_is_refused(shared: Path, change: Any) -> None:
    case = real(shared, "nvidia-hopper")
    found = case.beside(chain=in_pem(change(certificates_in(chain_of(case))))).judged()
    assert (found.verdict, found.code) == (Verdict.CONTRAINDICATED, "chain-invalid")


def test_the_chain_of_another_device_is_refused(shared: Path) -> None:
    hopper, blackwell = real(shared, "nvidia-hopper"), real(shared, "nvidia-blackwell")
    assert hopper.beside(chain=chain_of(blackwell)).judged().code == "signature"


def test_a_report_without_its_chain_says_where_that_is(shared: Path) -> None:
    found = real(shared, "nvidia-hopper").beside(chain=None).judged()
    assert found.code == "collateral-missing" and found.decisive is not None and "[with] chain" in found.decisive.hint


def test_a_look_alike_root_is_refused() -> None:
    gpu = Gpu(AUTHORITY)
    assert judged(gpu.report(NONCE), chain=gpu.chain).code == "chain-invalid"


@pytest.mark.usefixtures("trusted")
class TestOfAVendorInMemory:
    """With a root of ours pinned, what a vendor certified badly can be tried."""

    def test_an_honest_device_passes(self) -> None:
        gpu = Gpu(AUTHORITY)
        assert judged(gpu.report(NONCE), chain=gpu.chain, require=f'nonce = "{NONCE.hex()}"').code == "no-reference-values"

    def test_its_leaf_may_not_certify_others(self) -> None:
        gpu = Gpu(AUTHORITY)
        forged = Gpu(Authority("no authority", AUTHORITY, ca=False))
        assert judged(forged.report(NONCE), chain=forged.chain).code == "chain-invalid"
        assert judged(forged.report(NONCE), chain=gpu.chain).code == "signature"

    def test_path_lengths_and_dates_hold(self) -> None:
        deep = Gpu(Authority("below", Authority("short", AUTHORITY, path_length=0)))
        assert judged(deep.report(NONCE), chain=deep.chain).code == "chain-invalid"
        old = Gpu(Authority("old", AUTHORITY, until=datetime(2021, 1, 1, tzinfo=UTC)))
        assert judged(old.report(NONCE), chain=old.chain).code == "expired"

    def test_firmware_of_the_report_is_that_of_the_certificate(self) -> None:
        gpu = Gpu(AUTHORITY)
        other = gpu.report(NONCE, opaque=[(3, b"590.12\0"), (20, b"\x08" * 48)])
        assert judged(other, chain=gpu.chain).code == "chain-invalid"
        silent = gpu.report(NONCE, opaque=[(3, b"535.86\0")])
        assert judged(silent, chain=gpu.chain).code == "no-reference-values"

    @pytest.mark.parametrize("raw", [bytes(96), bytes(48) + b"\1" * 48, b"\xff" * 96], ids=["zeros", "r-0", "above-n"])
    def test_signatures_outside_their_range_are_refused(self, raw: bytes) -> None:
        gpu = Gpu(AUTHORITY)
        assert judged(gpu.report(NONCE)[:-96] + raw, chain=gpu.chain).code == "signature"

    def test_one_device_cannot_stand_for_two(self) -> None:
        one, other = Gpu(AUTHORITY, serial="1"), Gpu(AUTHORITY, serial="2")
        assert judged(listed(one, other), require="gpus = 2").code == "no-reference-values"
        assert codes(judged(listed(one, one), require="gpus = 2")) == {"composite"}

    def test_devices_that_answered_other_nonces_do_not_belong_together(self) -> None:
        one, other = Gpu(AUTHORITY), Gpu(AUTHORITY)
        both = json.dumps([one.listed(NONCE), other.listed(bytes(32))]).encode()
        assert judged(both).code == "nonce-mismatch"

    @pytest.mark.parametrize(("name", "value"), [("nonce", "00" * 32), ("arch", "BLACKWELL"), ("arch", "TURING")])
    def test_what_the_list_says_must_be_what_was_signed(self, name: str, value: str) -> None:
        item = Gpu(AUTHORITY).listed(NONCE) | {name: value}
        assert judged(json.dumps([item]).encode()).code == "malformed"

    def test_switches_that_gpus_trust_must_be_there(self) -> None:
        gpu = Gpu(AUTHORITY)
        told = [(3, b"590.12\0"), (36, b"\2\0")]
        digest = judged(listed(gpu)).claims["devices"][0]["gpu_measurement"]
        known = f'gpu_measurement = ["{digest}"]'
        assert judged(listed(gpu, opaque=told), reference=known).code == "switches-absent"
        switch = Gpu(AUTHORITY, product="LS_10").listed(NONCE, opaque=[(6, b"96.10.55.00.01")]) | {"arch": "LS10"}
        both = json.dumps([gpu.listed(NONCE, opaque=told), switch]).encode()
        found = judged(both, reference=known, require="gpus = 1")
        assert found.verdict is Verdict.AFFIRMING and [device["kind"] for device in found.claims["devices"]] == ["gpu", "switch"]

    def test_a_chip_that_nobody_knows_is_not_counted_as_a_gpu(self) -> None:
        strange = Gpu(AUTHORITY, product="XY100")
        assert judged(strange.report(NONCE), chain=strange.chain, require="gpus = 1").code == "composite"

    def test_a_certificate_that_names_no_device_is_refused(self) -> None:
        gpu = Gpu(AUTHORITY)
        gpu.certificates[0] = AUTHORITY.certify("nameless", gpu.key.public_key())
        assert judged(gpu.report(NONCE), chain=pem(gpu.certificates)).code == "chain-invalid"

    def test_a_reference_of_the_processor_is_no_reference_of_a_gpu(self) -> None:
        with pytest.raises(Exception, match="no reference value 'measurement'"):
            judged(b"", reference=f'measurement = ["{"00" * 48}"]')


@pytest.mark.parametrize(
    "document",
    [
        b"[]",
        b"{}",
        b"[1]",
        b'[{"evidence": 1}]',
        b'[{"evidence": "", "certificate": ""}]',
        b'{"evidence_list": {}}',
        b'[{"arch": [], "evidence": "EeAB", "certificate": "AA=="}]',
        b"",
        b"[" + b"{}," * 64 + b"{}]",
    ],
)
def test_lists_of_no_devices_are_no_evidence(document: bytes) -> None:
    with pytest.raises(BadInput):
        judged(document)


def test_the_nonce_of_a_gpu_depends_on_all_of_the_processors_word() -> None:
    assert len({gpu_nonce(raw) for raw in (b"", b"\0", bytes(64), b"\1" + bytes(63), bytes(63) + b"\1")}) == 5
    assert len(gpu_nonce(bytes(64))) == 32
