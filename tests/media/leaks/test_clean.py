"""A file that is only its pixels has no findings."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from benchmarks.leakcases import clips, look
from benchmarks.leakcases.face import portrait
from PIL import Image
from tests.media.leaks.told import cases, told


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    raw = io.BytesIO()
    picture.save(raw, kind, **options)
    return raw.getvalue()


def clean() -> Iterator[tuple[str, bytes]]:
    colour = portrait().resize((96, 96))
    clear = colour.convert("RGBA")
    clear.putalpha(200)
    deep = Image.fromarray(np.arange(96 * 96, dtype=np.uint16).reshape(96, 96))
    yield "jpeg", saved(colour, "JPEG")
    yield "progressive jpeg", saved(colour, "JPEG", progressive=True, restart_marker_blocks=4)
    yield "cmyk jpeg", saved(colour.convert("CMYK"), "JPEG")
    for name, picture in (("colour", colour), ("alpha", clear), ("grey", deep), ("palette", colour.quantize(8)), ("bits", colour.convert("1"))):
        yield f"{name} png", saved(picture, "PNG")
        yield f"{name} tiff", saved(picture, "TIFF", compression="tiff_lzw")
    yield "gif", saved(colour, "GIF")
    yield "webp", saved(colour, "WEBP")
    yield "alpha webp", saved(clear, "WEBP")
    yield "lossless webp", saved(clear, "WEBP", lossless=True, exact=True)
    yield "avif", saved(clear, "AVIF", speed=10)
    yield "bmp", saved(colour, "BMP")
    yield "palette bmp", saved(colour.quantize(16), "BMP")


@pytest.mark.parametrize(("name", "raw"), list(clean()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_picture_without_anything_beside_is_clean(name: str, raw: bytes) -> None:
    assert told(raw) == []


def test_a_heic_without_anything_beside_is_clean() -> None:
    look.register()
    assert told(saved(portrait().resize((96, 96)), "HEIF")) == []


def encoded(path: Path, codec: str, fmt: str, **options: str) -> bytes:
    with av.open(str(path), "w", format=fmt, container_options={"fflags": "+bitexact", **options}) as out:
        stream = out.add_stream(codec, rate=24, options={"x265-params": "log-level=none", "preset": "ultrafast"} if codec.startswith("libx") else {})
        stream.width = stream.height = 96
        stream.pix_fmt = "yuv420p"
        for number in range(8):
            frame = av.VideoFrame.from_ndarray(np.asarray(portrait(number).resize((96, 96))), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path.read_bytes()


def test_a_clip_without_anything_beside_is_clean() -> None:
    assert told(clips.plain()) == []


def test_pictures_stored_in_another_order_than_shown_are_not_hidden(tmp_path: Path) -> None:
    raw = encoded(tmp_path / "b.mp4", "libx264", "mp4", movflags="faststart")
    assert cases(raw) == {"L31"}  # x264's settings


@pytest.mark.parametrize(("codec", "fmt"), [("ffv1", "matroska"), ("libvpx-vp9", "webm")])
def test_matroska_and_webm_without_anything_beside_are_clean(tmp_path: Path, codec: str, fmt: str) -> None:
    assert told(encoded(tmp_path / "a.mkv", codec, fmt)) == []


@pytest.mark.parametrize(
    ("codec", "fmt", "options"),
    [
        ("libx264", "mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("libx265", "mp4", {}),
        ("libx264", "matroska", {}),
        ("libx265", "matroska", {}),
        ("libx264", "matroska", {"live": "1"}),
        ("libx264", "mpegts", {}),
        ("libx264", "avi", {}),
        ("libx264", "h264", {}),
        ("libx265", "hevc", {}),
    ],
)
def test_settings_of_the_encoder_are_found_wherever_they_stand(tmp_path: Path, codec: str, fmt: str, options: dict[str, str]) -> None:
    assert "L31" in cases(encoded(tmp_path / "a.bin", codec, fmt, **options))
