"""The wire format of protobuf, field by field: what looking at a network file takes, so that no `onnx` is needed and nothing is loaded.

Source: protobuf.dev/programming-guides/encoding. Groups (wire types 3 and 4) are refused; ONNX has none.
"""

from __future__ import annotations

from collections.abc import Iterator

from velatura.errors import BadInput

__all__ = ["Field", "fields_of", "first_of", "malformed", "number_of", "written"]

Field = tuple[int, int, bytes, bytes]
"""Number, wire type, payload (of wire type 0: the number as it is coded), the whole field as it stands."""


def first_of(message: bytes, wanted: int) -> bytes:
    """The payload of the first field of that number; empty where there is none."""
    return next((payload for number, wire, payload, _ in fields_of(message) if number == wanted and wire == 2), b"")


def number_of(payload: bytes) -> int:
    """The value of a field of wire type 0."""
    return _varint(payload, 0)[0]


def fields_of(message: bytes) -> Iterator[Field]:
    """Raises BadInput `models.malformed`."""
    at = 0
    while at < len(message):
        start = at
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            _, end = _varint(message, at)
            body = at
        elif wire == 2:
            size, body = _varint(message, at)
            end = body + size
        elif wire in (1, 5):
            body, end = at, at + (8 if wire == 1 else 4)
        else:
            raise malformed()
        if end > len(message) or number == 0:
            raise malformed()
        yield number, wire, message[body:end], message[start:end]
        at = end


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise malformed()


def written(number: int, payload: bytes) -> bytes:
    """A field of wire type 2."""
    return _number(number << 3 | 2) + _number(len(payload)) + payload


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def malformed() -> BadInput:
    """What a file is that does not parse."""
    return BadInput("models.malformed", "the model file is not an ONNX network", hint="velatura models verify")
