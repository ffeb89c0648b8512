"""Client-level privacy: what one site changes is bounded, the noise is what the ledger says, and one sum has one noise."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("dp_accounting", reason="dp-accounting is not installed")
pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("flwr", reason="flwr is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from flwr.app import Context, Message
from msgspec.structs import replace
from tests.federated.jobs import job

from velatura.dp.accounting import Event, epsilon
from velatura.dp.ledger import Budget, PrivacyLedger
from velatura.dp.vectors import noised
from velatura.errors import Withheld
from velatura.federated.aggregation import ClientLevel, Update
from velatura.federated.checkpoint import read
from velatura.federated.job import Privacy, Rounds
from velatura.federated.local_grid import LocalGrid
from velatura.federated.server import Outcome
from velatura.federated.serving import finished, serve_job
from velatura.federated.site import client_app
from velatura.progress import Silent

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


class Told(Silent):
    def __init__(self) -> None:
        self.words: list[str] = []

    def standing(self, words: str) -> None:
        self.words.append(words)


def left_by(share: float, folder: Path) -> tuple[Outcome, str, list[str]]:
    """(a run in which site 3 always fails, all that it writes and a person may see, what it says on its way)."""
    of = replace(
        job(rounds=4, sites=12), privacy=Privacy("client", 50.0, 1e-2, 0.5), rounds=Rounds(count=4, share=share, deadline_s=60.0, wait_s=20.0)
    )
    honest = client_app(of, Path())

    def answer(message: Message, context: Context) -> Message:
        if message.metadata.message_type == "train" and context.node_config["partition-id"] == 3:
            raise ValueError("no luck: here at site 3")
        return honest(message, context)

    folder.mkdir()
    inner, told = LocalGrid(answer, 12), Told()  # type: ignore[arg-type]
    try:
        outcome = serve_job(of, inner, folder, Path(), progress=told)
    finally:
        inner.close()
    kept = json.dumps(list(read(folder / "checkpoint").history)) + (folder / "history.json").read_text() + (folder / "ledger").read_text()
    return outcome, kept, told.words


def test_a_run_does_not_tell_who_was_drawn_nor_how_many(tmp_path: Path) -> None:
    """Epsilon counts on nobody knowing it."""
    outcome, kept, words = left_by(0.95, tmp_path / "drawn")  # the site that fails is never drawn in one run of 160,000
    assert all(one.asked is None and one.believed is None for one in outcome.history)
    assert [(one.round, one.node, one.partition) for one in outcome.refused] == [(None, None, None)]
    assert "ValueError" in kept and "luck" not in kept and "site 3" not in kept
    assert words and not any("sites" in one for one in words)
    assert finished(tmp_path / "drawn").refused == outcome.refused


def test_where_all_take_part_it_names_who_failed(tmp_path: Path) -> None:
    outcome, _, words = left_by(1.0, tmp_path / "all")
    assert {(one.round, one.partition) for one in outcome.refused} == {(number, 3) for number in range(1, 5)}
    assert outcome.history[0].believed == 11 and "11 of 12 sites" in words[0]


def test_a_ledger_that_is_shown_confirms_no_guess_of_a_sum(tmp_path: Path) -> None:
    with PrivacyLedger(tmp_path / "ledger", Budget(100.0, 1e-5)) as ledger:
        level(ledger).combine(1, SENT, [])
    assert hashlib.sha256(np.zeros(2000, np.int64).tobytes()).hexdigest() not in (tmp_path / "ledger").read_text()
