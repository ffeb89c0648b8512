"""X.509 as evidence needs it: what is read, how far one may certify another, and what the lists of the revoked do."""

from __future__ import annotations

import hashlib
import warnings
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from tests.enclave.evidence.nitro_world import NOW, NitroWorld, name_of, spki

from velatura.enclave.appraisal import Examination, Refused
from velatura.enclave.evidence.certificates import certificates_in, hold_chain, load_certificate, verify_issued
from velatura.enclave.evidence.roots import pinned_chain

WORLD = NitroWorld()
CHAIN = [WORLD.leaf, WORLD.zone, WORLD.root]
PINS = {hashlib.sha256(spki(WORLD.root_key)).hexdigest(): "a root"}
ONE, TWO = pinned_chain("amd-milan-vcek")


def pem(raw: bytes) -> bytes:
    return x509.load_der_x509_certificate(raw).public_bytes(Encoding.PEM)


def walked(chain: list[bytes] | None = None, **asked: Any) -> Examination:
    examination = Examination()
    hold_chain(examination, CHAIN if chain is None else chain, **({"pins": PINS, "now": NOW} | asked))
    return examination


def refused(chain: list[bytes] | None = None, **asked: Any) -> str:
    with pytest.raises(Refused) as caught:
        walked(chain, **asked)
    return caught.value.check.code


@pytest.mark.parametrize(
    "text",
    [b"%b%b", b"%b\n\n%b\n", b"\n %b%b", b"%b%b\0\0\0", b"%b%b\0\n\0"],
    ids=["as is", "lines", "white space", "zeros", "zeros and lines"],
)
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_pem_is_read_with_white_space_and_zeros_around(text: bytes, ends: bytes) -> None:
    assert certificates_in((text % (pem(ONE), pem(TWO))).replace(b"\n", ends)) == [ONE, TWO]


@pytest.mark.parametrize(
    "text",
    [
        pem(ONE) + b"and more",
        pem(ONE) + b"#\n" + pem(TWO),
        pem(ONE)[:-12],
        pem(ONE).replace(b"CERTIFICATE", b"X509 CRL"),
        pem(ONE).replace(b"M", b"*", 1),
        pem(ONE) * 13,
        b"-----BEGIN CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END CERTIFICATE-----\n",
    ],
)
def test_what_is_no_list_of_certificates_is_refused(text: bytes) -> None:
    with pytest.raises(Refused, match="malformed"):
        certificates_in(text)


def test_der_is_one_certificate_and_nothing_after_it() -> None:
    assert certificates_in(ONE) == [ONE]
    for raw in (b"", ONE[:-1], ONE + b"\0", bytes(1 << 15), b"\x30\x80" + ONE[4:] + b"\0\0"):
        with pytest.raises(Refused, match="malformed"):
            load_certificate(raw)


@pytest.mark.parametrize("serial", [b"\x02\x01\x00", b"\x02\x01\xff"])
def test_serial_numbers_are_positive_and_nobody_is_warned(serial: bytes) -> None:
    raw = WORLD.leaf.replace(b"\x02\x01\x07", serial, 1)
    with warnings.catch_warnings(), pytest.raises(Refused, match="serial number"):
        warnings.simplefilter("error")
        load_certificate(raw)


def test_three_checks_are_told() -> None:
    assert [(check.name, check.outcome) for check in walked().checks] == [("chain", "passed"), ("validity", "passed"), ("revocation", "passed")]


def test_a_root_is_known_by_its_key_alone() -> None:
    again = WORLD.certify("another name", WORLD.root_key, "another name", WORLD.root_key)
    zone = WORLD.certify("zone", WORLD.zone_key, "another name", WORLD.root_key)
    assert walked([WORLD.leaf, zone, again]).checks[0].outcome == "passed"
    assert refused(pins={"00" * 32: "aws.nitro-enclaves"}) == "chain-invalid"


def test_only_the_packages_own_root_needs_no_signature_by_itself() -> None:
    forged = bytearray(WORLD.root)
    forged[-1] ^= 1
    assert refused([WORLD.leaf, WORLD.zone, bytes(forged)]) == "chain-invalid"
    assert refused([WORLD.leaf, WORLD.zone, bytes(forged)], anchor=WORLD.root) == "chain-invalid"
    assert refused([WORLD.leaf, WORLD.zone], anchor=WORLD.zone) == "chain-invalid", "an anchor is pinned by its key too"
    verify_issued.cache_clear()
    walked(anchor=WORLD.root)
    assert verify_issued.cache_info().misses == 2


def test_path_lengths_count_what_stands_below() -> None:
    lower_key = NitroWorld().zone_key
    lower = WORLD.certify("lower", lower_key, "zone", WORLD.zone_key)
    leaf = WORLD.certify("enclave", WORLD.key, "lower", lower_key, ca=False)
    for room, works in ((None, True), (0, False), (1, True)):
        zone = WORLD.certify("zone", WORLD.zone_key, "aws.nitro-enclaves", WORLD.root_key, room=room)
        chain = [leaf, lower, zone, WORLD.root]
        assert walked(chain) if works else refused(chain) == "chain-invalid"


def test_a_chain_has_two_to_twelve_certificates() -> None:
    for chain in ([], [WORLD.root], CHAIN * 5):
        assert refused(chain) == "chain-invalid"


def revocations(*serials: int, issuer: str = "zone", key: Any = None, since: timedelta = timedelta(), days: int = 7) -> bytes:
    builder = x509.CertificateRevocationListBuilder(name_of(issuer), NOW + since, NOW + since + timedelta(days=days))
    for serial in serials:
        builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder(serial, NOW).build())
    return builder.sign(key or WORLD.zone_key, hashes.SHA384()).public_bytes(Encoding.DER)


def test_a_list_is_of_an_issuer_of_the_chain_and_of_its_time() -> None:
    assert walked(crls=[revocations(8, 9)]).checks[-1].told == "1 revocation lists name none of the chain"
    assert walked(crls=[x509.load_der_x509_crl(revocations()).public_bytes(Encoding.PEM)])
    assert refused(crls=[revocations(7)]) == "revoked"
    assert refused(crls=[revocations(8), revocations(7, issuer="aws.nitro-enclaves", key=WORLD.root_key)]) == "revoked"
    assert refused(crls=[revocations(issuer="zone", key=WORLD.root_key)]) == "collateral-mismatch"
    assert refused(crls=[revocations(issuer="enclave", key=WORLD.key)]) == "collateral-mismatch", "a leaf revokes nobody"
    assert refused(crls=[revocations(since=timedelta(days=-8))]) == "collateral-expired"
    assert refused(crls=[revocations(since=timedelta(hours=1))]) == "collateral-expired"
    assert refused(crls=[revocations(since=timedelta(hours=-2))], crl_max_age_s=3600) == "collateral-expired"
    assert walked(crls=[revocations(since=timedelta(hours=-2))], crl_max_age_s=7201)
    for raw in (b"", b"x", revocations()[:-3], WORLD.leaf):
        assert refused(crls=[raw]) == "malformed"


def test_that_one_issued_another_is_remembered_and_that_it_did_not_is_not() -> None:
    verify_issued.cache_clear()
    walked()
    walked()
    assert verify_issued.cache_info().misses == 3
    with pytest.raises(Refused):
        walked([WORLD.leaf, WORLD.root])
    with pytest.raises(Refused):
        walked([WORLD.leaf, WORLD.root])


@given(st.data())
def test_a_changed_chain_is_refused_in_a_typed_way(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, 2))
    raw = bytearray(CHAIN[place])
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, 9999)) % len(raw)] ^= data.draw(st.integers(1, 255))
    if bytes(raw) == CHAIN[place]:
        return
    assert refused([bytes(raw) if at == place else one for at, one in enumerate(CHAIN)]) in {"malformed", "chain-invalid"}


LIST = revocations(8, 9)


@given(st.data())
def test_a_changed_list_is_refused_in_a_typed_way(data: st.DataObject) -> None:
    raw = bytearray(LIST)
    raw[data.draw(st.integers(0, 9999)) % len(raw)] ^= data.draw(st.integers(1, 255))
    assert refused(crls=[bytes(raw)]) in {"malformed", "collateral-mismatch"}
