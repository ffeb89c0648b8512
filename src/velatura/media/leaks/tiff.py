"""Directories of TIFF files and of the EXIF blocks of every other format: trees of tags, walked once, each directory one time.

A loop in the tree, a tag that reaches over the end or ten thousand pages are somebody's trick, not a picture's; the walk is bounded in depth,
number and size. BigTIFF is read as well.
Source: TIFF 6.0 section 2; EXIF 3.0 section 4.6; the BigTIFF design of 2007.
"""

from __future__ import annotations

from dataclasses import dataclass

from velatura.errors import BadInput
from velatura.media.leaks import tags
from velatura.media.leaks.contents import describe, holds_picture, jpeg_size
from velatura.media.leaks.span import Damaged, Order, Span
from velatura.media.leaks.trace import Trace, counted
from velatura.media.leaks.xmp import describe_xmp

__all__ = ["Cases", "Entry", "Tree", "exif", "tiff_file"]

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_MOST_ENTRIES = 2_000
_MOST_DIRECTORIES = 10_000
_DEEPEST = 6
_EXIF, _GPS, _INTEROP = 0x8769, 0x8825, 0xA005
_STRIPS, _TILES = (0x0111, 0x0117), (0x0144, 0x0145)


@dataclass(frozen=True, slots=True)
class Cases:
    """Under which case each kind of thing is told."""

    text: str = "L03"
    thumbnail: str = "L01"
    maker: str = "L02"
    xmp: str = "L05"
    iptc: str = "L06"
    sub: str = "L02"
    private: str = "L03"

    @classmethod
    def all(cls, case: str) -> Cases:
        """Formats whose metadata are one case."""
        return cls(case, case, case, case, case, case, case)


TIFF = Cases(text="L17", thumbnail="L16", maker="L17", xmp="L17", iptc="L17", sub="L16", private="L17")


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag; `at` is where its value lies."""

    tag: int
    size: int  # of one number
    count: int
    at: int

    @property
    def bytes(self) -> int:
        return self.size * self.count


class Tree:
    """The header of a TIFF structure, and its directories by their place.

    Raises:
        Damaged: not a TIFF header.
    """

    def __init__(self, span: Span) -> None:
        head = span.read(0, 8)
        orders: dict[bytes, Order] = {b"II": "little", b"MM": "big"}
        if head[:2] not in orders:
            raise Damaged("media.malformed", "the TIFF header is damaged")
        self.span, self.order = span, orders[head[:2]]
        version = int.from_bytes(head[2:4], self.order)
        if version not in (42, 43, 0x55, 0x4F52, 0x5352):  # the last three: raw formats of cameras
            raise Damaged("media.malformed", "the TIFF header is damaged")
        self._big = version == 43
        self.root = self.number(8, 8) if self._big else self.number(4, 4)
        self.reach = 16 if self._big else 8
        self._seen: set[int] = set()

    def number(self, at: int, size: int) -> int:
        return self.span.number(at, size, self.order)

    def directory(self, at: int) -> tuple[list[Entry], int]:
        """Its entries and where the next one lies, 0 for none; a directory that was seen before is empty."""
        if at in self._seen:
            return [], 0
        self._seen.add(at)
        if len(self._seen) > _MOST_DIRECTORIES:
            raise BadInput("media.too-large", f"the file has more than {_MOST_DIRECTORIES} directories")
        width, count_size, row = (8, 8, 20) if self._big else (4, 2, 12)
        count = self.number(at, count_size)
        if count > _MOST_ENTRIES:
            raise Damaged("media.malformed", "a directory announces more tags than any honest one")
        table = self.span.part(at + count_size, row * count)
        entries = [self._entry(table, row * n, width) for n in range(count)]
        end = at + count_size + row * count
        self.reach = max(self.reach, end + width)
        return entries, self.number(end, width) if end + width <= len(self.span) else 0

    def _entry(self, table: Span, at: int, width: int) -> Entry:
        raw = table.read(at, 4 + 2 * width)
        tag, kind = int.from_bytes(raw[:2], self.order), int.from_bytes(raw[2:4], self.order)
        size, count = _SIZES.get(kind, 1), int.from_bytes(raw[4 : 4 + width], self.order)
        inline = size * count <= width
        value = table.start - self.span.start + at + 4 + width if inline else int.from_bytes(raw[4 + width :], self.order)
        if not inline:
            self.reach = max(self.reach, min(value + size * count, len(self.span)))
        return Entry(tag, size, count, value)

    def numbers(self, entry: Entry, most: int = 65_536) -> list[int]:
        raw = self.span.read(entry.at, entry.size * min(entry.count, most))
        return [int.from_bytes(raw[at : at + entry.size], self.order) for at in range(0, len(raw), entry.size)]

    def first(self, entry: Entry) -> int:
        """Its first number. Raises Damaged where it has none."""
        if not entry.count:
            raise Damaged("media.malformed", "a tag has no value")
        return self.numbers(entry, 1)[0]

    def value(self, entry: Entry) -> Span:
        return self.span.part(entry.at, entry.bytes)


def exif(span: Span, where: str, trace: Trace, cases: Cases | None = None) -> None:
    """The EXIF block of a picture: main directory, thumbnail's directory, and what hangs below them."""
    cases = cases or Cases()
    with trace.block(cases.text, where):
        tree = Tree(span)
        entries, thumbnail = tree.directory(tree.root)
        _directory(tree, entries, f"{where} IFD0", trace, cases, 0)
        if thumbnail:
            entries, _ = tree.directory(thumbnail)
            _thumbnail(tree, entries, f"{where} IFD1", trace, cases)
            _directory(tree, entries, f"{where} IFD1", trace, cases, 0)


def tiff_file(span: Span, trace: Trace) -> None:
    """A TIFF file: every page, and bytes that no page refers to.

    Raises:
        Damaged: the first directory cannot be read.
    """
    tree = Tree(span)
    at, page = tree.root, 0
    while at:
        entries, at = tree.directory(at)
        if not entries:
            break
        page += 1
        _reach(tree, entries)
        _directory(tree, entries, f"page {page}", trace, TIFF, 0)
    if not page:
        raise Damaged("media.malformed", "there is no page in the file")
    if page > 1:
        trace.tell("L16", "directories", counted(page - 1, "further page"))
    rest = span.part(min(tree.reach, len(span)))
    if not rest.is_filler():
        trace.tell("L17", "end of the file", f"bytes that no page refers to: {describe(rest)}")


def _directory(tree: Tree, entries: list[Entry], where: str, trace: Trace, cases: Cases, depth: int) -> None:
    for entry in entries:
        what = tags.told_by(entry.tag)
        if what and entry.count:
            trace.tell(cases.private if what.startswith("private") else cases.text, where, what)
        elif entry.tag in _HANDLED:
            case = getattr(cases, _HANDLED[entry.tag])
            with trace.block(case, where):
                _special(tree, entry, where, trace, cases, depth)


_HANDLED = {
    tags.ORIENTATION: "text",
    tags.SUB_DIRECTORIES: "sub",
    tags.XMP: "xmp",
    tags.IPTC: "iptc",
    tags.PHOTOSHOP: "iptc",
    tags.PROFILE: "text",
    tags.MAKER_NOTE: "maker",
    _EXIF: "text",
    _GPS: "text",
    _INTEROP: "text",
}


def _special(tree: Tree, entry: Entry, where: str, trace: Trace, cases: Cases, depth: int) -> None:
    if entry.tag == tags.ORIENTATION:
        if 2 <= (turn := tree.first(entry)) <= 8:
            trace.tell("L18", where, f"orientation {turn}: the stored picture lies turned or mirrored")
    elif entry.tag == tags.XMP:
        trace.tell(cases.xmp, where, describe_xmp(tree.value(entry)))
    elif entry.tag == tags.IPTC:
        trace.tell(cases.iptc, where, "IPTC: captions, names, places")
    elif entry.tag == tags.PHOTOSHOP:
        trace.tell(cases.iptc, where, "Photoshop blocks")
    elif entry.tag == tags.PROFILE:
        trace.tell("L10", where, "colour profile")
    elif entry.tag == tags.MAKER_NOTE:
        _maker_note(tree.value(entry), where, trace, cases)
    elif depth < _DEEPEST:
        _below(tree, entry, where, trace, cases, depth + 1)
    else:
        raise Damaged("media.malformed", "directories are nested too deeply")


def _maker_note(span: Span, where: str, trace: Trace, cases: Cases) -> None:
    if not span.is_filler():
        trace.tell(cases.maker, where, "maker note" + (" with a preview picture" if holds_picture(span) else ""))


def _below(tree: Tree, entry: Entry, where: str, trace: Trace, cases: Cases, depth: int) -> None:
    for number, at in enumerate(tree.numbers(entry, 64)):
        entries, _ = tree.directory(at)
        if entry.tag == _GPS:
            _gps(entries, where, trace, cases)
        elif entry.tag == tags.SUB_DIRECTORIES:
            place = f"{where} sub-directory {number + 1}"
            _reach(tree, entries)
            trace.tell(cases.sub, place, "a further picture" if _holds_pixels(entries) else "a directory of its own")
            _directory(tree, entries, place, trace, cases, depth)
        else:
            _directory(tree, [e for e in entries if entry.tag == _EXIF or e.tag > 0x1002], f"{where} Exif", trace, cases, depth)


def _gps(entries: list[Entry], where: str, trace: Trace, cases: Cases) -> None:
    used = {entry.tag for entry in entries if entry.count}
    if used & set(range(1, 7)) or used & {19, 20, 21, 22}:
        trace.tell(cases.text, f"{where} GPS", "GPS position")
    if used & {7, 29}:
        trace.tell(cases.text, f"{where} GPS", "GPS time")
    if used - {0, *range(1, 8), 19, 20, 21, 22, 29}:
        trace.tell(cases.text, f"{where} GPS", "GPS direction, speed or method")


def _thumbnail(tree: Tree, entries: list[Entry], where: str, trace: Trace, cases: Cases) -> None:
    found = {entry.tag: entry for entry in entries}
    if 0x0201 in found and 0x0202 in found:
        at, count = tree.first(found[0x0201]), tree.first(found[0x0202])
        picture = tree.span.clipped(at, count)
        trace.tell(cases.thumbnail, where, f"thumbnail{jpeg_size(picture)} of the clear picture")
    elif _holds_pixels(entries):
        trace.tell(cases.thumbnail, where, "thumbnail of the clear picture")


def _holds_pixels(entries: list[Entry]) -> bool:
    return any(entry.tag in (0x0111, 0x0144, 0x0201) for entry in entries)


def _reach(tree: Tree, entries: list[Entry]) -> None:
    """How far into the file the pixels of a page reach."""
    found = {entry.tag: entry for entry in entries}
    for offsets, counts in (_STRIPS, _TILES, (0x0201, 0x0202)):
        if offsets in found and counts in found:
            pairs = zip(tree.numbers(found[offsets], 1 << 20), tree.numbers(found[counts], 1 << 20), strict=False)
            tree.reach = max(tree.reach, *(min(at + count, len(tree.span)) for at, count in pairs), 0)
