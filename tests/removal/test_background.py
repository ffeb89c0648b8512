"""What a standing camera sees where nobody is: who stood and left is not in it, and what cannot be known is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

from velatura.errors import BadSpec
from velatura.media.frame import PixelForm
from velatura.removal.background import Plate, estimate
from velatura.removal.motion_median import motion_median
from velatura.removal.planes import colours, difference

GREY = PixelForm("grey")
YUV = PixelForm("yuv", shift_x=1, shift_y=1)
FORMS = [
    YUV,
    PixelForm("yuv", shift_x=1),
    PixelForm("yuv", bits=10, shift_x=1, shift_y=1, full_range=False),
    PixelForm("rgb", alpha=True),
    GREY,
    PixelForm("grey", bits=16),
]
HEIGHT, WIDTH, SAMPLES = 120, 160, 40


def wall(seed: int, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """A textured scene, (height, width) of grey levels."""
    rng = np.random.default_rng(seed)
    soft = cv2.GaussianBlur(rng.normal(0, 1, size), (0, 0), 6)
    return np.asarray(120 + 18 * soft / max(soft.std(), 1e-9) + cv2.GaussianBlur(rng.normal(0, 9, size), (0, 0), 1), np.float64)


def person(picture: np.ndarray, x: float, foot: float = 100, tall: float = 60, seed: int = 0) -> np.ndarray:
    """Somebody with a shadow, pasted in place; returns his own pixels."""
    ys, xs = np.mgrid[: picture.shape[0], : picture.shape[1]]
    shade = np.exp(-(((xs - x - 14) / 16) ** 2) - ((ys - foot) / 4) ** 2)
    picture *= 1 - 0.4 * shade
    own = ((xs - x) / (tall * 0.17)) ** 2 + ((ys - foot + tall / 2) / (tall / 2)) ** 2 <= 1
    clothes = np.where(ys < foot - tall * 0.5, 205.0 - 10 * seed, 38.0 + 12 * seed) + 6 * np.sin(ys / 2)
    picture[own] = clothes[own]
    return np.asarray(own)


def scene(
    where: Callable[[int], Sequence[tuple[float, int]]], *, seed: int = 0, samples: int = SAMPLES
) -> tuple[list[np.ndarray], np.ndarray, list[np.ndarray]]:
    """Noisy samples, the clean wall, and the pixels of all people in each sample; `where` gives (x, who) for a sample."""
    rng = np.random.default_rng(seed)
    clean = wall(seed)
    pictures, people = [], []
    for at in range(samples):
        picture, own = clean.copy(), np.zeros(clean.shape, np.bool_)
        for x, who in where(at):
            own |= person(picture, x, seed=who)
        pictures.append(picture + rng.normal(0, 2, clean.shape))
        people.append(own)
    return pictures, clean, people


def planes(picture: np.ndarray, form: PixelForm) -> list[np.ndarray]:
    """A grey picture as planes of a form."""
    made = []
    for index, shape in enumerate(form.shapes(picture.shape[1], picture.shape[0])):
        level = np.full(shape, 128.0) if form.colour == "yuv" and index in (1, 2) else picture
        made.append((np.clip(level, 0, 255) * (1 << (form.bits - 8)) + 0.5).astype(form.dtype))
    if form.alpha:
        made[-1] = np.full_like(made[0], form.peak)
    return made


def made(pictures: Sequence[np.ndarray], masks: Sequence[np.ndarray | None] | None = None, form: PixelForm = GREY, **more: object) -> Plate:
    return estimate([planes(picture, form) for picture in pictures], form, masks or [None] * len(pictures), **more)  # type: ignore[arg-type]


def off(plate: Plate, clean: np.ndarray, form: PixelForm = GREY) -> np.ndarray:
    return difference(plate.planes, planes(clean, form), form)


def stands(share: float, x: float = 70) -> Callable[[int], list[tuple[float, int]]]:
    """From the first sample on, for a share of the shot; then he walks out to the right."""
    leaves = share * SAMPLES
    return lambda at: [(x if at < leaves else x + 14 * (at - leaves), 0)]


@pytest.mark.parametrize("share", [0.2, 0.4, 0.55, 0.7])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_who_stood_and_left_is_not_in_it_nor_is_his_shadow(share: float, seed: int) -> None:
    pictures, clean, people = scene(stands(share), seed=seed)
    plate = made(pictures)
    apart = off(plate, clean)
    assert (apart[people[0]] > 20).mean() <= 0.03 or plate.doubt[people[0]].mean() > 0.3
    assert (apart > 12).mean() < 0.002
    assert apart.mean() < 1.2


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("arrives and stays", lambda at: [(min(70.0, 14.0 * (at - 10)), 0)] if at > 9 else []),
        ("comes, stands, goes", lambda at: [(70.0, 0)] if 8 <= at < 32 else []),
        ("two side by side in turns", lambda at: [(60.0, 0)] if at < 19 else [(96.0, 1)] if at > 20 else []),
        ("one after the other", lambda at: [(70.0, 0)] if at < 13 else [(74.0, 2)] if at > 26 else []),
        ("stands while others pass", lambda at: [(70.0, 0)] * (at < 24) + [((at * 23.0) % 400 - 40, 1)]),
    ],
)
def test_whatever_the_order_of_coming_and_going(name: str, where: Callable[[int], list[tuple[float, int]]]) -> None:
    pictures, clean, people = scene(where)
    plate = made(pictures)
    often = np.mean(people, axis=0) > 0.2
    wrong = (off(plate, clean) > 20) & often
    assert wrong.sum() <= 0.03 * often.sum() or plate.doubt[wrong].mean() > 0.9, name


@pytest.mark.parametrize("where", [lambda at: [(at * 5.0 - 20, 0)], lambda at: [((at * 17 + 50 * who) % 240 - 40.0, who) for who in range(4)]])
def test_where_nobody_stands_it_is_no_worse_than_the_median_and_the_calmest(where: Callable[[int], list[tuple[float, int]]]) -> None:
    pictures, clean, _ = scene(where)
    samples = [planes(picture, GREY) for picture in pictures]
    plain = np.median([sample[0] for sample in samples], axis=0)
    calm = motion_median(samples, GREY, [None] * len(samples))[0]
    rounded = planes(clean, GREY)[0]
    best = min(np.abs(other.astype(np.float64) - rounded).mean() for other in (plain, calm))
    assert off(made(pictures), clean).mean() <= best + 0.02


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_samples(form: PixelForm) -> None:
    pictures, clean, people = scene(stands(0.6))
    plate = made(pictures, form=form)
    assert [plane.shape for plane in plate.planes] == form.shapes(WIDTH, HEIGHT)
    assert all(plane.dtype == form.dtype for plane in plate.planes)
    assert (off(plate, clean, form)[people[0]] > 20).mean() <= 0.03
    assert not form.alpha or (plate.planes[-1] == form.peak).all()


def test_what_masks_cover_does_not_vote_and_what_they_always_cover_is_never_seen() -> None:
    pictures, clean, people = scene(lambda at: [(70.0, 0)] if at < 34 else [])
    masks = [np.asarray(cv2.dilate(own.astype(np.uint8), np.ones((5, 5)))) > 0 for own in people]
    corner = np.zeros((HEIGHT, WIDTH), np.bool_)
    corner[:20, :30] = True
    plate = made(pictures, [mask | corner for mask in masks])
    np.testing.assert_array_equal(plate.never, corner)
    assert (off(plate, clean)[people[0]] > 20).sum() == 0
    assert plate.support[people[0]].max() <= 6
    assert not plate.doubt[corner].any()


def test_who_never_leaves_and_is_missed_by_some_masks_is_a_doubt() -> None:
    pictures, _, people = scene(lambda at: [(70.0, 0)])
    masks: list[np.ndarray | None] = [None if at % 5 == 0 else own for at, own in enumerate(people)]
    plate = made(pictures, masks)
    assert plate.doubt[people[0]].mean() > 0.95
    assert plate.doubt[~cv2.dilate(people[0].astype(np.uint8), np.ones((9, 9))).astype(np.bool_)].sum() == 0


def test_a_mask_of_what_is_not_in_the_background_is_no_doubt() -> None:
    pictures, _, people = scene(lambda at: [(at * 5.0 - 20, 0)])
    assert not made(pictures, people).doubt.any()


def test_of_two_looks_that_go_with_the_wall_equally_the_detector_decides() -> None:
    """A plain square on plain ground: from its border alone either could be somebody."""
    rng = np.random.default_rng(1)
    box = (50, 30, 90, 70)
    pictures = []
    for at in range(SAMPLES):
        picture = np.full((HEIGHT, WIDTH), 110.0)
        picture[30:70, 50:90] = 80 if at < 24 else 140
        pictures.append(picture + rng.normal(0, 1, picture.shape))
    calls = []

    def judge(found: Sequence[np.ndarray]) -> list[tuple[int, int, int, int]]:
        calls.append(1)
        return [box] if found[0][50, 70] > 120 else []

    def always(found: Sequence[np.ndarray]) -> list[tuple[int, int, int, int]]:
        return [box]

    square = np.s_[33:67, 53:87]
    assert made(pictures).doubt[square].all()
    for turned in (False, True):
        sure = made(pictures if not turned else pictures[::-1], judge=judge)
        assert abs(int(sure.planes[0][50, 70]) - 80) < 3
        assert not sure.doubt.any()
    assert len(calls) <= 4
    assert made(pictures, judge=always).doubt[square].all()


def test_noise_is_measured_where_the_background_shows_and_waves_are_unstable() -> None:
    pictures, _, people = scene(stands(0.6))
    rng = np.random.default_rng(2)
    for picture in pictures:
        picture[:30, :40] += rng.normal(0, 14, (30, 40))
    plate = made(pictures)
    assert plate.sigma.dtype == np.float32
    assert plate.sigma.max() <= 12
    assert 1 < np.median(plate.sigma) < 4.5
    assert plate.sigma[people[0]].mean() < 4.5
    assert plate.unstable[4:26, 4:36].mean() > 0.9
    assert plate.unstable[40:].sum() == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 3), (33, 501), (97, 1000)])
@pytest.mark.parametrize("form", [YUV, GREY])
def test_hostile_sizes(size: tuple[int, int], form: PixelForm) -> None:
    rng = np.random.default_rng(3)
    clean = rng.uniform(30, 220, size)
    plate = made([clean + rng.normal(0, 1, size) for _ in range(6)], form=form)
    assert plate.support.shape == plate.sigma.shape == plate.doubt.shape == size
    assert off(plate, clean, form).max() <= 4


@pytest.mark.parametrize("samples", [1, 2, 3, 4])
def test_a_few_samples_make_a_picture_and_fewer_than_three_a_doubt(samples: int) -> None:
    plate = made([wall(0)] * samples)
    assert off(plate, wall(0)).max() == 0
    assert plate.doubt.all() == (samples < 3)


def test_all_masked_is_never() -> None:
    everything = np.ones((HEIGHT, WIDTH), np.bool_)
    plate = made([wall(0)] * 5, [everything] * 5)
    assert plate.never.all()
    assert not plate.support.any()
    assert off(plate, wall(0)).max() == 0


def test_an_empty_mask_is_none() -> None:
    pictures, _, _ = scene(stands(0.6))
    nothing = np.zeros((HEIGHT, WIDTH), np.bool_)
    a, b = made(pictures), made(pictures, [nothing] * SAMPLES)
    np.testing.assert_array_equal(a.planes[0], b.planes[0])
    np.testing.assert_array_equal(a.doubt, b.doubt)


def test_inputs_are_not_changed() -> None:
    pictures, _, people = scene(stands(0.6))
    samples = [planes(picture, YUV) for picture in pictures]
    before = [[plane.copy() for plane in sample] for sample in samples]
    masks = [own.copy() for own in people]
    estimate(samples, YUV, masks)
    for sample, old in zip(samples, before, strict=True):
        for index in colours(YUV):
            np.testing.assert_array_equal(sample[index], old[index])
    assert all((mask == own).all() for mask, own in zip(masks, people, strict=True))


@pytest.mark.parametrize(("samples", "masks"), [(0, 0), (3, 2), (256, 256)])
def test_samples_without_masks_are_refused(samples: int, masks: int) -> None:
    with pytest.raises(BadSpec) as told:
        estimate([[np.zeros((2, 2), np.uint8)]] * samples, GREY, [None] * masks)
    assert told.value.code == "remove.samples"


def test_behind_a_crowd_that_hardly_ever_parts_there_is_doubt() -> None:
    rng = np.random.default_rng(5)
    pictures, clean, people = scene(lambda at: [(float(x), int(rng.integers(12))) for x in rng.uniform(20, 140, 10)])
    plate = made(pictures)
    covered = np.mean(people, axis=0) > 0.6
    assert covered.sum() > 100
    wrong = (off(plate, clean) > 20) & covered
    assert plate.doubt[wrong].mean() > 0.8
    assert not plate.doubt[:30].any()
