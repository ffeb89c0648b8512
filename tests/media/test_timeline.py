import itertools

from hypothesis import given
from hypothesis import strategies as st

from velatura.media.timeline import Timeline

stamps = st.lists(st.none() | st.integers(-1000, 1000), min_size=1)


@given(stamps, st.integers(-50, 50), st.integers(0, 40))
def test_times_always_rise_from_zero_or_later(pts, start, step):
    line = Timeline(start, step)
    ticks = [line.place(value, 0) for value in pts]
    assert ticks[0] >= 0
    assert all(a < b for a, b in itertools.pairwise(ticks))


@given(st.sets(st.integers(0, 10_000), min_size=1))
def test_times_that_rise_are_kept_to_the_tick(pts):
    line = Timeline(0, 1)
    assert [line.place(value, 0) for value in sorted(pts)] == sorted(pts)
    assert line.repaired == 0


def test_a_missing_time_follows_by_the_last_frames_length():
    line = Timeline(0, 5)
    assert [line.place(0, 40), line.place(None, 0), line.place(100, 0)] == [0, 40, 100]
    assert line.repaired == 1


def test_a_time_that_goes_back_follows_by_one_tick():
    line = Timeline(0, 5)
    assert [line.place(value, 0) for value in (0, 10, 10, 4, 12, 13)] == [0, 10, 11, 12, 13, 14]
    assert line.repaired == 4


def test_a_first_frame_before_the_start_becomes_the_start():
    line = Timeline(100, 1)
    assert [line.place(90, 0), line.place(110, 0)] == [0, 20]
