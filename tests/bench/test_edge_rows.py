"""Rows of the edge page: reached by good figures, missed by bad ones; a step that fails is a row that says so and ends nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.edge_figures import Figures, rows, step
from benchmarks.measure import Spread

from velatura.edge.unlocked import Compared


def spread(ms: float) -> Spread:
    return Spread(ms, ms, ms, 3)


GOOD = {
    "pipeline": {
        "ms": {"bare loop": spread(10.0), "edge run": spread(8.5), "edge run --fast-decode": spread(7.5)},
        "tracks": {"bare loop": 20, "edge run": 20, "edge run --fast-decode": 21},
    },
    "sub-stream": {"bare loop": spread(1.6), "edge run": spread(1.4)},
    "peer": {"ms": {"supervision + trackers": spread(20.0), "edge run": spread(8.0)}, "tracks": {"peer": 9, "edge run": 20}},
    "suite": {"cases": 36, "ours": 36, "theirs": 24, "wrong": ["a"]},
    "lock": Compared((1.0, 1.01, 0.99), ((0.5, 0.48),) * 3),
    "age": {
        "overload": 6.0,
        "median_ms": 28.0,
        "p95_ms": 42.0,
        "first_ms": 41.0,
        "second_ms": 43.0,
        "looks": 245.0,
        "possible": 250.0,
        "share": 0.98,
    },
    "memory": {"mib": {"ingest": 30.0, "vision": 70.0}, "kind": "PSS"},
    "first": spread(0.8),
    "stall": {"stall_s": 4.0},
    "broker": {"off": "0 lost, 0 twice of 151", "on": "0 lost, 0 twice of 151"},
    "undeclared": {"calls": 900, "undeclared": [], "seconds": 605.0},
    "escapes": {"measured": "150 denied", "reached": True},
}
BAD = {
    "pipeline": {**GOOD["pipeline"], "tracks": {"bare loop": 20, "edge run": 17, "edge run --fast-decode": 17}},
    "sub-stream": {"bare loop": spread(1.6), "edge run": spread(1.7)},
    "suite": {**GOOD["suite"], "ours": 35},
    "lock": Compared((1.05, 1.06, 1.04), ((0.5, 0.48),) * 3),
    "age": {**GOOD["age"], "second_ms": 58.0},
    "memory": {"mib": {"ingest": 30.0, "vision": 90.0}, "kind": "PSS"},
    "first": spread(1.2),
    "stall": {"stall_s": 6.0},
    "broker": {"off": "0 lost, 0 twice of 151", "on": "not held: it did not come about"},
    "undeclared": {"calls": 900, "undeclared": [], "seconds": 20.0},
    "escapes": {"measured": "1 open", "reached": False},
}


def figures(**found: object) -> Figures:
    made = Figures(Path(), {})
    made.found.update(found)
    return made


def reached(made: Figures) -> list[bool]:
    return [row.reached for row in rows(made) if not row.measured.startswith("not run")]


def test_good_figures_reach_every_row_that_was_measured() -> None:
    assert len(reached(figures(**GOOD))) == 14 and all(reached(figures(**GOOD)))


@pytest.mark.parametrize("name", BAD)
def test_a_bad_figure_misses_its_row(name: str) -> None:
    assert not all(reached(figures(**{**GOOD, name: BAD[name]})))


def test_rss_does_not_pass_for_pss() -> None:
    assert not all(reached(figures(memory={"mib": {"ingest": 1.0, "vision": 1.0}, "kind": "RSS"})))


def test_a_step_that_fails_is_a_row_that_says_why() -> None:
    made = figures()

    def broken(_: Figures) -> object:
        raise RuntimeError("no such | thing")

    step(made, "stall", broken)
    step(made, "first", lambda _: spread(0.5))
    told = {row.what: row for row in rows(made)}
    assert told["stalled camera"].measured == "not run: RuntimeError: no such / thing" and not told["stalled camera"].reached
    assert told["first result after start"].reached
