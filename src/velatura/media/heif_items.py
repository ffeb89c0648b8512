"""The items of a HEIF file: pictures, tiles, alpha planes and metadata, and how they hang together.

A reader of our own, because libheif starts a thread for every picture, which a locked child may not. It holds the "meta" box in memory (bounded),
believes no count and no offset, and hands over the bytes of an item when asked.
Source: ISO/IEC 14496-12:2022 section 8.11 (meta, iloc, iinf, iref, idat); ISO/IEC 23008-12:2022 sections 6.5 and 9.3 (properties, ipma).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from velatura.errors import BadInput, Unsupported

__all__ = ["Item", "Items", "read_items"]

_META_LIMIT = 16 << 20
_MOST_ITEMS = 10_000
_MOST_BOXES = 50_000
_ITEM_LIMIT = 256 << 20


@dataclass(slots=True)
class Item:
    """One item.

    Attributes:
        kind: "hvc1", "grid", "Exif", "mime" ...
        properties: (name, content) in the order in which they apply.
        extents: (place, length); `inside`: places count from the "idat" box.
        refers: kind of reference -> items, e.g. "dimg" -> the tiles of a grid.
    """

    kind: str = ""
    protected: bool = False
    properties: list[tuple[str, bytes]] = field(default_factory=list)
    extents: list[tuple[int, int]] = field(default_factory=list)
    inside: bool = False
    refers: dict[str, list[int]] = field(default_factory=dict)

    def property(self, name: str) -> bytes | None:
        return next((content for known, content in self.properties if known == name), None)


class _File(Protocol):
    def read(self, count: int) -> bytes: ...
    def seek(self, offset: int) -> int: ...


@dataclass(slots=True)
class Items:
    """All items by their number; `primary` is the one that is shown."""

    file: _File
    size: int
    primary: int = 0
    by_number: dict[int, Item] = field(default_factory=dict)
    idat: bytes = b""

    def item(self, number: int) -> Item:
        found = self.by_number.get(number)
        if found is None:
            raise BadInput("media.malformed", "a picture that refers to an item that is not there")
        return found

    def content(self, item: Item) -> bytes:
        """The item's bytes. Raises BadInput."""
        parts, total = [], 0
        for place, length in item.extents:
            end = len(self.idat) if item.inside else self.size
            length = length or max(0, end - place)
            total += length
            if place + length > end:
                raise BadInput("media.truncated", "the file ends within the picture")
            if total > _ITEM_LIMIT:
                raise BadInput("media.too-large", "an item larger than the limit")
            if item.inside:
                parts.append(self.idat[place : place + length])
            else:
                self.file.seek(place)
                parts.append(self.file.read(length))
        return b"".join(parts)

    def that_refer(self, kind: str, to: int) -> list[Item]:
        """Items with a reference of that kind to item `to`, e.g. its alpha plane ("auxl")."""
        return [item for item in self.by_number.values() if to in item.refers.get(kind, ())]


def read_items(file: _File, size: int) -> Items:
    """Raises BadInput: `media.malformed`, `media.truncated`, `media.too-large`."""
    items = Items(file, size)
    boxes = dict(_boxes(_meta(file, size)[4:]))
    _read_infos(items, boxes.get(b"iinf", b""))
    _read_places(items, boxes.get(b"iloc", b""))
    _read_references(items, boxes.get(b"iref", b""))
    _read_properties(items, boxes.get(b"iprp", b""))
    items.idat = boxes.get(b"idat", b"")
    pitm = _Cursor(boxes.get(b"pitm", b""))
    items.primary = pitm.number(2 if pitm.full()[0] == 0 else 4)
    return items


def _meta(file: _File, size: int) -> bytes:
    at = 0
    for _ in range(1_000):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            break
        length, header = int.from_bytes(head[:4], "big"), 8
        if length == 1:
            length, header = int.from_bytes(head[8:16], "big"), 16
        length = length or size - at
        if head[4:8] == b"meta":
            if length > _META_LIMIT:
                raise BadInput("media.too-large", "a head larger than the limit")
            if at + length > size:
                raise BadInput("media.truncated", "the file ends within its head")
            file.seek(at + header)
            return file.read(length - header)
        if length < header:
            break
        at += length
    if at > size:
        raise BadInput("media.truncated", "the file ends too early")
    raise Unsupported("media.unsupported", "a picture file without a still picture (a sequence)")


def _boxes(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 8 > len(raw):
            return
        length, header = int.from_bytes(raw[at : at + 4], "big"), 8
        if length == 1:
            length, header = int.from_bytes(raw[at + 8 : at + 16], "big"), 16
        length = length or len(raw) - at
        if length < header or at + length > len(raw):
            raise BadInput("media.malformed", "a box of impossible length")
        yield raw[at + 4 : at + 8], raw[at + header : at + length]
        at += length
    raise BadInput("media.too-large", "too many boxes")


class _Cursor:
    """Reads numbers one after the other; past the end is an error."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._at = raw, 0

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> bytes:
        part = self._raw[self._at : self._at + size]
        if len(part) != size:
            raise BadInput("media.malformed", "a table that ends too early")
        self._at += size
        return part

    def full(self) -> tuple[int, int]:
        """Version and flags of a full box."""
        return self.number(1), self.number(3)

    def rest(self) -> bytes:
        return self._raw[self._at :]


def _read_infos(items: Items, raw: bytes) -> None:
    cursor = _Cursor(raw)
    version, _ = cursor.full()
    cursor.number(4 if version else 2)
    for name, content in _boxes(cursor.rest()):
        if name != b"infe":
            continue
        info = _Cursor(content)
        version, _ = info.full()
        if version < 2:
            continue
        number = info.number(2 if version == 2 else 4)
        protected = info.number(2) != 0
        items.by_number[number] = Item(kind=info.take(4).decode("latin-1"), protected=protected)
        if len(items.by_number) > _MOST_ITEMS:
            raise BadInput("media.too-large", "too many items")


def _read_places(items: Items, raw: bytes) -> None:
    cursor = _Cursor(raw)
    version, _ = cursor.full()
    sizes = cursor.number(1), cursor.number(1)
    offset_size, length_size, base_size = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
    index_size = sizes[1] & 15 if version in (1, 2) else 0
    for _ in range(cursor.number(2 if version < 2 else 4)):
        number = cursor.number(2 if version < 2 else 4)
        method = cursor.number(2) & 15 if version in (1, 2) else 0
        cursor.take(2)
        base = cursor.number(base_size)
        extents = []
        for _ in range(cursor.number(2)):
            cursor.take(index_size)
            place, length = cursor.number(offset_size), cursor.number(length_size)
            extents.append((base + place, length))
        item = items.by_number.get(number)
        if item is not None:
            item.extents, item.inside = extents if method in (0, 1) else [], method == 1


def _read_references(items: Items, raw: bytes) -> None:
    if not raw:
        return
    cursor = _Cursor(raw)
    width = 2 if cursor.full()[0] == 0 else 4
    for name, content in _boxes(cursor.rest()):
        reference = _Cursor(content)
        item = items.by_number.get(reference.number(width))
        targets = [reference.number(width) for _ in range(reference.number(2))]
        if item is not None:
            item.refers[name.decode("latin-1")] = targets


def _read_properties(items: Items, raw: bytes) -> None:
    boxes = list(_boxes(raw))
    known = [(name.decode("latin-1"), content) for ipco, inner in boxes if ipco == b"ipco" for name, content in _boxes(inner)]
    for name, content in boxes:
        if name != b"ipma":
            continue
        cursor = _Cursor(content)
        version, flags = cursor.full()
        for _ in range(cursor.number(4)):
            item = items.by_number.get(cursor.number(2 if version < 1 else 4))
            for _ in range(cursor.number(1)):
                wide = flags & 1
                index = cursor.number(2 if wide else 1) & (0x7FFF if wide else 0x7F)
                if item is not None and 0 < index <= len(known):
                    item.properties.append(known[index - 1])
