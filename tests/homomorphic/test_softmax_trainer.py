"""A softmax head trained on ciphertext, the softmax at the owner, against the same training in the open."""

from __future__ import annotations

import numpy as np
import pytest

from velatura.errors import BadInput
from velatura.homomorphic.softmax_trainer import SoftmaxOwner, SoftmaxSetting, SoftmaxTrainer, train_softmax
from velatura.homomorphic.softmax_training import chosen_softmax, softmax
from velatura.homomorphic.trainer import Nesterov

RADIUS, CLASSES, STEPS = 8.0, 3, 2


def table(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.clip(rng.normal(size=(50, 6)), -3, 3)
    labels = (x @ rng.normal(size=(6, CLASSES))).argmax(axis=1)
    return x, (labels[:, None] == np.arange(CLASSES)).astype(float)


def nesterov(x: np.ndarray) -> Nesterov:
    return Nesterov(np.zeros((x.shape[1], CLASSES)), len(x), rate=2.0, most=RADIUS / float(np.linalg.norm(x, axis=1).max()))


def setting(x: np.ndarray) -> SoftmaxSetting:
    largest = float(np.abs(x).max())
    programs, found = chosen_softmax(x.shape[1], len(x), CLASSES, norm=float(np.linalg.norm(x, axis=1).max()), largest=largest, error=1e-3)
    return SoftmaxSetting(programs, found, RADIUS, largest)


def in_the_open(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    state = nesterov(x)
    for _ in range(STEPS):
        state.move(-x.T @ (y - softmax(x @ state.ahead)))
    return state.weights


def test_the_weights_are_those_of_training_in_the_open() -> None:
    pytest.importorskip("tenseal", reason="tenseal is not installed")
    x, y = table()
    agreed = setting(x)
    with SoftmaxOwner(agreed, y, nesterov(x)) as owner, SoftmaxTrainer(agreed, owner.keys(), owner.table(x)) as trainer:
        train_softmax(trainer, owner, STEPS)
        assert np.abs(owner.nesterov.weights - in_the_open(x, y)).max() < 1e-2
        assert owner.round_trips == 2 * STEPS and owner.uploaded > 0 and owner.downloaded > 0
        with pytest.raises(BadInput) as caught:
            trainer.scores([b"no ciphertext"] * CLASSES)
        assert caught.value.code == "he.blob"


def test_scores_that_no_weights_can_give_are_refused() -> None:
    pytest.importorskip("tenseal", reason="tenseal is not installed")
    x, y = table()
    agreed = setting(x)
    with SoftmaxOwner(agreed, y, nesterov(x)) as other:
        foreign = other.keys()
    with SoftmaxOwner(agreed, y, nesterov(x)) as owner, SoftmaxTrainer(agreed, foreign, owner.table(x)) as trainer:
        owner.nesterov.move(-x.T @ y)  # weights of nought would meet no foreign key
        with pytest.raises(BadInput) as caught:
            train_softmax(trainer, owner, 1)
        assert caught.value.code == "he.range"
