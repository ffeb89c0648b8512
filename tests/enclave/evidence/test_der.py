"""Strict DER: one encoding of each value."""

from __future__ import annotations

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from velatura.enclave.evidence import der
from velatura.enclave.evidence.roots import pinned_chain


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("02", "cut short"),
        ("020105aa", "cut short"),
        ("0202 05", "cut short"),
        ("0280 05 0000", "indefinite"),
        ("028105 0102030405", "shortest"),
        ("02820005 0102030405", "shortest"),
        ("0284 00000001 05", "huge"),
        ("1f8101 0105", "more than one octet"),
    ],
)
def test_what_is_not_der_is_refused(raw: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        der.elements(bytes.fromhex(raw))


@pytest.mark.parametrize("raw", ["0200", "02020005", "0202ff85", "0201057f", "040105"])
def test_integers_have_one_form_and_stand_alone(raw: str) -> None:
    with pytest.raises(ValueError, match="DER"):
        der.integer(bytes.fromhex(raw))


@given(st.integers(-(1 << 70), 1 << 70))
def test_integers_in_their_shortest_form_are_read(value: int) -> None:
    length = next(size for size in range(1, 12) if -(1 << 8 * size - 1) <= value < 1 << 8 * size - 1)
    assert der.integer(bytes([2, length]) + value.to_bytes(length, "big", signed=True)) == value


def test_a_certificate_is_its_three_parts() -> None:
    raw = pinned_chain("aws-nitro")[0]
    signed, algorithm, signature = der.elements(der.one(raw, der.SEQUENCE))
    root = x509.load_der_x509_certificate(raw)
    assert (signed.whole, signature.value[1:]) == (root.tbs_certificate_bytes, root.signature)
    assert algorithm.whole in signed.whole


@given(st.binary(max_size=40))
def test_what_is_read_is_written_as_it_stood(raw: bytes) -> None:
    try:
        found = der.elements(raw)
    except ValueError:
        return
    assert b"".join(element.whole for element in found) == raw


@pytest.mark.parametrize("dotted", ["1.3.6.1.4.1.3704.1.3.8", "2.5.4.3", "1.2.840.113549.1.1.10"])
def test_identifiers_are_those_of_the_library(dotted: str) -> None:
    name = x509.Name([x509.NameAttribute(x509.ObjectIdentifier(dotted), "x")])
    assert der.oid(dotted) in name.public_bytes()
