"""Lines and zones: every case, in every turn and size of the picture."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.edge.crossing_cases import LINE_CASES, ZONE_CASES, LineCase, ZoneCase

from velatura.edge.lines import CLEAR, LineCounter
from velatura.edge.zones import ZoneCounter


def sightings(case: LineCase | ZoneCase) -> list[tuple[float, int, tuple[float, float]]]:
    """(time, track, place), in order of time."""
    found = []
    for track, places in case.tracks.items():
        times = case.times[track] if case.times else [0.04 * k for k in range(len(places))]
        found += [(time, track, place) for time, place in zip(times, places, strict=True)]
    return sorted(found)


@pytest.mark.parametrize("case", LINE_CASES, ids=lambda case: case.name)
def test_crossings(case: LineCase) -> None:
    counter = LineCounter(*case.line)
    told = [counter.see(track, place, time) for time, track, place in sightings(case)]
    assert (counter.entered, counter.left) == case.right
    assert (told.count(1), told.count(-1)) == case.right


@pytest.mark.parametrize("case", LINE_CASES, ids=lambda case: case.name)
def test_a_mirrored_picture_exchanges_the_ways(case: LineCase) -> None:
    (ax, ay), (bx, by) = case.line
    counter = LineCounter((1 - ax, ay), (1 - bx, by))
    for time, track, (x, y) in sightings(case):
        counter.see(track, (1 - x, y), time)
    assert (counter.left, counter.entered) == case.right


def test_found_on_the_other_side_too_late_is_told_apart() -> None:
    case = next(case for case in LINE_CASES if "too late" in case.name)
    counter = LineCounter(*case.line)
    for time, track, place in sightings(case):
        counter.see(track, place, time)
    assert counter.born_across == 1


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=40), st.integers(0, 2**32 - 1))
def test_in_and_out_take_turns_over_a_line_through_the_whole_picture(places: list[tuple[float, float]], seed: int) -> None:
    """Over a line without ends in the picture a track is in as often as out, one apart."""
    counter = LineCounter((0.5, -10.0), (0.5, 10.0))
    told = [counter.see(1, place, 0.04 * k) for k, place in enumerate(places)]
    turns = [one for one in told if one]
    assert all(a != b for a, b in pairwise(turns))
    clear = [place for place in places if abs(place[0] - 0.5) > CLEAR]
    if clear:
        assert counter.left - counter.entered == (clear[-1][0] > 0.5) - (clear[0][0] > 0.5)


def test_time_does_not_run_backwards() -> None:
    counter = LineCounter((0.5, 0.2), (0.5, 0.8))
    counter.see(1, (0.1, 0.5), 1.0)
    with pytest.raises(ValueError, match="comes after"):
        counter.see(1, (0.1, 0.5), 0.5)


def test_tracks_are_forgotten() -> None:
    counter = LineCounter((0.5, 0.2), (0.5, 0.8))
    for track in range(100):
        counter.see(track, (0.1, 0.5), track / 10)
    counter.forget(9.0)
    assert len(counter._ways) == 10


@pytest.mark.parametrize("case", ZONE_CASES, ids=lambda case: case.name)
def test_zones(case: ZoneCase) -> None:
    zone = ZoneCounter(case.polygon)
    seen = sightings(case)
    for time, track, place in seen:
        zone.see(track, place, time)
    assert zone.occupancy(seen[-1][0]) == case.inside
    assert zone.dwell_s == pytest.approx(case.dwell_s, abs=1e-9)


def test_who_is_not_seen_any_more_is_not_inside() -> None:
    zone = ZoneCounter([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
    zone.see(1, (0.5, 0.5), 0.0)
    assert (zone.occupancy(1.0), zone.occupancy(2.0)) == (1, 0)


@given(st.floats(0, 0.999), st.floats(0, 0.999))
def test_zones_that_share_edges_share_no_point_and_lose_none(x: float, y: float) -> None:
    grid = [[(a, b), (a + 0.25, b), (a + 0.25, b + 0.5), (a, b + 0.5)] for a in (0, 0.25, 0.5, 0.75) for b in (0, 0.5)]
    assert sum(ZoneCounter(polygon).see(1, (x, y), 0.0) for polygon in grid) == 1


def test_the_cases_are_many() -> None:
    assert len(LINE_CASES) >= 22 and len({case.name for case in LINE_CASES}) == len(LINE_CASES)
    assert np.isfinite([case.dwell_s for case in ZONE_CASES]).all()
