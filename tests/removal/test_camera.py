from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.media.frame import PixelForm, Plane
from velatura.removal.camera import Camera, look
from velatura.removal.exposure import applied, fit
from velatura.removal.planes import Mask
from velatura.removal.registration import Matrix, Reference, furthest, register, similarity, warp

Grey = NDArray[np.uint8]
WIDTH, HEIGHT, MARGIN = 320, 180, 90
GREY = PixelForm("grey")


def world(seed: int = 0) -> NDArray[np.float32]:
    """A scene of edges and texture, larger than the picture."""
    rng = np.random.default_rng(seed)
    rows, columns = HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN
    picture = np.kron(rng.uniform(60, 180, (rows // 20 + 1, columns // 20 + 1)), np.ones((20, 20)))[:rows, :columns].astype(np.float32)
    for _ in range(300):
        x, y = int(rng.integers(columns)), int(rng.integers(rows))
        cv2.rectangle(picture, (x, y), (x + int(rng.integers(4, 25)), y + int(rng.integers(4, 25))), float(rng.uniform(20, 230)), -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.9), np.float32)


def motion(x: float = 0.0, y: float = 0.0, degrees: float = 0.0, zoom: float = 1.0) -> Matrix:
    matrix = np.vstack([cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), degrees, zoom), [0, 0, 1]])
    matrix[:2, 2] += x, y
    return matrix


def clean(scene: NDArray[np.float32], matrix: Matrix) -> NDArray[np.float32]:
    to = matrix @ np.array([[1.0, 0, -MARGIN], [0, 1, -MARGIN], [0, 0, 1]])
    return np.asarray(cv2.warpAffine(scene, to[:2], (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC), np.float32)


def eight(values: Any) -> Grey:
    return np.clip(np.asarray(values) + 0.5, 0, 255).astype(np.uint8)


def film(motions: list[Matrix], *, noise: float = 2.0, seed: int = 0) -> list[Grey]:
    rng, scene = np.random.default_rng(seed + 100), world(seed)
    return [eight(clean(scene, matrix) + rng.normal(0, noise, (HEIGHT, WIDTH))) for matrix in motions]


def swaying(count: int, px: float, rng: Generator) -> list[Matrix]:
    """As a mast in the wind: two slow waves and a shiver."""
    t = np.arange(count) * 2.3
    return [motion(px * np.sin(a) + rng.normal(0, px / 8), 0.6 * px * np.sin(1.7 * a + 1) + rng.normal(0, px / 8), rng.normal(0, 0.02)) for a in t]


def seen(frames: list[Grey]) -> Camera:
    return look(frames, [None] * len(frames))


def test_a_camera_that_stands() -> None:
    camera = seen(film([motion()] * 20))
    assert camera.kind == "standing"
    assert camera.sway_px <= 0.15
    assert all(one is not None and np.array_equal(one, np.eye(3)) for one in camera.motions)


@pytest.mark.parametrize("px", [0.4, 1.0, 2.0, 4.0])
def test_a_camera_that_sways_is_registered(px: float) -> None:
    truth = swaying(24, px, np.random.default_rng(1))
    camera = seen(film(truth))
    assert camera.kind == "swaying"
    back = np.linalg.inv(truth[camera.reference])
    assert all(one is not None for one in camera.motions)
    errors = [
        furthest(found @ np.linalg.inv(true @ back), (WIDTH, HEIGHT)) for found, true in zip(camera.motions, truth, strict=True) if found is not None
    ]
    assert float(np.sqrt(np.mean(np.square(errors)))) <= 0.15
    assert camera.sway_px == pytest.approx(np.percentile([np.hypot(*(true @ back)[:2, 2]) for true in truth], 95), rel=0.35, abs=0.15)


PAN = [motion(3.0 * k - 36, 0.4 * k) for k in range(24)]
ZOOM = [motion(zoom=1 + 0.012 * k) for k in range(24)]
ROLL = [motion(degrees=1.2 * k - 14) for k in range(24)]
SLOW_PAN = [motion(0.35 * k - 4) for k in range(24)]
STANDS_THEN_PANS = [motion()] * 14 + [motion(4.0 * k) for k in range(1, 11)]


@pytest.mark.parametrize("motions", [PAN, ZOOM, ROLL, SLOW_PAN, STANDS_THEN_PANS], ids=["pan", "zoom", "roll", "slow pan", "stands, then pans"])
def test_a_camera_that_moves(motions: list[Matrix]) -> None:
    assert seen(film(motions)).kind == "moving"


def test_a_camera_among_things_near_and_far_moves() -> None:
    """A walk: nothing is common to all samples, although corners are found everywhere."""
    frames = []
    near, far = world(1), world(2)
    stripes = np.zeros((HEIGHT, WIDTH), np.bool_)
    stripes[:, ::80] = True
    stripes = np.asarray(cv2.dilate(stripes.view(np.uint8), np.ones((1, 41)))).view(np.bool_)
    for k in range(16):
        x = 3.0 * np.sin(k * 1.3)
        frames.append(eight(np.where(stripes, clean(near, motion(2.5 * x)), clean(far, motion(0.6 * x, 0.3 * x)))))
    assert seen(frames).kind == "moving"


def bus(k: int) -> Grey:
    return film([motion(4.0 * k)], seed=7)[0]


@pytest.mark.parametrize("bad", [0, 9, 10, 19])
@pytest.mark.parametrize("what", ["black", "bus", "damaged", "knocked"])
def test_one_bad_sample_moves_no_camera(bad: int, what: str) -> None:
    frames = film([motion()] * 20)
    damaged = frames[bad].copy()
    damaged[60:] = damaged[60]
    frames[bad] = {"black": np.zeros_like(damaged), "bus": bus(0), "damaged": damaged, "knocked": film([motion(12, 5)])[0]}[what]
    camera = seen(frames)
    assert camera.kind == "standing"
    if what == "knocked" and bad != camera.reference:
        assert camera.motions[bad] is None


@pytest.mark.parametrize("bad", [0, 11, 12, 23])
def test_one_bad_sample_does_not_stop_a_sway_from_being_undone(bad: int) -> None:
    frames = film(swaying(24, 1.5, np.random.default_rng(3)))
    frames[bad] = bus(1)
    camera = seen(frames)
    assert camera.kind == "swaying"
    assert camera.reference != bad
    assert camera.motions[bad] is None
    assert sum(one is None for one in camera.motions) == 1


def test_leaves_and_water_do_not_move_the_camera() -> None:
    """Half of the picture waves, each patch on its own."""
    scene, rng = world(), np.random.default_rng(4)
    ys, xs = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    frames = []
    for _ in range(20):
        wave = rng.normal(0, 1, (2, 6, 10)).astype(np.float32)
        dx, dy = (np.where(ys < HEIGHT / 2, cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), 0) for part in wave)
        moved = cv2.remap(scene, xs + MARGIN + dx.astype(np.float32), ys + MARGIN + dy.astype(np.float32), cv2.INTER_CUBIC)
        frames.append(eight(moved + rng.normal(0, 2, moved.shape)))
    assert seen(frames).kind == "standing"


def walkers(frames: list[Grey], share: float) -> tuple[list[Grey], list[Mask]]:
    """A crowd that walks to the right through a share of the picture."""
    crowd, rows, made, free = world(8), slice(int(HEIGHT * (1 - share)), HEIGHT), [], []
    for k, frame in enumerate(frames):
        picture, mask = frame.copy(), np.ones(frame.shape, np.bool_)
        picture[rows] = eight(clean(crowd, motion(3.0 * k)))[rows]
        mask[rows] = False
        made.append(picture)
        free.append(mask)
    return made, free


def test_a_crowd_does_not_move_the_camera() -> None:
    frames, _ = walkers(film([motion()] * 20), 0.5)
    assert seen(frames).kind == "standing"


def test_a_crowd_that_detectors_found_does_not_hide_a_sway() -> None:
    frames, free = walkers(film(swaying(20, 1.5, np.random.default_rng(5))), 0.6)
    assert look(frames, free).kind == "swaying"


@pytest.mark.parametrize(
    ("motions", "kind"),
    [
        ([motion()] * 60, "standing"),
        (swaying(60, 1.5, np.random.default_rng(8)), "swaying"),
        ([motion(1.2 * k - 36, 0.2 * k) for k in range(60)], "moving"),
        ([motion()] * 30 + [motion(4.0 * k) for k in range(1, 19)], "moving"),
    ],
    ids=["stands", "sways", "pans", "stands, then pans"],
)
def test_in_a_hurry_the_same_is_found_and_fewer_are_asked(motions: list[Matrix], kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("velatura.removal.camera.register", lambda *what: asked.append(what) or register(*what))
    frames = film(motions)
    camera = look(frames, [None] * len(frames), hurried=True)
    hurried, asked[:] = len(asked), []
    assert camera.kind == kind == seen(frames).kind
    assert len(camera.motions) == len(frames)
    assert hurried < len(asked) or (kind == "swaying" and hurried == len(asked))


def test_in_a_hurry_whoever_was_knocked_is_still_left_out() -> None:
    frames = film([motion()] * 60)
    frames[59] = film([motion(12, 5)])[0]
    camera = look(frames, [None] * 60, hurried=True)
    assert camera.kind == "standing"
    assert camera.motions[59] is None and camera.motions[0] is not None


def test_a_reference_may_be_given() -> None:
    camera = look(film(swaying(12, 1.0, np.random.default_rng(6))), [None] * 12, reference=3)
    assert camera.reference == 3
    assert camera.motions[3] is not None and np.array_equal(camera.motions[3], np.eye(3))


def test_flicker_and_a_slow_dusk_do_not_move_the_camera() -> None:
    frames = [eight(frame * (1 - 0.02 * k) * (1 + 0.05 * (-1) ** k)) for k, frame in enumerate(film([motion()] * 20))]
    assert seen(frames).kind == "standing"


def test_without_corners() -> None:
    fog = [np.full((HEIGHT, WIDTH), 120, np.uint8)] * 6
    assert seen(fog).kind == "standing"
    assert seen([np.full((HEIGHT, WIDTH), 30 * k, np.uint8) for k in range(6)]).kind == "moving"


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (31, 17)])
def test_small_pictures_and_few_samples(shape: tuple[int, int]) -> None:
    grey = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert look([grey], [None]).kind == "standing"
    assert look([grey] * 3, [np.zeros(shape, np.bool_)] * 3).kind == "standing"
    assert len(look([grey] * 5, [None] * 5).motions) == 5


def psnr(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(-10 * np.log10(np.mean((a.astype(float) - b) ** 2) / 255**2))


def pasted_back(px: float, drift: float) -> float:
    """Mean PSNR, within a person who walks by, of a median of registered samples that is carried back to each frame.

    Over the frame's scene without noise and person, in the frame's light.
    """
    rng, scene, count = np.random.default_rng(11), world(3), 24
    motions = swaying(count, px, rng) if px else [motion()] * count
    lights = [1 + drift * np.sin(k / 2.0) for k in range(count)]
    truths = [clean(scene, matrix) * light for matrix, light in zip(motions, lights, strict=True)]
    frames, holes = [], []
    for k, truth in enumerate(truths):
        frame, hole = truth + rng.normal(0, 3, truth.shape), np.zeros(truth.shape, np.bool_)
        left = int(k * 12)
        frame[50:150, left : left + 40], hole[45:155, max(left - 5, 0) : left + 45] = 200, True
        frames.append(eight(frame))
        holes.append(hole)
    camera = look(frames, [~hole for hole in holes])
    assert camera.kind == ("swaying" if px else "standing")
    plate = _plate(frames, holes, camera)
    reference, scores = Reference(frames[camera.reference], ~holes[camera.reference]), []
    for frame, hole, truth in zip(frames, holes, truths, strict=True):
        made: list[Plane] = [plate]
        if px:
            found = similarity(reference, frame, ~hole)
            assert found is not None
            made, _ = warp(made, GREY, found)
        made = applied(made, GREY, fit([frame], made, GREY, ~hole))
        scores.append(psnr(made[0][hole], truth[hole]))
    return float(np.mean(scores))


def _plate(frames: list[Grey], holes: list[Mask], camera: Camera) -> Grey:
    first = frames[camera.reference]
    stack = []
    for frame, hole, one in zip(frames, holes, camera.motions, strict=True):
        assert one is not None
        back: Matrix = np.asarray(np.linalg.inv(one), np.float64)
        (moved,), inside = warp([frame], GREY, back)
        covered = cv2.warpAffine(hole.view(np.uint8), back[:2], (WIDTH, HEIGHT)).view(np.bool_) | ~inside
        (lit,) = applied([moved], GREY, fit([first], [moved], GREY, ~(covered | holes[camera.reference])))
        stack.append(np.where(covered, np.nan, lit))
    return eight(np.nan_to_num(np.nanmedian(np.stack(stack), axis=0)))


def test_a_sway_with_a_drifting_exposure_costs_at_most_four_decibels() -> None:
    still = pasted_back(0.0, 0.0)
    assert pasted_back(2.0, 0.06) >= still - 4
    assert pasted_back(1.0, 0.06) >= still - 4


def clip(path: Path, step: int, most: int = 16) -> list[Grey]:
    frames: list[Grey] = []
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % step == 0:
                frames.append(np.ascontiguousarray(frame.to_ndarray(format="gray")))
            if len(frames) >= most:
                break
    return frames


@pytest.mark.parametrize(("name", "step"), [("onebyone.mp4", 40), ("vtest_a.avi", 15), ("road_a.avi", 18), ("road_top.avi", 22), ("tree.avi", 4)])
def test_real_cameras_that_stand(shared: Path, name: str, step: int) -> None:
    """People at a desk, walkers, cars under coder noise, a tree in the wind."""
    assert seen(clip(shared / "data" / "clips" / name, step)).kind == "standing"


@pytest.mark.parametrize("step", [1, 5, 18])
def test_a_real_walk_moves(shared: Path, step: int) -> None:
    assert seen(clip(shared / "data" / "clips" / "walk_gopro.mp4", step)).kind == "moving"
