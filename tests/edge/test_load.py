"""When more comes than can be looked at."""

from __future__ import annotations

import pytest

from velatura.edge.load import Load


def overloads(load: Load, *, seconds: float, every: int, rate: float = 25.0) -> int:
    """How many stretches were too much, of a camera of so many frames a second of which each `every`th is looked at."""
    found = 0
    for index in range(int(seconds * rate)):
        found += load.decoded(100 + index / rate)
        if index % every == 0:
            load.looked()
    return found


def test_all_is_looked_at() -> None:
    assert overloads(Load(0.0), seconds=10, every=1) == 0


def test_half_is_not() -> None:
    assert overloads(Load(0.0), seconds=10, every=2) >= 7


@pytest.mark.parametrize(("looks_per_s", "every", "too_much"), [(5.0, 5, False), (5.0, 10, True), (0.5, 50, False), (0.5, 100, True)])
def test_what_nobody_wanted_is_no_overload(looks_per_s: float, every: int, too_much: bool) -> None:
    assert bool(overloads(Load(1 / looks_per_s), seconds=60, every=every)) is too_much


def test_few_frames_are_no_overload() -> None:
    assert overloads(Load(0.0), seconds=60, every=2, rate=2.0) == 0


def test_a_connection_may_begin_with_what_was_kept() -> None:
    load = Load(0.0)
    for _ in range(3):
        load.begin()
        assert overloads(load, seconds=1.5, every=9) == 0
