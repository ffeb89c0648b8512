from __future__ import annotations

import io
import re
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageOps
from tests.media.in_thread import decoded
from tests.media.pictures import photo, raw, saved

TURNED_BACK = {  # what must be stored so that orientation n shows the upright picture
    1: lambda p: p,
    2: ImageOps.mirror,
    3: lambda p: p.transpose(Image.Transpose.ROTATE_180),
    4: ImageOps.flip,
    5: lambda p: p.transpose(Image.Transpose.TRANSPOSE),
    6: lambda p: p.transpose(Image.Transpose.ROTATE_90),
    7: lambda p: p.transpose(Image.Transpose.TRANSVERSE),
    8: lambda p: p.transpose(Image.Transpose.ROTATE_270),
}


def shown(frame) -> np.ndarray:
    return np.stack(frame.planes, -1)


def with_orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def heic(path: Path, picture: Image.Image, exif: Image.Exif) -> None:
    """With its turn in the file's own box (irot, imir) and, as cameras do, in EXIF beside it."""
    file = pillow_heif.from_pillow(picture)
    file[0].info["exif"] = exif.tobytes()
    file.save(path, quality=95)
    assert exif[0x0112] == 1 or {b"irot", b"imir"} & set(re.findall(rb"i[a-z]{3}", path.read_bytes()[:1_000]))


@pytest.mark.parametrize(
    ("suffix", "name", "options"), [("png", "PNG", {}), ("webp", "WEBP", {"lossless": True}), ("tif", "TIFF", {"compression": "tiff_lzw"})]
)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_eight_orientations_are_one_upright_picture_bit_for_bit(tmp_path: Path, orientation: int, suffix: str, name: str, options: dict) -> None:
    picture = photo()
    stored = TURNED_BACK[orientation](picture)
    told = {"tiffinfo": {274: orientation}} if name == "TIFF" else {"exif": with_orientation(orientation)}
    facts, [frame] = decoded(saved(tmp_path / f"a.{suffix}", stored, name, **options, **told))
    assert np.array_equal(shown(frame), np.asarray(picture))
    assert (facts.width, facts.height, facts.orientation, frame.orientation) == (*picture.size, 1, 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["AVIF", "JPEG", "HEIC"])
def test_orientation_is_applied_once_where_the_codec_loses_detail(tmp_path: Path, orientation: int, name: str) -> None:
    picture = photo(64, 48)
    stored = TURNED_BACK[orientation](picture)
    path = tmp_path / "a"
    if name == "HEIC":
        heic(path, stored, with_orientation(orientation))
    else:
        saved(path, stored, name, exif=with_orientation(orientation), quality=95)
    facts, [frame] = decoded(path)
    assert np.abs(shown(frame).astype(int) - np.asarray(picture)).mean() < 4, facts
    assert (facts.width, facts.height) == picture.size


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("1", ("grey", 8, False)),
        ("L", ("grey", 8, False)),
        ("LA", ("grey", 8, True)),
        ("P", ("rgb", 8, False)),
        ("RGB", ("rgb", 8, False)),
        ("RGBA", ("rgb", 8, True)),
    ],
)
def test_every_mode_of_png_becomes_grey_or_rgb(tmp_path: Path, mode: str, form: tuple) -> None:
    picture = photo().convert(mode)
    facts, [frame] = decoded(saved(tmp_path / "a.png", picture, "PNG"))
    assert (facts.form.colour, facts.form.bits, facts.form.alpha) == form
    plain = {"grey": "LA" if form[2] else "L", "rgb": "RGBA" if form[2] else "RGB"}[form[0]]
    assert np.array_equal(shown(frame).squeeze(), np.asarray(picture.convert(plain)))


@pytest.mark.parametrize(("name", "order"), [("PNG", "<"), ("TIFF", "<"), ("TIFF", ">")])
def test_sixteen_bits_of_grey_stay(tmp_path: Path, name: str, order: str) -> None:
    samples = np.random.default_rng(1).integers(0, 65_536, (33, 17)).astype(np.uint16)
    stored = Image.frombytes("I;16", (17, 33), samples.tobytes())
    path = tmp_path / "a"
    path.write_bytes(_big_endian_tiff(samples) if order == ">" else raw(stored, name))
    facts, [frame] = decoded(path)
    assert facts.form.bits == 16 and np.array_equal(frame.planes[0], samples)


def _big_endian_tiff(samples: np.ndarray) -> bytes:
    height, width = samples.shape
    tags = [(256, width), (257, height), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, samples.nbytes)]
    entries = b"".join(struct.pack(">HHII", tag, 4, 1, value) for tag, value in tags)
    return b"MM\0*" + struct.pack(">I", 8 + samples.nbytes) + samples.astype(">u2").tobytes() + struct.pack(">H", len(tags)) + entries + b"\0" * 4


def test_more_bits_than_are_kept_are_told(tmp_path: Path) -> None:
    rows = b"".join(b"\0" + bytes(8 * 6) for _ in range(4))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 8, 4, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    packed = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + packed)
    facts, _ = decoded(tmp_path / "a.png")
    assert facts.form.bits == 8 and "samples beyond 8 bits" in facts.dropped


def test_cmyk_has_the_colours_that_pillow_gives_it(tmp_path: Path) -> None:
    picture = photo().convert("CMYK")
    path = saved(tmp_path / "a.jpg", picture, "JPEG", quality=95)
    _, [frame] = decoded(path)
    assert np.array_equal(shown(frame), np.asarray(Image.open(path).convert("RGB")))
    assert np.abs(shown(frame).astype(int) - np.asarray(photo())).mean() < 6


@pytest.mark.parametrize("name", ["PNG", "TIFF", "WEBP"])
def test_nothing_lies_under_alpha_zero(tmp_path: Path, name: str) -> None:
    picture = photo()
    hole = Image.new("L", picture.size, 255)
    hole.paste(0, (10, 10, 30, 30))
    picture.putalpha(hole)
    options = {"lossless": True, "exact": True} if name == "WEBP" else {}
    _, [frame] = decoded(saved(tmp_path / "a", picture, name, **options))
    assert not any(plane[10:30, 10:30].any() for plane in frame.planes)
    assert np.array_equal(frame.planes[0][30:], np.asarray(picture)[30:, :, 0])


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "I;16"])
def test_a_colour_that_stands_for_transparent_is_taken_out(tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        picture, key = Image.frombytes("I;16", (4, 2), np.arange(700, 708, dtype=np.uint16).tobytes()), 703
    else:
        picture = Image.new("RGB", (4, 2), (7, 7, 7))
        picture.putpixel((1, 1), (200, 200, 200))
        picture = picture.convert(mode) if mode != "P" else picture.quantize(2)
        key = {"L": 200, "RGB": (200, 200, 200), "P": 0}[mode]
    facts, [frame] = decoded(saved(tmp_path / "a.png", picture, "PNG", transparency=key))
    if facts.form.alpha:
        hidden = frame.planes[-1] == 0
        assert hidden.any() and not any(plane[hidden].any() for plane in frame.planes[:-1])
    else:
        assert mode == "I;16" and 703 not in frame.planes[0] and 0 in frame.planes[0]


def _wide_profile() -> bytes:
    """sRGB with red and blue exchanged: a profile whose effect nobody can overlook."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return (
        profile.replace(b"rXYZ", b"?XYZ")
        .replace(b"bXYZ", b"rXYZ")
        .replace(b"?XYZ", b"bXYZ")
        .replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    )


def test_a_colour_profile_is_applied_and_left_behind(tmp_path: Path) -> None:
    facts, [frame] = decoded(saved(tmp_path / "a.png", Image.new("RGB", (8, 8), (250, 30, 20)), "PNG", icc_profile=_wide_profile()))
    assert frame.planes[2].mean() > 240 > 60 > frame.planes[0].mean()
    assert "colour profile" in facts.dropped


def test_a_profile_that_is_srgb_changes_no_sample(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    _, [frame] = decoded(saved(tmp_path / "a.png", photo(), "PNG", icc_profile=profile))
    assert np.array_equal(shown(frame), np.asarray(photo()))


def test_a_second_picture_of_a_jpeg_is_left_and_named(tmp_path: Path) -> None:
    facts, frames = decoded(saved(tmp_path / "a.jpg", photo(), "MPO", save_all=True, append_images=[photo().rotate(90)]))
    assert (facts.kind, len(frames)) == ("picture", 1) and "1 further pictures in the file" in facts.dropped


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_bytes_after_the_end_of_a_picture_are_named(tmp_path: Path, kind: str) -> None:
    path = saved(tmp_path / "a.bin", photo(), kind)
    assert "bytes after the end of the picture" not in decoded(path)[0].dropped
    path.write_bytes(path.read_bytes() + path.read_bytes())
    assert "bytes after the end of the picture" in decoded(path)[0].dropped


def test_what_lies_beside_the_pixels_is_named_without_its_value(tmp_path: Path) -> None:
    exif = with_orientation(1)
    exif[0x013B] = "SECRET-4711"
    exif.get_ifd(0x8825)[1] = "N"
    facts, _ = decoded(saved(tmp_path / "a.jpg", photo(), "JPEG", exif=exif, comment=b"SECRET-4711", xmp=b"<SECRET-4711/>"))
    assert {"EXIF", "GPS position", "comment", "XMP"} <= set(facts.dropped)
    assert "SECRET" not in str(facts)


def test_a_false_name_is_told(tmp_path: Path) -> None:
    facts, _ = decoded(saved(tmp_path / "a.jpg", photo(), "PNG"))
    assert facts.container == "png" and "false name (the name says .jpg, the content is PNG)" in facts.dropped


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "AVIF"])
def test_every_frame_of_an_animation_comes_with_its_time(tmp_path: Path, name: str) -> None:
    others = [photo().rotate(turn) for turn in (40, 80, 120)]
    facts, frames = decoded(saved(tmp_path / "a", photo(), name, save_all=True, append_images=others, duration=[40, 100, 20, 70], loop=0))
    assert facts.kind == "animation" and facts.loop == 0 and len(frames) == facts.frames == 4
    assert [frame.duration for frame in frames] == [Fraction(ms, 1000) for ms in (40, 100, 20, 70)]
    assert [frame.time for frame in frames] == [Fraction(ms, 1000) for ms in (0, 40, 140, 160)]
    assert len({frame.planes[0].tobytes() for frame in frames}) == 4


def test_the_still_of_an_animated_png_is_left_and_named(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "a.png", photo(), "PNG", save_all=True, append_images=[photo().rotate(40), photo().rotate(80)], duration=50, default_image=True
    )
    facts, frames = decoded(path)
    assert len(frames) == 2 and "still picture for viewers without animation" in facts.dropped
    assert np.array_equal(shown(frames[0]), np.asarray(photo().rotate(40)))


def test_pages_come_apart_each_in_its_own_size(tmp_path: Path) -> None:
    others = [photo(20, 90), photo(200, 10).convert("L")]
    facts, frames = decoded(saved(tmp_path / "a.tif", photo(), "TIFF", save_all=True, append_images=others))
    assert facts.kind == "pages" and all(frame.shot_starts for frame in frames)
    assert [frame.size for frame in frames] == [(61, 47), (20, 90), (200, 10)] and frames[2].form.colour == "grey"


def test_a_gif_without_the_repetition_block_plays_once(tmp_path: Path) -> None:
    options = {"save_all": True, "append_images": [photo().rotate(9)], "duration": 50}
    assert decoded(saved(tmp_path / "once.gif", photo(), "GIF", **options))[0].loop == 1
    assert decoded(saved(tmp_path / "thrice.gif", photo(), "GIF", loop=2, **options))[0].loop == 3


def test_a_picture_read_from_a_stream_of_bytes_is_that_of_pillow(tmp_path: Path) -> None:
    for name in ("BMP", "GIF", "JPEG"):
        path = saved(tmp_path / "a", photo(), name)
        expected = np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"))
        assert np.array_equal(shown(decoded(path)[1][0]), expected)
