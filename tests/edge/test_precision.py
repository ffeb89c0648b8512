"""Average precision by hand, and the gate that rests on it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from velatura.detect.region import Region
from velatura.edge.gates import judged
from velatura.edge.manifest import Precision
from velatura.edge.precision import Truth, average_precision

A, B, SMALL = (0.0, 0.0, 20.0, 20.0), (50.0, 50.0, 80.0, 80.0), (100.0, 100.0, 106.0, 106.0)


def found(*boxes: tuple[tuple[float, ...], float], label: str = "face") -> list[Region]:
    return [Region(box, label, score) for box, score in boxes]  # type: ignore[arg-type]


def ap(regions: list[Region], *boxes: tuple[float, ...]) -> float:
    return average_precision([regions], [Truth.of(("face", box) for box in boxes)])[0]


def test_all_found_is_a_hundred_and_none_is_nothing() -> None:
    assert ap(found((A, 0.9), (B, 0.8)), A, B) == 100
    assert ap([], A, B) == 0
    assert ap(found((B, 0.9)), A) == 0


def test_a_false_one_costs_by_its_rank() -> None:
    other = (200.0, 200.0, 230.0, 230.0)
    assert ap(found((A, 0.9), (B, 0.8), (other, 0.7)), A, B) == 100
    assert ap(found((A, 0.9), (other, 0.8), (B, 0.7)), A, B) == pytest.approx(50 + 50 * 2 / 3)
    assert ap(found((other, 0.95), (A, 0.9), (B, 0.8)), A, B) == pytest.approx(100 * 2 / 3)


def test_a_face_is_found_once() -> None:
    near = (1.0, 1.0, 21.0, 21.0)
    assert ap(found((A, 0.9), (near, 0.8), (B, 0.7)), A, B) == pytest.approx(50 + 50 * 2 / 3)


def test_what_is_too_small_neither_counts_nor_hurts() -> None:
    value, count = average_precision([found((SMALL, 0.99), (A, 0.9))], [Truth.of([("face", A), ("face", SMALL)])])
    assert (value, count) == (100, 1)


def test_labels_are_judged_by_themselves() -> None:
    truth = Truth.of([("person", A), ("vehicle", B)])
    regions = [*found((A, 0.9), label="person"), *found((B, 0.9), label="person")]
    assert average_precision([regions], [truth]) == (50.0, 2)


def test_nothing_asked_is_nothing_found() -> None:
    assert average_precision([found((A, 0.9))], [Truth.of([])]) == (0.0, 0)


def gate(fp32_ms: float, int8_ms: float, before: float, after: float) -> Precision:
    told = Precision(fp32_ms=fp32_ms, int8_ms=int8_ms, ap50_fp32=before, ap50_int8=after, min_gain=1.15, max_drop=1.0, against="labels")
    return judged(told)


@pytest.mark.parametrize(
    ("figures", "chosen", "word"),
    [
        ((20.0, 6.0, 66.3, 65.8), "int8", "3.33x"),
        ((3.35, 3.63, 66.3, 66.8), "fp32", "less than 1.15x"),
        ((20.0, 6.0, 66.3, 60.0), "fp32", "more than 1.00 points"),
        ((3.0, 3.0, 66.3, 60.0), "fp32", "less than 1.15x and more than 1.00 points"),
    ],
)
def test_integers_have_to_be_as_good_and_quicker(figures: tuple[float, float, float, float], chosen: str, word: str) -> None:
    told = gate(*figures)
    assert told.chosen == chosen and word in told.why
    assert np.isclose(told.drop, figures[2] - figures[3]) and msgspec.json.decode(msgspec.json.encode(told), type=Precision) == told
