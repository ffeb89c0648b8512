"""Poisons and backdoors against a mean, which they must break, and one that leaves them out; sites are least squares on digits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.datasets import load_digits

from velatura.attacks.training.backdoor import Backdoor, triggered
from velatura.attacks.training.poison import POISONS, Poison, Sent, boosted, bounded
from velatura.attacks.training.poisoning import Poisoning
from velatura.audit.trial import trial
from velatura.errors import BadInput, BadSpec
from velatura.findings import Claim, Verdict

SITES, HIS = 10, 2


def digits() -> tuple[np.ndarray, np.ndarray]:
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return (x[order] / 16).reshape(-1, 1, 8, 8).astype(np.float32), y[order].astype(np.int64)


X, Y = digits()
TEST = list(zip(X[:400], Y[:400].tolist(), strict=True))
PARTS = np.array_split(np.arange(400, len(Y)), SITES)


def solved(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    flat = np.c_[x.reshape(len(x), -1), np.ones(len(x))]
    return np.linalg.solve(flat.T @ flat + np.eye(65), flat.T @ np.eye(10)[y]).ravel()


@dataclass
class Sites:
    """One round from nothing. outvoted: the mean is that of the others, as of a defence that errs never."""

    outvoted: bool

    def __call__(self, poison, rng):
        updates = np.stack([solved(X[part], Y[part]) for part in PARTS])
        if poison is not None:
            rows = [(X[part], Y[part]) if poison.rows is None else poison.rows((X[part], Y[part]), 10, rng) for part in PARTS[:HIS]]
            made = np.stack([solved(*one) for one in rows])
            updates[:HIS] = made if poison.update is None else poison.update(Sent(made, updates[:HIS].copy(), SITES), rng)
        weights = updates[HIS if self.outvoted else 0 :].mean(0).reshape(65, 10)
        return lambda x: (np.c_[x.reshape(len(x), -1), np.ones(len(x))] @ weights).argmax(1)


def judged(attack, outvoted, claim):
    arms = {"plain": Sites(False), "protected": Sites(outvoted)}
    return trial(attack, "x", claim=claim, secrets=TEST, seed=1, budget_s=60.0, findings=1, **arms).finding


def test_a_mean_is_ruined_and_one_without_him_is_not() -> None:
    assert judged(Poisoning(), False, Claim(0.03)).verdict is Verdict.BROKEN
    found = judged(Poisoning(), True, Claim(0.03))
    assert found.verdict is Verdict.HELD, found.why
    assert "honest" in found.evidence["accuracy"]


def test_a_boosted_backdoor_opens_a_mean_without_costing_it_much() -> None:
    outcomes = Backdoor().play(Sites(False), TEST, np.random.default_rng(1), budget_s=60.0)
    planted = dict(zip(outcomes.attackers, outcomes.success.mean(1), strict=True))
    assert planted["boosted"] > 0.4 and outcomes.success.shape[1] == (Y[:400] != int(outcomes.notes["label of the mark"])).sum()
    honest, _, after = outcomes.notes["accuracy on rows without the trigger"].split("; ")
    assert float(after.split()[-1]) > float(honest.split()[-1]) - 0.05
    kept = Backdoor().play(Sites(True), TEST, np.random.default_rng(1), budget_s=60.0)
    assert kept.success.mean(1).max() < 0.1


def test_what_each_poison_sends() -> None:
    honest = np.array([[1.0, 2.0], [3.0, 6.0]])
    sent, rng = Sent(2 * honest, honest, 10), np.random.default_rng(0)
    update = {name: poison.update(sent, rng) if poison.update else None for name, poison in POISONS.items()}
    assert update["sign-flip"].tolist() == [[-10, -20]] * 2
    assert update["alie"].tolist() == [[1, 2]] * 2, "mean - 1 sd: with 2 of 10 the formula's z is 0"
    assert Sent(honest, honest, 50).boost == 25 and update["label-flip"] is None
    assert boosted(sent, rng).tolist() == (10 * honest).tolist()
    assert np.linalg.norm(bounded(Sent(100 * honest, honest, 10), rng), axis=1) == pytest.approx([np.median([5**0.5, 45**0.5])] * 2)
    assert POISONS["label-flip"].rows((X[:3], np.array([0, 1, 9])), 10, rng)[1].tolist() == [9, 8, 0]


def test_alies_z_is_the_papers() -> None:
    """n = 50, m = 24: s = 26 - 24, and z the quantile of (26 - 2) / 26."""
    honest = np.random.default_rng(1).normal(size=(24, 3))
    sent = POISONS["alie"].update(Sent(honest, honest, 50), np.random.default_rng(0))
    assert sent[0] == pytest.approx(honest.mean(0) - 1.42608 * honest.std(0), abs=1e-4)


def test_a_trigger_is_a_corner_or_columns() -> None:
    marked = triggered(np.zeros((2, 1, 8, 8), np.float32), 1.0)
    assert marked.sum() == 2 * 4 and marked[0, 0, -2:, -2:].all()
    assert triggered(np.zeros((2, 30), np.float32), 7.0)[:, :3].tolist() == [[7, 7, 7]] * 2


def test_time_that_is_over_leaves_what_was_played() -> None:
    outcomes = Poisoning().play(Sites(False), TEST, np.random.default_rng(1), budget_s=0.0)
    assert outcomes.cut and outcomes.attackers == ("sign-flip",) and "gauss" in outcomes.notes["not played"]


def test_wrong_words_and_no_rows_are_refused() -> None:
    with pytest.raises(BadSpec) as caught:
        Poisoning(("sign-flop",)).play(Sites(False), TEST, np.random.default_rng(1), budget_s=1.0)
    assert "sign-flip" in caught.value.hint
    with pytest.raises(BadInput, match="no test rows"):
        Poisoning().play(Sites(False), [], np.random.default_rng(1), budget_s=1.0)
    with pytest.raises(BadInput, match="all test rows have label 3"):
        Backdoor(target=3).play(Sites(False), [one for one in TEST if one[1] == 3], np.random.default_rng(1), budget_s=1.0)
    assert Poison("nothing").rows is None
