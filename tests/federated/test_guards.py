"""What is not believed, in the order in which it is looked at."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velatura.federated.guards import distance, outliers, why_not

SENT = {"w": np.zeros((3, 4), np.float32), "n": np.array(3, np.int64)}


def reply(**other: object) -> dict[str, np.ndarray]:
    return {**{name: value.copy() for name, value in SENT.items()}, **other}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("update", "examples", "why"),
    [
        (reply(), 10, None),
        (reply(), 10.0, None),
        (reply(w=np.full((3, 4), np.nan, np.float32)), 10, "not finite"),
        (reply(w=np.full((3, 4), np.inf, np.float32)), 10, "not finite"),
        (reply(w=np.zeros((4, 3), np.float32)), 10, r"shape \(4, 3\), not \(3, 4\)"),
        (reply(w=np.zeros((1, 4), np.float32)), 10, "shape"),
        (reply(w=np.zeros((), np.float32)), 10, "shape"),
        (reply(w=np.zeros((3, 4), np.float64)), 10, "float64, not float32"),
        (reply(w=np.zeros((3, 4), np.int64)), 10, "int64, not float32"),
        (reply(w=np.zeros((3, 4), "U4")), 10, "no number"),
        ({"w": SENT["w"]}, 10, "lacks n"),
        (reply(more=np.zeros(2)), 10, "has more beside"),
        (reply(), 0, "num-examples"),
        (reply(), -5, "num-examples"),
        (reply(), 1e9, "num-examples"),
        (reply(), float("nan"), "num-examples"),
        (reply(), 1.5, "num-examples"),
        (reply(), True, "num-examples"),
        (reply(), None, "num-examples"),
        (reply(), [3], "num-examples"),
    ],
)
def test_each_fault_is_named(update: dict[str, np.ndarray], examples: object, why: str | None) -> None:
    said = why_not(update, SENT, examples, most_examples=1000)
    if why is None:
        assert said is None
    else:
        assert said is not None
        assert re.search(why, said), said


def test_distance_is_in_float64_and_of_floats_alone() -> None:
    near = {"w": SENT["w"] + np.float32(1e-8), "n": np.array(9, np.int64)}
    assert distance(near, SENT) == pytest.approx(1e-8 * np.sqrt(12), rel=1e-3)


@given(st.lists(st.floats(0, 1e6), min_size=0, max_size=9), st.floats(1, 100))
def test_outliers_are_beyond_the_median_and_never_most(norms: list[float], times: float) -> None:
    found = outliers(norms, times)
    assert 2 * len(found) <= len(norms)
    assert all(norms[index] > times * np.median(norms) for index in found)
    assert outliers(norms, 0) == []
