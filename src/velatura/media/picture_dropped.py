"""What a picture carries beside its pixels, by name and never by value: all of it stays behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PIL import ExifTags, Image

__all__ = ["dropped", "orientation"]

_FAILURES = (OSError, ValueError, SyntaxError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError, EOFError)
_KEYS = {
    "icc_profile": "colour profile",
    "xmp": "XMP",
    "XML:com.adobe.xmp": "XMP",
    "Raw profile type xmp": "XMP",
    "Raw profile type exif": "EXIF",
    "Raw profile type iptc": "IPTC",
    "photoshop": "Photoshop data (IPTC)",
    "comment": "comment",
    "mp": "index of further pictures (MPF)",
    "thumbnails": "thumbnails",
    "aux": "auxiliary pictures (depth, gain map, alpha)",
    "further": "further pictures in the file",
}
_TIFF_TAGS = {
    700: "XMP",
    33723: "IPTC",
    34377: "Photoshop data",
    34665: "EXIF",
    34853: "GPS position",
    330: "sub-pictures",
    37724: "Photoshop layers",
}
_TIFF_TEXTS = frozenset({269, 270, 271, 272, 285, 305, 306, 315, 316, 33432})


def orientation(image: Image.Image) -> int:
    """EXIF orientation of a loaded picture, 1 where there is none; readers that turn by themselves have taken it out by now."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _FAILURES:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def dropped(image: Image.Image) -> list[str]:
    """Names of what lies in the file beside the pixels of this picture."""
    names = [name for key, name in _KEYS.items() if image.info.get(key)]
    try:
        names += _exif(image)
    except _FAILURES:
        names.append("EXIF that cannot be read")
    names += _texts(image)
    names += _tiff(image)
    return list(dict.fromkeys(names))


def _exif(image: Image.Image) -> Iterator[str]:
    exif = image.getexif()
    if not exif:
        return
    tiff = image.format == "TIFF"  # there the pictures after the first are pages
    if not tiff:
        yield "EXIF"
    if exif.get_ifd(ExifTags.IFD.GPSInfo):
        yield "GPS position"
    if exif.get_ifd(ExifTags.IFD.MakerNote) or ExifTags.Base.MakerNote in exif.get_ifd(ExifTags.IFD.Exif):
        yield "maker note"
    if not tiff and exif.get_ifd(ExifTags.IFD.IFD1):
        yield "thumbnail"


def _texts(image: Image.Image) -> list[str]:
    return ["text chunks"] if getattr(image, "text", None) else []


def _tiff(image: Image.Image) -> list[str]:
    tags: Any = getattr(image, "tag_v2", None)
    if tags is None:
        return []
    names = [name for tag, name in _TIFF_TAGS.items() if tag in tags]
    return [*names, "texts of the file's head"] if any(tag in tags for tag in _TIFF_TEXTS) else names
