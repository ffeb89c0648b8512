"""The one that was picked is followed to the end, or nothing is released."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from velatura.errors import Withheld
from velatura.media.frame import Box
from velatura.removal.followed import refuse_lost
from velatura.removal.tracks import Track

SIZE = (320, 240)
TIMES = [0.04 * frame for frame in range(100)]


def walks(number: int, first: int, last: int, at: Callable[[int], float], y: float = 60.0) -> Track:
    boxes: dict[int, Box] = {frame: (at(frame), y, at(frame) + 30, y + 90) for frame in range(first, last + 1)}
    return Track(number, "person", boxes, 0.04 * first, 0.04 * last, 0.9)


HE = walks(0, 0, 60, lambda frame: 50.0 + frame)


@pytest.mark.parametrize(
    ("one", "others"),
    [
        (HE, []),
        (HE, [walks(1, 0, 99, lambda frame: 250.0)]),
        (walks(0, 0, 60, lambda frame: 250.0 + frame), [walks(1, 61, 99, lambda frame: 290.0)]),
        (walks(0, 0, 99, lambda frame: 50.0 + frame), [walks(1, 0, 99, lambda frame: 250.0 - 3 * frame)]),
    ],
    ids=["alone", "others elsewhere", "left at the edge", "crossed by somebody, for a moment"],
)
def test_who_was_followed_is_let_go_on(one: Track, others: list[Track]) -> None:
    refuse_lost([one], others, TIMES, 0, SIZE)


@pytest.mark.parametrize(
    ("one", "others", "why"),
    [
        (HE, [walks(1, 62, 99, lambda frame: 100.0 + frame - 50)], "lost at 2.40 s"),
        (walks(0, 40, 99, lambda frame: 100.0), [walks(1, 0, 38, lambda frame: 95.0)], "not found before 1.60 s"),
        (walks(0, 0, 99, lambda frame: 50.0 + frame), [walks(1, 0, 99, lambda frame: 60.0 + frame)], "from 0.00 s on"),
    ],
    ids=["lost in a group", "came out of one", "two side by side"],
)
def test_who_may_have_become_another_one_is_not(one: Track, others: list[Track], why: str) -> None:
    with pytest.raises(Withheld, match=why) as caught:
        refuse_lost([one], others, TIMES, 0, SIZE)
    assert caught.value.code == "remove.lost" and "--to" in caught.value.hint


def test_what_lies_outside_of_the_span_does_not_count() -> None:
    other = walks(1, 62, 99, lambda frame: 100.0 + frame - 50)
    refuse_lost([HE], [other], TIMES[:50], 0, SIZE)
    with pytest.raises(Withheld):
        refuse_lost([HE], [other], TIMES[20:], 20, SIZE)
