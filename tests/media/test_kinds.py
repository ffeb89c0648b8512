from __future__ import annotations

import pytest

from velatura.media.kinds import CLIP, kind_of, lies, refused_as
from velatura.media.picture_samples import samples


def test_every_sample_is_known_by_its_first_bytes() -> None:
    assert all(kind_of(raw[:512]) == kind for kind, raw in samples())


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "a vector picture (SVG)"),
        (b"\xef\xbb\xbf  <?xml version='1.0'?><svg>", "an XML document"),
        (b"%PDF-1.7", "a PDF document"),
        (b"PK\x03\x04" + b"\0" * 60, "an archive"),
    ],
)
def test_what_is_neither_picture_nor_clip_has_a_name(head: bytes, what: str) -> None:
    assert kind_of(head) == "" and refused_as(head) == what


@pytest.mark.parametrize(
    ("brands", "kind"),
    [
        (b"avif\0\0\0\0mif1", "avif"),
        (b"mif1\0\0\0\0avifmiaf", "avif"),
        (b"mif1\0\0\0\0heicmiaf", "heic"),
        (b"heix\0\0\0\0", "heic"),
        (b"isom\0\0\0\0avc1mp41", CLIP),
        (b"qt  \0\0\0\0", CLIP),
    ],
)
def test_brands_tell_stills_from_clips(brands: bytes, kind: str) -> None:
    assert kind_of((8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands + b"\0" * 40) == kind


def test_a_name_that_lies_is_told() -> None:
    assert lies("holiday.jpg", "png") == "the name says .jpg, the content is PNG"
    assert lies("holiday.jpg", CLIP) == "the name says .jpg, the content is a clip"
    assert lies("holiday.mp4", "gif") == "the name says .mp4, the content is GIF"
    assert not any((lies("a.JPEG", "jpeg"), lies("a.tif", "tiff"), lies("no suffix", "png"), lies("a.mkv", CLIP), lies("a.scan7", "tiff")))
