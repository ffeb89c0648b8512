"""The structure of DCAP quotes: what is taken apart, and every way in which one can be wrong."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.enclave.evidence.intel_world import IntelWorld, sgx_body, td_body

from velatura.enclave.appraisal import Refused
from velatura.enclave.evidence.dcap_quote import SgxReport, TdReport, read_quote
from velatura.errors import BadInput, Unsupported

WORLD = IntelWorld()
V3, V4, V5 = WORLD.quote("sgx", 3), WORLD.quote("tdx", 4), WORLD.quote("tdx", 5)
WHOLE: dict[str, tuple[bytes, Literal["sgx", "tdx"], int]] = {"v3": (V3, "sgx", 432), "v4": (V4, "tdx", 632), "v5": (V5, "tdx", 702)}
"""Quote, whose it is, and where the length of its signature data stands."""


def put(raw: bytes, at: int, new: bytes) -> bytes:
    return raw[:at] + new + raw[at + len(new) :]


def test_the_parts_are_those_that_were_put_in() -> None:
    body = td_body(service=b"\x55" * 48, data=b"\x66" * 64, rtmrs=[bytes([index]) * 48 for index in range(4)])
    quote = read_quote(WORLD.quote("tdx", 5, body=body, auth=b"auth", tail=b"\0"), "tdx")
    assert isinstance(quote.body, TdReport)
    assert (quote.version, quote.tee, quote.qe_auth, quote.padding, quote.chain[-1:]) == (5, "tdx", b"auth", 0, b"\0")
    assert quote.signed == quote.raw[:54] + body
    assert (quote.body.mrtd, quote.body.mrservicetd, quote.body.report_data) == (b"\x33" * 48, b"\x55" * 48, b"\x66" * 64)
    assert quote.body.measurements["rtmr3"] == b"\x03" * 48 and len(quote.body.measurements) == 5


def test_an_enclaves_report_is_read() -> None:
    quote = read_quote(WORLD.quote("sgx", 3, body=sgx_body(debug=True, prodid=300, svn=9, data=b"\x01" * 64)), "sgx")
    assert isinstance(quote.body, SgxReport)
    assert (quote.body.debug, quote.body.prodid, quote.body.svn, quote.body.report_data) == (True, 300, 9, b"\x01" * 64)
    assert (quote.body.mrenclave, quote.body.mrsigner) == (b"\x22" * 32, b"\x11" * 32)


@pytest.mark.parametrize(
    ("name", "tee", "version", "padding"),
    [
        ("sgx/sgx-v3", "sgx", 3, 0),
        ("sgx/sgx-v3-debug-occlum", "sgx", 3, 0),
        ("tdx/tdx-v4", "tdx", 4, 70),
        ("tdx/tdx-v5", "tdx", 5, 0),
        ("tdx/tdx-v4-cos113", "tdx", 4, 3065),
    ],
)
def test_real_quotes_are_read_and_their_padding_is_counted(shared: Path, name: str, tee: Literal["sgx", "tdx"], version: int, padding: int) -> None:
    quote = read_quote((shared / f"data/enclave-evidence/{name}.quote.bin").read_bytes(), tee)
    assert (quote.version, quote.padding) == (version, padding)


@pytest.mark.parametrize(("raw", "tee", "_"), WHOLE.values(), ids=WHOLE)
def test_cut_short_anywhere_is_no_quote(raw: bytes, tee: Literal["sgx", "tdx"], _: int) -> None:
    for end in (0, 1, 2, 47, 48, 53, 100, 431, 433, 700, len(raw) // 2, len(raw) - 1):
        with pytest.raises(BadInput, match=r"enclave\.evidence"):
            read_quote(raw[:end], tee)


@pytest.mark.parametrize(("raw", "tee", "_"), WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("tail", [b"text", bytes(10) + b"\1", bytes((64 << 10) + 1)])
def test_only_zeros_may_follow_and_not_without_end(raw: bytes, tee: Literal["sgx", "tdx"], _: int, tail: bytes) -> None:
    assert read_quote(raw + bytes(100), tee).padding == 100
    with pytest.raises(Refused, match="malformed"):
        read_quote(raw + tail, tee)


@pytest.mark.parametrize(("raw", "tee", "_"), WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize(("at", "new"), [(0, b"\2\0"), (0, b"\6\0"), (0, b"\xff\xff"), (12, bytes(16))])
def test_another_version_or_vendor_is_no_quote(raw: bytes, tee: Literal["sgx", "tdx"], _: int, at: int, new: bytes) -> None:
    with pytest.raises(BadInput, match="no DCAP quote"):
        read_quote(put(raw, at, new), tee)


def test_a_quote_of_the_other_kind_is_told_as_such() -> None:
    with pytest.raises(BadInput, match="a quote of TDX, not of SGX"):
        read_quote(V4, "sgx")
    with pytest.raises(BadInput, match="a quote of SGX, not of TDX"):
        read_quote(V3, "tdx")


def test_kinds_that_nobody_verifies_are_told_as_such() -> None:
    for changed in (put(V4, 2, b"\3\0"), put(V5, 48, b"\4\0")):
        with pytest.raises(Unsupported, match=r"enclave\.quote"):
            read_quote(changed, "tdx")
    at = V3.index(struct.pack("<H", 5) + struct.pack("<I", len(V3) - V3.index(b"-----BEGIN")))
    with pytest.raises(Unsupported, match="certification data type 3"):
        read_quote(put(V3, at, b"\3\0"), "sgx")


def nested_at(raw: bytes, length_at: int) -> int:
    return length_at + 4 + 128


BROKEN = {
    "TEE type in version 3": (put(V3, 4, b"\x81"), "sgx"),
    "TEE type that there is not": (put(V4, 4, b"\x82"), "tdx"),
    "reserved bytes of the header": (put(V4, 9, b"\1"), "tdx"),
    "body type of the other kind": (put(V5, 48, struct.pack("<HI", 1, 384)), "tdx"),
    "body size of another type": (put(V5, 50, struct.pack("<I", 584)), "tdx"),
    "reserved byte of the report": (put(V3, 48 + 25, b"\1"), "sgx"),
    "reserved byte of the report's middle": (put(V3, 48 + 170, b"\1"), "sgx"),
    "reserved byte of the quoting enclave's report": (put(V3, 436 + 128 + 270, b"\1"), "sgx"),
    "outer certification data of another type": (put(V4, nested_at(V4, 632), b"\5\0"), "tdx"),
    "outer certification data a byte short": (put(V4, nested_at(V4, 632) + 2, struct.pack("<I", len(V4) - 636 - 134 - 1)), "tdx"),
    "outer certification data of 4 GiB": (put(V4, nested_at(V4, 632) + 2, b"\xff\xff\xff\xff"), "tdx"),
    "inner certification data a byte short": (put(V3, V3.index(b"-----BEGIN") - 4, struct.pack("<I", 1)), "sgx"),
}


@pytest.mark.parametrize(("raw", "tee"), BROKEN.values(), ids=BROKEN)
def test_a_quote_that_breaks_a_rule_is_malformed(raw: bytes, tee: Literal["sgx", "tdx"]) -> None:
    with pytest.raises(Refused) as told:
        read_quote(raw, tee)
    assert (told.value.check.name, told.value.check.code) == ("structure", "malformed")


@pytest.mark.parametrize(("raw", "tee", "at"), WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("size", [0, 1, 200, 2**31, 2**32 - 1])
def test_lengths_that_are_too_small_or_too_large_are_refused(raw: bytes, tee: Literal["sgx", "tdx"], at: int, size: int) -> None:
    with pytest.raises((BadInput, Refused)):
        read_quote(put(raw, at, struct.pack("<I", size)), tee)


@given(st.data())
def test_any_bytes_are_read_or_refused(data: st.DataObject) -> None:
    raw, tee, _ = WHOLE[data.draw(st.sampled_from(sorted(WHOLE)))]
    changed = bytearray(raw[: data.draw(st.integers(0, len(raw)))] + data.draw(st.binary(max_size=8)))
    for _ in range(data.draw(st.integers(0, 8))):
        if changed:
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        quote = read_quote(bytes(changed), tee)
    except (Refused, BadInput):
        return
    assert quote.raw + bytes(quote.padding) == bytes(changed)
