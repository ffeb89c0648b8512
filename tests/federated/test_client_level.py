"""Client-level privacy: what one site changes is bounded, the noise is what the ledger says, and one sum has one noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("dp_accounting", reason="dp-accounting is not installed")

from velatura.dp.accounting import Event, epsilon
from velatura.dp.ledger import Budget, PrivacyLedger
from velatura.dp.vectors import noised
from velatura.errors import Withheld
from velatura.federated.aggregation import ClientLevel, Update

SENT = {"w": np.zeros((40, 50), np.float32), "n": np.array(7)}


def update(partition: int, value: float) -> Update:
    return Update(partition, {"w": np.full((40, 50), value, np.float32), "n": np.array(9)}, 5)


def level(ledger: PrivacyLedger, *, noise: float = 1.0, secret: bytes = b"s" * 32) -> ClientLevel:
    return ClientLevel(clip=1.0, noise=noise, sampling=1.0, expected=4.0, ledger=ledger, secret=secret)


def test_noise_on_vectors_is_gaussian_whole_and_its_keys_own() -> None:
    drawn = noised(np.zeros(200_000, np.int64), 1000.0, b"k" * 32)
    assert np.array_equal(drawn, np.rint(drawn))
    assert drawn.mean() == pytest.approx(0, abs=10) and drawn.std() == pytest.approx(1000, rel=0.01)
    from scipy.stats import kstest

    assert kstest(drawn / 1000, "norm").pvalue > 1e-4
    assert np.array_equal(drawn, noised(np.zeros(200_000, np.int64), 1000.0, b"k" * 32))
    assert abs(np.corrcoef(drawn, noised(np.zeros(200_000, np.int64), 1000.0, b"l" * 32))[0, 1]) < 0.02
    assert np.array_equal(noised(np.full(9, 5), 100.0, b"k" * 32) - 5, noised(np.zeros(9, np.int64), 100.0, b"k" * 32))
    with pytest.raises(ValueError, match="finer"):
        noised(np.zeros(3, np.int64), 1.0, b"k" * 32)


def test_a_site_that_did_not_clip_moves_the_sum_by_no_more_than_the_norm(tmp_path: Path) -> None:
    with PrivacyLedger(tmp_path / "ledger", Budget(1e9, 1e-5)) as ledger:
        quiet = level(ledger, noise=1e-4)
        with_it = quiet.combine(1, SENT, [update(0, 0.001), update(1, 1e6)])[0].arrays["w"]
        without = quiet.combine(2, SENT, [update(0, 0.001)])[0].arrays["w"]
    moved = float(np.linalg.norm(with_it.astype(float) - without)) * 4.0  # type: ignore[arg-type]
    assert moved == pytest.approx(1.0, rel=0.05)


def test_the_noise_is_what_the_ledger_was_charged_for(tmp_path: Path) -> None:
    with PrivacyLedger(tmp_path / "ledger", Budget(100.0, 1e-5)) as ledger:
        made = level(ledger, noise=2.0).combine(1, SENT, [])[0]
        assert ledger.spent() == epsilon([(Event("gaussian", 2.0), 1)], 1e-5)
    assert made.partition == -1 and np.std(made.arrays["w"]) * 4.0 == pytest.approx(2.0, rel=0.06)  # type: ignore[type-var]
    assert made.arrays["n"] == 7


def test_one_sum_is_one_release_and_another_sum_has_other_noise(tmp_path: Path) -> None:
    with PrivacyLedger(tmp_path / "ledger", Budget(100.0, 1e-5)) as ledger:
        same = [level(ledger).combine(1, SENT, [update(0, 0.001)])[0].arrays["w"] for _ in range(2)]
        assert np.array_equal(*same) and len(ledger) == 1
        other = level(ledger).combine(1, SENT, [update(0, 0.00101)])[0].arrays["w"]
        assert len(ledger) == 2
        assert np.std(other.astype(float) - same[0]) * 4.0 > 1.2, "noises are independent: their difference has sqrt(2) of one"
        assert not np.array_equal(level(ledger, secret=b"t" * 32).combine(1, SENT, [update(0, 0.001)])[0].arrays["w"], same[0])


def test_beyond_the_budget_nothing_is_released(tmp_path: Path) -> None:
    with PrivacyLedger(tmp_path / "ledger", Budget(5.0, 1e-5)) as ledger:
        level(ledger).combine(1, SENT, [])
        with pytest.raises(Withheld):
            level(ledger).combine(2, SENT, [])
