"""L01 to L10 and L18: a photograph with something in its segments."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps
from PIL.TiffImagePlugin import IFDRational

from benchmarks.leakcases import look
from benchmarks.leakcases.case import LeakCase
from benchmarks.leakcases.face import MARK, detail, portrait

XMP = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF><rdf:Description xmlns:mwg-rs='http://www.metadataworkinggroup.com/schemas/regions/'>"
    b"<mwg-rs:Name>" + MARK + b"</mwg-rs:Name></rdf:Description></rdf:RDF></x:xmpmeta>"
)
_XMP_START = b"http://ns.adobe.com/xap/1.0/\0"


def jpeg(picture: Image.Image | None = None, **options: object) -> bytes:
    raw = io.BytesIO()
    (picture or portrait()).save(raw, "JPEG", quality=92, **options)
    return raw.getvalue()


def segment(code: int, body: bytes) -> bytes:
    return b"\xff" + bytes([code]) + struct.pack(">H", len(body) + 2) + body


def after_start(*segments: bytes) -> bytes:
    whole = jpeg()
    return whole[:2] + b"".join(segments) + whole[2:]


def small(side: int) -> bytes:
    return jpeg(portrait().resize((side, side)))


def thumbnail() -> bytes:
    """IFD0 empty, IFD1 with a JPEG."""
    picture = small(160)
    first = struct.pack(">HI", 0, 14)
    second = struct.pack(">H", 2) + struct.pack(">HHII", 0x201, 4, 1, 44) + struct.pack(">HHII", 0x202, 4, 1, len(picture)) + b"\0\0\0\0"
    return segment(0xE1, b"Exif\0\0" + b"MM\0*\0\0\0\x08" + first + second + picture)


def exif(orientation: int = 1) -> Image.Exif:
    told = Image.Exif()
    told[0x0112], told[0x010E], told[0x013B] = orientation, MARK.decode(), "Jane Doe"
    told.get_ifd(0x8769)[0xA431] = MARK.decode()
    gps = told.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "N", tuple(map(IFDRational, (41, 53, 24))), "W", tuple(map(IFDRational, (70, 5, 9)))
    return told


def _maker_note() -> bytes:
    told = Image.Exif()
    told.get_ifd(0x8769)[0x927C] = b"MAKER\0\0\0" + small(200)
    return jpeg(exif=told)


def _mpo() -> bytes:
    raw = io.BytesIO()
    portrait().save(raw, "MPO", save_all=True, append_images=[portrait(8)], quality=92)
    return raw.getvalue()


def _iptc() -> bytes:
    record = b"\x1c\x02\x78" + struct.pack(">H", len(MARK)) + MARK
    body = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record
    return after_start(segment(0xED, body + b"\0" * (len(record) % 2)))


def _more_xmp() -> bytes:
    whole = b"<x GDepth:Data='" + base64.b64encode(small(200)) + b"' name='" + MARK + b"'/>"
    name = b"0" * 32
    main = segment(0xE1, _XMP_START + b"<x xmpNote:HasExtendedXMP='" + name + b"'/>")
    return after_start(main, segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + name + struct.pack(">II", len(whole), 0) + whole))


def profile() -> bytes:
    """sRGB under a name that tells of its owner."""
    raw = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = "sRGB built-in".encode("utf-16-be")
    assert plain in raw, "Pillow's sRGB profile has another description"
    return raw.replace(plain, (MARK.decode() + "!!").encode("utf-16-be"))


def _gps(path: Path) -> str:
    with Image.open(path) as picture:
        return "GPS position" if picture.getexif().get_ifd(0x8825).get(2) else ""


def _sideways(path: Path) -> str:
    """The picture, as a reader that knows the tag shows it, does not stand upright."""
    own = detail(np.asarray(portrait().resize((96, 96))))[48:]
    with Image.open(path) as picture:
        seen = np.asarray(ImageOps.exif_transpose(picture).convert("RGB").resize((96, 96)))
    likeness = [float(np.corrcoef(own.ravel(), detail(np.rot90(seen, turn))[48:].ravel())[0, 1]) for turn in range(4)]
    return "" if int(np.argmax(likeness)) == 0 else "written sideways"


def _case(case: str, name: str, make: Callable[[], bytes], leaks: Callable[[Path], str], **more: Any) -> LeakCase:
    return LeakCase(case, f"{case}_{name}.jpg", f"{case}_{name}.jpg", lambda path: _write(path, make()), leaks, **more)


def _write(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)


CASES = [
    _case("L01", "thumbnail", lambda: after_start(thumbnail()), look.carved),
    _case("L02", "maker_note", _maker_note, look.carved),
    _case("L03", "exif", lambda: jpeg(exif=exif()), lambda path: look.first_of(look.mark(path), _gps(path))),
    _case("L04", "second_picture", _mpo, lambda path: look.first_of(look.carved(path), look.face(path, first=1))),
    _case("L05", "xmp", lambda: after_start(segment(0xE1, _XMP_START + XMP)), look.mark),
    _case("L06", "iptc", _iptc, look.mark),
    _case("L07", "comment", lambda: after_start(segment(0xFE, MARK)), look.mark),
    _case("L08", "extended_xmp", _more_xmp, lambda path: look.first_of(look.mark(path), look.carved(path))),
    _case("L09", "trailing_picture", lambda: jpeg() + small(320), look.carved),
    _case("L10", "profile", lambda: jpeg(icc_profile=profile()), look.mark),
    _case("L18", "orientation", lambda: jpeg(portrait().transpose(Image.Transpose.ROTATE_90), exif=exif(6)), look.face, harm=_sideways),
]
