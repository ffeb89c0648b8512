"""Ends of lives: what is found in the middle of another one goes with that one, and not on alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from velatura.removal.lifetimes import Hits, lived, rides

SIZE = (640, 360)
TIMES = np.arange(60) / 25
STILL = np.zeros((60, 2))


def walker(first: int, last: int, *, speed: float = 4.0, start: float = 30.0, wider: float = 0.0) -> Hits:
    """Somebody who walks to the right; `start` is his left side on frame 0."""
    frames = np.arange(first, last + 1)
    left = start + speed * frames - wider
    boxes = np.stack([left, np.full(len(frames), 150.0 - wider), left + 50 + 2 * wider, np.full(len(frames), 300.0 + wider)], axis=1)
    return Hits(frames, boxes)


def ridden(one: Hits, *others: Hits) -> tuple[int, NDArray[np.float32]]:
    return lived(one, TIMES, STILL, SIZE, rides([one, *others], TIMES)[0])


def test_a_second_wider_box_does_not_go_on_to_the_border_alone() -> None:
    person, double = walker(4, 50), walker(9, 14, wider=30)
    alone_first, alone = lived(double, TIMES, STILL, SIZE)
    first, boxes = ridden(double, person)
    assert alone_first == 0  # it would hide the border before anybody was there
    assert first == 4
    assert first + len(boxes) - 1 == 14 + 7  # .3 s at 25 frames a second
    assert len(boxes) < len(alone)
    inner = person.boxes[first - 4 : first - 4 + len(boxes)]
    assert np.allclose(boxes - inner, [-30, -30, 30, 30], atol=1e-3)


def test_who_walks_beside_another_one_lives_as_if_alone() -> None:
    person, beside = walker(4, 50), walker(9, 40, start=60)
    assert ridden(beside, person)[0] == lived(beside, TIMES, STILL, SIZE)[0]


def test_the_first_of_two_is_carried_by_nobody() -> None:
    person, double = walker(4, 50), walker(9, 14, wider=30)
    assert rides([person, double], TIMES)[0] == (None, None)
    first, boxes = ridden(person, double)
    assert (first, len(boxes)) == (lived(person, TIMES, STILL, SIZE)[0], len(lived(person, TIMES, STILL, SIZE)[1]))


def test_two_that_begin_and_end_together_carry_nobody() -> None:
    assert rides([walker(4, 20), walker(4, 20, wider=5)], TIMES) == [(None, None), (None, None)]


def test_one_hit_in_another_one() -> None:
    first, boxes = ridden(walker(10, 10), walker(0, 59))
    assert first == 3
    assert len(boxes) == 15
