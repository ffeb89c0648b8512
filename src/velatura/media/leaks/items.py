"""Pictures and metadata inside HEIC and AVIF: each item is the primary picture, a part of it, or something more.

Source: ISO/IEC 14496-12:2022 section 8.11; ISO/IEC 23008-12:2022 sections 6 and 7, annex A.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from velatura.errors import BadInput
from velatura.media.leaks.boxes import boxes, full
from velatura.media.leaks.span import Damaged, Span
from velatura.media.leaks.tiff import Cases, exif
from velatura.media.leaks.trace import Trace, four
from velatura.media.leaks.xmp import describe_xmp

__all__ = ["items"]

_MOST = 20_000
_PICTURES = frozenset((b"hvc1", b"av01", b"avc1", b"jpeg", b"grid", b"iden", b"iovl", b"tmap", b"unci", b"j2k1", b"mski", b"vvc1", b"hev1"))
_PARTS = (b"dimg", b"base")
_QUIET = frozenset((b"hdlr", b"pitm", b"iloc", b"iinf", b"iref", b"iprp", b"idat", b"dinf", b"free", b"grpl"))
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")


@dataclass(slots=True)
class _Table:
    """What the boxes of `meta` say of the items."""

    primary: int = 0
    kinds: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)  # item -> kind, content type
    places: dict[int, tuple[int, list[tuple[int, int]]]] = field(default_factory=dict)  # item -> method, ranges
    references: list[tuple[bytes, int, list[int]]] = field(default_factory=list)
    auxiliary: dict[int, bytes] = field(default_factory=dict)  # item -> what its auxC property says
    idat: Span | None = None


def items(body: Span, whole: Span, trace: Trace, case: str) -> None:
    """Tell of every item that is not the primary picture or a part of it. Raises Damaged where a table is cut."""
    table = _read(full(body)[2], trace, case)
    shown = _shown(table)
    thumbnails = {source for kind, source, _ in table.references if kind == b"thmb"}
    extra = {source for kind, source, _ in table.references if kind == b"auxl"}
    for item, (kind, content) in table.kinds.items():
        where = f"item {item}"
        if kind == b"Exif":
            with trace.block(case, where):
                _exif(table, item, whole, where, trace, case)
        elif kind in (b"mime", b"uri "):
            trace.tell(case, where, _mime(table, item, whole) if content == b"application/rdf+xml" else "metadata of its own kind")
        elif item in thumbnails:
            trace.tell(case, where, "thumbnail of the clear picture")
        elif item in extra and item not in shown:
            if not table.auxiliary.get(item, b"").startswith(_ALPHA):
                trace.tell(case, where, "auxiliary picture: depth, gain or matte")
        elif kind in _PICTURES and item not in shown:
            trace.tell(case, where, "a further picture")
        elif kind not in _PICTURES:
            trace.tell(case, where, f"data of its own kind ({four(kind)})")


def _shown(table: _Table) -> set[int]:
    """The primary picture, its parts, and the parts of its auxiliary pictures (told of as one)."""
    parts: dict[int, list[int]] = {}
    for kind, source, targets in table.references:
        if kind in _PARTS:
            parts.setdefault(source, []).extend(targets)
    roots = [table.primary, *(source for kind, source, _ in table.references if kind in (b"auxl", b"thmb"))]
    shown, queue = {table.primary}, [part for root in roots for part in parts.get(root, [])]
    while queue:
        item = queue.pop()
        if item not in shown:
            shown.add(item)
            queue += parts.get(item, [])
    return shown


def _read(body: Span, trace: Trace, case: str) -> _Table:
    table = _Table()
    for box in boxes(body):
        if box.name == b"pitm":
            version, _, rest = full(box.body)
            table.primary = rest.number(0, 4 if version else 2)
        elif box.name == b"iinf":
            _infos(box.body, table)
        elif box.name == b"iloc":
            _places(box.body, table)
        elif box.name == b"iref":
            _references(box.body, table)
        elif box.name == b"iprp":
            _properties(box.body, table, trace, case)
        elif box.name == b"idat":
            table.idat = box.body
        elif box.name not in _QUIET:
            trace.tell(case, f"meta/{four(box.name)}", "a box of its own")
    return table


def _infos(body: Span, table: _Table) -> None:
    version, _, rest = full(body)
    for number, box in enumerate(boxes(rest, 4 if version else 2)):
        if number >= _MOST:
            raise BadInput("media.too-large", "the file has more items than any honest one")
        edition, _, info = full(box.body)
        if box.name != b"infe" or edition < 2:
            continue
        width = 2 if edition == 2 else 4
        words = info.some(width + 6, 300).split(b"\0")
        table.kinds[info.number(0, width)] = info.read(width + 2, 4), words[1] if len(words) > 1 else b""


def _places(body: Span, table: _Table) -> None:
    version, _, rest = full(body)
    sizes = rest.number(0, 2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if version >= 2 else 2
    count, at = rest.number(2, wide), 2 + wide
    for _ in range(min(count, _MOST)):
        item, at = rest.number(at, wide), at + wide
        method, at = (rest.number(at, 2) & 15, at + 2) if version else (0, at)
        base, at = rest.number(at + 2, base_size), at + 2 + base_size
        extents, at = rest.number(at, 2), at + 2
        ranges = []
        for _ in range(extents):
            at += index_size if version else 0
            ranges.append((base + rest.number(at, offset_size), rest.number(at + offset_size, length_size)))
            at += offset_size + length_size
        table.places[item] = method, ranges


def _references(body: Span, table: _Table) -> None:
    version, _, rest = full(body)
    width = 4 if version else 2
    for box in boxes(rest):
        count = box.body.number(width, 2)
        raw = box.body.read(width + 2, count * width)
        targets = [int.from_bytes(raw[at : at + width], "big") for at in range(0, len(raw), width)]
        table.references.append((box.name, box.body.number(0, width), targets))


def _properties(body: Span, table: _Table, trace: Trace, case: str) -> None:
    listed: list[tuple[bytes, Span]] = []
    for box in boxes(body):
        if box.name == b"ipco":
            listed = [(part.name, part.body) for part in boxes(box.body)]
            _told(listed, trace, case)
        elif box.name == b"ipma":
            _associations(box.body, listed, table)


def _told(listed: list[tuple[bytes, Span]], trace: Trace, case: str) -> None:
    for name, body in listed:
        if name == b"colr" and body.some(0, 4) in (b"prof", b"rICC"):
            trace.tell("L10", "ipco/colr", "colour profile")
        elif name in (b"udes", b"crtt", b"mdft", b"iden"):
            trace.tell(case, f"ipco/{four(name)}", "a description, or dates")
        elif name == b"uuid":
            trace.tell(case, "ipco/uuid", "a private property")


def _associations(body: Span, listed: list[tuple[bytes, Span]], table: _Table) -> None:
    version, flags, rest = full(body)
    wide, at = (4 if version else 2), 4
    for _ in range(min(rest.number(0, 4), _MOST)):
        item, count = rest.number(at, wide), rest.number(at + wide, 1)
        at += wide + 1
        for _ in range(count):
            index = rest.number(at, 2) & 0x7FFF if flags & 1 else rest.number(at, 1) & 0x7F
            at += 2 if flags & 1 else 1
            if 0 < index <= len(listed) and listed[index - 1][0] == b"auxC":
                table.auxiliary[item] = listed[index - 1][1].some(4, 80)


def _bytes_of(table: _Table, item: int, whole: Span) -> Span:
    """The first range of an item; metadata are never scattered by any writer that we met."""
    method, ranges = table.places.get(item, (0, []))
    source = whole if method == 0 else table.idat
    if not ranges or source is None:
        raise Damaged("media.malformed", "an item has no place")
    at, size = ranges[0]
    return source.part(at, size or len(source) - at)


def _exif(table: _Table, item: int, whole: Span, where: str, trace: Trace, case: str) -> None:
    raw = _bytes_of(table, item, whole)
    exif(raw.part(4 + raw.number(0, 4)), f"{where} Exif", trace, Cases.all(case))


def _mime(table: _Table, item: int, whole: Span) -> str:
    try:
        return describe_xmp(_bytes_of(table, item, whole))
    except Damaged:
        return "XMP"
