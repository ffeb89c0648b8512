"""A smooth surface through known samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velatura.removal.push_pull import push_pull


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 33), st.integers(1, 33), st.sampled_from([(), (1,), (2,), (3,)]), st.floats(0, 1), st.integers(0, 99))
def test_known_samples_stay_and_others_lie_between_them(height, width, channels, share, seed):
    rng = np.random.default_rng(seed)
    plane = rng.uniform(-50, 250, (height, width, *channels)).astype(np.float32)
    known = rng.random((height, width)) < share
    before = plane.copy()
    made = push_pull(plane, known)
    assert made.shape == plane.shape and made.dtype == np.float32
    assert np.array_equal(plane, before)
    assert np.array_equal(made[known], plane[known])
    if known.any():
        assert made.min() >= plane[known].min() - 1e-2 and made.max() <= plane[known].max() + 1e-2
    else:
        assert not made.any()


def test_what_unknown_samples_hold_is_not_looked_at():
    rng = np.random.default_rng(1)
    plane, known = rng.uniform(0, 255, (40, 53)).astype(np.float32), rng.random((40, 53)) < 0.3
    hostile = np.where(known, plane, np.float32(np.nan))
    assert np.array_equal(push_pull(plane, known), push_pull(hostile, known))


def test_one_known_sample_is_everywhere():
    plane, known = np.zeros((37, 90), np.float32), np.zeros((37, 90), np.bool_)
    plane[36, 0], known[36, 0] = 99, True
    assert push_pull(plane, known) == pytest.approx(99)


def test_a_slope_goes_on_through_a_hole():
    slope = np.tile(np.arange(128, dtype=np.float32), (96, 1))
    known = np.ones(slope.shape, np.bool_)
    known[30:60, 50:80] = False
    assert np.abs(push_pull(slope, known) - slope).max() < 10  # one level for the whole hole would be 15 off
