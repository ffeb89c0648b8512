"""An AWS Nitro attestation document as its attacker sees it: COSE_Sign1 over a CBOR map.

Source: RFC 9052, section 4.2 (COSE_Sign1); RFC 8949 (CBOR); AWS, Nitro Enclaves: attestation process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from velatura.attacks.enclave.ecdsa import raw_signature
from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.lookalike import look_alike
from velatura.attacks.enclave.parts import Chain, Field, Opened, Part
from velatura.attacks.enclave.submission import Submission

__all__ = ["BREAK", "cose", "head", "members", "opened", "payload_of"]

BREAK = b"\xff"
BYTES, ARRAY, MAP = 2, 4, 5
NULL = 0xF6


@dataclass(frozen=True, slots=True)
class _Member:
    """One entry of the payload: where key and value begin, and where it ends. start: of the bytes of a byte string."""

    name: str
    key: int
    value: int
    start: int
    stop: int


def opened(submission: Submission) -> Opened:
    """The document, and its payload as a part of its own, since whoever can sign can write it anew."""
    document, payload = submission.evidence, payload_of(submission.evidence)
    found = list(members(payload))

    def put(raw: bytes) -> Submission:
        return replace(submission, evidence=raw)

    def put_payload(raw: bytes) -> Submission:
        return put(cose(raw, _signature_of(document)))

    def put_chain(certificates: Sequence[bytes]) -> Submission:
        return put_payload(_with(payload, certificates))

    return Opened(
        submission,
        (
            Part("document", document, put, _document_fields(document), "big", "P-384"),
            Part("payload", payload, put_payload, tuple(_payload_fields(payload, found))),
        ),
        (Chain("certificate and cabundle", tuple(_certificates(payload, found)), put_chain),),
        _signed_anew,
    )


def payload_of(document: bytes) -> bytes:
    _, start, stop = _places(document)
    return document[start:stop]


def cose(payload: bytes, signature: bytes, *, protected: bytes = bytes.fromhex("a1013822")) -> bytes:
    """COSE_Sign1 without its tag."""
    return b"\x84" + head(BYTES, len(protected)) + protected + b"\xa0" + head(BYTES, len(payload)) + payload + head(BYTES, len(signature)) + signature


def head(major: int, count: int) -> bytes:
    """The shortest (RFC 8949, section 3)."""
    if count < 24:
        return bytes([major << 5 | count])
    width = next(width for width in (1, 2, 4, 8) if count < 1 << 8 * width)
    return bytes([major << 5 | 23 + width.bit_length()]) + count.to_bytes(width)


def members(payload: bytes) -> Iterator[_Member]:
    """Entries of the payload's map; those of `pcrs` as pcr0, pcr1 ..., those of `cabundle` as ca0, ca1 ..."""
    for key, value, stop in _entries(payload, 0):
        name = _name(payload, key)
        if name == "pcrs":
            yield from (_member(payload, f"pcr{_head(payload, index)[0]}", index, start, end) for index, start, end in _entries(payload, value))
        elif name == "cabundle":
            places = [*_children(payload, value), stop]
            yield from (_member(payload, f"ca{index}", start, start, end) for index, (start, end) in enumerate(pairwise(places)))
        else:
            yield _member(payload, name, key, value, stop)


def _children(raw: bytes, at: int) -> list[int]:
    """Where each item of the array or map at `at` begins; keys and values alike."""
    each = 2 if raw[at] >> 5 == MAP else 1
    count, at = _head(raw, at)
    found = list[int]()
    while raw[at] != BREAK[0] if count is None else len(found) < each * count:
        found.append(at)
        at = _skip(raw, at)
    return found


def _entries(raw: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """Key, value and end of each entry of the map at `at`."""
    places = _children(raw, at)
    for key, value in zip(places[::2], places[1::2], strict=True):
        yield key, value, _skip(raw, value)


def _member(payload: bytes, name: str, key: int, value: int, stop: int) -> _Member:
    start = _head(payload, value)[1] if payload[value] >> 5 == BYTES else value
    return _Member(name, key, value, start, stop)


def _name(payload: bytes, at: int) -> str:
    size, start = _head(payload, at)
    return payload[start : start + (size or 0)].decode()


def _head(raw: bytes, at: int) -> tuple[int | None, int]:
    low = raw[at] & 31
    if low == 31:
        return None, at + 1
    if low < 24:
        return low, at + 1
    width = 1 << (low - 24)
    return int.from_bytes(raw[at + 1 : at + 1 + width]), at + 1 + width


def _skip(raw: bytes, at: int) -> int:
    """Where the item at `at` ends."""
    major = raw[at] >> 5
    count, at = _head(raw, at)
    if major in (2, 3) and count is not None:
        return at + count
    if major not in (2, 3, 4, 5):
        return at
    each = 2 if major == MAP else 1
    while count is None and raw[at] != BREAK[0]:
        at = _skip(raw, at)
    for _ in range(each * (count or 0)):
        at = _skip(raw, at)
    return at + (count is None)


def _places(document: bytes) -> tuple[tuple[int, int], int, int]:
    """Protected header's content, payload's start and stop."""
    at = 2 if document[0] == 0xD2 else 1
    size, at = _head(document, at)
    protected = at, at + (size or 0)
    size, start = _head(document, _skip(document, protected[1]))
    return protected, start, start + (size or 0)


def _signature_of(document: bytes) -> bytes:
    _, _, stop = _places(document)
    size, start = _head(document, stop)
    return document[start : start + (size or 0)]


def _document_fields(document: bytes) -> tuple[Field, ...]:
    (first, last), start, stop = _places(document)
    _, r = _head(document, stop)
    return (
        Field("array", 0, first - 1, "kind"),
        Field("protected", first, last, "algorithm", signed=True),
        Field("payload_length", last + 1, start, "length"),
        Field("payload", start, stop, signed=True),
        Field("r", r, r + 48, "signature"),
        Field("s", r + 48, r + 96, "signature"),
    )


def _payload_fields(payload: bytes, found: Sequence[_Member]) -> Iterator[Field]:
    for one in found:
        yield Field(f"key of {one.name}", one.key, one.value, "kind" if one.key < one.value else "", signed=True)
        yield Field(f"head of {one.name}", one.value, one.start, "length" if one.start > one.value else "", signed=True)
        name = f"no {one.name}" if payload[one.value] == NULL else one.name
        yield Field(name, one.start, one.stop, "key" if name == "certificate" else "", signed=True)


def _certificates(payload: bytes, found: Sequence[_Member]) -> list[bytes]:
    held = {one.name: payload[one.start : one.stop] for one in found}
    authorities = [held[f"ca{index}"] for index in range(len(found)) if f"ca{index}" in held]
    return [held["certificate"], *reversed(authorities)]


def _with(payload: bytes, certificates: Sequence[bytes]) -> bytes:
    """Another leaf and another cabundle, which begins with the root."""
    count, at = _head(payload, 0)
    made = bytearray(payload[:at])
    for key, value, stop in _entries(payload, 0):
        made += payload[key:value]
        name = _name(payload, key)
        if name == "certificate":
            made += head(BYTES, len(certificates[0])) + certificates[0]
        elif name == "cabundle":
            made += head(ARRAY, len(certificates) - 1) + b"".join(head(BYTES, len(raw)) + raw for raw in reversed(certificates[1:]))
        else:
            made += payload[value:stop]
    return bytes(made) + (BREAK if count is None else b"")


def _signed_anew(submission: Submission, keys: Keys) -> Submission:
    payload = payload_of(submission.evidence)
    chain, key = look_alike(_certificates(payload, list(members(payload))), keys)
    made, protected = _with(payload, chain), bytes.fromhex("a1013822")
    signed = b"\x84\x6aSignature1" + head(BYTES, len(protected)) + protected + b"\x40" + head(BYTES, len(made)) + made
    return replace(submission, evidence=cose(made, raw_signature(key, signed, "sha384")))
