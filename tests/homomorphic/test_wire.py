"""The wire format: whole messages alone are opened, and each way of being wrong has its own name."""

from __future__ import annotations

import struct
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.errors import BadInput
from velatura.homomorphic.wire import (
    DIGEST_BYTES,
    HEADER_BYTES,
    Expected,
    Header,
    Kind,
    check_header,
    ciphertexts,
    open_message,
    payload_of,
    read_header,
    read_message,
    seal_message,
)

PARAMETERS, KEY, PROGRAM = b"p" * 32, b"k" * 16, b"g" * 32
HEADER = Header(Kind.INPUT, PARAMETERS, PROGRAM, KEY, level=4, scale=2.0**40, count=2)
EXPECTED = Expected(Kind.INPUT, most=1000, parameters=PARAMETERS, program=PROGRAM, key=KEY, level=4, scale=2.0**40, multiple=2)
PAYLOAD = bytes(range(256))
GOOD = seal_message(HEADER, PAYLOAD)


def refused(raw: bytes, expected: Expected = EXPECTED) -> str:
    with pytest.raises(BadInput) as caught:
        open_message(raw, expected)
    assert caught.value.exit_status == 5
    return caught.value.code


def again_digested(raw: bytes) -> bytes:
    """As someone does who knows the format."""
    return raw[:-DIGEST_BYTES] + blake2b(raw[:-DIGEST_BYTES], digest_size=DIGEST_BYTES).digest()


@given(st.binary(max_size=500), st.sampled_from(Kind), st.integers(0, 255), st.floats(1, 1e300))
def test_what_was_sealed_is_opened(payload: bytes, kind: Kind, level: int, scale: float) -> None:
    header = Header(kind, PARAMETERS, PROGRAM, KEY, level=level, scale=scale)
    message = open_message(seal_message(header, payload), Expected(kind, most=500))
    assert bytes(message.payload) == payload
    assert (message.header.kind, message.header.level, message.header.scale, message.header.length) == (kind, level, scale, len(payload))


def test_every_flipped_bit_is_refused() -> None:
    for bit in range(8 * len(GOOD)):
        raw = bytearray(GOOD)
        raw[bit // 8] ^= 1 << bit % 8
        refused(bytes(raw))


def test_every_truncation_and_every_excess_is_refused() -> None:
    for size in range(len(GOOD)):
        assert refused(GOOD[:size]) == ("he.truncated" if size < HEADER_BYTES else "he.length")
    assert refused(GOOD + b"\0") == "he.length"
    assert refused(GOOD + GOOD) == "he.length"


def test_ten_thousand_mutations_are_refused() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10_000):
        raw = np.frombuffer(GOOD, np.uint8).copy()
        match rng.integers(4):
            case 0:
                raw[rng.integers(len(raw))] ^= rng.integers(1, 256)
            case 1:
                at = rng.integers(len(raw) - 8)
                raw[at : at + 8] ^= rng.integers(1, 256, 8).astype(np.uint8)
            case 2:
                raw = np.delete(raw, rng.integers(len(raw)))
            case _:
                raw = np.insert(raw, rng.integers(len(raw)), rng.integers(256))
        refused(raw.tobytes())


def test_a_damaged_digest_is_told_as_damage() -> None:
    assert refused(GOOD[:-1] + bytes([GOOD[-1] ^ 1])) == "he.digest"
    assert refused(GOOD[:HEADER_BYTES] + b"X" + GOOD[HEADER_BYTES + 1 :]) == "he.digest"


@pytest.mark.parametrize(
    ("at", "value", "code"),
    [
        (0, b"XXXX", "he.magic"),
        (4, struct.pack("<H", 2), "he.version"),
        (6, b"\x00", "he.kind"),
        (6, b"\x09", "he.kind"),
        (6, bytes([Kind.RESULT]), "he.kind"),
        (6, bytes([Kind.SECRET_KEY]), "he.secret-sent"),
        (7, b"\x02", "he.flags"),
        (8, b"q" * 32, "he.foreign-parameters"),
        (40, b"q" * 16, "he.foreign-key"),
        (56, b"q" * 32, "he.foreign-program"),
        (88, b"\x05", "he.level"),
        (89, struct.pack("<d", 2.0**41), "he.scale"),
        (89, struct.pack("<d", float("nan")), "he.scale"),
        (97, struct.pack("<I", 0), "he.count"),
        (97, struct.pack("<I", 3), "he.count"),
        (101, struct.pack("<Q", 1001), "he.too-large"),
        (101, struct.pack("<Q", 2**63), "he.too-large"),
        (101, struct.pack("<Q", 255), "he.length"),
    ],
)
def test_each_field_has_its_refusal_though_the_digest_fits(at: int, value: bytes, code: str) -> None:
    assert refused(again_digested(GOOD[:at] + value + GOOD[at + len(value) :])) == code


def test_the_length_is_judged_by_the_header_alone() -> None:
    with pytest.raises(BadInput) as caught:
        check_header(read_header(GOOD[:HEADER_BYTES]), Expected(Kind.INPUT, most=255), size=len(GOOD))
    assert caught.value.code == "he.too-large"


def test_a_file_is_not_read_further_than_its_header_where_that_is_wrong(tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as stream:
        stream.write(seal_message(HEADER, b"")[:HEADER_BYTES])
        stream.truncate(1 << 40)  # a hole of a TiB
    with pytest.raises(BadInput) as caught:
        read_message(huge, EXPECTED)
    assert caught.value.code == "he.length"
    assert "huge" in caught.value.sentence


def test_a_file_is_read_and_a_missing_one_named(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(GOOD)
    assert bytes(read_message(tmp_path / "good", EXPECTED).payload) == PAYLOAD
    with pytest.raises(BadInput) as caught:
        read_message(tmp_path / "none", EXPECTED)
    assert caught.value.code == "he.unreadable"
    (tmp_path / "bad").write_bytes(GOOD[:-1] + b"!")
    with pytest.raises(BadInput) as caught:
        read_message(tmp_path / "bad", EXPECTED)
    assert caught.value.code == "he.digest"


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=6), st.integers(1, 1000))
def test_ciphertexts_come_out_as_they_went_in(blobs: list[bytes], samples: int) -> None:
    found, said = ciphertexts(payload_of(blobs, samples), count=len(blobs), most=50)
    assert [bytes(one) for one in found] == blobs
    assert said == samples


@given(st.binary(max_size=80), st.integers(1, 10))
def test_a_payload_of_any_bytes_is_ciphertexts_within_it_or_refused(payload: bytes, count: int) -> None:
    try:
        found, _ = ciphertexts(payload, count=count, most=20)
    except BadInput:
        return
    assert sum(map(len, found)) + 8 + 4 * count == len(payload)
    assert max(map(len, found)) <= 20


def test_a_payload_that_disagrees_with_its_header_is_refused() -> None:
    payload = payload_of([b"abc", b"de"], 1)
    for wrong, count, most in ((payload, 3, 9), (payload + b"!", 2, 9), (payload, 2, 2), (payload_of([b"abc"], 0), 1, 9), (b"", 1, 9)):
        with pytest.raises(BadInput):
            ciphertexts(wrong, count=count, most=most)
