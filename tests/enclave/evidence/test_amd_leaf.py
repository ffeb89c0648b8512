"""AMD's leaves: read as the library reads them while it still does, and refused where they are not as AMD writes them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from tests.enclave.evidence.amd_world import ARC, AmdWorld, der, extension, number

from velatura.enclave.evidence.amd_leaf import SCHEMES, Leaf, read_leaf
from velatura.enclave.evidence.certificates import certificates_in
from velatura.enclave.evidence.der import elements, oid, one
from velatura.enclave.evidence.roots import pinned_chain

OID = "1.3.6.1.4.1.3704.1"
LEAVES = (
    "snp-v2-milan-vcek.leaf.der",
    "snp-v2-milan-debug.leaf.der",
    "snp-v2-milan-azure.leaf.der",
    "vcek-invalid-legacy.der",
    "snp-v3-milan-vcek.leaf.der",
    "snp-v3-milan-vlek.leaf.der",
    "snp-v3-genoa-vcek.leaf.pem",
    "snp-v5-genoa-vcek.leaf.der",
    "snp-v5-turin-vcek.leaf.pem",
)


def raw_leaf(shared: Path, name: str) -> bytes:
    return certificates_in((shared / "data/enclave-evidence/snp" / name).read_bytes())[0]


def spki(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def library(shared: Path) -> Iterator[dict[str, x509.Certificate]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield {name: x509.load_der_x509_certificate(raw_leaf(shared, name)) for name in LEAVES}


@pytest.mark.parametrize("name", LEAVES)
def test_each_field_is_what_the_library_reads(shared: Path, library: dict[str, x509.Certificate], name: str) -> None:
    ours, theirs = read_leaf(raw_leaf(shared, name)), library[name]
    said = {one.oid.dotted_string.removeprefix(OID + "."): one.value.value for one in theirs.extensions}  # type: ignore[attr-defined]
    assert ours.kind.upper() == theirs.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value[4:]
    assert said["2"][2:].decode().split("-")[0] == ours.product.name
    assert (ours.not_before, ours.not_after) == (theirs.not_valid_before_utc, theirs.not_valid_after_utc)
    assert (ours.signed, ours.signature, ours.issuer) == (theirs.tbs_certificate_bytes, theirs.signature, theirs.issuer.public_bytes())
    assert spki(ours.key) == spki(theirs.public_key())  # type: ignore[arg-type]
    numbers = {"bl": "3.1", "tee": "3.2", "snp": "3.3", "ucode": "3.8", "fmc": "3.9"}
    assert ours.tcb == {name: int.from_bytes(said[arcs][2:], "big") for name, arcs in numbers.items() if arcs in said}
    assert ours.hwid == said.get("4", b"")
    assert ours.cloud.encode() == said.get("5", b"\0\0")[2:]


@pytest.mark.parametrize("name", LEAVES)
def test_the_issuer_is_found_as_the_library_finds_it(shared: Path, library: dict[str, x509.Certificate], name: str) -> None:
    ours = read_leaf(raw_leaf(shared, name))
    issuer = x509.load_der_x509_certificate(pinned_chain(f"amd-{ours.product.name.lower()}-{ours.kind}")[0])
    if name == "vcek-invalid-legacy.der":
        with pytest.raises(InvalidSignature):
            library[name].verify_directly_issued_by(issuer)
        with pytest.raises(InvalidSignature):
            verify(ours, issuer)
    else:
        library[name].verify_directly_issued_by(issuer)
        verify(ours, issuer)


def verify(leaf: Leaf, issuer: x509.Certificate) -> None:
    key = issuer.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    leaf.verify_issued_by(key)


@pytest.mark.parametrize("name", LEAVES)
def test_the_library_is_not_asked(shared: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    raw = raw_leaf(shared, name)

    def refusing(*_: object) -> None:
        raise ValueError("invalid serial number")

    monkeypatch.setattr(x509, "load_der_x509_certificate", refusing)
    monkeypatch.setattr(x509, "load_pem_x509_certificate", refusing)
    assert read_leaf(raw).product


WORLD = AmdWorld()
P256 = ec.generate_private_key(ec.SECP256R1()).public_key()
SCHEME_PKCS1 = bytes.fromhex("06092a864886f70d01010c0500")


@cache
def whole() -> bytes:
    return WORLD.leaf()


def changed(**said: object) -> bytes:
    return WORLD.leaf(**said)  # type: ignore[arg-type]


def extensions_without(arcs: bytes) -> list[bytes]:
    return [one for one in WORLD.extensions() if der(6, ARC, arcs) not in one]


def extensions_with(arcs: bytes, value: bytes) -> list[bytes]:
    return [*extensions_without(arcs), extension(arcs, value)]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"serial": number(1)}, "serial number 0"),
        ({"serial": b"\2\1\xff"}, "serial number 0"),
        ({"version": number(1)}, "version 3"),
        ({"subject": "SEV-VXEK"}, "neither a VCEK nor a VLEK"),
        ({"scheme": SCHEME_PKCS1}, "RSASSA-PSS"),
        ({"key": spki(P256)}, "P-384"),
        ({"dates": (der(0x17, b"2001010000Z"), der(0x17, b"400101000000Z"))}, "RFC 5280"),
        ({"dates": (der(0x17, b"200101000000Z"),)}, "not enough values"),
        ({"dates": (der(0x17, b"201301000000Z"), der(0x17, b"400101000000Z"))}, "month must be"),
        ({"dates": (der(0x17, b"2001 1000000Z"), der(0x17, b"400101000000Z"))}, "RFC 5280"),
        ({"dates": (der(0x17, b"200101000000+"), der(0x17, b"400101000000Z"))}, "RFC 5280"),
        ({"dates": (der(0x17, b"20200101000000Z"), der(0x17, b"400101000000Z"))}, "RFC 5280"),
        ({"dates": (der(0x18, b"200101000000Z"), der(0x17, b"400101000000Z"))}, "RFC 5280"),
        ({"dates": (der(4, b"200101000000Z"), der(0x17, b"400101000000Z"))}, "RFC 5280"),
        ({"extensions": WORLD.extensions() * 2}, "twice"),
        ({"extensions": [*WORLD.extensions(), extension(b"\7", b"")]}, "not known"),
        ({"extensions": [*WORLD.extensions(), extension(b"\5", der(0x16, b"CN=a.cloud"))]}, "not known"),
        ({"extensions": [*WORLD.extensions(), der(0x30, der(6, oid("2.5.29.15")), der(4, b""))]}, "not AMD's"),
        ({"extensions": [*WORLD.extensions(), der(0x30, der(6, ARC, b"\7"), der(1, b"\xff"), der(4, b""))]}, "critical"),
        ({"extensions": extensions_with(b"\1", number(1))}, "structVersion"),
        ({"extensions": extensions_without(b"\1")}, "cut short"),
        ({"extensions": extensions_with(b"\2", der(0x0C, b"Milan-B0"))}, "tag"),
        ({"extensions": extensions_with(b"\2", der(0x16, b"Naples"))}, "Naples"),
        ({"extensions": extensions_with(b"\3\4", number(1))}, "out of range"),
        ({"extensions": extensions_with(b"\3\1", number(256))}, "out of range"),
        ({"extensions": extensions_with(b"\3\1", b"\2\1\x80")}, "out of range"),
        ({"extensions": extensions_with(b"\3\1", b"\2\2\0\4")}, "shortest"),
    ],
)
def test_what_amd_does_not_write_is_refused(said: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_leaf(changed(**said))


def test_ours_is_read_with_either_spelling_of_the_scheme() -> None:
    for scheme in SCHEMES:
        leaf = read_leaf(changed(scheme=scheme))
        assert (leaf.kind, leaf.product.name, leaf.tcb, leaf.hwid) == ("vcek", "Milan", WORLD.tcb, WORLD.hwid)
        verify(leaf, WORLD.ask)


def test_the_inner_and_the_outer_scheme_are_one() -> None:
    signed, algorithm, signature = elements(one(whole(), 0x30))
    spliced = der(0x30, signed.whole, der(0x30, SCHEMES[1]), signature.whole)
    assert algorithm.value == SCHEMES[0]
    with pytest.raises(ValueError, match="RSASSA-PSS"):
        read_leaf(spliced)


def test_years_are_of_the_century_that_the_standard_says() -> None:
    leaf = read_leaf(changed(dates=(der(0x17, b"500101000000Z"), der(0x18, b"20500102030405Z"))))
    assert (leaf.not_before.isoformat(), leaf.not_after.isoformat()) == ("1950-01-01T00:00:00+00:00", "2050-01-02T03:04:05+00:00")


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 8, b"x"])
def test_nothing_may_follow(tail: bytes) -> None:
    with pytest.raises(ValueError, match="single value"):
        read_leaf(changed() + tail)


@given(st.data())
def test_a_changed_leaf_is_refused_by_a_typed_error_or_by_its_signature(data: st.DataObject) -> None:
    raw = bytearray(whole())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        leaf = read_leaf(bytes(raw))
        verify(leaf, WORLD.ask)
    except (ValueError, InvalidSignature, UnsupportedAlgorithm):
        return
    assert leaf.signed == read_leaf(whole()).signed
