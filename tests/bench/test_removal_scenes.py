"""Scenes with known truth: endless, seeded, written and read back."""

from __future__ import annotations

from itertools import islice

import cv2
import numpy as np
import pytest
from benchmarks import removal_files as files
from benchmarks.removal_costs import cropped
from benchmarks.removal_scenes import moving, residual_noise, static, swaying
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.removal_by_hand import H, W, scene, still


def test_a_clean_clip_is_endless_seeded_and_near_its_plate():
    def played(seed):
        return [ground.picture for ground in islice(swaying(still(), np.random.default_rng(seed)), 10)]

    assert all((a == b).all() for a, b in zip(played(0), played(0), strict=True))
    assert any((a != b).any() for a, b in zip(played(0), played(1), strict=True))
    assert max(np.abs(picture - still().plate).max() for picture in played(0)) <= 4


def test_sway_moves_the_scene_by_what_it_says_and_drift_changes_its_light():
    grounds = list(islice(swaying(still(), np.random.default_rng(0), sway_px=2, drift=0.06), 130))
    shifts = np.array([ground.moved[:2, 2] for ground in grounds])
    assert 1.5 < np.abs(shifts).max() < 4
    lights = [ground.picture.mean() / still().plate.mean() for ground in grounds]
    assert max(lights) > 1.03
    assert min(lights) < 0.97


def test_people_of_the_source_clip_are_no_noise():
    plate = np.full((H, W, 3), 100, np.float32)
    frame = np.full((H, W, 3), 103, np.uint8)
    frame[20:30, 20:30] = 200
    noise = residual_noise(frame, plate)
    assert (noise[16:34, 16:34] == 0).all()
    assert (noise[50:] == 3).all()


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_colours_survive_the_way_into_a_clip(colour):
    picture = np.full((4, 6, 3), colour, np.uint8)
    assert np.abs(files.to_rgb(files.to_frame(picture)).astype(int) - picture).max() <= 2


def test_an_odd_side_is_refused():
    with pytest.raises(ValueError, match="even"):
        files.to_frame(np.zeros((5, 6, 3), np.uint8))


def test_a_scene_is_written_and_read_back(tmp_path):
    told = scene()
    written = files.write(told, tmp_path)
    made = list(told.frames())
    for clip, wanted in ((written.composite, [m.composite for m in made]), (written.clean, [m.clean for m in made])):
        read = list(files.pictures(clip))
        assert len(read) == told.count
        assert max(np.abs(cv2.cvtColor(a, 7).astype(int) - cv2.cvtColor(b, 7)).mean() for a, b in zip(read, wanted, strict=True)) < 2.5
    for frame, (body, shade) in zip(made, files.holes(written), strict=True):
        assert (body == frame.object).all()
        assert (shade == frame.shadow).all()
    first = cv2.imread(str(written.holes / "000005.png"), cv2.IMREAD_GRAYSCALE)
    assert ((first == 255) == (made[5].object | made[5].shadow)).all()


def test_a_scene_is_cropped_from_above():
    told = cropped(scene(), 40)
    assert told.size == (W, 40)
    for whole, part in zip(scene().frames(), told.frames(), strict=True):
        assert (whole.composite[H - 40 :] == part.composite).all()
        assert part.object.shape == (40, W)
    with pytest.raises(ValueError, match="high"):
        cropped(scene(), H + 2)


def test_real_scenes_are_the_same_each_time_they_are_played(shared):
    for told in (
        static("roadtop", "crowd", count=4, width=160, seed=3),
        moving("pan", "frozen", count=4, width=160),
        moving("walk", "stopgo", count=4, width=160),
    ):
        first, second = list(told.frames()), list(told.frames())
        assert [frame.composite.shape for frame in first] == [(told.size[1], told.size[0], 3)] * 4
        for a, b in zip(first, second, strict=True):
            assert (a.composite == b.composite).all()
            assert (a.object == b.object).all()
    with pytest.raises(ValueError, match="none of"):
        moving("flight", "walk")


def test_who_stands_before_a_camera_that_moves_stays_on_his_spot(shared):
    frames = list(moving("pan", "frozen", count=30, width=320, stand=1.0).frames())
    first, last = frames[0], frames[-1]
    shift = np.nonzero(last.object)[1].mean() - np.nonzero(first.object)[1].mean()
    a, b = (cv2.cvtColor(frame.clean, cv2.COLOR_RGB2GRAY).astype(np.float32) for frame in (first, last))
    (dx, _), _ = cv2.phaseCorrelate(a.copy(), b.copy())
    assert abs(shift) > 5
    assert abs(shift - dx) < 6
