"""CBOR as attestation documents use it, read strictly: one value, in its shortest form, and no map that two readers could see differently.

A general decoder is the wrong tool: the usual ones keep the last of two equal keys, so that what is verified and what is used could differ. Read are
integers, byte strings, text, arrays, maps with unique text or integer keys, and null. Refused are floats, other simple values, tags, chunked strings,
lengths and integers that are not in their shortest form, more than 8 levels, and indefinite lengths, but for the outermost levels if asked: AWS has
written its payloads as maps of indefinite length since about 2025.

Source: RFC 8949, sections 3, 4.1 and 5.6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = ["CutShort", "Value", "decode", "encode"]

Value: TypeAlias = "int | bytes | str | Sequence[Value] | Mapping[int | str, Value] | None"

MOST_LEVELS = 8
UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, SIMPLE = 0, 1, 2, 3, 4, 5, 7
INDEFINITE, NULL, BREAK = 31, 0xF6, 0xFF


class CutShort(ValueError):
    """The bytes end before the value does."""


def decode(raw: bytes, *, indefinite_levels: int = 0) -> tuple[Value, int]:
    """The value that `raw` begins with, and where it ends.

    Args:
        indefinite_levels: how many of the outermost levels may be arrays and maps of indefinite length.

    Raises:
        CutShort, ValueError.
    """
    return _Reader(raw, indefinite_levels).value(0, 0)


class _Reader:
    def __init__(self, raw: bytes, indefinite_levels: int) -> None:
        self.raw, self.indefinite_levels = raw, indefinite_levels

    def value(self, at: int, level: int) -> tuple[Value, int]:
        if level > MOST_LEVELS:
            raise ValueError(f"CBOR: more than {MOST_LEVELS} levels")
        major, count, after = self._head(at, level)
        if major == SIMPLE:
            return None, after
        if count is None:
            return self._many(major, None, after, level)
        if major == UNSIGNED:
            return count, after
        if major == NEGATIVE:
            return -1 - count, after
        if major in (ARRAY, MAP):
            return self._many(major, count, after, level)
        string = self.raw[after : after + count]
        if len(string) != count:
            raise CutShort("CBOR: a string is cut short")
        return string if major == BYTES else string.decode("utf-8"), after + count

    def _head(self, at: int, level: int) -> tuple[int, int | None, int]:
        """Major type, count (None: indefinite) and where the content begins."""
        if at >= len(self.raw):
            raise CutShort("CBOR: cut short")
        major, low = self.raw[at] >> 5, self.raw[at] & 31
        if major == 6 or (major == SIMPLE and self.raw[at] != NULL):
            raise ValueError(f"CBOR: a tag, a float or a simple value, {self.raw[at]:#04x}, at byte {at}")
        if low < 24:
            return major, low, at + 1
        if low == INDEFINITE and major in (ARRAY, MAP) and level < self.indefinite_levels:
            return major, None, at + 1
        if low > 27:
            raise ValueError(f"CBOR: an indefinite or a reserved length at byte {at}")
        size = 1 << low - 24
        if at + 1 + size > len(self.raw):
            raise CutShort("CBOR: cut short")
        count = int.from_bytes(self.raw[at + 1 : at + 1 + size], "big")
        if count < 24 or (size > 1 and count >> 4 * size == 0):
            raise ValueError(f"CBOR: a number at byte {at} is not in its shortest form")
        return major, count, at + 1 + size

    def _many(self, major: int, count: int | None, at: int, level: int) -> tuple[Value, int]:
        items: list[Value] = []
        wanted = None if count is None else count * (2 if major == MAP else 1)
        if wanted is not None and wanted > len(self.raw) - at:
            raise CutShort("CBOR: an array or a map is cut short")  # before memory is taken for what cannot be there
        while wanted is None or len(items) < wanted:
            if wanted is None and self.raw[at : at + 1] == bytes([BREAK]):
                at += 1
                break
            item, at = self.value(at, level + 1)
            items.append(item)
        return (items if major == ARRAY else _map(items)), at


def _map(items: Sequence[Value]) -> Mapping[int | str, Value]:
    if len(items) % 2:
        raise ValueError("CBOR: a map ends after a key")
    found: dict[int | str, Value] = {}
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, int | str):
            raise ValueError("CBOR: a key that is neither text nor an integer")
        if key in found:
            raise ValueError(f"CBOR: the key {key!r} stands twice")
        found[key] = value
    return found


def encode(value: Value) -> bytes:
    """Shortest forms, definite lengths, keys in the order given."""
    if value is None:
        return bytes([NULL])
    if isinstance(value, int):
        return _head(UNSIGNED, value) if value >= 0 else _head(NEGATIVE, -1 - value)
    if isinstance(value, bytes):
        return _head(BYTES, len(value)) + value
    if isinstance(value, str):
        return _head(TEXT, len(value.encode())) + value.encode()
    if isinstance(value, Mapping):
        return _head(MAP, len(value)) + b"".join(encode(key) + encode(one) for key, one in value.items())
    return _head(ARRAY, len(value)) + b"".join(encode(one) for one in value)


def _head(major: int, count: int) -> bytes:
    if count < 24:
        return bytes([major << 5 | count])
    for low, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if count < 1 << 8 * size:
            return bytes([major << 5 | low]) + count.to_bytes(size, "big")
    raise ValueError("CBOR: a number of more than 64 bits")
