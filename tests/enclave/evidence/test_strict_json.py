"""JSON that carries evidence: one document for every reader, and bytes in each form in which they come."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.enclave.evidence.strict_json import member, octets, read_document
from velatura.errors import BadInput


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a": 1, "a": 1}',
        b'[{"deep": {"a": 1, "b": 2, "a": 3}}]',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1} {"b": 2}',
        b"\xff\xfe{\x00}\x00",
        b'{"a": "\xff"}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
    ids=["empty", "cut", "twice", "twice-inside", "nan", "infinity", "two", "utf-16", "not-utf-8", "deep", "digits"],
)
def test_what_two_readers_could_see_differently_is_refused(raw: bytes) -> None:
    with pytest.raises(BadInput) as told:
        read_document(raw, "evidence")
    assert told.value.code == "enclave.evidence"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_any_other_document_is_read_as_python_reads_it(tree: object) -> None:
    assert read_document(json.dumps(tree).encode(), "evidence") == tree


@given(st.binary(max_size=70))
def test_bytes_come_in_four_forms(raw: bytes) -> None:
    plain, safe = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()
    assert {octets(text, "x", "base64") for text in (plain, safe, plain.rstrip("="), safe.rstrip("="))} == {raw}
    assert octets(raw.hex(), "x", "hex") == octets(raw.hex().upper(), "x", "hex") == octets(list(raw), "x", "hex") == raw


@pytest.mark.parametrize("value", ["abc", "0g", "0x00", " 00", "00 00", "٠٠", [256], [-1], [1.0], [True], ["1"], None, 7, {"a": 1}])
def test_what_is_neither_hex_nor_numbers_is_refused(value: object) -> None:
    with pytest.raises(BadInput):
        octets(value, "x", "hex")


@pytest.mark.parametrize("value", ["A", "AB=", "AA===", "AA=A", "AB==", "A A=", "AA\n==", "+_8=", "é", "AAAA=", "=", [300]])
def test_base64_is_written_in_one_way(value: object) -> None:
    with pytest.raises(BadInput):
        octets(value, "x", "base64")


@pytest.mark.parametrize("document", [[], {}, {"a": 1}, {"a": None}, "a"])
def test_a_member_that_is_not_there_or_of_another_kind_is_named(document: object) -> None:
    with pytest.raises(BadInput):
        member(document, "a", str, "it")
