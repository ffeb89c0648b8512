"""A contour speaks against whoever has one; time speaks for what was there before and after."""

from __future__ import annotations

import numpy as np

from velatura.removal.edge_vote import edge_vote
from velatura.removal.time_cues import with_time

SIZE = (60, 60)


def ground() -> np.ndarray:
    ys, xs = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.stack([(90 + ys + xs // 2).astype(np.uint8)])


def square() -> np.ndarray:
    mask = np.zeros(SIZE, np.bool_)
    mask[20:44, 18:40] = True
    return mask


def test_the_look_that_continues_the_surroundings_is_cheaper_on_every_stretch() -> None:
    somebody = np.full((1, *SIZE), 30, np.uint8)
    vote = edge_vote([somebody, ground()], ground(), square(), ~square())
    assert vote.costs[1] < 0.5 * vote.costs[0]
    assert vote.share == vote.clear == 1
    assert (vote.nearest[square()] == 1).all()


def test_two_people_in_one_region_are_told_apart_by_the_stretches_near_them() -> None:
    left, right = ground(), ground()
    left[:, :, :29], right[:, :, 29:] = 30, 30
    vote = edge_vote([left, right], ground(), square(), ~square())
    assert vote.share < 0.7 < vote.clear
    assert (vote.nearest[20:44, 18:26] == 1).all()
    assert (vote.nearest[20:44, 32:40] == 0).all()


def test_where_nothing_is_settled_nothing_is_said() -> None:
    vote = edge_vote([ground(), ground()], ground(), square(), np.zeros(SIZE, np.bool_))
    assert (vote.stretches, vote.share) == (0, 0)
    everywhere = np.ones(SIZE, np.bool_)
    assert edge_vote([ground(), ground()], ground(), everywhere, ~everywhere).stretches == 0


def span(*parts: tuple[int, int]) -> np.ndarray:
    found = np.zeros(30, np.bool_)
    for start, stop in parts:
        found[start:stop] = True
    return found


def test_what_was_there_before_and_after_is_behind() -> None:
    flat = np.full(50, 100, np.uint8)
    costs = with_time([10, 10], [span((0, 8), (20, 30)), span((9, 19))], [flat, flat], [])
    assert costs[0] < costs[1]
    assert len(set(with_time([10, 10], [span((0, 15)), span((15, 30))], [flat, flat], []))) == 1


def test_a_shadow_that_left_with_a_neighbour_is_his() -> None:
    light = np.arange(80, 180).astype(np.uint8)
    dark, other = (light * 0.6).astype(np.uint8), light[::-1]
    spans, taken = [span((0, 15)), span((15, 30))], [span((16, 30))]
    assert with_time([10, 20], spans, [dark, light], taken).argmin() == 1
    assert with_time([10, 20], spans, [dark, light], []).argmin() == 0
    assert with_time([10, 20], spans, [other, light], taken).argmin() == 0
