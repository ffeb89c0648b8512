"""Strict CBOR: what two readers could see differently is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.enclave.evidence import cbor

VALUES = st.recursive(
    st.none() | st.integers(-(1 << 64), (1 << 64) - 1) | st.binary(max_size=300) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4) | st.integers(-9, 300), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_read(value: cbor.Value) -> None:
    raw = cbor.encode(value)
    assert cbor.decode(raw) == (value, len(raw))


@given(VALUES, st.data())
def test_a_value_cut_short_says_so(value: cbor.Value, data: st.DataObject) -> None:
    raw = cbor.encode(value)
    with pytest.raises(cbor.CutShort):
        cbor.decode(raw[: data.draw(st.integers(0, len(raw) - 1))])


@given(st.binary(max_size=60))
def test_bytes_are_read_in_one_way_or_refused(raw: bytes) -> None:
    try:
        value, end = cbor.decode(raw)
    except ValueError:
        return
    assert cbor.encode(value) == raw[:end]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("a2 6161 01 6161 02", "twice"),
        ("a2 01 01 01 02", "twice"),
        ("a1 4161 01", "neither text nor"),
        ("a1 f6 01", "neither text nor"),
        ("bf 6161 01 ff", "indefinite"),
        ("9f 01 ff", "indefinite"),
        ("5f 4161 ff", "indefinite"),
        ("7f 6161 ff", "indefinite"),
        ("1c", "reserved"),
        ("1817", "shortest"),
        ("190017", "shortest"),
        ("1a0000ffff", "shortest"),
        ("1b00000000ffffffff", "shortest"),
        ("5817" + "00" * 23, "shortest"),
        ("f4", "simple"),
        ("f7", "simple"),
        ("f93c00", "float"),
        ("fb3ff0000000000000", "float"),
        ("c11a5f5e1000", "tag"),
        ("62c328", "utf-8"),
        ("81" * 10 + "01", "levels"),
    ],
)
def test_what_is_ambiguous_is_refused(raw: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        cbor.decode(bytes.fromhex(raw))


@pytest.mark.parametrize("raw", ["9b7fffffffffffffff", "bbffffffffffffffff", "5b7fffffffffffffff00", "9affffffff"])
def test_a_length_that_cannot_be_takes_no_memory(raw: str) -> None:
    with pytest.raises(cbor.CutShort):
        cbor.decode(bytes.fromhex(raw))


def test_indefinite_lengths_are_read_at_the_levels_that_are_asked_for() -> None:
    raw = bytes.fromhex("bf 6161 9f 01 02 ff 6162 a0 ff")
    assert cbor.decode(raw, indefinite_levels=2) == ({"a": [1, 2], "b": {}}, len(raw))
    with pytest.raises(ValueError, match="indefinite"):
        cbor.decode(raw, indefinite_levels=1)
    with pytest.raises(ValueError, match="ends after a key"):
        cbor.decode(bytes.fromhex("bf6161ff"), indefinite_levels=1)
    with pytest.raises(cbor.CutShort):
        cbor.decode(raw[:-1], indefinite_levels=2)
    with pytest.raises(ValueError, match="indefinite"):  # strings in chunks at no level
        cbor.decode(bytes.fromhex("9f5f4161ffff"), indefinite_levels=3)


def test_numbers_beyond_64_bits_are_not_written() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        cbor.encode(1 << 64)
