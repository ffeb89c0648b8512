"""The causal tracker: laws that hold whatever the detector does."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.detect.street import Walker, street

from velatura.detect.region import Look, Region, Scores
from velatura.detect.tracker import Tracker

WALKERS = st.builds(
    Walker,
    x=st.floats(100, 600),
    y=st.floats(100, 500),
    height=st.floats(12, 200),
    speed=st.tuples(st.floats(-60, 60), st.floats(-30, 30)),
)


def tracked(looks: Sequence[Look], **options: dict[str, Scores]) -> list[list[Region]]:
    tracker = Tracker(**options)
    results = []
    for look in looks:
        if look.shot_starts:
            tracker.cut()
        results.append(list(tracker.update(look.found or (), time_s=look.time_s)))
    return results


@given(WALKERS, st.sampled_from([10.0, 25.0, 60.0]))
def test_steady_motion_is_one_track(walker: Walker, rate: float) -> None:
    walker = Walker(walker.x, walker.y, walker.height, (walker.speed[0] / 100 * walker.height, walker.speed[1] / 100 * walker.height))
    found = tracked(street([walker], frames=40, rate=rate, noise=0.03))
    assert [len(regions) for regions in found] == [1] * 40
    assert len({regions[0].track for regions in found}) == 1


@given(st.lists(WALKERS, min_size=1, max_size=6), st.integers(0, 2**32))
def test_the_order_of_detections_does_not_matter(walkers: list[Walker], seed: int) -> None:
    looks = street(walkers, frames=15, noise=0.05, seed=seed)
    mixed = []
    shuffle = random.Random(seed)
    for look in looks:
        found = list(look.found or ())
        shuffle.shuffle(found)
        mixed.append(Look(look.frame, look.time_s, found))
    for one, other in zip(tracked(looks), tracked(mixed), strict=True):
        assert sorted(one, key=lambda r: r.box) == sorted(other, key=lambda r: r.box)


@given(st.lists(WALKERS, max_size=5), st.integers(0, 1000))
def test_no_look_names_a_track_twice(walkers: list[Walker], seed: int) -> None:
    for regions in tracked(street(walkers, frames=20, noise=0.1, seed=seed)):
        names = [region.track for region in regions]
        assert len(names) == len(set(names))


def test_nothing_crosses_a_cut() -> None:
    found = tracked(street([Walker()], frames=20, cuts={10}))
    before, after = {r.track for rs in found[:10] for r in rs}, {r.track for rs in found[10:] for r in rs}
    assert len(before) == len(after) == 1
    assert not before & after


def test_labels_are_tracked_apart() -> None:
    face, plate = Walker(), Walker(label="plate")
    found = tracked(street([face, plate], frames=10))
    assert len({(r.label, r.track) for rs in found for r in rs}) == 2
    assert len({r.track for rs in found for r in rs}) == 2


def test_a_low_score_goes_on_but_does_not_begin() -> None:
    strong, weak = Walker(score=0.6).seen(0.0), Walker(score=0.35).seen(0.04)
    tracker = Tracker()
    assert not tracker.update([weak], time_s=0.0)
    first = tracker.update([strong], time_s=0.04)[0]
    assert tracker.update([weak], time_s=0.08)[0].track == first.track


def test_five_faint_hits_in_a_row_begin_a_track_where_the_detector_asks_for_it() -> None:
    faint = street([Walker(score=0.25)], frames=5)
    tracker = Tracker({"face": Scores(0.2, 0.35, 0.7, faint_hits=5)})
    for look in faint:
        tracker.update(look.found or (), time_s=look.time_s)
        confirmed = [track.confirmed for track in tracker.live]
        assert confirmed == [look is faint[-1]]


def test_one_sure_hit_confirms_and_three_ordinary_ones_do() -> None:
    for score, needed in ((0.85, 1), (0.6, 3)):
        tracker = Tracker()
        states = []
        for look in street([Walker(score=score)], frames=3):
            tracker.update(look.found or (), time_s=look.time_s)
            states.append(tracker.live[0].confirmed)
        assert states.index(True) == needed - 1


def test_a_stray_box_beside_a_lost_track_is_bridged_not_merged() -> None:
    walk = Walker(speed=(0.0, 0.0))
    tracker = Tracker()
    for look in street([walk], frames=10):
        tracker.update(look.found or (), time_s=look.time_s)
    stray = Region((walk.x + 60, walk.y, walk.x + 92, walk.y + 40), "face", 0.9)
    new = tracker.update([stray], time_s=0.44)[0]
    back = tracker.update([walk.seen(0.48)], time_s=0.48)[0]
    assert new.track != 0
    assert back.track == 0
    (piece,) = [track for track in tracker.live if track.id == new.track]
    assert [old for old, _ in piece.bridges] == [0]


def test_a_fast_thing_is_followed_between_sparse_looks() -> None:
    runner = Walker(height=40, speed=(320.0, 0.0))  # 8 heights a second: 1.6 between two looks
    looks = [look for look in street([runner], frames=60, every=5) if look.found is not None]
    assert len({region.track for regions in tracked(looks) for region in regions}) == 1


def test_ten_thousand_boxes_in_a_look_are_all_answered() -> None:
    rng = np.random.default_rng(0)
    corners = rng.random((10_000, 2)) * 4000
    found = [Region((x, y, x + 20, y + 25), "face", 0.5 + 0.4 * float(u)) for (x, y), u in zip(corners.tolist(), rng.random(10_000), strict=True)]
    tracker = Tracker()
    for k in range(3):
        answered = tracker.update(found, time_s=k / 25)
        assert len(answered) == 10_000
        assert sum(region.track is not None for region in answered) == min(10_000, 1000)
    assert len(tracker.live) <= 2000


def test_a_still_thing_costs_no_more_memory_after_an_hour() -> None:
    tracker = Tracker()
    for look in street([Walker(speed=(0.0, 0.0))], frames=3000):
        tracker.update(look.found or (), time_s=look.time_s)
    assert len(tracker.live) == 1
    assert len(tracker.live[0].hits) < 150


@pytest.mark.parametrize("box", [(0.0, 0.0, float("nan"), 5.0), (5.0, 5.0, 5.0, 9.0), (9.0, 0.0, 1.0, 5.0), (0.0, 0.0, float("inf"), 5.0)])
def test_what_is_no_box_is_not_followed(box: tuple[float, float, float, float]) -> None:
    tracker = Tracker()
    assert not tracker.update([Region(box, "face", 0.9)], time_s=0.0)
    assert not tracker.live
