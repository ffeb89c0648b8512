"""Strict DER, as far as vendors' certificate extensions need it: what is not the one encoding of a value is refused.

Source: X.690, sections 8 and 10. Limits: tags below 31, lengths below 2^24, no indefinite lengths.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Element", "elements", "integer", "oid", "one"]

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID, IA5_STRING, UTC_TIME, GENERALIZED_TIME, SEQUENCE = 1, 2, 3, 4, 6, 0x16, 0x17, 0x18, 0x30


class Element(NamedTuple):
    """One value.

    Attributes:
        tag: the identifier octet, with class and constructed bit.
        value: its content.
        whole: identifier, length and content, as they stood.
    """

    tag: int
    value: bytes
    whole: bytes


def elements(raw: bytes) -> list[Element]:
    """The values that stand one after the other in `raw`, to its last byte. Raises ValueError."""
    found, at = [], 0
    while at < len(raw):
        element = _element(raw, at)
        found.append(element)
        at += len(element.whole)
    return found


def one(raw: bytes, tag: int) -> bytes:
    """The content of the only value in `raw`, which has this tag. Raises ValueError."""
    element = _element(raw, 0)
    if element.tag != tag or len(element.whole) != len(raw):
        raise ValueError(f"DER: a single value of tag {tag:#x} was expected, found {element.tag:#x}")
    return element.value


def integer(raw: bytes) -> int:
    """The only value in `raw`, an INTEGER in its shortest form. Raises ValueError."""
    value = one(raw, INTEGER)
    if not value or (len(value) > 1 and value[0] in (0x00, 0xFF) and (value[0] ^ value[1]) < 0x80):
        raise ValueError("DER: an INTEGER that is not in its shortest form")
    return int.from_bytes(value, "big", signed=True)


def oid(dotted: str) -> bytes:
    """The content of an OBJECT IDENTIFIER."""
    first, second, *rest = (int(part) for part in dotted.split("."))
    out = bytearray([40 * first + second])
    for part in rest:
        digits = [part & 0x7F]
        while part := part >> 7:
            digits.append(part & 0x7F | 0x80)
        out += bytes(reversed(digits))
    return bytes(out)


def _element(raw: bytes, at: int) -> Element:
    if len(raw) < at + 2:
        raise ValueError("DER: cut short")
    tag, length, start = raw[at], raw[at + 1], at + 2
    if tag & 31 == 31:
        raise ValueError("DER: a tag of more than one octet")
    if length >= 0x80:
        size = length - 0x80
        if not 1 <= size <= 3:
            raise ValueError("DER: an indefinite or a huge length")
        start += size
        length = int.from_bytes(raw[at + 2 : start], "big")
        if length < 0x80 or length >> 8 * (size - 1) == 0:
            raise ValueError("DER: a length that is not in its shortest form")
    end = start + length
    if end > len(raw):
        raise ValueError("DER: cut short")
    return Element(tag, raw[start:end], raw[at:end])
