"""AWS Nitro: the document's rules, the chain inside it, what the policy asks, and that no changed bit is believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.enclave.evidence.nitro_world import NOW, PROTECTED, NitroWorld, new_key

from velatura.enclave.appraisal import Appraisal, Check, Verdict
from velatura.enclave.companions import Companions
from velatura.enclave.evidence import cbor
from velatura.enclave.evidence.cose import read_sign1, sig_structure
from velatura.enclave.evidence.roots import pinned_chain
from velatura.enclave.policy import Policy, parse_policy
from velatura.enclave.verify import verify
from velatura.errors import BadInput

REAL = {"nitro-2022": 1665651482, "nitro-2024-large-fields": 1725719860, "nitro-2025-indefinite": 1766668538}
N384 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973


def policy(require: str = "", reference: str = "any_measurement = true") -> Policy:
    return parse_policy(f'version = 1\nformat = "nitro"\n[reference]\n{reference}\n[require]\n{require}')


ANY = policy()


def real(shared: Path, name: str) -> tuple[bytes, datetime]:
    return (shared / f"data/enclave-evidence/nitro/{name}.cose.bin").read_bytes(), datetime.fromtimestamp(REAL[name], UTC)


def judged(evidence: bytes, asked: Policy = ANY, *, beside: Companions | None = None, now: datetime = NOW) -> Appraisal:
    return verify(evidence, asked, beside, now=now)


def decisive(found: Appraisal) -> Check:
    assert found.decisive is not None
    return found.decisive


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> NitroWorld:
    found = NitroWorld()
    found.trust(monkeypatch)
    return found


def test_a_look_alike_root_is_refused_and_verifies_once_it_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    world = NitroWorld()
    assert judged(world.document()).code == "chain-invalid"
    world.trust(monkeypatch)
    assert (judged(world.document()).verdict, judged(b"\xd2" + world.document()).verdict) == ("affirming", "affirming")


@pytest.mark.parametrize("name", REAL)
def test_claims_are_the_documents_fields(shared: Path, name: str) -> None:
    evidence, now = real(shared, name)
    claims = judged(evidence, now=now).claims
    payload, _ = cbor.decode(read_sign1(evidence)[0].payload, indefinite_levels=2)
    assert isinstance(payload, dict)
    assert claims["module_id"] == payload["module_id"]
    assert [claims[f"pcr{index}"] for index in range(16)] == [payload["pcrs"][index].hex() for index in range(16)]
    assert {key: claims.get(key) for key in ("nonce", "user_data", "public_key")} == {
        key: None if payload[key] is None else payload[key].hex() for key in ("nonce", "user_data", "public_key")
    }
    assert abs(datetime.fromisoformat(claims["time"]) - now) < timedelta(seconds=2)


def test_registers_and_nonce_are_those_that_are_asked_for(world: NitroWorld) -> None:
    evidence = world.document(nonce=b"asked")
    for asked, code in (
        (policy(reference=f'pcr0 = ["{"01" * 48}"]\npcr8 = ["{"00" * 48}", "{"09" * 48}"]'), "ok"),
        (policy(reference=f'pcr0 = ["{"02" * 48}"]'), "measurement-mismatch"),
        (policy(reference=f'pcr23 = ["{"18" * 48}"]'), "measurement-mismatch"),
        (policy(f'nonce = "{b"asked".hex()}"'), "ok"),
        (policy(f'nonce = "{b"asked".hex()}00"'), "nonce-mismatch"),
        (policy('nonce = "61"'), "nonce-mismatch"),
    ):
        assert judged(evidence, asked).code == code
    for nonce in (..., b""):
        assert judged(world.document(nonce=nonce), policy('nonce = "61"')).code == "nonce-mismatch"
    longest = bytes(range(256)) * 4
    assert judged(world.document(nonce=longest), policy(f'nonce = "{longest.hex()}"')).code == "ok"


@pytest.mark.parametrize("pcrs", [{0: 0, 1: 0, 2: 0}, {0: 0, 1: 1, 2: 1}, {0: 1, 1: 1, 2: 0}, {0: 1, 1: 1}, {3: 1}])
def test_registers_of_zeros_mean_debug_mode(world: NitroWorld, pcrs: dict[int, int]) -> None:
    evidence = world.document(pcrs={index: bytes([value]) * 48 for index, value in pcrs.items()})
    assert judged(evidence).code == "debug-enabled"
    assert judged(evidence, policy("debug = true")).code == "ok"


def test_the_documents_own_clock_tells_its_age(world: NitroWorld) -> None:
    evidence = world.document()
    for later, asked, code in (
        (299, "max_age_s = 300", "ok"),
        (301, "max_age_s = 300", "too-old"),
        (-59, "max_age_s = 300", "ok"),
        (-61, "max_age_s = 300", "from-the-future"),
        (-61, "", "from-the-future"),
        (3600, "", "ok"),
    ):
        assert judged(evidence, policy(asked), now=NOW + timedelta(seconds=later)).code == code


RULES: dict[str, dict[Any, Any]] = {
    "no module": {"module_id": None},
    "a module without a name": {"module_id": ""},
    "another digest": {"digest": "SHA256"},
    "no digest": {"digest": None},
    "a time as text": {"timestamp": "now"},
    "a time before time": {"timestamp": -1},
    "a time beyond": {"timestamp": 1 << 50},
    "no registers": {"pcrs": None},
    "registers as a list": {"pcrs": [bytes(48)]},
    "a register too many": {"pcrs": {32: bytes(48)}},
    "a register below": {"pcrs": {-1: bytes(48)}},
    "a register by text": {"pcrs": {"0": bytes(48)}},
    "a short register": {"pcrs": {0: bytes(32)}},
    "no leaf": {"certificate": None},
    "an empty leaf": {"certificate": b""},
    "a long leaf": {"certificate": bytes(1025)},
    "no bundle": {"cabundle": None},
    "a bundle of text": {"cabundle": ["root"]},
    "a bundle with nothing": {"cabundle": [b""]},
    "a long nonce": {"nonce": bytes(1025)},
    "a nonce of text": {"nonce": "asked"},
    "long user data": {"user_data": bytes(1025)},
    "a number for a key": {"public_key": 7},
    "an unknown field": {"policy": b"any"},
    "a field by number": {7: b"any"},
}


@pytest.mark.parametrize("name", RULES)
def test_a_document_that_breaks_a_rule_is_malformed(world: NitroWorld, name: str) -> None:
    fields = {key: value for key, value in (world.fields() | RULES[name]).items() if value is not None}
    assert judged(world.signed(cbor.encode(fields))).code == "malformed"


def test_lengths_are_indefinite_only_where_aws_writes_them(world: NitroWorld) -> None:
    fields = [cbor.encode(key) + cbor.encode(value) for key, value in world.fields().items()]
    assert judged(world.signed(b"\xbf" + b"".join(fields) + b"\xff")).code == "ok"
    pcrs = cbor.encode(world.fields()["pcrs"])
    open_pcrs = [field.replace(pcrs, b"\xbf" + pcrs[1:] + b"\xff") for field in fields]
    assert judged(world.signed(b"\xa9" + b"".join(open_pcrs))).code == "ok"
    chunked = [field.replace(cbor.encode(world.leaf), b"\x5f" + cbor.encode(world.leaf) + b"\xff") for field in fields]
    assert judged(world.signed(b"\xa9" + b"".join(chunked))).code == "malformed"
    whole, twice = b"".join(fields), b"".join([*fields, fields[0]])
    for payload in (b"\xbf" + twice + b"\xff", b"\xaa" + twice, b"\xa9" + whole + b"\0", b"\xa9" + b"".join(fields[:-1])):
        assert judged(world.signed(payload)).code == "malformed"


def test_the_envelope_has_one_form(world: NitroWorld) -> None:
    _, unprotected, payload, signature = cbor.decode(world.document())[0]  # type: ignore[misc]
    for parts in (
        [PROTECTED, None, payload, signature],
        [PROTECTED, {1: -35}, payload, signature],
        [PROTECTED, unprotected, None, signature],
        [PROTECTED, unprotected, b"", signature],
        [PROTECTED, unprotected, payload, signature[:-1]],
        [PROTECTED, unprotected, payload, signature + b"\0"],
        [PROTECTED, unprotected, payload, None],
        [cbor.encode({1: -7}), unprotected, payload, signature],
        [cbor.encode({1: -35, 4: b"kid"}), unprotected, payload, signature],
        [cbor.encode({}), unprotected, payload, signature],
        [b"", unprotected, payload, signature],
        [{1: -35}, unprotected, payload, signature],
    ):
        assert judged(world.message(parts)).code == "malformed", parts
    assert judged(world.document() + bytes(9)).code == "ok"
    for tail in (b"\1", b"\0\1", b"\n"):
        assert judged(world.document() + tail).code == "malformed"


@pytest.mark.parametrize("raw", [b"", b"\x84", b"\xd2", b"\xd2\x83\0\0\0", b"\xd3\x84", b"\x85\0\0\0\0\0", b"{}", b"\x03\0\x02\0" * 300])
def test_what_is_no_document_at_all_is_bad_input(raw: bytes) -> None:
    with pytest.raises(BadInput, match=r"enclave\.evidence"):
        judged(raw)


def test_a_document_cut_at_any_byte_is_bad_input(shared: Path) -> None:
    evidence, now = real(shared, "nitro-2022")
    for end in range(len(evidence)):
        with pytest.raises(BadInput):
            judged(evidence[:end], now=now)


def test_chains_that_are_none(world: NitroWorld) -> None:
    other = NitroWorld(zone_key=world.zone_key, key=world.key)
    as_ca = world.certify("enclave", world.key, "zone", world.zone_key, ca=True)
    no_ca = world.certify("zone", world.zone_key, "aws.nitro-enclaves", world.root_key, ca=False)
    narrow = world.certify("aws.nitro-enclaves", world.root_key, "aws.nitro-enclaves", world.root_key, room=0)
    for changed in (
        {"cabundle": []},
        {"cabundle": [world.root]},
        {"cabundle": [world.zone]},
        {"cabundle": [world.zone, world.root]},
        {"cabundle": [world.root, world.zone, world.zone]},
        {"cabundle": [world.root, world.root, world.zone]},
        {"cabundle": [other.root, other.zone]},
        {"cabundle": [world.root, other.zone]},
        {"cabundle": [world.root, no_ca]},
        {"cabundle": [narrow, world.zone]},
        {"certificate": as_ca},
        {"certificate": world.zone},
    ):
        assert judged(world.document(**changed)).code == "chain-invalid", changed


def test_a_serial_number_that_is_not_positive_is_refused(world: NitroWorld) -> None:
    changed = world.leaf.replace(b"\x02\x01\x07", b"\x02\x01\x00", 1)
    assert changed != world.leaf
    assert judged(world.document(certificate=changed)).code == "malformed"


def test_certificates_out_of_date_are_refused(world: NitroWorld) -> None:
    for later, code in ((timedelta(hours=4), "expired"), (timedelta(days=-2), "not-yet-valid")):
        assert judged(world.document(), now=NOW + later).code == code


def test_signatures_of_others_are_refused(world: NitroWorld) -> None:
    payload = cbor.encode(world.fields())
    assert judged(world.signed(payload, key=new_key())).code == "signature"
    assert judged(world.signed(payload, key=world.zone_key)).code == "signature"
    one, other = world.document(), world.document(nonce=b"other")
    assert judged(one[:-96] + other[-96:]).code == "signature"
    for r, s in ((0, 1), (1, 0), (N384, 1), (1, N384), ((1 << 384) - 1, 1)):
        assert judged(one[:-96] + r.to_bytes(48, "big") + s.to_bytes(48, "big")).code == "signature"


def test_the_other_form_of_a_signature_verifies_so_bytes_are_no_identity(world: NitroWorld) -> None:
    one = world.document()
    other = one[:-48] + (N384 - int.from_bytes(one[-48:], "big")).to_bytes(48, "big")
    assert other != one
    assert (judged(one).code, judged(other).code) == ("ok", "ok")


def test_a_root_that_the_policy_names_can_only_be_aws_own(shared: Path) -> None:
    evidence, now = real(shared, "nitro-2022")
    (own,) = pinned_chain("aws-nitro")
    pem = (shared / "data/enclave-evidence/roots/aws-nitro-root-g1.pem").read_bytes()
    for root in (own, pem):
        assert judged(evidence, beside=Companions(root=root), now=now).code == "ok"
    world = NitroWorld()
    for root in (world.root, pem + pem, b"", own[:-1]):
        assert judged(evidence, beside=Companions(root=root), now=now).code in {"chain-invalid", "malformed"}
    assert judged(world.document(), beside=Companions(root=world.root)).code == "chain-invalid"


def test_what_is_signed_is_what_the_standard_says() -> None:
    """RFC 9052, section 4.4, written out by hand."""
    assert sig_structure(b"\xaa\xbb") == bytes.fromhex("84 6a 5369676e617475726531 44 a1013822 40 42 aabb")


def changed_bit(raw: bytes, bit: int) -> bytes:
    one = bytearray(raw)
    one[bit // 8] ^= 1 << bit % 8
    return bytes(one)


def accepted_flips(evidence: bytes, now: datetime, every: int) -> list[int]:
    accepted = []
    for bit in range(0, 8 * len(evidence), every):
        try:
            if judged(changed_bit(evidence, bit), now=now).verdict is not Verdict.CONTRAINDICATED:
                accepted.append(bit)
        except BadInput:
            continue
    return accepted


@pytest.mark.parametrize("name", REAL)
def test_no_changed_bit_is_believed(shared: Path, name: str) -> None:
    evidence, now = real(shared, name)
    assert judged(evidence, now=now).verdict is Verdict.AFFIRMING
    assert accepted_flips(evidence, now, 101) == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", REAL)
def test_no_changed_bit_at_all_is_believed(shared: Path, name: str) -> None:
    assert accepted_flips(*real(shared, name), 1) == []


@given(st.data())
def test_whatever_comes_is_refused_by_a_verdict_or_as_input(shared: Path, data: st.DataObject) -> None:
    evidence, now = real(shared, data.draw(st.sampled_from(sorted(REAL))))
    raw = bytearray(evidence)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    if bytes(raw).removeprefix(b"\xd2").rstrip(b"\0") == evidence.rstrip(b"\0"):
        return  # the tag of COSE_Sign1 may stand before it, and zeros after it
    try:
        assert judged(bytes(raw), now=now).verdict is Verdict.CONTRAINDICATED
    except BadInput as refused:
        assert refused.code == "enclave.evidence"
