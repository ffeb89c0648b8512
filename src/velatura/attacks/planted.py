"""Canaries in a picture file or clip: a copy in which every place beside the pixels that we know holds a token of its own.

The places are those through which real files gave people away: position and description in EXIF, its thumbnail of the clear picture, XMP, IPTC,
comments, private blocks, packed text, titles, bytes behind the end. The copy stays valid for every reader.
Source: JFIF 1.02, EXIF 2.32, XMP part 3, IPTC-IIM 4.2, PNG third edition, ISO/IEC 14496-12; the forty cases of `velatura.media.leaks`.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.random import Generator

from velatura.attacks.attack import Picture
from velatura.errors import Unsupported

__all__ = ["PLANTED_IN", "Canary", "planted"]

TOKEN_LETTERS = 24
"""Of 26: as good as 112 bits, so that no file has one by chance."""

THUMBNAIL_PX = 96


@dataclass(frozen=True, slots=True, eq=False)
class Canary:
    """One thing that must not come through.

    Attributes:
        where: the place, in words.
        token: bytes that are found where it is, as they are, packed, or in another coding of text.
        case: what `velatura scan` calls the place.
        picture: it is a small picture, which is also known by its looks.
    """

    where: str
    token: bytes
    case: str
    picture: Picture | None = None


class _Planter:
    """Makes tokens, and keeps what was planted where."""

    def __init__(self, rng: Generator) -> None:
        self._rng = rng
        self.canaries: list[Canary] = []

    def token(self, where: str, case: str) -> bytes:
        token = bytes(self._rng.integers(ord("A"), ord("Z") + 1, TOKEN_LETTERS, np.uint8))
        self.canaries.append(Canary(where, token, case))
        return token

    def thumbnail(self, picture: Picture, case: str) -> bytes:
        """A small JPEG of the clear picture, known by the middle of its coded pixels."""
        raw, small = _small_jpeg(picture)
        middle = (raw.index(b"\xff\xda") + len(raw)) // 2
        self.canaries.append(Canary("thumbnail", raw[middle : middle + TOKEN_LETTERS], case, small))
        return raw


def planted(raw: bytes, kind: str, picture: Picture, rng: Generator) -> tuple[bytes, list[Canary]]:
    """A copy of a file with canaries, and these.

    Args:
        kind: as `velatura.media.kinds` names it.
        picture: its first picture, for thumbnails; (height, width), grey.

    Raises:
        Unsupported: `attack.file-kind`: no places are known in such a file.
    """
    if kind not in PLANTED_IN:
        raise Unsupported("attack.file-kind", f"no canaries can be planted in {kind or 'such a file'}", hint=f"one of {', '.join(PLANTED_IN)}")
    planter = _Planter(rng)
    return PLANTED_IN[kind](raw, planter, picture), planter.canaries


def _jpeg(raw: bytes, plant: _Planter, picture: Picture) -> bytes:
    at = 4 + int.from_bytes(raw[4:6], "big") if raw[2:4] == b"\xff\xe0" else 2  # JFIF's own block is the first
    name = b"http://ns.adobe.com/xap/1.0/\0"
    blocks = [
        _segment(0xE1, b"Exif\0\0" + _exif(plant, picture, cases=("L03", "L03", "L01"))),
        _segment(0xE1, name + b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + plant.token("XMP", "L05") + b"</x:xmpmeta>"),
        _segment(
            0xED, b"Photoshop 3.0\0" + _resource(0x0404, b"\x1c\x02\x78" + struct.pack(">H", TOKEN_LETTERS) + plant.token("IPTC caption", "L06"))
        ),
        _segment(0xFE, plant.token("comment", "L07")),
        _segment(0xE9, b"PRIVATE\0" + plant.token("a vendor's own block", "L02")),
    ]
    return raw[:at] + b"".join(blocks) + raw[at:] + plant.token("bytes behind the end", "L09")


def _png(raw: bytes, plant: _Planter, picture: Picture) -> bytes:
    blocks = [
        _chunk(b"eXIf", _exif(plant, picture, cases=("L11", "L11", "L11"))),
        _chunk(b"tEXt", b"Author\0" + plant.token("text", "L11")),
        _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(plant.token("packed text", "L11"))),
        _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + plant.token("XMP", "L11")),
        _chunk(b"prVt", plant.token("a private block", "L11")),
    ]
    head = 8 + 12 + 13  # the signature and IHDR, which is the first
    return raw[:head] + b"".join(blocks) + raw[head:] + plant.token("bytes behind the end", "L12")


def _mp4(raw: bytes, plant: _Planter, picture: Picture) -> bytes:
    if _ends_in_moov(raw):
        raw = _with_title(raw, plant.token("title", "L24"))
    return raw + _box(b"free", plant.token("free space", "L34")) + _box(b"uuid", bytes(16) + plant.token("a vendor's own box", "L34"))


PLANTED_IN: Mapping[str, Callable[[bytes, _Planter, Picture], bytes]] = MappingProxyType({"jpeg": _jpeg, "png": _png, "mp4": _mp4})
"""Kinds of files in which places are known."""


def _segment(code: int, body: bytes) -> bytes:
    return b"\xff" + bytes([code]) + struct.pack(">H", len(body) + 2) + body


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + name + body


def _resource(number: int, body: bytes) -> bytes:
    """A Photoshop image resource without a name."""
    return b"8BIM" + struct.pack(">HHI", number, 0, len(body)) + body + b"\0" * (len(body) % 2)


def _exif(plant: _Planter, picture: Picture, *, cases: tuple[str, str, str]) -> bytes:
    """A TIFF structure with a description, a position and a thumbnail, which `cases` names in this order."""
    description = plant.token("description in EXIF", cases[0]) + b"\0"
    position = plant.token("position in EXIF", cases[1])
    small = plant.thumbnail(picture, cases[2])
    sizes = [2 + 12 * entries + 4 for entries in (2, 1, 2)]
    first, gps, second = 8, 8 + sizes[0], 8 + sum(sizes[:2])
    values = 8 + sum(sizes)
    at_position, at_small = values + len(description), values + len(description) + len(position)
    return (
        b"MM\0*"
        + struct.pack(">I", first)
        + _directory([(0x010E, 2, len(description), values), (0x8825, 4, 1, gps)], follows=second)
        + _directory([(0x001B, 7, len(position), at_position)])  # GPSProcessingMethod
        + _directory([(0x0201, 4, 1, at_small), (0x0202, 4, 1, len(small))])
        + description
        + position
        + small
    )


def _directory(entries: list[tuple[int, int, int, int]], *, follows: int = 0) -> bytes:
    """Tag, type, count and value or place of each entry; the place of the next directory."""
    return struct.pack(">H", len(entries)) + b"".join(struct.pack(">HHII", *entry) for entry in entries) + struct.pack(">I", follows)


def _small_jpeg(picture: Picture) -> tuple[bytes, Picture]:
    from PIL import Image

    small = Image.fromarray(picture)
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    raw = io.BytesIO()
    small.save(raw, "JPEG", quality=85)
    return raw.getvalue(), np.asarray(small)


def _with_title(raw: bytes, title: bytes) -> bytes:
    """The clip with a title in its "moov"; it must be the last box that matters, since all that stands behind would move."""
    last = list(_top_boxes(raw))[-1]
    udta = _box(b"udta", _box(b"\xa9nam", struct.pack(">HH", len(title), 0x55C4) + title))
    size = struct.pack(">I", last.stop - last.start + len(udta))
    return raw[: last.start] + size + raw[last.start + 4 : last.stop] + udta


def _ends_in_moov(raw: bytes) -> bool:
    boxes = list(_top_boxes(raw))
    return bool(boxes) and boxes[-1].stop == len(raw) and raw[boxes[-1].start + 4 : boxes[-1].start + 8] == b"moov"


def _top_boxes(raw: bytes) -> Iterator[slice]:
    """Places of the boxes; it ends before the first that does not fit."""
    at = 0
    while at + 8 <= len(raw):
        size = int.from_bytes(raw[at : at + 4], "big")
        size = int.from_bytes(raw[at + 8 : at + 16], "big") if size == 1 else size
        if size < 8 or at + size > len(raw):
            return
        yield slice(at, at + size)
        at += size
