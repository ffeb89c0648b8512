from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from velatura.media.frame import PixelForm, Plane
from velatura.removal.registration import Matrix, Reference, furthest, homography, identity, register, similarity, warp

Grey = NDArray[np.uint8]
MARGIN = 40


def world(width: int = 384, height: int = 216, seed: int = 0) -> Grey:
    """Edges, corners and texture, with a margin around the picture."""
    rng = np.random.default_rng(seed)
    rows, columns = height + 2 * MARGIN, width + 2 * MARGIN
    picture = np.kron(rng.uniform(60, 180, (rows // 24 + 1, columns // 24 + 1)), np.ones((24, 24)))[:rows, :columns]
    for _ in range(150):
        x, y = int(rng.integers(columns)), int(rng.integers(rows))
        cv2.rectangle(picture, (x, y), (x + int(rng.integers(4, 30)), y + int(rng.integers(4, 30))), float(rng.uniform(20, 230)), -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8)


def seen(picture: Grey, motion: Matrix, width: int = 384, height: int = 216, *, noise: float = 2.0, seed: int = 1) -> Grey:
    """The part within the margin, moved."""
    shifted = motion @ np.array([[1.0, 0, -MARGIN], [0, 1, -MARGIN], [0, 0, 1]])
    moved = cv2.warpPerspective(picture, shifted, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(moved + np.random.default_rng(seed).normal(0, noise, moved.shape) + 0.5, 0, 255), np.uint8)


def turned(degrees: float = 0.0, zoom: float = 1.0, x: float = 0.0, y: float = 0.0, middle: tuple[float, float] = (192, 108)) -> Matrix:
    matrix = np.vstack([cv2.getRotationMatrix2D(middle, degrees, zoom), [0, 0, 1]])
    matrix[:2, 2] += x, y
    return matrix


def error_px(found: Matrix | None, truth: Matrix, size: tuple[int, int] = (384, 216)) -> float:
    """Root mean square over the picture."""
    assert found is not None
    xs, ys = np.meshgrid(np.linspace(0, size[0] - 1, 9), np.linspace(0, size[1] - 1, 7))
    points = np.stack([xs.ravel(), ys.ravel(), np.ones(xs.size)])
    a, b = found @ points, truth @ points
    return float(np.sqrt(((a[:2] / a[2] - b[:2] / b[2]) ** 2).sum(axis=0).mean()))


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(-0.3, 0.3), st.floats(0.94, 1.06))
def test_a_sway_of_two_pixels_is_found_to_a_seventh(x: float, y: float, degrees: float, gain: float) -> None:
    picture = world()
    truth = turned(degrees, 1.0, x, y)
    frame = np.clip(seen(picture, truth, noise=3) * gain, 0, 255).astype(np.uint8)
    assert error_px(similarity(Reference(seen(picture, np.eye(3), seed=2)), frame), truth) <= 0.15


@pytest.mark.parametrize("truth", [turned(1.5), turned(0, 1.05), turned(0, 1, 25, -12), turned(-1, 0.97, 8, 8)])
def test_turns_zooms_and_shifts(truth: Matrix) -> None:
    picture = world()
    assert error_px(similarity(Reference(seen(picture, np.eye(3), seed=2)), seen(picture, truth)), truth) <= 0.15


def test_people_do_not_carry_the_picture_away() -> None:
    picture = world()
    before, truth = seen(picture, np.eye(3), seed=2), turned(0.1, 1, 1.3, -0.8)
    after = seen(picture, truth)
    person = world(seed=9)
    before[60:200, 100:220], after[60:200, 110:230] = person[60:200, 100:220], person[60:200, 100:220]
    assert error_px(similarity(Reference(before), after), truth) <= 0.15
    free = np.ones(before.shape, np.bool_)
    free[50:210, 90:240] = False
    found = register(Reference(before, free), after, free)
    assert found.share > 0.9
    assert error_px(found.matrix, truth) <= 0.15


def test_a_camera_that_stands_is_the_identity_and_says_so() -> None:
    picture = world()
    found = register(Reference(seen(picture, np.eye(3), seed=2)), seen(picture, np.eye(3), seed=3))
    assert found.matrix is not None and identity(found.matrix, (384, 216))
    assert not found.moves
    assert found.unmoved >= 0.9 * found.agree


def test_a_sway_of_a_quarter_of_a_pixel_shows() -> None:
    picture = world()
    found = register(Reference(seen(picture, np.eye(3), seed=2)), seen(picture, turned(0, 1, 0.2, 0.15), seed=3))
    assert found.moves
    assert found.moved_px == pytest.approx(0.25, abs=0.08)


@pytest.mark.parametrize("other", [world(seed=5)[:216, :384], np.full((216, 384), 90, np.uint8), np.zeros((216, 384), np.uint8)])
def test_another_place_is_never_guessed(other: Grey) -> None:
    reference = Reference(seen(world(), np.eye(3)))
    assert similarity(reference, other) is None
    assert homography(reference, other) is None


def test_noise_is_never_guessed() -> None:
    noise = [np.random.default_rng(seed).integers(0, 256, (216, 384)).astype(np.uint8) for seed in (0, 1)]
    assert similarity(Reference(noise[0]), noise[1]) is None


def test_where_all_is_covered_nothing_is_said() -> None:
    grey = seen(world(), np.eye(3))
    covered = np.zeros(grey.shape, np.bool_)
    assert similarity(Reference(grey, covered), grey) is None
    assert similarity(Reference(grey), grey, covered) is None


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 200), (17, 31)])
def test_small_pictures(shape: tuple[int, int]) -> None:
    grey = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    found = similarity(Reference(grey), grey)
    assert found is None or identity(found, (shape[1], shape[0]))
    assert similarity(Reference(grey), np.zeros((9, 9), np.uint8)) is None


def test_a_mirrored_view_is_taken() -> None:
    grey = seen(world(), np.eye(3))[:, ::-1]
    assert identity(similarity(Reference(grey, np.ones(grey.shape, np.bool_)[:, ::-1]), grey), grey.shape[::-1])  # type: ignore[arg-type]


def test_a_homography_follows_a_pan_with_perspective() -> None:
    picture = world()
    truth = np.array([[1.01, 0.008, 9.0], [-0.006, 1.0, -5.0], [2e-5, -1e-5, 1.0]])
    assert error_px(homography(Reference(seen(picture, np.eye(3), seed=2)), seen(picture, truth)), truth) <= 0.2


FORMS = [
    PixelForm("yuv", shift_x=1, shift_y=1),
    PixelForm("yuv", bits=10, shift_x=1, shift_y=1),
    PixelForm("yuv", shift_x=1, alpha=True),
    PixelForm("yuv"),
    PixelForm("rgb", bits=16),
    PixelForm("grey", bits=9),
    PixelForm("rgb", bits=10, alpha=True),
]


def waves(form: PixelForm, width: int, height: int, motion: Matrix) -> list[Plane]:
    """Smooth waves drawn in pixels of the picture, seen after a motion: each sample of a plane is the value in the middle of what it colours."""
    planes: list[Plane] = []
    back = np.linalg.inv(motion)
    for index, (rows, columns) in enumerate(form.shapes(width, height)):
        sx, sy = (1 << shift for shift in form.subsampled(index))
        ys, xs = np.mgrid[:rows, :columns].astype(float)
        xs, ys = (xs + 0.5) * sx - 0.5, (ys + 0.5) * sy - 0.5
        xs, ys = back[0, 0] * xs + back[0, 1] * ys + back[0, 2], back[1, 0] * xs + back[1, 1] * ys + back[1, 2]
        values = 0.5 + 0.2 * np.sin(xs / 7 + index) + 0.2 * np.cos(ys / 9 - index)
        planes.append(np.rint(values * form.peak).astype(form.dtype))
    return planes


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [(96, 64), (97, 63)])
def test_all_planes_are_carried_to_the_same_place(form: PixelForm, size: tuple[int, int]) -> None:
    motion = turned(0.6, 1.01, 1.7, -2.3, (48, 32))
    made, inside = warp(waves(form, *size, np.eye(3)), form, motion)
    truth = waves(form, *size, motion)
    assert 0.8 < inside.mean() < 1
    for index, (plane, like) in enumerate(zip(made, truth, strict=True)):
        assert plane.shape == like.shape and plane.dtype == like.dtype
        inner = (slice(8, -8), slice(8, -8))
        off = np.abs(plane[inner].astype(float) - like[inner]) / form.peak
        assert off.max() <= 0.012, index  # a chroma that lay in the corner of its block would be .04 off
    assert all(int(plane.max()) <= form.peak for plane in made)


@pytest.mark.parametrize("bits", [8, 10, 16])
def test_a_cubic_stays_within_the_samples(bits: int) -> None:
    form = PixelForm("rgb", bits=bits, alpha=True)
    stripes = np.tile(np.repeat(np.array([0, form.peak], form.dtype), 5), (40, 4))
    made, _ = warp([stripes] * 4, form, turned(0, 1, 0.4, 0.3))
    assert all(int(plane.max()) <= form.peak for plane in made)


def test_the_identity_changes_nothing() -> None:
    form = PixelForm("yuv", shift_x=1, shift_y=1)
    planes = waves(form, 33, 21, np.eye(3))
    made, inside = warp(planes, form, np.eye(3))
    assert inside.all()
    assert all(np.array_equal(a, b) for a, b in zip(made, planes, strict=True))


def test_inside_is_what_came_from_the_picture() -> None:
    form = PixelForm("grey")
    _, inside = warp([np.zeros((40, 60), np.uint8)], form, turned(0, 1, 7, -4))
    truth = np.zeros((40, 60), np.bool_)
    truth[:36, 7:] = True
    assert np.array_equal(inside, truth)


def test_a_larger_result_has_room_for_all_of_it() -> None:
    form = PixelForm("yuv", shift_x=1, shift_y=1)
    planes = waves(form, 40, 30, np.eye(3))
    made, inside = warp(planes, form, turned(0, 1, 10, 6), size=(61, 45))
    assert [plane.shape for plane in made] == form.shapes(61, 45)
    assert int(inside.sum()) == 40 * 30
    assert np.array_equal(made[0][6:36, 10:50], planes[0])
    assert np.array_equal(made[1][3:18, 5:25], planes[1])


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (1, 5)])
def test_tiny_planes_are_carried(size: tuple[int, int]) -> None:
    form = PixelForm("yuv", shift_x=1, shift_y=1)
    made, inside = warp(waves(form, *size, np.eye(3)), form, np.array([[1, 0, 0.5], [0, 1, 0], [1e-5, 0, 1.0]]))
    assert [plane.shape for plane in made] == form.shapes(*size)
    assert inside.shape == size[::-1]


def test_how_far_the_corners_go() -> None:
    assert furthest(np.eye(3), (100, 50)) == 0
    assert furthest(turned(0, 1, 3, 4), (100, 50)) == pytest.approx(5)
    assert identity(turned(0, 1, 0.1, 0.1), (100, 50)) and not identity(turned(1), (384, 216))
