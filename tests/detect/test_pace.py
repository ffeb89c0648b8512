"""Which frames are looked at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.detect.pace import LONGEST_S, Pace
from velatura.errors import BadSpec


def looked(rate: float, every: int, frames: int = 60) -> tuple[list[int], list[str]]:
    told: list[str] = []
    pace = Pace(every, told.append)
    return [k for k in range(frames) if pace.is_due(k / rate)], told


def test_every_fifth_frame_at_25_a_second() -> None:
    assert looked(25, 5, 20) == ([0, 5, 10, 15], [])


def test_rarer_looks_than_a_fifth_of_a_second_are_refused_with_one_warning() -> None:
    found, told = looked(25, 20, 40)
    assert found == [0, 5, 10, 15, 20, 25, 30, 35]
    assert len(told) == 1
    assert "every 5th frame or more often" in told[0]


def test_a_slow_clip_is_looked_at_on_each_frame() -> None:
    assert looked(3, 4, 6)[0] == [0, 1, 2, 3, 4, 5]


@given(st.lists(st.sampled_from([0.001, 0.02, 0.04, 0.1, 0.19, 0.4]), min_size=2, max_size=60), st.integers(1, 30))
def test_looks_are_never_further_apart_than_a_frame_and_a_fifth_of_a_second(steps: list[float], every: int) -> None:
    pace, time_s, last, count = Pace(every), 0.0, 0.0, 0
    for step in steps:
        count += 1
        if pace.is_due(time_s):
            assert count <= every or last == time_s == 0.0
            assert time_s - last <= LONGEST_S + 0.4
            last, count = time_s, 0
        time_s += step


def test_a_new_shot_is_looked_at_and_counts_anew() -> None:
    pace = Pace(3)
    assert [k for k in range(10) if pace.is_due(k / 25, shot_starts=k == 4)] == [0, 3, 4, 7]


@pytest.mark.parametrize("every", [0, -1])
def test_a_senseless_number_is_refused(every: int) -> None:
    with pytest.raises(BadSpec, match=r"detect\.every"):
        Pace(every)
