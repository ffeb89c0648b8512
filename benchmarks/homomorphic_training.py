"""Training on ciphertext: a step's seconds, and accuracy beside the same training in the open and beside TenSEAL's own loop.

Programs run in this process, as `homomorphic_networks.OnSeal` does it: CPU time of SEAL alone, encryption and decryption at the owner apart.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.homomorphic_networks import mnist
from velatura.homomorphic.engine import run
from velatura.homomorphic.levels import Plan
from velatura.homomorphic.program import Program
from velatura.homomorphic.samples import Samples
from velatura.homomorphic.seal_public import PublicSide
from velatura.homomorphic.seal_secret import SecretSide
from velatura.homomorphic.search import Found
from velatura.homomorphic.softmax_training import chosen_softmax, scores_of, softmax, spread_rows
from velatura.homomorphic.trainer import Nesterov
from velatura.homomorphic.training import chosen, half_sigmoid, pull
from velatura.homomorphic.training_job import Prepared, prepared

Floats = NDArray[np.float64]
Place = tuple[int, int]
RADIUS, DEGREE, ERROR, RATE = 16.0, 3, 1e-3, 2.0
EPOCHS = 5
SOFTMAX_STEPS = 8


class _Sides:
    """An owner, a server with his keys, and the time that the server's runs took."""

    def __init__(self, found: Found, rotations: Sequence[int]) -> None:
        self.found = found
        self.owner = SecretSide(found.parameters)
        keys = self.owner.evaluation_keys(rotations)
        self.key_mb = len(keys) / 1e6
        self.server = PublicSide(found.parameters, keys)
        self.seconds = 0.0

    def sent(self, rows: Mapping[Place, Floats]) -> dict[Place, Any]:
        top, scale = len(self.found.parameters.data), self.found.scales[0]
        return {place: self.server.load(self.owner.encrypt(row, scale), level=top, scale=scale) for place, row in rows.items()}

    def run(self, program: Program, planned: Plan, inputs: Mapping[Place, Any]) -> Floats:
        """(outputs, slots) as the owner reads them."""
        before = time.process_time()
        answers = run(program, planned, self.server, inputs)
        self.seconds += time.process_time() - before
        pairs = zip(answers, program.outputs, strict=True)
        return np.stack([self.owner.decrypt(self.server.dump(one), level=planned.level[ref], scale=planned.scale[ref]).real for one, ref in pairs])


def training() -> Any:
    """A step of 256 x 64, and 780 x 9 in five epochs beside the loop of TenSEAL's tutorial 1."""
    x, y = _drawn(256, 63, seed=0)  # and a constant
    step = _logistic(prepared(Samples(x, y), clip=3.0, shorten=0.9), steps=3)
    x, y = _drawn(780 + 334, 9, seed=1)
    ready = prepared(Samples(x[:780], y[:780]), clip=3.0, shorten=0.9)
    ours = _logistic(ready, steps=EPOCHS)

    def right(weights: Floats) -> float:
        return float(np.mean(ready.linear(weights).predict(x[780:]) == y[780:]))

    peer_seconds, peer_weights, peer_open = _tenseal(ready.x[:, :-1], ready.y[:, 0])
    return {
        "step": {key: one for key, one in step.items() if key not in ("weights", "opened")},
        "epochs": {
            "seconds": ours["seconds"] * EPOCHS,
            "accuracy": right(ours["weights"]),
            "accuracy_open": right(ours["opened"]),
            "deviation": ours["deviation"],
            "key_mb": ours["key_mb"],
        },
        "tenseal": {"seconds": peer_seconds, "accuracy": right(peer_weights[:, None]), "accuracy_open": right(peer_open[:, None])},
    }


def softmax_heads() -> Any:
    """Ten classes on features of MNIST, the softmax at the owner.

    63 principal components (64 with the constant) of 960 pictures; 768 random features of 100.
    """
    data = mnist()
    return {"pca64": _head(_components(data.train[-2048:], 63), data, 960), "wide": _head(_random_features(768), data, 100)}


def _logistic(ready: Prepared, *, steps: int) -> dict[str, Any]:
    odd, largest = half_sigmoid(RADIUS, DEGREE), float(np.abs(ready.x).max())
    columns, program, found = chosen(ready.x.shape[1], len(ready.x), odd, norm=ready.norm, largest=largest, error=ERROR)
    sides = _Sides(found, program.rotations)
    table = sides.sent({(0, number): row for number, row in enumerate(columns.pack(ready.x))})
    labels = ready.x.T @ (ready.y - 0.5)
    state, opened = (Nesterov(labels, len(ready.x), rate=RATE, most=RADIUS / ready.norm) for _ in range(2))
    for _ in range(steps):
        weights = sides.sent({(1, 0): columns.spread(state.ahead[:, 0] / RADIUS)})
        sums = sides.run(program, found.plan, {**table, **weights})[0][columns.places[:, 1]]
        state.move(sums[:, None])
        opened.move(pull(ready.x, opened.ahead, odd, RADIUS))
    deviation = float(np.abs(state.weights - opened.weights).max() / np.abs(opened.weights).max())
    return {
        "seconds": sides.seconds / steps,
        "deviation": deviation,
        "key_mb": sides.key_mb,
        "weights": state.weights,
        "opened": opened.weights,
        "n": found.parameters.n,
    }


def _head(features: Any, data: Any, rows: int) -> dict[str, Any]:
    x, labels = features(data.train[:rows]), data.train_labels[:rows].astype(np.int64)
    ready = prepared(Samples(x, labels), clip=3.0, shorten=0.9)
    y, largest = ready.y, float(np.abs(ready.x).max())
    programs, found = chosen_softmax(ready.x.shape[1], rows, y.shape[1], norm=ready.norm, largest=largest, error=ERROR)
    columns, classes = programs.columns, programs.classes
    sides = _Sides(found, programs.rotations)
    of_scores, of_sums = programs.plans(found.parameters.data, found.scales)
    table = sides.sent({(0, number): row for number, row in enumerate(columns.pack(ready.x))})
    nothing = np.zeros((ready.x.shape[1], classes))
    state, opened = (Nesterov(nothing, rows, rate=RATE, most=RADIUS / ready.norm) for _ in range(2))
    for _ in range(SOFTMAX_STEPS):
        weights = sides.sent({(1, k): columns.spread(w / RADIUS) for k, w in enumerate(state.ahead.T)})
        u = scores_of(columns, classes, sides.run(programs.scores, of_scores, {**table, **weights}))
        wrong = (y - softmax(RADIUS * u)) / (rows * largest)
        sums = []
        for one in wrong.T:
            differences = sides.sent({(2, number): row for number, row in enumerate(spread_rows(columns, one))})
            sums.append(sides.run(programs.sums, of_sums, {**table, **differences})[0][columns.places[:, 1]])
        state.move(-np.stack(sums, axis=1) * rows * largest)
        opened.move(-ready.x.T @ (y - softmax(ready.x @ opened.ahead)))
    test, wanted = features(data.test), data.labels
    right = [float(np.mean(ready.linear(one.weights).predict(test) == wanted)) for one in (state, opened)]
    return {
        "seconds": sides.seconds / SOFTMAX_STEPS,
        "features": x.shape[1],
        "rows": rows,
        "steps": SOFTMAX_STEPS,
        "accuracy": right[0],
        "accuracy_open": right[1],
        "key_mb": sides.key_mb,
        "n": found.parameters.n,
    }


def _components(pictures: Floats, count: int) -> Any:
    """Principal components of other pictures than those that are trained on."""
    mean = pictures.mean(axis=0)
    _, _, rows = np.linalg.svd(pictures - mean, full_matrices=False)
    return lambda x: (x - mean) @ rows[:count].T


def _random_features(count: int) -> Any:
    """ReLU of random projections: what a network's last layer but one looks like, without a network."""
    weights = np.random.default_rng(0).normal(0, 1 / np.sqrt(784), (784, count))
    return lambda x: np.maximum((x - 0.1307) @ weights, 0)


def _drawn(rows: int, features: int, *, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """Labels by a linear law, with some by chance."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, features))
    w = rng.normal(size=features) * 4 / np.sqrt(features)
    return x, (rng.random(rows) < 1 / (1 + np.exp(-x @ w))).astype(np.int64)


def _tenseal(x: Floats, y: Floats) -> tuple[float, Floats, Floats]:
    """The loop of TenSEAL's tutorial 1, one encrypted row after the other: CPU seconds, weights with the bias last, and the same in the open."""
    import tenseal

    context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, 8192, -1, [40, 21, 21, 21, 21, 21, 21, 40])
    context.global_scale = 2**21
    context.generate_galois_keys()
    rows = [tenseal.ckks_vector(context, row.tolist()) for row in x]
    labels = [tenseal.ckks_vector(context, [float(one)]) for one in y]
    w, b, opened = np.zeros(x.shape[1]), 0.0, np.zeros(x.shape[1] + 1)
    seconds = 0.0
    for _ in range(EPOCHS):
        weight, bias = tenseal.ckks_vector(context, w.tolist()), tenseal.ckks_vector(context, [b])
        before = time.process_time()
        moved, moved_bias = 0, 0
        for row, label in zip(rows, labels, strict=True):
            off = (row.dot(weight) + bias).polyval([0.5, 0.197, 0, -0.004]) - label
            moved += row * off
            moved_bias += off
        weight -= moved * (1 / len(x)) + weight * 0.05
        bias -= moved_bias * (1 / len(x))
        seconds += time.process_time() - before
        w, b = np.array(weight.decrypt()), float(bias.decrypt()[0])
        t = x @ opened[:-1] + opened[-1]
        off = 0.5 + 0.197 * t - 0.004 * t**3 - y
        opened = opened - np.append(x.T @ off / len(x) + 0.05 * opened[:-1], off.mean())
    return seconds, np.append(w, b), opened
