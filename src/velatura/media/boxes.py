"""The outline of a clip's container, read without FFmpeg: is the file whole, and what are its tracks called?

FFmpeg plays a cut file to its last whole packet without a word and calls a telemetry track "data". Three short readers answer what it does
not: boxes of MP4 and QuickTime, the segment of Matroska, the RIFF head of AVI. They run in the decoder's child, visit a bounded number of
boxes and believe no size that leaves its parent. Other containers have no length to compare with: `cut` answers False for them.
Source: ISO/IEC 14496-12 sections 4.2 and 8.5.2; RFC 8794 sections 5 and 6; Microsoft RIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Outline", "Source", "outline"]

_TOP = frozenset({b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"uuid", b"meta", b"sidx", b"styp", b"mfra", b"pnot", b"emsg"})
_MEDIA = frozenset({b"moov", b"mdat", b"moof"})
_ENCRYPTED = frozenset({"encv", "enca", "drmi"})
_MOST_BOXES = 100_000  # fragments of a long recording: a day at one a second
_MOST_INSIDE = 4_096


class Source(Protocol):
    """What is used of a file: a feed in the child, an opened file or bytes elsewhere."""

    def read(self, count: int, /) -> bytes: ...
    def seek(self, offset: int, /) -> int: ...


@dataclass(frozen=True, slots=True)
class Outline:
    """What the container says of itself.

    Attributes:
        cut: it announces more bytes than the file has.
        tags: the sample description of each track, in the order of FFmpeg's streams ("avc1", "mp4a", "gpmd"); empty outside MP4.
        encrypted: a track is under digital rights management.
        trailing: bytes follow the last box.
        private: the file carries a vendor's own box ("uuid").
    """

    cut: bool = False
    tags: tuple[str, ...] = ()
    encrypted: bool = False
    trailing: bool = False
    private: bool = False


def outline(file: Source, size: int) -> Outline:
    """Read the outline of `file`, `size` bytes long; its position is moved."""
    head = _read(file, 0, 64)
    if head[4:8] in _TOP:
        return _of_boxes(file, size)
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return Outline(cut=_matroska_end(head) > size)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return Outline(cut=8 + int(struct.unpack_from("<I", head, 4)[0]) > size)
    return Outline()


def _read(file: Source, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


@dataclass(frozen=True, slots=True)
class _Box:
    name: bytes
    start: int  # of the content
    end: int  # as announced; may lie beyond its parent


def _boxes(file: Source, start: int, end: int, most: int = _MOST_INSIDE) -> Iterator[_Box]:
    """Boxes one after the other; ends where what follows is no box."""
    at = start
    for _ in range(most):
        head = _read(file, at, 16) if at + 8 <= end else b""
        if len(head) < 8:
            return
        length, name, header = int.from_bytes(head[:4], "big"), head[4:8], 8
        if length == 1 and len(head) == 16:
            length, header = int.from_bytes(head[8:], "big"), 16
        elif length == 0:
            length = end - at
        if length < header:
            return
        yield _Box(name, at + header, at + length)
        at += length


def _of_boxes(file: Source, size: int) -> Outline:
    cut = trailing = private = False
    tags: tuple[str, ...] = ()
    end = 0
    for box in _boxes(file, 0, size, _MOST_BOXES):
        # Bytes after the last box may look like one of any length: only the boxes that carry the clip prove a cut.
        if box.name not in _TOP:
            break
        cut = cut or (box.name in _MEDIA and box.end > size)
        private = private or box.name == b"uuid"
        if box.name == b"moov" and not tags:
            tags = tuple(_tags(file, box.start, min(box.end, size)))
        end = box.end
    trailing = end < size
    return Outline(cut, tags, not _ENCRYPTED.isdisjoint(tags), trailing, private)


def _tags(file: Source, start: int, end: int) -> Iterator[str]:
    for track in _boxes(file, start, end):
        if track.name != b"trak":
            continue
        inside: tuple[int, int] | None = (track.start, min(track.end, end))
        for name in (b"mdia", b"minf", b"stbl", b"stsd"):
            inside = _inside(file, inside, name) if inside else None
        yield _word(_read(file, inside[0] + 12, 4)) if inside else ""


def _inside(file: Source, parent: tuple[int, int], name: bytes) -> tuple[int, int] | None:
    for box in _boxes(file, *parent):
        if box.name == name:
            return box.start, min(box.end, parent[1])
    return None


def _word(tag: bytes) -> str:
    """A four-letter code as a word that may be printed."""
    text = tag.decode("ascii", "replace").strip()
    return text if text.isalnum() else ""


def _matroska_end(head: bytes) -> int:
    """Where the segment ends as announced; 0 where that is unknown (a live recording) or further off than 64 bytes."""
    header = _number(head, 4)
    if header is None or header[0] is None:
        return 0
    at = header[1] + header[0]
    if head[at : at + 4] != b"\x18\x53\x80\x67":
        return 0
    segment = _number(head, at + 4)
    return segment[1] + segment[0] if segment and segment[0] is not None else 0


def _number(head: bytes, at: int) -> tuple[int | None, int] | None:
    """A variable-length number of EBML and where it ends; the number with all bits set means unknown (None)."""
    if at >= len(head) or not head[at]:
        return None
    length = 9 - head[at].bit_length()
    if at + length > len(head):
        return None
    value = int.from_bytes(head[at : at + length], "big") & ((1 << 7 * length) - 1)
    return (None if value == (1 << 7 * length) - 1 else value), at + length
