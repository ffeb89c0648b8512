"""Masks that a person gave: pictures, folders and clips in step with the frames; what does not fit is refused; what is written reads back."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from velatura.errors import BadInput, BadSpec
from velatura.media.frame import Frame, PixelForm
from velatura.media.reader import Facts
from velatura.media.sink import create
from velatura.media.source import Decoder
from velatura.removal.given_masks import GivenMasks, MaskFolder
from velatura.removal.planes import Mask

SIZE = (48, 32)


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as warm:
        yield warm


def square(x: int, *, size: tuple[int, int] = SIZE) -> Mask:
    mask = np.zeros((size[1], size[0]), np.bool_)
    mask[8:24, x : x + 12] = True
    return mask


def save(path: Path, picture: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), picture.astype(np.uint8))
    return path


def folder(path: Path, masks: list[Mask], names: str = "{:06d}.png") -> Path:
    path.mkdir()
    for number, mask in enumerate(masks):
        save(path / names.format(number), mask * 255)
    return path


def clip(path: Path, masks: list[Mask]) -> Path:
    form = PixelForm("yuv", shift_x=1, shift_y=1, full_range=False)
    facts = Facts("clip", "mov,mp4", SIZE[0], SIZE[1], form, rate=25.0)
    with create(path, facts, quality=12) as writer:
        for number, mask in enumerate(masks):
            planes = [np.where(mask, 235, 16).astype(np.uint8), *(np.full((16, 24), 128, np.uint8) for _ in range(2))]
            writer.write(Frame(planes, form, index=number, time=Fraction(number, 25), duration=Fraction(1, 25)))
        writer.finish()
    return path


def first(given: GivenMasks, count: int) -> list[Mask]:
    walk = iter(given)
    return [next(walk) for _ in range(count)]


def test_one_picture_is_for_all_frames(tmp_path: Path, decoder: Decoder) -> None:
    path = save(tmp_path / "mask.png", square(10) * 255)
    with GivenMasks(path, decoder, SIZE) as given:
        walk = iter(given)
        assert all((next(walk) == square(10)).all() for _ in range(7))
        given.check_end(walk)
        assert given.given


def test_a_folder_has_a_mask_a_frame_in_the_order_in_which_people_count(tmp_path: Path, decoder: Decoder) -> None:
    masks = [square(2 * number) for number in range(12)]
    with GivenMasks(folder(tmp_path / "m", masks, "mask{}.png"), decoder, SIZE) as given:
        for _ in range(2):  # each pass over the clip walks anew
            walk = iter(given)
            assert all((next(walk) == mask).all() for mask in masks)
            given.check_end(walk)


def test_a_clip_has_a_mask_a_frame(tmp_path: Path, decoder: Decoder) -> None:
    masks = [square(2 * number) for number in range(6)]
    told: list[str] = []
    with GivenMasks(clip(tmp_path / "m.mp4", masks), decoder, SIZE, warn=told.append) as given:
        walk = iter(given)
        for mask in masks:
            assert (next(walk) != mask).mean() < 0.02
        given.check_end(walk)
    assert not told


def test_nobody_gave_a_mask(decoder: Decoder) -> None:
    with GivenMasks(None, decoder, SIZE) as given:
        assert not given.given
        assert next(iter(given), None) is None
        given.check_end(iter(given))


def test_another_size_is_refused_and_both_are_named(tmp_path: Path, decoder: Decoder) -> None:
    path = save(tmp_path / "mask.png", square(10, size=(64, 48)) * 255)
    with GivenMasks(path, decoder, SIZE) as given, pytest.raises(BadInput, match=r"64x48.*48x32") as caught:
        first(given, 1)
    assert caught.value.code == "remove.mask-size"
    assert caught.value.exit_status == 5


@pytest.mark.parametrize("kind", ["folder", "clip"])
def test_too_few_and_too_many_are_refused_and_both_are_named(kind: str, tmp_path: Path, decoder: Decoder) -> None:
    masks = [square(number) for number in range(4)]
    path = folder(tmp_path / "m", masks) if kind == "folder" else clip(tmp_path / "m.mp4", masks)
    with GivenMasks(path, decoder, SIZE) as given:
        with pytest.raises(BadInput, match="4 masks, and at least 5 frames") as caught:
            first(given, 5)
        assert caught.value.code == "remove.mask-count"
        walk = iter(given)
        for _ in range(2):
            next(walk)
        with pytest.raises(BadInput, match="4 masks, and 2 frames") as caught:
            given.check_end(walk)
        assert caught.value.code == "remove.mask-count"


def test_a_grey_mask_is_cut_at_the_middle_and_told_once(tmp_path: Path, decoder: Decoder) -> None:
    ramp = np.tile(np.interp(np.arange(48), [18, 30], [0, 255]), (32, 1))
    path = tmp_path / "m"
    path.mkdir()
    for number in range(3):
        save(path / f"{number}.png", ramp)
    told: list[str] = []
    with GivenMasks(path, decoder, SIZE, warn=told.append) as given:
        for mask in first(given, 3):
            assert (mask == (ramp.astype(np.uint8) >= 128)).all()
    assert len(told) == 1
    assert "neither black nor white" in told[0]


def test_soft_and_coded_edges_are_a_mask_and_a_photograph_is_none(tmp_path: Path, decoder: Decoder) -> None:
    soft = cv2.GaussianBlur(square(10).astype(np.uint8) * 255, (0, 0), 1.0)
    cv2.imwrite(str(tmp_path / "soft.jpg"), soft, [cv2.IMWRITE_JPEG_QUALITY, 60])
    with GivenMasks(tmp_path / "soft.jpg", decoder, SIZE) as given:
        assert (first(given, 1)[0] != square(10)).mean() < 0.03
    photo = cv2.GaussianBlur(np.random.default_rng(3).integers(0, 256, (32, 48, 3)).astype(np.uint8), (0, 0), 1.0)
    cv2.imwrite(str(tmp_path / "photo.jpg"), photo)
    with GivenMasks(tmp_path / "photo.jpg", decoder, SIZE) as given, pytest.raises(BadInput, match="is no mask") as caught:
        first(given, 1)
    assert caught.value.code == "remove.mask-values"


def test_a_mask_that_covers_nearly_all_may_be_inverted(tmp_path: Path, decoder: Decoder) -> None:
    told: list[str] = []
    with GivenMasks(save(tmp_path / "m.png", ~square(10) * 255), decoder, SIZE, warn=told.append) as given:
        assert (first(given, 1)[0] == ~square(10)).all()
    assert len(told) == 1
    assert "inverted" in told[0]


def test_a_mask_of_ones_is_refused_and_not_taken_for_empty(tmp_path: Path, decoder: Decoder) -> None:
    with GivenMasks(save(tmp_path / "m.png", square(10) * 1), decoder, SIZE) as given, pytest.raises(BadInput) as caught:
        first(given, 1)
    assert caught.value.code == "remove.mask-values"


def test_colours_depth_and_alpha(tmp_path: Path, decoder: Decoder) -> None:
    mask = square(10)
    red = np.zeros((32, 48, 3), np.uint8)
    red[mask] = (0, 0, 255)
    deep = mask.astype(np.uint16) * 65535
    clear = np.full((32, 48, 4), 255, np.uint8)
    clear[..., 3] = mask * 255
    assert cv2.imwrite(str(tmp_path / "deep.png"), deep)
    for path in (save(tmp_path / "red.png", red), tmp_path / "deep.png", save(tmp_path / "clear.png", clear)):
        with GivenMasks(path, decoder, SIZE) as given:
            assert (first(given, 1)[0] == mask).all(), path


def test_an_empty_folder_and_a_missing_file_are_refused(tmp_path: Path, decoder: Decoder) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "notes.txt").write_text("nothing")
    with pytest.raises(BadInput) as caught:
        GivenMasks(tmp_path / "m", decoder, SIZE)
    assert caught.value.code == "remove.mask-empty"
    with GivenMasks(tmp_path / "gone.png", decoder, SIZE) as given, pytest.raises(BadInput) as caught:
        iter(given)
    assert caught.value.code == "media.missing"


def test_a_number_that_is_skipped_is_refused(tmp_path: Path, decoder: Decoder) -> None:
    whole = folder(tmp_path / "m", [square(10)] * 6)
    GivenMasks(whole, decoder, SIZE).close()
    (whole / "000003.png").rename(whole / "000040.png")
    with pytest.raises(BadInput, match=r"after 000002\.png comes 000004\.png") as caught:
        GivenMasks(whole, decoder, SIZE)
    assert caught.value.code == "remove.mask-count"
    GivenMasks(folder(tmp_path / "fives", [square(10)] * 3, "f{}5.png"), decoder, SIZE).close()


def test_what_is_written_reads_back(tmp_path: Path, decoder: Decoder) -> None:
    masks = [square(3 * number) for number in range(5)]
    with MaskFolder(tmp_path / "out") as out:
        for _ in range(2):  # a second round begins anew
            out.restart()
            for mask in masks:
                out.add(mask)
        out.finish()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{number:06d}.png" for number in range(5)]
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
    with GivenMasks(tmp_path / "out", decoder, SIZE) as given:
        assert all((a == b).all() for a, b in zip(first(given, 5), masks, strict=True))


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), MaskFolder(tmp_path / "out") as out:
        out.add(square(3))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_needs_force_and_keeps_what_is_no_mask(tmp_path: Path) -> None:
    out = folder(tmp_path / "out", [square(0)] * 4)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(BadSpec) as caught:
        MaskFolder(out)
    assert caught.value.code == "remove.masks-out"
    with MaskFolder(out, force=True) as writer:
        writer.add(square(5))
        writer.finish()
    assert sorted(path.name for path in out.iterdir()) == ["000000.png", "notes.txt"]
    assert np.array_equal(np.asarray(cv2.imread(str(out / "000000.png"), cv2.IMREAD_UNCHANGED)), square(5) * 255)


def test_a_file_or_a_folder_in_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "no" / "where"):
        with pytest.raises(BadSpec) as caught:
            MaskFolder(path)
        assert caught.value.code == "remove.masks-out"
    (tmp_path / "empty").mkdir()
    with MaskFolder(tmp_path / "empty") as writer:
        writer.add(np.ones((1, 1), np.bool_))
        writer.finish()
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["000000.png"]
