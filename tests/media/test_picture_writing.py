from __future__ import annotations

import io
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.media.in_thread import decoded
from tests.media.pictures import GREY, GREY16, GREY_ALPHA, RGB, RGBA, animation, noise, photo, same, still, write

from velatura.errors import BadSpec, Unsupported, VelaturaError
from velatura.media.frame import Frame, PixelForm
from velatura.media.picture_formats import OUTPUTS
from velatura.media.reader import Facts
from velatura.media.sink import create, notes_for

FORMS = {"rgb": RGB, "rgba": RGBA, "grey": GREY, "grey alpha": GREY_ALPHA, "grey 16": GREY16}
SIDES = st.integers(1, 40)
EXACT = (
    [(".png", name) for name in FORMS] + [(".tif", name) for name in FORMS] + [(".webp", "rgb"), (".webp", "rgba"), (".bmp", "rgb"), (".bmp", "grey")]
)


@pytest.mark.parametrize(("suffix", "form"), EXACT)
@given(width=SIDES, height=SIDES, seed=st.integers(0, 1 << 20))
def test_lossless_means_every_sample(tmp_path: Path, suffix: str, form: str, width: int, height: int, seed: int) -> None:
    frame = noise(FORMS[form], width, height, seed)
    facts, [again] = decoded(write(tmp_path / f"a{suffix}", still(frame), [frame], lossless=True))
    if again.form.alpha or not frame.form.alpha:
        assert same(frame, again) and facts.form == frame.form
    else:  # a WebP whose alpha is opaque everywhere is stored without
        assert suffix == ".webp" and (frame.planes[-1] == 255).all() and same(Frame(frame.planes[:-1], again.form), again)


@given(
    suffix=st.sampled_from([".png", ".webp"]),
    form=st.sampled_from([RGB, RGBA]),
    milliseconds=st.lists(st.integers(1, 5_000), min_size=2, max_size=5),
    loop=st.integers(0, 9),
    size=st.tuples(SIDES, SIDES),
)
def test_an_animation_comes_back_frame_by_frame(
    tmp_path: Path, suffix: str, form: PixelForm, milliseconds: list[int], loop: int, size: tuple[int, int]
) -> None:
    facts, frames = animation(form, *size, [Fraction(ms, 1000) for ms in milliseconds], loop)
    again_facts, again = decoded(write(tmp_path / f"a{suffix}", facts, frames, lossless=True))
    assert (again_facts.kind, again_facts.loop, len(again)) == ("animation", loop, len(frames))
    assert [(f.time, f.duration) for f in again] == [(f.time, f.duration) for f in frames]
    assert all(same(one, other) for one, other in zip(frames, again, strict=True) if other.form == one.form)


def test_animated_png_keeps_durations_that_are_no_milliseconds(tmp_path: Path) -> None:
    facts, frames = animation(RGB, 4, 4, [Fraction(1, 30), Fraction(1001, 24_000), Fraction(3)])
    _, again = decoded(write(tmp_path / "a.png", facts, frames))
    assert [f.duration for f in again] == [f.duration for f in frames]


@pytest.mark.parametrize(("suffix", "unit"), [(".gif", 100), (".webp", 1000)])
def test_rounded_durations_do_not_add_up_to_a_drift(tmp_path: Path, suffix: str, unit: int) -> None:
    facts, frames = animation(RGB, 2, 2, [Fraction(1, 30)] * 61)
    _, again = decoded(write(tmp_path / f"a{suffix}", facts, frames))
    assert all(abs(one.time - other.time) <= Fraction(1, 2 * unit) for one, other in zip(frames, again, strict=True))


def test_a_gif_of_few_colours_is_exact_and_keeps_its_repetitions(tmp_path: Path) -> None:
    facts, frames = animation(RGBA, 12, 9, [Fraction(1, 10), Fraction(1, 5), Fraction(3, 10)], loop=3)
    for frame in frames:
        hidden = frame.planes[-1] == 0
        frame.planes[-1] = np.where(hidden, 0, 255).astype(np.uint8)
    again_facts, again = decoded(write(tmp_path / "a.gif", facts, frames))
    assert again_facts.loop == 3 and all(same(one, other) for one, other in zip(frames, again, strict=True))


def test_a_gif_of_many_colours_comes_close(tmp_path: Path) -> None:
    picture = photo(200, 160)
    frame = Frame([np.asarray(band) for band in picture.split()], RGB)
    _, [again] = decoded(write(tmp_path / "a.gif", still(frame), [frame]))
    assert np.abs(np.stack(again.planes, -1).astype(int) - np.asarray(picture)).mean() < 8


def test_an_avif_sequence_has_every_frame_and_time(tmp_path: Path) -> None:
    facts, frames = animation(RGB, 16, 16, [Fraction(1, 25), Fraction(1, 10), Fraction(1, 25)])
    again_facts, again = decoded(write(tmp_path / "a.avif", facts, frames))
    assert again_facts.kind == "animation" and [f.time for f in again] == [f.time for f in frames]
    assert [path.name for path in tmp_path.iterdir()] == ["a.avif"]


def test_what_a_format_cannot_hold_is_told() -> None:
    facts, _ = animation(RGBA, 4, 4, [Fraction(1, 10)] * 2, loop=3)
    assert "3 times" in notes_for(facts, "a.avif")[0] and notes_for(facts, "a.gif") == () == notes_for(facts, "a.png")
    assert notes_for(still(noise(GREY16, 2, 2)), "a.webp") == ("samples beyond 8 bits (of 16)",)


def test_pages_of_any_size_and_form_come_back(tmp_path: Path) -> None:
    pages = [noise(RGB, 30, 20), noise(GREY, 5, 90), noise(GREY16, 17, 3), noise(RGBA, 8, 8)]
    facts = Facts("pages", "tiff", 30, 20, RGB, frames=4)
    again_facts, again = decoded(write(tmp_path / "a.tif", facts, pages))
    assert again_facts.kind == "pages" and all(same(one, other) for one, other in zip(pages, again, strict=True))


@pytest.mark.parametrize("suffix", sorted(OUTPUTS))
def test_the_same_picture_gives_the_same_bytes_and_nothing_beside_it(tmp_path: Path, suffix: str) -> None:
    frame = noise(RGB, 33, 21)
    one, other = (write(tmp_path / f"{n}{suffix}", still(frame), [frame]).read_bytes() for n in "ab")
    assert one == other
    with Image.open(io.BytesIO(one)) as picture:
        assert not picture.getexif().get_ifd(0x8825)
        left = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "compression", "version", "background", "loop", "timestamp", "duration"}
        assert set(picture.info) <= left | {"default_image", "resolution"}, picture.info
    assert not re.search(rb"tEXt|eXIf|iCCP|Exif|http:|Pillow|Lavc|libwebp", one)


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_transparency_is_laid_over_black_where_there_is_none(tmp_path: Path, suffix: str) -> None:
    frame = Frame([np.full((16, 16), 200, np.uint8) for _ in range(3)] + [np.full((16, 16), 128, np.uint8)], RGBA)
    path = tmp_path / f"a{suffix}"
    _, [again] = decoded(write(path, still(frame), [frame]))
    assert np.abs(again.planes[0].astype(int) - 100).max() <= 2
    assert notes_for(still(frame), path.name) == ("transparency (laid over black)",)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".gif"])
def test_a_colour_under_alpha_zero_is_never_written(tmp_path: Path, suffix: str) -> None:
    frame = Frame([np.full((8, 8), 200, np.uint8) for _ in range(3)] + [np.zeros((8, 8), np.uint8)], RGBA)
    path = write(tmp_path / f"a{suffix}", still(frame), [frame], **({"lossless": True} if suffix == ".webp" else {}))
    with Image.open(path) as picture:
        assert not np.asarray(picture.convert("RGBA")).any()
        assert suffix != ".gif" or bytes([200, 200, 200]) not in path.read_bytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif", ".bmp", ".gif"])
def test_pages_are_refused_where_they_would_be_dropped(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(Unsupported, match="4 pages") as caught:
        create(tmp_path / f"a{suffix}", Facts("pages", "tiff", 3, 3, RGB, frames=4))
    assert caught.value.code == "media.would-drop-frames" and ".tif" in caught.value.hint
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "kind", "lossless", "code"),
    [
        ("a.jpg", "animation", False, "media.would-drop-frames"),
        ("a.tif", "animation", False, "media.would-drop-frames"),
        ("a.heic", "picture", False, "media.unknown-output"),
        ("a", "picture", False, "media.unknown-output"),
        ("a.docx", "clip", False, "media.unknown-output"),
        ("a.png", "clip", False, "media.wrong-output"),
        ("a.mp4", "picture", False, "media.wrong-output"),
        ("a.jpg", "picture", True, "media.not-lossless"),
        ("a.gif", "picture", True, "media.not-lossless"),
    ],
)
def test_names_that_cannot_hold_the_source_are_refused_with_one_that_can(tmp_path: Path, name: str, kind: str, lossless: bool, code: str) -> None:
    with pytest.raises(Unsupported if code == "media.would-drop-frames" else BadSpec, match=re.escape(name)) as caught:
        create(tmp_path / ".o.part", Facts(kind, "gif", 3, 3, RGB, frames=2), name=name, lossless=lossless)  # type: ignore[arg-type]
    assert caught.value.code == code and caught.value.hint and not list(tmp_path.iterdir())


def test_a_picture_wider_than_its_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="16383") as caught:
        create(tmp_path / "a.webp", replace(still(noise(RGB, 1, 1)), width=16_384))
    assert caught.value.code == "media.too-wide"


def test_a_temporary_name_writes_what_the_final_one_says(tmp_path: Path) -> None:
    frame = noise(GREY, 9, 9)
    path = write(tmp_path / ".a.png.x.part", still(frame), [frame], name="a.png")
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("suffix", [".png", ".avif", ".tif"])
def test_what_is_not_finished_is_removed(tmp_path: Path, suffix: str) -> None:
    facts, frames = animation(RGB, 4, 4, [Fraction(1, 10)] * 2)
    facts = replace(facts, kind="pages") if suffix == ".tif" else facts
    with pytest.raises(KeyboardInterrupt), create(tmp_path / f"a{suffix}", facts) as writer:
        writer.write(frames[0])
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_second_frame_of_a_still_is_refused(tmp_path: Path) -> None:
    frame = noise(RGB, 4, 4)
    with pytest.raises(VelaturaError) as caught:
        write(tmp_path / "a.jpg", still(frame), [frame, frame])
    assert caught.value.code == "media.would-drop-frames"


@pytest.mark.parametrize("suffix", sorted({".png", ".jpg", ".tif", ".gif", ".webp", ".avif"}))
def test_a_full_disk_is_told_by_its_own_name(suffix: str) -> None:
    frame = noise(RGB, 64, 64)
    with pytest.raises(OSError, match="No space left"):
        write(Full("/dev/full", suffix), still(frame), [frame], name=f"a{suffix}")


class Full:
    """A path whose file takes nothing, as on a full disk."""

    def __init__(self, device: str, suffix: str) -> None:
        if not Path(device).exists():
            pytest.skip(f"{device} is not there")
        self.device, self.name, self.suffix, self.parent = device, f"a{suffix}", suffix, Path(device).parent

    def open(self, mode: str) -> io.BufferedRandom:
        return open(self.device, mode, buffering=0)  # type: ignore[return-value]

    def unlink(self, missing_ok: bool) -> None: ...
