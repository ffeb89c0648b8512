"""HEIC against libheif, which the tests have for making the files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms
from tests.media.in_thread import decoded, refused
from tests.media.pictures import photo


def heic(path: Path, *pictures: Image.Image, **options) -> Path:
    file = pillow_heif.from_pillow(pictures[0])
    for picture in pictures[1:]:
        file.add_from_pillow(picture)
    file.save(path, **{"quality": 90, **options})
    return path


def by_libheif(path: Path) -> np.ndarray:
    return np.asarray(pillow_heif.open_heif(path, convert_hdr_to_8bit=True).to_pillow())


def shown(path: Path) -> np.ndarray:
    _, [frame] = decoded(path)
    return np.stack(frame.planes, -1) if len(frame.planes) > 1 else frame.planes[0]


@given(width=st.integers(1, 90), height=st.integers(1, 90), mode=st.sampled_from(["RGB", "L"]))
def test_pictures_of_any_size_are_those_of_libheif(tmp_path: Path, width: int, height: int, mode: str) -> None:
    path = heic(tmp_path / "a.heic", photo(width, height).convert(mode))
    ours, theirs = shown(path), by_libheif(path)
    assert ours.shape == theirs.shape and np.abs(ours.astype(int) - theirs).mean() < 2.5


@pytest.mark.parametrize(
    "options", [{"chroma": 444}, {"chroma": 422}, {"save_nclx_profile": False}, {"tile_size": 64}, {"matrix_coefficients": 1, "full_range_flag": 0}]
)
def test_samplings_ranges_and_grids_are_followed(tmp_path: Path, options: dict) -> None:
    path = heic(tmp_path / "a.heic", photo(200, 130), **options)
    assert np.abs(shown(path).astype(int) - np.asarray(photo(200, 130))).mean() < 3
    assert b"grid" in path.read_bytes() or "tile_size" not in options


def test_more_than_eight_bits_are_reduced_and_told(tmp_path: Path) -> None:
    samples = (np.asarray(photo(64, 64)).astype(np.uint16) << 8).astype("<u2")
    file = pillow_heif.from_bytes("RGB;16", (64, 64), samples.tobytes())
    file.save(tmp_path / "a.heic", quality=95)
    facts, [frame] = decoded(tmp_path / "a.heic")
    assert "samples beyond 8 bits" in facts.dropped
    assert np.abs(np.stack(frame.planes, -1).astype(int) - np.asarray(photo(64, 64))).mean() < 3


def test_an_alpha_plane_comes_along_and_hides_what_it_hides(tmp_path: Path) -> None:
    picture = photo(80, 64)
    hole = Image.new("L", picture.size, 255)
    hole.paste(0, (16, 16, 48, 48))
    picture.putalpha(hole)
    facts, [frame] = decoded(heic(tmp_path / "a.heic", picture, quality=95, chroma=444))
    assert facts.form.alpha and (frame.planes[-1][20:44, 20:44] == 0).all() and (frame.planes[-1][:12] == 255).all()
    assert not any(plane[20:44, 20:44].any() for plane in frame.planes)


def test_further_pictures_and_metadata_are_left_and_named(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x013B] = "SECRET-4711"
    exif.get_ifd(0x8825)[1] = "N"
    file = pillow_heif.from_pillow(photo(64, 64))
    file.add_from_pillow(photo(64, 64).rotate(90))
    file[0].info |= {"exif": exif.tobytes(), "xmp": b"<x>SECRET-4711</x>", "thumbnails": [16]}
    file.save(tmp_path / "a.heic", quality=90)
    facts, frames = decoded(tmp_path / "a.heic")
    assert len(frames) == 1 and "SECRET" not in str(facts)
    assert {"further pictures in the file", "EXIF", "GPS position", "XMP", "thumbnails"} <= set(facts.dropped)


def test_orientation_in_exif_alone_turns_nothing(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = heic(tmp_path / "a.heic", photo(64, 48))
    plain = shown(path)
    file = pillow_heif.open_heif(path)
    file[0].info["exif"] = exif.tobytes()
    raw = io.BytesIO()
    file.save(raw, quality=90)
    path.write_bytes(raw.getvalue().replace(b"irot", b"free"))  # as some converters write it
    assert shown(path).shape == plain.shape


def test_a_colour_profile_is_applied(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = (
        profile.replace(b"rXYZ", b"?XYZ")
        .replace(b"bXYZ", b"rXYZ")
        .replace(b"?XYZ", b"bXYZ")
        .replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    )
    picture = Image.new("RGB", (64, 64), (250, 30, 20))
    picture.info["icc_profile"] = swapped
    _, [frame] = decoded(heic(tmp_path / "a.heic", picture))
    assert frame.planes[2].mean() > 230 > 90 > frame.planes[0].mean()


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_cut_file_is_refused(tmp_path: Path, share: float) -> None:
    path = heic(tmp_path / "a.heic", photo(64, 64))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert refused(path) in ("media.truncated", "media.malformed")


def test_a_grid_that_announces_a_bomb_is_refused(tmp_path: Path) -> None:
    path = heic(tmp_path / "a.heic", photo(200, 130), tile_size=64)
    raw = path.read_bytes()
    grid = raw.index(bytes([0, 0, 2, 3, 0, 200, 0, 130]))
    path.write_bytes(raw[: grid + 4] + b"\xff\xff\xff\xff" + raw[grid + 8 :])
    assert refused(path) == "media.too-large"
