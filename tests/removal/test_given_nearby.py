"""Masks of the frames around one, small."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from velatura.removal.given_nearby import REACH, SIDE, GivenNearby


@given(shape=st.tuples(st.integers(1, 50), st.integers(1, 50)), seed=st.integers(0, 50), away=st.integers(0, REACH))
def test_a_mask_near_by_is_known_and_little_more(shape: tuple[int, int], seed: int, away: int) -> None:
    mask = np.random.default_rng(seed).random(shape) < 0.02
    nearby = GivenNearby()
    nearby.add(10, mask)
    for frame in (10 - away, 10 + away):
        around = nearby.around(frame)
        assert around.shape == shape and not (mask & ~around).any()
        for y, x in np.argwhere(around):
            y0, x0 = y // SIDE * SIDE, x // SIDE * SIDE
            assert mask[y0 : y0 + SIDE, x0 : x0 + SIDE].any()


def test_a_mask_far_away_is_not() -> None:
    nearby = GivenNearby()
    nearby.add(10, np.ones((9, 17), np.bool_))
    assert not nearby.around(10 + REACH + 1).any() and not nearby.around(10 - REACH - 1).any()
    assert nearby.around(10 + REACH).all()


def test_five_missing_masks_are_seen_from_both_sides() -> None:
    nearby, mask = GivenNearby(), np.zeros((40, 40), np.bool_)
    mask[8:16, 8:16] = True
    for frame in range(20):
        nearby.add(frame, mask & (not 7 <= frame < 12))
    assert all(nearby.around(frame)[8:16, 8:16].all() for frame in range(20))
