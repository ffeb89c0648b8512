"""Membership: broken on models that have learnt their records by heart, and at chance on models that never saw them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from velatura.attacks.attack import Outcomes
from velatura.attacks.intervals import estimate
from velatura.attacks.training import affordable
from velatura.attacks.training.lira import offline, online, phi
from velatura.attacks.training.membership import ATTACKERS, Membership
from velatura.attacks.training.rmia import relative
from velatura.audit.trial import trial
from velatura.errors import BadInput, BadSpec
from velatura.findings import Claim, Verdict

RECORDS, HIDDEN = 600, 256


def digits(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Three labels of ten are wrong: those a model can only know by heart."""
    x, y = load_digits(return_X_y=True)
    chosen = rng.permutation(len(y))[:RECORDS]
    labels = y[chosen].astype(np.int64)
    wrong = rng.random(RECORDS) < 0.3
    labels[wrong] = rng.integers(10, size=int(wrong.sum()))
    return x[chosen] / 16, labels


X, Y = digits(np.random.default_rng(3))
ONE_HOT = np.eye(10)[Y]


def features(rng: np.random.Generator) -> np.ndarray:
    return np.tanh(X @ rng.normal(size=(64, HIDDEN)) / 2) / np.sqrt(HIDDEN)


def by_heart(inside: np.ndarray, rng: np.random.Generator, *, ridge: float = 3e-3) -> np.ndarray:
    """Least squares on random features, hardly held back: logits of all records."""
    all_of_them = features(rng)
    seen = all_of_them[inside]
    return 10 * all_of_them @ np.linalg.solve(seen.T @ seen + ridge * np.eye(HIDDEN), seen.T @ ONE_HOT[inside])


def of_others(inside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Trained as well, on records that have nothing to do with who is inside."""
    return by_heart(rng.random(RECORDS) < 0.5, rng)


def private(inside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Clipped gradients with as much noise as 40 steps at epsilon .5 want."""
    all_of_them, weights = features(rng), np.zeros((HIDDEN, 10))
    seen, target = all_of_them[inside], ONE_HOT[inside]
    for _ in range(40):
        scores = np.exp(seen @ weights)
        wrong = scores / scores.sum(1, keepdims=True) - target
        length = np.linalg.norm(seen, axis=1) * np.linalg.norm(wrong, axis=1)
        clipped = wrong * np.minimum(1, 1 / length)[:, None]
        weights -= 0.02 * (seen.T @ clipped + rng.normal(size=weights.shape) * 45)
    return all_of_them @ weights


def played(arm, **options):
    return Membership(**options).play(arm, Y, np.random.default_rng(1), budget_s=60.0)


def test_what_was_learnt_by_heart_is_named_by_all_who_compare_with_shadows_and_not_by_one_threshold() -> None:
    outcomes = played(by_heart)
    assert outcomes.member is not None
    found = {
        name: estimate(Outcomes(scores[None], (name,), 0.01, "records", "rate", 2, "tpr", outcomes.member))
        for name, scores in zip(outcomes.attackers, outcomes.success, strict=True)
    }
    assert min(one.low for name, one in found.items() if name != "loss") > 0.05
    assert found["loss"].value < 0.05, "what Carlini et al. show: it has an AUC of .84 all the same"
    assert "AUC" in outcomes.notes["lira-online"] and "0.1 % false alarms" not in outcomes.notes["lira-online"], "600 others do not reach so far"


@pytest.mark.parametrize("arm", [of_others, private])
def test_it_is_held_where_the_model_tells_nothing(arm) -> None:
    found = trial(Membership(targets=4), "x", plain=by_heart, protected=arm, claim=Claim(), secrets=Y, seed=2, budget_s=60.0, findings=1).finding
    assert found.verdict is Verdict.HELD, found.why
    assert found.baseline.low > 0.05 and "records" in found.why


def test_a_mere_hint_of_protection_is_not_held() -> None:
    found = trial(Membership(), "x", plain=by_heart, protected=by_heart, claim=Claim(), secrets=Y, seed=2, budget_s=60.0, findings=1).finding
    assert found.verdict is Verdict.BROKEN


def test_a_budget_that_ends_it_is_told_and_leaves_four_shadows() -> None:
    outcomes = Membership().play(by_heart, Y, np.random.default_rng(1), budget_s=1e-3)
    assert outcomes.cut and outcomes.notes["shadow models"].startswith("4,")


def test_a_training_that_the_budget_never_pays_for_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affordable, "GRACE_S", 0.0)
    found = trial(Membership(), "x", plain=by_heart, protected=by_heart, claim=None, secrets=Y, seed=2, budget_s=1e-3, findings=1).finding
    assert found.verdict is Verdict.NOT_RUN and "needs 6 at least" in found.why


def test_confidences_do_not_round_to_one() -> None:
    logits = np.array([[90.0, 0.0, 1.0], [0.0, 90.0, 0.0]])
    assert phi(logits, np.array([0, 0])) == pytest.approx([90 - np.log(1 + np.e), -90 - np.log1p(np.exp(-90))])


def test_scores_are_the_papers() -> None:
    shadows = np.array([[1.0, 0], [3, 0], [5, 2], [7, 4]])
    inside = np.array([[False, True], [False, False], [True, True], [True, False]])
    without, within = 5.0, 2.0  # variances: (2 + 8) / 2, (2 + 2) / 2
    assert offline(np.array([4.0, 1]), shadows, inside) == pytest.approx(np.array([2, -1]) / np.sqrt(without))
    ratios = [4 / without - 4 / within, 1 / without - 0]
    assert online(np.array([4.0, 1]), shadows, inside) == pytest.approx((np.array(ratios) + np.log(without / within)) / 2)
    p = 1 / (1 + np.exp(-shadows))
    out = np.array([(p[0, 0] + p[1, 0]) / 2, (p[1, 1] + p[3, 1]) / 2])
    ratio = 1 / (1 + np.exp(-np.array([4.0, 1]))) / ((1.3 * out + 0.7) / 2)
    assert np.floor(2 * relative(np.array([4.0, 1]), shadows, None, ~inside)) / 2 == pytest.approx([np.mean(ratio <= one) for one in ratio])


def test_too_little_to_say_anything_is_refused() -> None:
    with pytest.raises(BadInput, match="too few"):
        Membership(targets=1).play(by_heart, Y[:150], np.random.default_rng(0), budget_s=1.0)
    with pytest.raises(BadInput, match="logits"):
        played(lambda inside, rng: np.full((RECORDS, 10), np.nan))
    with pytest.raises(BadSpec, match="shadow"):
        played(by_heart, shadows=3)
    with pytest.raises(BadSpec) as caught:
        played(by_heart, attackers=("lira-onlin",))
    assert "lira-online" in caught.value.hint and "loss" in ATTACKERS
