"""One tiny picture of every kind that is read, to warm the decoder with: plug-ins, codecs and text encodings are imported at first use.

All are made in memory by the coders of Pillow; HEIC, whose coder is not used anywhere else, is a constant (64 x 64 grey pixels, made by x265).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin

__all__ = ["samples"]

_HEIC = (
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAUJtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABZgABAAAAAAAA"
    "ABIAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAAwmlwcnAAAACkaXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEAB"
    "DAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqSSmubgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQAAAABRpc3BlAAAAAAAAAEAAAABAAAAA"
    "EHBpeGkAAAAAAwgICAAAABZpcG1hAAAAAAAAAAEAAQOBAgMAAAAabWRhdAAAAA4oAa8EGPwd1z//ZFtxxg=="
)


def samples() -> Iterator[tuple[str, bytes]]:
    """(kind, file) of each."""
    colour = Image.fromarray(np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3))
    grey, deep = colour.convert("L"), Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64))
    clear = colour.copy()
    clear.putalpha(grey)
    turned = colour.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "x"
    exif.get_ifd(0x8825)[1] = "N"
    told: dict[str, Any] = {"exif": exif, "icc_profile": profile, "xmp": b"<x/>"}
    yield "heic", base64.b64decode(_HEIC)
    yield "jpeg", _file(colour, "JPEG", **told, comment=b"x")
    yield "jpeg", _file(colour, "JPEG", progressive=True, icc_profile=_other_profile())
    yield "jpeg", _file(colour.convert("CMYK"), "JPEG")
    yield "jpeg", _file(colour, "MPO", save_all=True, append_images=[grey])
    for picture in (colour, grey, deep, clear, colour.quantize(8), grey.convert("1")):
        yield "png", _file(picture, "PNG")
        yield "tiff", _file(picture, "TIFF", compression="raw" if picture is clear else "tiff_lzw")
    yield "png", _file(colour, "PNG", save_all=True, append_images=[turned], duration=40)
    yield "gif", _file(colour, "GIF", save_all=True, append_images=[clear], duration=40, loop=2)
    for name in ("webp", "avif"):
        yield name, _file(clear, name, **told)
        yield name, _file(colour, name, save_all=True, append_images=[turned], duration=40)
    yield "bmp", _file(colour, "BMP")
    for picture in (colour, grey, deep, grey.convert("1")):
        yield "netpbm", _file(picture, "PPM")
    yield from (("netpbm", raw) for raw in (b"P3\n#x\n1 1 9\n1 2 3\n", b"P1 6 1\n101 010\n", b"P5 6 1 9\n123456", b"P5 3 1 999\n123456"))
    yield "tiff", _file(colour, "TIFF", save_all=True, append_images=[grey], tiffinfo=_tags(), compression="tiff_adobe_deflate")
    yield "tiff", _file(colour, "TIFF", compression="jpeg")


def _file(picture: Image.Image, name: str, **options: Any) -> bytes:
    raw = io.BytesIO()
    picture.save(raw, name, **options)
    return raw.getvalue()


def _tags() -> TiffImagePlugin.ImageFileDirectory_v2:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270], tags[274] = "x", 6
    return tags


def _other_profile() -> bytes:
    """sRGB under another name, so that a conversion takes place."""
    raw = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return raw.replace("sRGB".encode("utf-16-be"), "xRGB".encode("utf-16-be"))
