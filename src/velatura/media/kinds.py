"""What a file is, by its first bytes; its name is only compared with them.

Formats of pictures are told apart here. Whatever is none of them is tried as a clip, where FFmpeg has the last word. Text, archives and vector
pictures are refused by name before anything parses them.
Source: the signatures in each format's specification; ISO/IEC 23008-12 annex B for the brands of HEIC, AVIF 1.1 section 6 for those of AVIF.
"""

from __future__ import annotations

from pathlib import PurePath

from velatura.media.netpbm import starts_netpbm

__all__ = ["CLIP", "PICTURES", "is_clip_name", "is_picture_name", "kind_of", "lies"]

CLIP = "clip"
PICTURES = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "png": (".png", ".apng"),
    "webp": (".webp",),
    "avif": (".avif", ".avifs"),
    "heic": (".heic", ".heif", ".hif", ".heics", ".heifs"),
    "bmp": (".bmp", ".dib"),
    "tiff": (".tif", ".tiff"),
    "gif": (".gif",),
    "netpbm": (".pgm", ".ppm", ".pbm", ".pnm"),
}
"""Picture formats that are read, and the names that fit them."""

_CLIPS = (
    ".mp4 .m4v .mov .qt .mkv .webm .avi .mpg .mpeg .m2v .ts .mts .m2ts .vob .wmv .asf .flv .f4v .3gp .3g2 .ogv .ogm .mxf .y4m .h264 .264 .h265 .hevc "
    ".ivf .dv .lrv"
)
_CLIP_SUFFIXES = frozenset(_CLIPS.split())
_STARTS = {
    b"\xff\xd8\xff": "jpeg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
    b"II+\x00": "tiff",
    b"MM\x00+": "tiff",
    b"BM": "bmp",
}
_AVIF = frozenset({b"avif", b"avis"})
_HEIC = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"})
_REFUSED = {
    b"<svg": "a vector picture (SVG)",
    b"<?xml": "an XML document",
    b"<!DOC": "a web page",
    b"<html": "a web page",
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript document",
    b"PK\x03\x04": "an archive",
    b"8BPS": "a Photoshop document",
}


def kind_of(head: bytes) -> str:
    """ "jpeg", "png" ... for a picture, "clip" for what FFmpeg may know, "" with `refused_as` for what is neither. `head`: 64 bytes or more."""
    for start, kind in _STARTS.items():
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _by_brands(head)
    if starts_netpbm(head):
        return "netpbm"
    return "" if refused_as(head) else CLIP


def refused_as(head: bytes) -> str:
    """What a file is that is neither picture nor clip, in words; "" where we do not know."""
    lead = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:8]
    named = next((what for start, what in _REFUSED.items() if lead[: len(start)].lower() == start.lower()), "")
    return named or ("text" if _is_text(head) else "")


def _is_text(head: bytes) -> bool:
    """Every clip has bytes within its first few dozen that no text has."""
    return bool(head) and all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in head) and _decodes(head)


def _decodes(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and len(head) >= 64  # a sign that the head cuts in two
    return True


def _by_brands(head: bytes) -> str:
    """The major brand decides; a still of the general brand "mif1" by its compatible ones."""
    length = min(int.from_bytes(head[:4], "big"), len(head))
    major, brands = head[8:12], {head[at : at + 4] for at in range(16, length - 3, 4)}
    for kind, known in (("avif", _AVIF), ("heic", _HEIC)):
        if major in known:
            return kind
    if major in (b"mif1", b"msf1", b"miaf"):
        return "avif" if brands & _AVIF else "heic"
    return CLIP


def lies(name: str, kind: str) -> str:
    """A sentence, if a file of `kind` carries the name of another; "" if not, or if its name says nothing."""
    suffix = PurePath(name).suffix.lower()
    if kind == CLIP:
        return f"the name says {suffix}, the content is a clip" if is_picture_name(name) else ""
    known = suffix in _CLIP_SUFFIXES or is_picture_name(name)
    return f"the name says {suffix}, the content is {kind.upper()}" if known and suffix not in PICTURES.get(kind, ()) else ""


def is_picture_name(name: str) -> bool:
    return any(PurePath(name).suffix.lower() in suffixes for suffixes in PICTURES.values())


def is_clip_name(name: str) -> bool:
    return PurePath(name).suffix.lower() in _CLIP_SUFFIXES
