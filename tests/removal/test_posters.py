"""Signs are left; somebody who lives, or of whom the detector is sure, is not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from velatura.detect.region import Scores
from velatura.media.frame import Box
from velatura.removal.posters import left_standing
from velatura.removal.tracks import Track

FRAMES, RATE = 80, 25
BOX = (50.0, 30.0, 70.0, 80.0)
SCORES = {"person": Scores(0.3, 0.45, 0.75)}

Greys = Mapping[int, NDArray[np.uint8]]


def pictures(*, sways: float = 0.0, passing: bool = False, drift: float = 0.0, slip: float = 0.0) -> dict[int, NDArray[np.uint8]]:
    """A dark thing with stripes at BOX before a wall; it sways by pixels, somebody passes, the light drifts, all of the picture slips."""
    rng = np.random.default_rng(0)
    wall = 120 + 20 * np.sin(np.arange(160) / 3)[None] + 10 * np.sin(np.arange(120) / 4)[:, None]
    made = {}
    y, x = np.mgrid[:120, :160].astype(np.float64)
    for index in range(FRAMES):
        by = slip * np.sin(index * 1.7)
        picture = 120 + 20 * np.sin((x + by) / 3) + 10 * np.sin(y / 4)
        left = BOX[0] + sways * np.sin(index / 6) + by
        inside = np.clip(x - left, 0, 1) * np.clip(left + 20 - x, 0, 1) * ((y >= BOX[1]) & (y < BOX[3]))
        picture = picture * (1 - inside) + inside * (40 + 20 * np.sin(y / 2))
        if passing and 20 <= index < 50:
            picture[25:90, max(2 * index - 20, 0) : 2 * index + 10] = 200
        picture *= 1 + drift * np.sin(index / 13)
        made[index] = np.clip(picture + rng.normal(0, 1.5, wall.shape), 0, 255).astype(np.uint8)
    return made


def track(number: int = 0, score: float = 0.6, boxes: Mapping[int, Box] | None = None, *, still: bool = False) -> Track:
    boxes = boxes or dict.fromkeys(range(FRAMES), BOX)
    return Track(number, "person", boxes, min(boxes) / RATE, max(boxes) / RATE, score, still)


WALKER = track(7, 0.95, {index: (2.0 * index - 20, 25.0, 2.0 * index + 10, 90.0) for index in range(20, 50)})


def test_a_sign_is_left() -> None:
    sign = track()
    assert left_standing([sign], pictures(), SCORES) == [sign]


def test_who_shifts_his_weight_is_not() -> None:
    assert left_standing([track()], pictures(sways=2.0), SCORES) == []


def test_whom_the_detector_is_sure_of_is_not() -> None:
    assert left_standing([track(score=0.75, still=True)], pictures(), SCORES) == []


def test_who_walks_is_not() -> None:
    assert WALKER not in left_standing([track(), WALKER], pictures(passing=True), SCORES)


def test_a_passer_by_does_not_make_a_sign_live() -> None:
    sign = track()
    assert left_standing([sign, WALKER], pictures(passing=True), SCORES) == [sign]


def test_a_sign_whose_track_a_passer_by_splits_is_one() -> None:
    first, second = track(0, boxes=dict.fromkeys(range(51), BOX)), track(1, boxes=dict.fromkeys(range(25, FRAMES), BOX))
    assert left_standing([first, second, WALKER], pictures(passing=True), SCORES) == [first, second]
    assert left_standing([first, track(1, 0.9, second.boxes)], pictures(passing=True), SCORES) == []


def test_pieces_of_a_sign_each_of_which_is_short_are_one() -> None:
    first, second = track(0, boxes=dict.fromkeys(range(45), BOX)), track(1, boxes=dict.fromkeys(range(40, FRAMES), BOX))
    assert max(one.last_s - one.first_s for one in (first, second)) < 2.0
    assert left_standing([first, second, WALKER], pictures(passing=True), SCORES) == [first, second]


def test_who_is_there_for_a_part_of_the_shot_is_no_sign() -> None:
    assert left_standing([track(boxes=dict.fromkeys(range(55), BOX))], pictures(), SCORES) == []


def test_a_light_that_drifts_does_not_make_a_sign_live() -> None:
    sign = track()
    assert left_standing([sign], pictures(drift=0.06), SCORES) == [sign]


def test_a_picture_that_is_a_fifth_of_a_pixel_out_of_place_neither() -> None:
    sign = track()
    assert left_standing([sign], pictures(slip=0.2), SCORES, slip_px=0.25) == [sign]
    assert left_standing([sign], pictures(slip=0.2, sways=2.0), SCORES, slip_px=0.25) == []


@pytest.mark.parametrize("box", [BOX, (0.0, 0.0, 160.0, 120.0), (200.0, 10.0, 220.0, 40.0), (10.0, 10.0, 10.5, 10.5)])
@pytest.mark.parametrize("count", [1, 5])
def test_of_too_few_pictures_nothing_can_be_said(box: Box, count: int) -> None:
    few = dict(list(pictures().items())[:count])
    assert left_standing([track(boxes=dict.fromkeys(range(FRAMES), box))], few, SCORES) == []


def test_a_place_outside_of_the_picture_or_all_of_it_is_no_sign() -> None:
    for box in ((0.0, 0.0, 160.0, 120.0), (200.0, 10.0, 220.0, 40.0)):
        assert left_standing([track(boxes=dict.fromkeys(range(FRAMES), box))], pictures(), SCORES) == []
