"""Labels from updates: of one row always right without noise, of a batch counted, under noise guessed."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from tests.attacks.updates.sent import arm_of, dense, pictures, rows, sent, smooth

from velatura.attacks.intervals import estimate
from velatura.attacks.updates.label_leak import LabelLeak
from velatura.attacks.updates.labels import counts_of, labels_of, likely, nearest, nearest_class
from velatura.attacks.updates.update import Batch, Rule

RNG = np.random.default_rng(0)


def test_the_label_of_one_row_is_always_right() -> None:
    for at in range(20):
        secret = rows(at)
        update = sent(smooth(at) if at % 2 else dense(at), secret, Rule([[0]] * (1 + at % 3), 0.1))
        assert labels_of(update, RNG)[0].tolist() == secret.y.tolist() and nearest_class(update) == secret.y[0]


def test_labels_of_a_batch_are_counted() -> None:
    """At the beginning of training; more often than not all eight, and never far off."""
    off = []
    for first in range(0, 160, 8):
        secret = rows(*range(first, first + 8))
        counts = counts_of(sent(dense(first), secret, Rule([range(8)], 0.1)), RNG)
        assert counts.sum() == 8 and (counts >= 0).all()
        off.append(int(np.abs(counts - np.bincount(secret.y, minlength=10)).sum()) // 2)
    assert np.mean(np.array(off) == 0) > 0.5 and max(off) <= 2


@pytest.mark.parametrize("seed", range(12))
def test_the_nearest_counts_are_those_of_trying_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes, total = 4, 5
    wanted = rng.dirichlet(np.ones(classes)) * total + rng.normal(0, 1, classes)
    found = nearest(wanted, total, 12)
    everything = [np.array(one) for one in product(range(total + 1), repeat=classes) if sum(one) == total]
    distances = sorted(float(((one - wanted) ** 2).sum()) for one in everything)
    clipped = float(((found[0][1] - wanted) ** 2).sum())
    assert clipped == pytest.approx(found[0][0])
    assert [distance for distance, _ in found] == pytest.approx(distances[:12])
    assert len({tuple(counts) for _, counts in found}) == 12 and all(counts.sum() == total and counts.min() >= 0 for _, counts in found)


def test_there_are_no_more_counts_than_there_are() -> None:
    assert [counts.tolist() for _, counts in nearest(np.array([1.2, 0.8]), 2, 9)] == [[1, 1], [2, 0], [0, 2]]
    assert len(nearest(np.array([np.nan, 1.0]), 3, 9)) == 4


def test_what_an_input_looks_like_need_not_be_known() -> None:
    """Dark pictures, and a network that is far from even about them: white noise tells one row too many of a class, all kinds together do not."""
    right = 0
    for first in range(0, 80, 8):
        batch = rows(*range(first, first + 8))
        dark = Batch(batch.x * np.float32(0.3), batch.y)
        found = likely(sent(smooth(first), dark, Rule([range(8)], 0.1)), RNG, 3)
        assert len({tuple(one) for one in found}) == 3
        right += bool((found[0] == np.bincount(dark.y, minlength=10)).all())
    assert right >= 9


def test_one_class_alone_is_seen() -> None:
    found = rows(0)
    same = Batch(np.repeat(found.x, 5, 0), np.repeat(found.y, 5))
    assert counts_of(sent(dense(), same, Rule([range(5)], 0.1)), RNG)[found.y[0]] == 5


def test_the_attack_names_labels_and_under_noise_it_guesses() -> None:
    told = LabelLeak().play(arm_of(smooth()), pictures(10), np.random.default_rng(1), budget_s=30.0)
    assert told.attackers == ("guess", "last-layer", "template") and (told.success[1:] == 1).all() and 0.1 <= told.chance <= 0.3
    noised = LabelLeak().play(arm_of(smooth(), noise=10.0), pictures(40), np.random.default_rng(1), budget_s=30.0)
    assert noised.success.mean(1).max() < 0.4 and noised.success[0].mean() == pytest.approx(noised.chance)


def test_an_update_that_is_no_number_is_answered_all_the_same() -> None:
    update = sent(dense(), rows(1, 2, 3), Rule([range(3)], 0.1), noise=float("nan"))
    assert counts_of(update, RNG).sum() == 3


def test_a_batch_is_judged_by_the_share_of_right_labels() -> None:
    batches = [rows(*range(first, first + 4)) for first in range(0, 40, 4)]
    told = LabelLeak().play(arm_of(dense()), batches, np.random.default_rng(1), budget_s=30.0)
    assert told.attackers == ("guess", "last-layer") and told.success[1].mean() > 0.8 and told.chance < 0.6


def test_noise_over_frequent_labels_is_chance_and_no_fault_of_the_attack() -> None:
    """Four rows of five have one label: an answer read from noise is worse than that one for all."""
    batches = [rows(at) for at in ([0] * 32 + [1, 2, 3, 4, 5, 6, 7, 8])]
    told = LabelLeak().play(arm_of(dense(), noise=10.0), batches, np.random.default_rng(1), budget_s=30.0)
    assert told.success[1:].mean() < 0.5 and told.chance == pytest.approx(0.8)
    found = estimate(told)
    assert not found.below and found.low < found.chance
