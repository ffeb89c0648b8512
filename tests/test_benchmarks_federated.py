"""The federated benchmark's bookkeeping: what was not measured, or failed, is never told as reached."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import federated_canaries
from benchmarks.federated_accuracy import Curve
from benchmarks.federated_kept import Kept, keep, kept
from benchmarks.federated_rows import ROWS, rows


def taken(figures: object, failed: str = "") -> Kept:
    return Kept(figures, failed, "2026-01-01", {})


def test_what_was_not_measured_says_so_and_is_missed() -> None:
    told = rows({})
    assert len(told) == len(ROWS)
    assert not any(row.reached for row in told)
    assert all(row.measured.startswith("not measured: ") for row in told)


def test_a_step_that_failed_says_why() -> None:
    told = {row.what: row for row in rows({"niid": taken(None, "Missing: MNIST is not here")})}
    row = next(row for what, row in told.items() if what.startswith("niid_bench"))
    assert not row.reached and "MNIST is not here" in row.measured


@pytest.mark.parametrize(("accuracy", "reached"), [([0.5, 0.9839], True), ([0.5, 0.9838], False), ([0.9950, 0.1], True)])
def test_the_best_round_is_compared_with_the_published_one(accuracy: list[float], reached: bool) -> None:
    row = next(row for row in rows({"niid": taken({"accuracy": accuracy, "of": 50})}) if row.what.startswith("niid_bench"))
    assert row.reached is reached


def test_other_weights_are_no_reached_target() -> None:
    figures = {"same": False, "ratio": {"job": {"median": 1.0, "low": 1.0, "high": 1.0}}, "cpu_s": {"job": {"median": 1.0}, "bare": {"median": 1.0}}}
    told = {row.what: row.reached for row in rows({"local": taken(figures)})}
    assert told["its weights"] is False
    assert sum(told.values()) == 1


def test_a_failure_does_not_take_the_place_of_a_result(tmp_path: Path) -> None:
    keep("step", lambda: Curve([0.5], 1), folder=tmp_path)
    keep("step", lambda: 1 / 0, folder=tmp_path)
    found = kept("step", folder=tmp_path)
    assert found is not None and found.figures == {"accuracy": [0.5], "of": 1} and not found.failed


def test_a_failure_is_kept_where_there_is_nothing_else(tmp_path: Path) -> None:
    keep("step", lambda: 1 / 0, folder=tmp_path)
    found = kept("step", folder=tmp_path)
    assert found is not None and found.figures is None and found.failed.startswith("ZeroDivisionError")


def test_the_first_round_at_an_accuracy() -> None:
    assert Curve([0.5, 0.99, 0.98], 3).reached(0.99) == 2
    assert Curve([0.5], 3).reached(0.99) is None


@pytest.mark.parametrize(
    ("honest", "weak", "bare", "reached"),
    [
        ([0.0, 0.9], [1.7], [3.3], [True, True]),
        ([0.0, 1.1], [1.7], [3.3], [False, True]),
        ([0.0, 0.9], [1.7, 0.9], [3.3], [True, False]),
        ([0.0, 0.9], [1.7], [0.8], [False, True]),  # an auditor who finds nothing without noise has accused nobody
    ],
)
def test_an_audit_that_accuses_the_honest_or_misses_the_weak_is_no_success(
    honest: list[float], weak: list[float], bare: list[float], reached: list[bool]
) -> None:
    told = federated_canaries.rows({"sample": {"honest": honest, "weak": weak, "bare": bare, "middle": honest, "ceiling": 3.35}})
    assert [row.reached for row in told] == reached and "ceiling 3.35" in told[0].measured


def test_the_noise_is_whole_again_after_the_weak_audits() -> None:
    sgd = pytest.importorskip("velatura.dp.sgd")
    from velatura.federated import aggregation

    before = sgd.noised
    with pytest.raises(ZeroDivisionError), federated_canaries.tenth_of_the_noise():
        assert sgd.noised is not before and aggregation.noised is sgd.noised
        raise ZeroDivisionError
    assert sgd.noised is before is aggregation.noised
