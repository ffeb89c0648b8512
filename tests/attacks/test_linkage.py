"""Whoever reads places follows people: with names always, by places alone where they are few and slow, and not where places say nothing."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from velatura.attacks.escaping import Escapes
from velatura.attacks.linkage import Crowd, Linkage, Places


def crowds(people: int, step: float) -> list[Crowd]:
    return [Crowd.walking(people, 30, step, np.random.default_rng(number)) for number in range(6)]


def named(crowd: Crowd, rng: Generator) -> list[Places]:
    return [[(name, x, y) for name, (x, y) in enumerate(places)] for places in crowd.ways.tolist()]


def nameless(crowd: Crowd, rng: Generator) -> list[Places]:
    return [[(-1, x, y) for x, y in rng.permutation(places).tolist()] for places in crowd.ways]


def nowhere(crowd: Crowd, rng: Generator) -> list[Places]:
    return [[(-1, *place) for place in rng.uniform(0, 1, places.shape).tolist()] for places in crowd.ways]


def followed(arm: object, people: int, step: float) -> float:
    return float(Linkage().play(arm, crowds(people, step), np.random.default_rng(1), budget_s=60).success.mean())  # type: ignore[arg-type]


def test_names_are_followed_without_an_error() -> None:
    assert followed(named, 4, 0.05) == 1


def test_few_people_who_walk_slowly_are_followed_without_names() -> None:
    assert followed(nameless, 2, 0.01) > 0.9


def test_people_who_are_somewhere_else_in_each_record_are_not() -> None:
    assert followed(nameless, 6, 0.5) < 0.5


def test_places_that_say_nothing_are_guessed() -> None:
    assert abs(followed(nowhere, 4, 0.05) - 1 / 4) < 0.12


def test_everybody_stays_in_the_picture() -> None:
    for crowd in crowds(5, 0.3):
        assert crowd.ways.shape == (30, 5, 2) and crowd.ways.min() >= 0 and crowd.ways.max() < 1


def test_one_open_way_is_an_escape() -> None:
    tried = {f"probe {number}": False for number in range(150)}
    held = Escapes().play(lambda nothing, rng: tried, (), np.random.default_rng(1), budget_s=1)
    assert held.success.tolist() == [[0.0]] and held.notes["open"] == "none"
    named = Escapes(lambda: ("syslog", "bpf")).play(lambda nothing, rng: tried, (), np.random.default_rng(1), budget_s=1)
    assert named.notes["left out, since they work nowhere here"] == "bpf, syslog"
    assert "left out, since they work nowhere here" not in held.notes
    leaks = Escapes().play(lambda nothing, rng: {**tried, "raw socket": True}, (), np.random.default_rng(1), budget_s=1)
    assert leaks.success.tolist() == [[1.0]] and leaks.notes["open"] == "raw socket"
