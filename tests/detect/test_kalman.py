"""The filter: what it must estimate, and that frame rate and size drop out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from velatura.detect.kalman import Motion, to_boxes, to_states, unit
from velatura.detect.settings import TrackSettings

BOXES = arrays(np.float64, (3, 4), elements=st.floats(0, 1, width=32)).map(
    lambda u: np.stack([u[:, 0] * 1e4, u[:, 1] * 1e4, u[:, 0] * 1e4 + 1 + u[:, 2] * 500, u[:, 1] * 1e4 + 1 + u[:, 3] * 500], axis=1)
)


def followed(rate: float, scale: float, seconds: float = 2.0) -> Motion:
    """A box of 30x40 that moves by (80, -20) a second, all times `scale`."""
    motion = Motion(TrackSettings())
    for k in range(int(seconds * rate) + 1):
        t = k / rate
        box = np.array([[100 + 80 * t, 200 - 20 * t, 130 + 80 * t, 240 - 20 * t]]) * scale
        if k:
            motion.predict(1 / rate)
            motion.correct([0], to_states(box))
        else:
            motion.begin(to_states(box))
    return motion


@given(BOXES)
def test_states_and_boxes_are_each_others_reverse(boxes: np.ndarray) -> None:
    assert to_boxes(to_states(boxes)) == pytest.approx(boxes, abs=1e-6)


@pytest.mark.parametrize("rate", [8, 25, 60])
def test_a_steady_speed_is_learnt_at_every_frame_rate(rate: float) -> None:
    motion = followed(rate, 1.0)
    assert motion.speed[0, :2] == pytest.approx([80, -20], abs=1.5)
    assert motion.at[0, :2] == pytest.approx([115 + 160, 220 - 40], abs=0.5)


def test_a_larger_picture_gives_the_same_estimate_in_larger_pixels() -> None:
    small, large = followed(25, 1.0), followed(25, 3.0)
    assert large.at[0, :2] == pytest.approx(3 * small.at[0, :2])
    assert large.deviation() == pytest.approx(3 * small.deviation())


def test_uncertainty_grows_with_waiting_and_shrinks_with_a_hit() -> None:
    motion = followed(25, 1.0)
    spread = [float(motion.deviation()[0])]
    for _ in range(5):
        motion.predict(0.1)
        spread.append(float(motion.deviation()[0]))
    motion.correct([0], motion.at.copy())
    assert spread == sorted(spread)
    assert motion.deviation()[0] < spread[0] * 1.5


def test_a_wide_box_is_measured_by_the_root_of_its_area() -> None:
    states = to_states(np.array([[0, 0, 160, 40], [0, 0, 30, 40]], dtype=np.float64))
    assert unit(states) == pytest.approx([80, 40])


def test_forgetting_keeps_the_other_filters_as_they_are() -> None:
    motion = Motion(TrackSettings())
    motion.begin(to_states(np.array([[0, 0, 10, 10], [50, 50, 70, 80], [5, 5, 9, 9]], dtype=np.float64)))
    motion.predict(0.1)
    before = motion.pp[[2, 1]].copy()
    motion.keep([2, 1])
    assert len(motion) == 2
    assert np.array_equal(motion.pp, before)
