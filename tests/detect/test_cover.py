"""The look-ahead: every frame comes out once, gaps are closed, nothing crosses a cut, memory is bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.detect.street import Mark, Walker, covered_share, street

from velatura.detect.cover import cover
from velatura.detect.region import Look, Region, Scores
from velatura.detect.settings import TrackSettings, lookahead_for

AHEAD_S = 0.6


def covered(looks: Sequence[Look], **options: object) -> list[tuple[Look, list[Region]]]:
    out = list(cover(looks, **{"lookahead_s": AHEAD_S, **options}))  # type: ignore[arg-type]
    assert [frame for frame, _ in out] == [look.frame for look in looks]
    return [(look, list(regions)) for look, (_, regions) in zip(looks, out, strict=True)]


@st.composite
def clips(draw: st.DrawFn) -> list[Look]:
    """Any looks at all: any times, any boxes, any cuts, any shift."""
    times = np.cumsum(draw(st.lists(st.sampled_from([0.0, 0.001, 0.02, 0.04, 0.1, 0.5, 3.0]), min_size=1, max_size=30)))
    side = st.floats(-50, 400, width=32)
    looks = []
    for index, time_s in enumerate(times.tolist()):
        found = [
            Region((x, y, x + w, y + h), draw(st.sampled_from(["face", "plate"])), draw(st.floats(0, 1)))
            for x, y, w, h in draw(st.lists(st.tuples(side, side, st.floats(0.5, 90), st.floats(0.5, 90)), max_size=4))
        ]
        shift = draw(st.sampled_from([(0.0, 0.0), (3.0, -2.0), (40.0, 0.0)]))
        looked = draw(st.booleans())
        looks.append(Look(Mark(index), time_s, found if looked else None, draw(st.sampled_from([False, False, False, True])), shift))
    return looks


@given(clips(), st.sampled_from([0.0, 0.1, 0.6, 5.0]))
def test_every_frame_comes_out_once_in_order_and_every_strong_hit_is_hidden_on_it(looks: list[Look], ahead_s: float) -> None:
    for look, regions in covered(looks, lookahead_s=ahead_s):
        for hit in look.found or ():
            if hit.score >= 0.45 and hit.box[2] > 1 and hit.box[3] > 1 and min(hit.box[2] - hit.box[0], hit.box[3] - hit.box[1]) >= 1:
                assert covered_share(hit.box, [r for r in regions if r.label == hit.label], margin=1e-6) == 1.0


@given(clips())
def test_a_track_has_one_region_on_a_frame(looks: list[Look]) -> None:
    for _, regions in covered(looks):
        names = [region.track for region in regions]
        assert None not in names
        assert len(names) == len(set(names))


@pytest.mark.parametrize("gap", range(1, 11))
@pytest.mark.parametrize("pan", [(0.0, 0.0), (8.0, 1.0)])
def test_a_gap_of_up_to_ten_frames_leaves_nothing_uncovered(gap: int, pan: tuple[float, float]) -> None:
    walkers = [Walker(100, 100, 40, (90, 10)), Walker(300, 300, 24, (-40, 0), bend=(15, 10)), Walker(500, 500, 120, (0, 0))]
    misses = {k: range(20 + 7 * k, 20 + 7 * k + gap) for k in range(3)}
    for look, regions in covered(street(walkers, misses=misses, noise=0.02, pan=pan)):
        assert isinstance(look.frame, Mark)
        index = look.frame.index
        for walker in walkers:
            x0, y0, x1, y1 = walker.box(look.time_s)
            moved = (x0 + pan[0] * index, y0 + pan[1] * index, x1 + pan[0] * index, y1 + pan[1] * index)
            assert covered_share(moved, regions) >= 0.9, (index, walker)


def test_frames_between_looks_are_covered() -> None:
    walkers = [Walker(100, 100, 40, (120, 10)), Walker(300, 300, 60, (-80, 0))]
    for look, regions in covered(street(walkers, every=5, noise=0.02), lookahead_s=lookahead_for(25, every=5)):
        for walker in walkers:
            assert covered_share(walker.box(look.time_s), regions) >= 0.9


def test_a_gap_keeps_one_number() -> None:
    out = covered(street([Walker()], misses={0: range(20, 30)}))
    assert {region.track for _, regions in out for region in regions} == {0}


def test_a_start_is_carried_back_and_an_end_forward() -> None:
    out = covered(street([Walker()], frames=60, misses={0: [*range(20), *range(40, 60)]}))
    hidden = [index for index, (_, regions) in enumerate(out) if regions]
    assert hidden == list(range(8, 55))  # .5 s before frame 20, .6 s after frame 39


def test_nothing_is_carried_across_a_cut() -> None:
    before, after = Walker(200, 200), Walker(600, 400)
    looks = [*street([before], frames=25)]
    for look in street([after], frames=50)[25:]:
        looks.append(Look(look.frame, look.time_s, look.found, look.time_s == 1.0))
    for look, regions in covered(looks):
        (region,) = regions
        centre = (region.box[0] + region.box[2]) / 2
        assert (centre < 500) == (look.time_s < 1.0)
    assert len({regions[0].track for _, regions in covered(looks)}) == 2


def test_a_single_hit_is_hidden_on_its_own_frame_only() -> None:
    out = covered(street([Walker(score=0.5)], frames=30, misses={0: set(range(30)) - {12}}))
    assert [index for index, (_, regions) in enumerate(out) if regions] == [12]


def test_a_single_hit_between_sparse_looks_is_hidden_until_somebody_looked_again() -> None:
    out = covered(street([Walker(score=0.5)], frames=30, every=5, misses={0: set(range(30)) - {10}}))
    assert [index for index, (_, regions) in enumerate(out) if regions] == list(range(6, 15))


def test_faint_scores_alone_hide_nothing() -> None:
    assert not any(regions for _, regions in covered(street([Walker(score=0.4)])))


def test_faint_scores_before_a_start_become_part_of_the_track() -> None:
    looks = street([Walker(speed=(200.0, 0.0))], frames=30)
    fading = [
        Look(look.frame, look.time_s, [Region(r.box, r.label, 0.35 if k < 8 else 0.9) for r in look.found or ()]) for k, look in enumerate(looks)
    ]
    out = covered(fading)
    for look, regions in out[2:8]:
        assert covered_share(Walker(speed=(200.0, 0.0)).box(look.time_s), regions, margin=0.05) == 1.0


def test_a_new_piece_beside_a_lost_track_inherits_its_number() -> None:
    still, jump = Walker(200, 200, 40, (0, 0)), Walker(260, 200, 40, (0, 0))
    looks = street([still, jump], frames=60, misses={0: range(25, 60), 1: range(32)})
    assert {region.track for _, regions in covered(looks) for region in regions} == {0}


def test_a_lost_track_that_comes_back_has_a_number_of_its_own_beside_its_heir() -> None:
    still, jump = Walker(200, 200, 40, (0, 0)), Walker(260, 200, 40, (0, 0))
    looks = street([still, jump], frames=90, misses={0: range(25, 50), 1: range(30)})
    last = covered(looks)[-1][1]
    assert len({region.track for region in last}) == 2


def test_a_camera_that_moves_is_taken_out() -> None:
    looks = street([Walker(200, 200, 40, (0, 0))], frames=40, misses={0: range(15, 25)}, pan=(20.0, 0.0))
    for index, (_, regions) in enumerate(covered(looks)):
        (region,) = regions
        assert (region.box[0] + region.box[2]) / 2 == pytest.approx(200 + 20 * index, abs=3)


def test_what_left_the_picture_is_not_listed() -> None:
    out = covered(street([Walker(1270, 100, 40, (300, 0))], frames=40, misses={0: range(5, 40)}))
    for _, regions in out:
        for region in regions:
            assert region.box[0] < 1280


def test_more_than_can_be_followed_is_hidden_where_it_was_found() -> None:
    rng = np.random.default_rng(0)
    corners = (rng.random((10_000, 2)) * [1200, 700]).tolist()
    found = [Region((x, y, x + 8.0, y + 10.0), "face", 0.6) for x, y in corners]
    looks = [Look(Mark(k), k / 25, found) for k in range(2)]  # type: ignore[arg-type]
    for _, regions in covered(looks, scores={"face": Scores(0.3, 0.45, 0.8)}):
        hidden = np.array([region.box for region in regions])
        assert len({region.track for region in regions}) == len(regions) == 10_000
        assert np.allclose(np.sort(hidden[:, 0]), np.sort(np.array(corners)[:, 0]))


@dataclass
class Heavy:
    """A frame that weighs one MiB, and that knows how many of its kind are alive."""

    planes: list[np.ndarray]
    size: tuple[int, int] = (1024, 1024)


def heavy_looks(frames: int, held: list[int], given: list[int]) -> Iterator[Look]:
    for index in range(frames):
        held.append(index - given[0])
        yield Look(Heavy([np.empty((1024, 1024), np.uint8)]), index / 25, ())  # type: ignore[arg-type]


@pytest.mark.parametrize("budget_mib", [1, 5, 9, 100])
def test_frames_held_back_stay_within_the_memory_budget(budget_mib: int) -> None:
    held: list[int] = []
    given, told = [0], list[str]()
    for _ in cover(heavy_looks(100, held, given), lookahead_s=1.0, memory_bytes=budget_mib << 20, warn=told.append):
        given[0] += 1
    assert given[0] == 100
    assert max(held) <= min(max(budget_mib, 1), 26)
    assert bool(told) == (budget_mib < 25)


def test_tracks_are_forgotten_when_their_frames_are_gone() -> None:
    gone = street([Walker()], frames=500, misses={0: range(40, 500)})
    numbers = {region.track for _, regions in covered([*gone, *street_again(500)]) for region in regions}
    assert numbers == {0, 1}


def street_again(first: int) -> list[Look]:
    return [Look(Mark(first + k), look.time_s + first / 25, look.found) for k, look in enumerate(street([Walker(900, 600)], frames=20))]  # type: ignore[arg-type]


@pytest.mark.parametrize(("rate", "every", "least"), [(25, 1, 0.6), (25, 5, 0.64), (10, 1, 1.2), (None, 1, 0.6), (60, 1, 0.6)])
def test_the_look_ahead_holds_ten_frames_beside_the_looks(rate: float | None, every: int, least: float) -> None:
    assert lookahead_for(rate, every=every) == pytest.approx(least)


def test_carrying_can_be_switched_off() -> None:
    looks = street([Walker()], frames=60, misses={0: [*range(20), *range(40, 60)]})
    out = covered(looks, settings=TrackSettings(start_back_s=0.0, end_ahead_s=0.0))
    assert [index for index, (_, regions) in enumerate(out) if regions] == list(range(20, 40))
