"""L11 to L17, L19, L21, L22: PNG, GIF, TIFF, WebP, HEIC and AVIF."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from benchmarks.leakcases import look
from benchmarks.leakcases.case import LeakCase
from benchmarks.leakcases.face import FACE, MARK, detail, portrait, shows_face
from benchmarks.leakcases.jpegs import XMP, exif


def _saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    raw = io.BytesIO()
    picture.save(raw, kind, **options)
    return raw.getvalue()


def _more(count: int = 2) -> dict[str, Any]:
    return {"save_all": True, "append_images": [portrait(8 * (n + 1)) for n in range(count)], "duration": 100}


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _text() -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", MARK.decode())
    texts.add_text("Comment", MARK.decode() * 20, zip=True)
    texts.add_itxt("Description", MARK.decode())
    whole = _saved(portrait(), "PNG", pnginfo=texts, exif=exif().tobytes())
    return whole[:-12] + chunk(b"tIME", struct.pack(">HBBBBB", 2024, 5, 6, 7, 8, 9)) + chunk(b"prVt", MARK) + whole[-12:]


HIDDEN = (slice(232, 384), slice(80, 310))
"""Rows and columns of the suit with its badges, below the face."""


def _under_alpha() -> bytes:
    """Head and suit are there, transparent."""
    rgba = portrait().convert("RGBA")
    alpha = np.full((rgba.height, rgba.width), 255, np.uint8)
    x0, y0, x1, y1 = FACE
    alpha[max(0, y0 - 60) : y1 + 30, x0 - 40 : x1 + 40] = 0
    alpha[HIDDEN] = 0
    rgba.putalpha(Image.fromarray(alpha))
    return _saved(rgba, "PNG")


def _seen_under_alpha(path: Path) -> str:
    with Image.open(path) as picture:
        seen = np.asarray(picture.convert("RGBA"))[..., :3]
    likeness = np.corrcoef(detail(seen)[HIDDEN].ravel(), detail(np.asarray(portrait()))[HIDDEN].ravel())[0, 1]
    return look.first_of("pixels under alpha 0" if likeness > 0.5 else "", "face" if shows_face(seen) else "")


def _apng() -> bytes:
    return _saved(portrait(), "PNG", default_image=True, **_more(3))


def _pages() -> bytes:
    """Two pages; the first has a reduced picture in a sub-directory."""
    small = np.asarray(portrait().resize((192, 192)))
    pages, at = [], 8
    blocks = b""
    for number, pixels in enumerate((np.asarray(portrait()), small, np.asarray(portrait(8)))):
        height, width = pixels.shape[:2]
        tags = {254: (4, 1 if number == 1 else 0), 256: (4, width), 257: (4, height), 258: (3, 8), 259: (3, 1), 262: (3, 2), 273: (4, 0), 277: (3, 3)}
        tags |= {278: (4, height), 279: (4, pixels.nbytes), 284: (3, 1)}
        pages.append((tags, pixels.tobytes()))
    sizes = [2 + 12 * (len(tags) + (number == 0)) + 4 for number, (tags, _) in enumerate(pages)]
    starts, place = [], at
    for (_, pixels), size in zip(pages, sizes, strict=True):
        starts.append(place)
        place += size + len(pixels)
    for number, (tags, pixels) in enumerate(pages):
        tags[273] = (4, starts[number] + sizes[number])
        if number == 0:
            tags[330] = (4, starts[1])
        rows = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(tags.items()))
        blocks += struct.pack("<H", len(tags)) + rows + struct.pack("<I", starts[2] if number == 0 else 0) + pixels
    return b"II*\0" + struct.pack("<I", starts[0]) + blocks


def _stored_pages(path: Path) -> str:
    """The face on a further page, or the reduced picture's rows as they are."""
    x = np.asarray(portrait().resize((192, 192)))[60, 70:110].tobytes()
    return look.first_of(look.face(path, first=1), "a reduced picture" if x in path.read_bytes() else "")


def _private_tags() -> bytes:
    tags = {65000: MARK.decode(), 270: MARK.decode(), 700: XMP, 33723: b"\x1c\x02\x78\0\x0b" + MARK, 34377: b"8BIM\x04\x04\0\0\0\0\0\x0b" + MARK}
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    told = ImageFileDirectory_v2()
    for tag, value in tags.items():
        told.tagtype[tag] = 2 if isinstance(value, str) else 7
        told[tag] = value
    return _saved(portrait(), "TIFF", tiffinfo=told)


def _webp() -> bytes:
    return _saved(portrait(), "WEBP", exif=exif().tobytes(), xmp=XMP, quality=90, **_more())


def _heic() -> bytes:
    import pillow_heif

    file = pillow_heif.from_pillow(portrait())
    file.add_from_pillow(portrait(8))
    file[0].info["thumbnails"] = [128]
    raw = io.BytesIO()
    file.save(raw, quality=80, exif=exif().tobytes(), xmp=XMP, save_all=True)
    return raw.getvalue()


def _avif() -> bytes:
    return _saved(portrait(), "AVIF", exif=exif().tobytes(), xmp=XMP, quality=80, speed=10, **_more())


def _further(path: Path) -> str:
    return look.face(path, first=1)


def _texts_and_frames(path: Path) -> str:
    return look.first_of(look.mark(path), look.face(path, first=1))


def _case(case: str, name: str, suffix: str, make: Callable[[], bytes], leaks: Callable[[Path], str], out: str = "") -> LeakCase:
    def write(path: Path) -> None:
        path.write_bytes(make())

    return LeakCase(case, f"{case}_{name}{suffix}", f"{case}_{name}{out or suffix}", write, leaks)


CASES = [
    _case("L11", "text", ".png", _text, look.mark),
    _case("L12", "trailing", ".png", lambda: _saved(portrait(), "PNG") + _saved(portrait(8), "PNG"), look.carved),
    _case("L13", "alpha", ".png", _under_alpha, _seen_under_alpha),
    _case("L14", "frames", ".png", _apng, _further),
    _case("L15", "frames", ".gif", lambda: _saved(portrait(), "GIF", **_more()), _further),
    _case("L16", "pages", ".tif", _pages, _stored_pages),
    _case("L17", "private_tags", ".tif", _private_tags, look.mark),
    _case("L19", "webp", ".webp", _webp, _texts_and_frames),
    _case("L21", "heic", ".heic", _heic, _texts_and_frames, ".jpg"),
    _case("L22", "avif", ".avif", _avif, _texts_and_frames),
]
