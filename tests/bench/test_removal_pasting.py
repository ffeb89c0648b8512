"""People pasted on clean clips: where truth and composite differ, how they move, and what light they stand in."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from benchmarks import removal_pasting as pasting
from tests.bench.removal_by_hand import GREY, cast


@pytest.mark.parametrize("kind", pasting.KINDS)
def test_truth_and_composite_differ_under_the_masks_alone(kind):
    people = cast(kind)
    seen = 0
    for index in range(40):
        made = pasting.paste(GREY, people, index)
        apart = np.abs(made.composite.astype(int) - made.clean).max(axis=2)
        assert not (made.object & made.shadow).any()
        # Under alpha .06, and 6 levels of shadow, is where nobody looks.
        assert apart[~(made.object | made.shadow)].max() <= 16
        seen += bool(made.object.any())
    assert seen > 10


def test_a_shadow_darkens_by_what_was_agreed_and_lies_at_the_feet():
    made = pasting.paste(GREY, cast("never"), 0)
    assert made.composite[made.shadow].min() >= 120 * pasting.SHADOW_GAIN - 1
    assert made.composite[made.shadow].min() < 95
    feet = np.nonzero(made.object)[0].max()
    assert abs(int(np.nonzero(made.shadow)[0].min()) - feet) <= 10


def test_kinds_move_as_they_are_called():
    never, frozen, halting = (cast(kind)[0].x for kind in ("never", "frozen", "stopgo"))
    assert np.ptp(never) == 0
    assert np.ptp(frozen[:20]) == 0
    assert frozen[-1] > frozen[20]
    assert (np.diff(halting) == 0).sum() >= 8
    assert len(cast("crowd")) == pasting.CROWD
    with pytest.raises(ValueError, match="none of"):
        cast("dance")


def test_who_stands_stays_with_the_scene_and_who_walks_with_the_screen():
    shift = np.array([[1, 0, 12], [0, 1, 0], [0, 0, 1]], float)
    for kind, by in (("never", 12), ("walk", 0)):
        people = cast(kind, moves=True)
        here, there = (pasting.paste(GREY, people, 20, moved=moved).object for moved in (np.eye(3), shift))
        assert abs(np.nonzero(there)[1].mean() - np.nonzero(here)[1].mean() - by) < 0.5


def test_the_exposure_of_people_is_that_of_the_scene():
    people = cast("never")
    made = pasting.paste(GREY, people, 0, gain=0.5)
    core = cv2.erode(made.object.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert abs(int(np.median(made.composite[core][:, 0])) - 70) <= 1


def test_a_strip_is_cut_into_its_postures_and_loses_the_paving_under_them(tmp_path):
    part = np.zeros((100, 60, 4), np.uint8)
    part[5:90, 20:40] = (120, 20, 10, 255)
    part[80:, 5:55] = (170, 172, 175, 255)
    part[80:90, 20:40] = (120, 20, 10, 255)
    path = tmp_path / "walker_n3.png"
    cv2.imwrite(str(path), np.hstack([part] * 3))
    postures = pasting.strip(path)
    assert [posture.shape for posture in postures] == [(90, 60, 4)] * 3
    assert tuple(postures[0][50, 30, :3]) == (10, 20, 120)
    assert not postures[0][85, 10, 3]
    plain = tmp_path / "grey_n1.png"
    cv2.imwrite(str(plain), np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="strip"):
        pasting.strip(plain)
