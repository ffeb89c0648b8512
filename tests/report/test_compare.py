"""Two reports: verdicts that got worse, successes that moved by more than chance, and what the reports do not share."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.report.samples import BROKEN, ERROR, FINDINGS, HELD, INCONCLUSIVE, NOT_RUN, STATED, WEAKENED, finding, rate, report

from velatura.findings import Claim, Finding, Verdict
from velatura.report.compare import Move, compare
from velatura.report.text import compared_lines, report_lines

UNPROTECTED = rate(0.956, 0.902, 0.979)


def at(value: float, low: float, high: float) -> Finding:
    return finding("reidentify", "fill", rate(value, low, high), UNPROTECTED, Claim(), "why")


STATES = {
    "held": at(0.023, 0.006, 0.046),
    "inconclusive": at(0.03, 0.01, 0.2),
    "weakened": at(0.2, 0.1, 0.3),
    "broken": at(0.9, 0.8, 0.95),
    "error": replace(at(0.2, 0.1, 0.3), verdict=Verdict.ERROR, estimate=None),
}


@pytest.mark.parametrize(
    ("before", "after", "move"),
    [
        ("held", "weakened", Move.WORSE),
        ("held", "broken", Move.WORSE),
        ("weakened", "broken", Move.WORSE),
        ("inconclusive", "weakened", Move.WORSE),
        ("error", "broken", Move.WORSE),
        ("held", "inconclusive", Move.LOST),
        ("held", "error", Move.LOST),
        ("inconclusive", "held", Move.BETTER),
        ("broken", "weakened", Move.BETTER),
        ("broken", "held", Move.BETTER),
        ("broken", "error", Move.CHANGED),
        ("inconclusive", "error", Move.CHANGED),
        *((name, name, Move.SAME) for name in STATES),
    ],
)
def test_a_verdict_moves_as_the_table_says(before: str, after: str, move: Move) -> None:
    compared = compare(report(STATES[before]), report(STATES[after]))
    assert [change.move for change in compared.changes] == [move]
    assert compared.worse is (move is Move.WORSE)


def test_a_success_moved_only_if_the_intervals_do_not_overlap() -> None:
    some, more, much_more = at(0.6, 0.5, 0.7), at(0.75, 0.65, 0.85), at(0.9, 0.85, 0.95)
    moved = [compare(report(a), report(b)).changes[0].success for a, b in ((some, more), (some, much_more), (much_more, some), (some, some))]
    assert moved == ["", "more", "less", ""]
    assert not compare(report(some), report(much_more)).worse


def test_units_that_differ_are_not_compared() -> None:
    other = replace(STATES["broken"], estimate=replace(STATES["broken"].estimate, unit="character rate"))  # type: ignore[type-var]
    assert compare(report(STATES["held"]), report(other)).changes[0].success == ""


def test_what_is_new_gone_or_lost_is_told_and_is_not_worse() -> None:
    compared = compare(report(HELD, STATED, WEAKENED), report(WEAKENED, BROKEN))
    assert {(change.target, change.move) for change in compared.changes} == {
        (HELD.target, Move.LOST),
        (STATED.target, Move.GONE),
        (BROKEN.target, Move.NEW),
        (WEAKENED.target, Move.SAME),
    }
    assert not compared.worse


def test_findings_of_the_same_name_are_compared_in_their_order() -> None:
    compared = compare(report(STATES["held"], STATES["broken"]), report(STATES["held"], STATES["held"]))
    assert [change.move for change in compared.changes] == [Move.BETTER, Move.SAME]
    assert [change.move for change in compare(report(STATES["held"]), report(STATES["held"], STATES["broken"])).changes] == [Move.NEW, Move.SAME]


def test_the_worst_comes_first_and_equals_are_counted_not_listed() -> None:
    compared = compare(report(STATED, HELD, INCONCLUSIVE), report(STATED, HELD, replace(INCONCLUSIVE, **_broken())))
    lines = compared_lines(compared).splitlines()
    assert lines[0] == "HELD -> BROKEN: 1 worse, 2 same"
    assert lines[1].startswith("WORSE    text: fill, plates: inconclusive 3.1 %") and len(lines) == 2


def _broken() -> dict[str, object]:
    return {"verdict": Verdict.BROKEN, "estimate": replace(BROKEN.estimate, unit="character rate")}  # type: ignore[type-var]


def test_other_data_seeds_and_versions_are_told() -> None:
    other = report(seed=2, version="0.3.0", subject={"people": "12", "methods": "fill"})
    told = compare(report(), other).different
    assert told[:2] == ("version: 0.2.0 -> 0.3.0", "seed: 1 -> 2")
    assert "people: 40 -> 12" in told and "pictures: 400, 92x112 pixels, grey -> not told" in told
    assert compare(report(), report()).different == ()


def test_the_table_has_the_verdict_first_and_a_sentence_for_each_finding() -> None:
    lines = report_lines(report()).splitlines()
    assert lines[0].startswith("BROKEN: 95.6 % of 40 people are recognised")
    assert lines[1] == "Faces of the spring issue: 1 broken, 1 weakened, 1 error, 2 held, 1 inconclusive, 1 not run, 1 stated"
    assert all(any(f.why in line for line in lines) for f in FINDINGS)
    assert lines[-1] == "To repeat it: velatura audit spring.toml -o spring-report"


def test_what_a_stranger_wrote_gets_no_line_of_its_own_in_the_terminal() -> None:
    spoilt = report(replace(ERROR, target="a\nHELD", why="b\x1b[2J\r"), NOT_RUN, title="c\nHELD: fine")
    told = report_lines(spoilt) + compared_lines(compare(spoilt, spoilt))
    assert not any(line.startswith("HELD") for line in told.splitlines()) and "\x1b" not in told and "\r" not in told
