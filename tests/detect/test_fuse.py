"""Views are fused to means, never to more than one of them says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.detect.fuse import fused
from velatura.detect.region import Region

BOX = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(5, 40), st.integers(5, 40)).map(
    lambda b: (float(b[0]), float(b[1]), float(b[0] + b[2]), float(b[1] + b[3]))
)
VIEWS = st.lists(st.lists(st.builds(Region, BOX, st.just("face"), st.floats(0.05, 1.0)), max_size=6), min_size=1, max_size=5)


def test_the_score_is_the_mean_over_all_views_and_the_box_leans_to_the_surer_one() -> None:
    one, two = Region((0, 0, 10, 10), "face", 0.9), Region((1, 1, 11, 11), "face", 0.3)
    (found,) = fused([[one], [two], []], "face", 2.0, weights=[1, 1, 1], same=0.45)
    assert found.score == pytest.approx(0.4)
    assert found.box == pytest.approx((0.25, 0.25, 10.25, 10.25))
    assert found.time_s == 2.0


def test_a_view_counts_once_however_often_it_repeats_itself() -> None:
    many = [Region((0, 0, 10, 10), "face", 0.8), Region((0, 0, 10, 11), "face", 0.7), Region((0, 1, 10, 11), "face", 0.6)]
    (found,) = fused([many, []], "face", 0.0, weights=[1, 1], same=0.45)
    assert found.score == pytest.approx(0.4)


def test_what_only_one_of_four_views_sees_is_doubted_and_kept() -> None:
    (found,) = fused([[Region((0, 0, 9, 9), "face", 0.8)], [], [], []], "face", 0.0, weights=[1] * 4, same=0.45)
    assert found.score == pytest.approx(0.2)


def test_a_view_of_half_the_weight_counts_half() -> None:
    seen = [Region((0, 0, 9, 9), "face", 0.8)]
    (found,) = fused([seen, seen, []], "face", 0.0, weights=[1.0, 0.5, 0.5], same=0.45)
    assert found.score == pytest.approx(0.6)


@given(VIEWS)
def test_laws(views: list[list[Region]]) -> None:
    found = fused(views, "face", 0.0, weights=[1] * len(views), same=0.45)
    best = max((region.score for view in views for region in view), default=0.0)
    assert all(0 < region.score <= best + 1e-9 for region in found)
    assert [region.score for region in found] == sorted((region.score for region in found), reverse=True)
    assert len(found) <= sum(map(len, views))
    assert bool(found) == any(views)
    total = sum(region.score for region in found) * len(views)
    assert total <= sum(region.score for view in views for region in view) + 1e-6
    same = [fused([view, view], "face", 0.0, weights=[1, 1], same=0.45) for view in views]
    assert [[r.score for r in twice] for twice in same] == [
        pytest.approx([r.score for r in fused([view], "face", 0.0, weights=[1], same=0.45)]) for view in views
    ]


@given(VIEWS, st.randoms(use_true_random=False))
def test_the_order_of_the_views_does_not_matter(views: list[list[Region]], random: object) -> None:
    shuffled = list(views)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    distinct = {region.score for view in views for region in view}
    if len(distinct) < sum(map(len, views)):
        return  # between equal scores the first wins
    a, b = (fused(order, "face", 0.0, weights=[1] * len(order), same=0.45) for order in (views, shuffled))
    assert np.allclose([r.score for r in a], [r.score for r in b])
    assert np.allclose([r.box for r in a], [r.box for r in b])
