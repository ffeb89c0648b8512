"""Training on a table that the trainer cannot read, with SEAL, against the same training in the open."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from velatura.errors import BadInput
from velatura.homomorphic.trainer import Nesterov, OwnersRefresh, Setting, Trainer, train
from velatura.homomorphic.training import chosen, half_sigmoid, pull

RADIUS = 8.0
ODD = half_sigmoid(RADIUS, 7)


def table(samples: int, features: int, classes: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.clip(rng.normal(size=(samples, features)), -3, 3)
    scores = x @ rng.normal(size=(features, classes)) + 0.3 * rng.normal(size=(samples, classes))
    y = scores > 0 if classes == 1 else scores.argmax(axis=1)[:, None] == np.arange(classes)
    return x, y.astype(float)


def nesterov(x: np.ndarray, y: np.ndarray) -> Nesterov:
    return Nesterov(x.T @ (y - 0.5), len(x), rate=2.0, most=RADIUS / float(np.linalg.norm(x, axis=1).max()))


def setting(x: np.ndarray) -> Setting:
    norm, largest = float(np.linalg.norm(x, axis=1).max()), float(np.abs(x).max())
    columns, program, found = chosen(x.shape[1], len(x), ODD, norm=norm, largest=largest, error=1e-4)
    return Setting(columns, program, found, RADIUS, ODD, largest)


def in_the_open(x: np.ndarray, y: np.ndarray, steps: int) -> np.ndarray:
    state = nesterov(x, y)
    for _ in range(steps):
        state.move(pull(x, state.ahead, ODD, RADIUS))
    return state.weights


def test_encrypted_training_finds_the_weights_of_training_in_the_open() -> None:
    pytest.importorskip("tenseal", reason="tenseal is not installed")
    x, y = table(64, 8, classes=3)
    agreed = setting(x)
    with OwnersRefresh(agreed, nesterov(x, y)) as owner, Trainer(agreed, owner.keys(), owner.table(x)) as trainer:
        last = train(trainer, owner, 3)
        assert np.abs(owner.nesterov.weights - in_the_open(x, y, 3)).max() < 1e-4
        assert owner.round_trips == 3 and len(last) == 3
        # Random residues compress a little better or worse under another key: seen 1.6 % apart.
        assert owner.uploaded == pytest.approx(4 * 3 * len(last[0]), rel=0.05) and owner.downloaded < owner.uploaded

        with pytest.raises(BadInput) as caught:
            trainer.step([b"no ciphertext"])
        assert caught.value.code == "he.blob"
        assert len(trainer.step(last)) == 3  # and it goes on


def test_an_answer_that_no_table_can_give_is_refused() -> None:
    pytest.importorskip("tenseal", reason="tenseal is not installed")
    x, y = table(20, 7)
    agreed = setting(x)
    with OwnersRefresh(agreed, nesterov(x, y)) as other:
        foreign = other.keys()
    with OwnersRefresh(agreed, nesterov(x, y)) as owner, Trainer(agreed, foreign, owner.table(x)) as trainer:
        with pytest.raises(BadInput) as caught:
            train(trainer, owner, 1)
        assert caught.value.code == "he.range"
        assert not owner.nesterov.weights.any()  # nothing of it was taken


def test_weights_never_leave_the_ball_for_which_the_ranges_hold() -> None:
    x, y = table(50, 4)
    state = Nesterov(x.T @ (y - 0.5), len(x), rate=1e6, most=0.5)
    for _ in range(5):
        state.move(pull(x, state.ahead, ODD, RADIUS))
        assert np.linalg.norm(state.ahead, axis=0).max() <= 0.5 * (1 + 1e-12)
        assert np.linalg.norm(state.weights, axis=0).max() <= 0.5 * (1 + 1e-12)
    assert state.bounded >= 5


def test_the_momentum_is_nesterov_s() -> None:
    target = np.array([[1.0], [-2.0]])  # maximise -|w - target|^2 / 2 with steps of one tenth
    state = Nesterov(target, 1, rate=0.1, most=1e9)
    w = v = np.zeros((2, 1))
    for k in range(6):
        state.move(state.ahead)
        moved = v + 0.1 * (target - v)
        v = moved + k / (k + 3) * (moved - w)
        w = moved
    assert state.weights == pytest.approx(w) and state.ahead == pytest.approx(v) and state.bounded == 0


def test_the_loop_asks_of_a_refresh_only_what_its_protocol_says() -> None:
    """Whoever makes ciphertexts fresh, the loop is the same."""

    class Counting:
        def __init__(self) -> None:
            self.seen: list[bytes] = []

        def first(self) -> list[bytes]:
            return [b"0"]

        def refreshed(self, sums: Sequence[bytes]) -> list[bytes]:
            self.seen += sums
            return [bytes([sums[0][0] + 1])]

    class Echo:
        def step(self, weights: Sequence[bytes]) -> list[bytes]:
            return list(weights)

    refresh = Counting()
    assert train(Echo(), refresh, 3) == [b"3"] and refresh.seen == [b"0", b"1", b"2"]
