"""A file's own time: what its time stamps may bring."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from velatura.edge.timeline import JUMP_S, Timeline

BASE = Fraction(1, 1000)


def begun() -> Timeline:
    time = Timeline()
    time.begin(BASE, 0.04)
    return time


def test_steps_are_time_and_order_makes_none() -> None:
    time = begun()
    assert [time.place(ticks) for ticks in (500, 540, 620, 580, None, 660)] == pytest.approx([0, 0.04, 0.12, 0.12, 0.12, 0.16])
    time.end()
    assert time.seconds == pytest.approx(0.2) and time.gaps == 0


def test_a_jump_is_told_and_makes_no_ticks() -> None:
    time, year = begun(), 31_536_000_000
    for ticks in (0, 40, 80 + year, 120 + year, 160, 200):
        time.place(ticks)
    assert time.seconds == pytest.approx(0.2), "a frame a packet, whatever its stamp says"
    assert time.gaps == 2 and time.left_out_s == pytest.approx(31_536_000, abs=1)


def test_no_packet_brings_more_than_a_pause() -> None:
    time = begun()
    steps = [time.place(ticks) for ticks in range(0, 10_000_000, 4_999)]
    assert max(b - a for a, b in pairwise(steps)) <= JUMP_S


def test_clips_follow_each_other_and_a_long_frame_is_not_believed() -> None:
    time = begun()
    time.place(1_000)
    time.end()
    time.begin(BASE, 1e9)
    assert time.place(77_000) == pytest.approx(0.04)
    time.end()
    time.end()
    assert time.seconds == pytest.approx(1.04)
