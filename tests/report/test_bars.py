"""Bars say what the numbers say."""

from __future__ import annotations

import re
from math import inf
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.report.samples import BROKEN, FINDINGS, HELD, HELD_BOUND, NOT_RUN

from velatura.findings import Claim, Estimate, Finding, Verdict
from velatura.report.bars import bars, small_bar


def parts(svg: str, kind: str) -> list[dict[str, str]]:
    return [element.attrib for element in ElementTree.fromstring(svg).iter() if element.get("class") == kind]


def test_a_bar_is_as_long_as_the_value_and_its_interval_ends_where_it_ends() -> None:
    drawn = bars(HELD)
    assert parts(drawn, "bar")[0]["width"] == "2.30%" and parts(drawn, "plain")[0]["width"] == "95.60%"
    reach = parts(drawn, "reach")
    assert (reach[0]["x1"], reach[0]["x2"]) == ("0.60%", "4.60%")
    assert (reach[3]["x1"], reach[3]["x2"]) == ("90.20%", "97.90%")


def test_guessing_and_the_limit_of_a_held_are_marked_and_a_stated_has_no_limit() -> None:
    assert {mark["x1"] for mark in parts(bars(HELD), "guess")} == {"2.50%"}
    assert {mark["x1"] for mark in parts(bars(HELD), "limit")} == {"7.50%"}
    stated = Finding("a", "b", Verdict.STATED, HELD.estimate, HELD.baseline, None, "", "", "")
    assert parts(bars(stated), "guess") and not parts(bars(stated), "limit")


def test_a_promise_is_marked_instead_of_guessing() -> None:
    guess, limit = (float(parts(small_bar(HELD_BOUND), kind)[0]["x1"].rstrip("%")) for kind in ("guess", "limit"))
    assert limit / guess == pytest.approx(1.5, abs=0.01)


def test_an_end_that_is_infinite_runs_to_the_edge_with_an_arrow() -> None:
    drawn = bars(HELD_BOUND)
    assert parts(drawn, "arrow") and "9.3 to no end" in drawn
    assert parts(drawn, "reach")[3]["x2"] == "100.00%"
    assert not parts(bars(BROKEN), "arrow")


def test_where_nothing_was_measured_there_is_no_bar() -> None:
    assert bars(NOT_RUN) == small_bar(NOT_RUN) == ""


@pytest.mark.parametrize("f", FINDINGS, ids=lambda f: f.verdict.value)
def test_who_hears_the_page_hears_the_numbers(f: Finding) -> None:
    if f.estimate is not None:
        title = ElementTree.fromstring(bars(f)).findtext("title") or ""
        assert f.estimate.unit in title and "unprotected" in title and "guessing" in title


ends = st.floats(-50, 50) | st.sampled_from([-inf, inf])


@given(ends, st.floats(-50, 50), ends, st.floats(-1, 1), st.none() | st.floats(0, 20), st.sampled_from(["rank-1 rate", "SSIM", "epsilon", "<b>&"]))
def test_any_estimate_gives_a_drawing_inside_its_frame(a: float, value: float, b: float, chance: float, bound: float | None, unit: str) -> None:
    low, high = min(a, value), max(b, value)
    if not low <= value <= high:
        return
    e = Estimate(value, low, high, chance, 3, "runs", unit)
    f = Finding("a", "b", Verdict.ERROR, e, e, Claim(bound), "", "", "")
    for drawn in (bars(f), small_bar(f)):
        ElementTree.fromstring(drawn)
        places = [float(place) for place in re.findall(r'(?:x|x1|x2|width)="(-?[\d.einfa]+)%"', drawn)]
        assert all(0 <= place <= 100 for place in places)
