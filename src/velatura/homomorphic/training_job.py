"""A training job from a file: its spec, the table made ready, the training, and weights in the table's own units.

    data = "table.npz"          # x (samples, features) and y (samples,) whole numbers; beside the job's file
    steps = 20

The owner makes the table ready in the open, on his own machine: each feature to mean 0 and deviation 1, clipped, and a constant; then long
rows are shortened. Two classes take one set of weights; more take one each, each class against the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput, BadSpec
from velatura.homomorphic.memory import needed_by_program, refuse_too_much
from velatura.homomorphic.samples import Samples, load_samples
from velatura.homomorphic.search import Found
from velatura.homomorphic.softmax_trainer import SoftmaxOwner, SoftmaxSetting, SoftmaxTrainer, train_softmax
from velatura.homomorphic.softmax_training import chosen_softmax, softmax
from velatura.homomorphic.trainer import Nesterov, OwnersRefresh, Setting, Trainer, train
from velatura.homomorphic.training import chosen, half_sigmoid, pull
from velatura.progress import SILENT, Progress
from velatura.specs import Spec, load_spec

__all__ = ["Linear", "Prepared", "Trained", "TrainingJob", "load_job", "prepared", "run_job"]

Floats: TypeAlias = NDArray[np.float64]
_Done: TypeAlias = dict[str, Any]
"""Fields of `Trained` that both ways of training fill."""
MOST_CLASSES = 1000
LIMITS_OF = {"steps": (1, 10_000), "rate": (1e-6, 1e3), "radius": (1, 64), "clip": (0.5, 100), "shorten": (0.01, 1), "error": (1e-9, 0.5)}


class TrainingJob(Spec, frozen=True):
    """
    Args:
        data: `.npz` with `x` and `y`; relative to the job's file.
        test: the same, for an accuracy that training did not see.
        steps: over the whole table; a round trip each.
        rate: length of a step, in mean gradients of the standardised table.
        radius: the sigmoid is a polynomial good for |x . w| up to that; weights are kept within it.
        degree: of that polynomial; 3 takes a level and a third of the time less, and finds less.
        clip: standard deviations beyond which a feature's value is cut.
        shorten: rows longer than this share of all are brought to that length: the longest row limits the weights.
        error: greatest deviation of a step's sums, relative to the greatest, that primes and scales are chosen for.
        refresh: who makes ciphertexts fresh between two steps. "client": the owner, a round trip. "client-softmax": he takes the softmax too,
            exactly: two round trips, no polynomial (`degree` is not looked at).
    """

    data: str
    test: str | None = None
    steps: int = 20
    rate: float = 2.0
    radius: float = 16.0
    degree: Literal[3, 7] = 7
    clip: float = 3.0
    shorten: float = 0.9
    error: float = 1e-3
    refresh: Literal["client", "client-softmax"] = "client"


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear classifier. One row of weights for two classes (the score is the second's), one for each of more; with a softmax one for each.

    Args:
        coefficients: (rows, features), for samples as they are in the file. intercepts: (rows,).
        classes: labels.
    """

    coefficients: Floats
    intercepts: Floats
    classes: NDArray[np.int64]

    def predict(self, x: Floats) -> NDArray[np.int64]:
        scores = x @ self.coefficients.T + self.intercepts
        best: NDArray[np.int64] = self.classes[(scores[:, 0] > 0).astype(np.int64) if len(self.intercepts) == 1 else scores.argmax(axis=1)]
        return best


@dataclass(frozen=True, slots=True)
class Prepared:
    """A table as it is encrypted: `x` (samples, features + 1), the last column a constant; `y` (samples, rows of weights) of 0 and 1."""

    x: Floats
    y: Floats
    mean: Floats
    deviation: Floats
    classes: NDArray[np.int64]

    @property
    def norm(self) -> float:
        return float(np.linalg.norm(self.x, axis=1).max())

    def linear(self, weights: Floats) -> Linear:
        """Weights (features + 1, rows) for the file's own units."""
        coefficients = weights[:-1].T / self.deviation
        return Linear(coefficients, weights[-1] - coefficients @ self.mean, self.classes)


@dataclass(frozen=True, slots=True)
class Trained:
    """
    Args:
        degree, log_qp: of the parameters; spare_bits: proven room before a sum would wrap.
        round_trips: between trainer and owner.
        upload_bytes, download_bytes: of a step. table_bytes, keys_bytes: once.
        bounded: times that weights met the norm for which ranges are proven.
        deviation: greatest difference of a weight from the same training in the open, of the greatest weight.
        accuracy: on the training table; accuracy_open: of the same training in the open; accuracy_test: on `test`.
    """

    samples: int
    features: int
    classes: int
    steps: int
    degree: int
    log_qp: float
    spare_bits: float
    round_trips: int
    upload_bytes: int
    download_bytes: int
    table_bytes: int
    keys_bytes: int
    bounded: int
    deviation: float
    accuracy: float
    accuracy_open: float
    accuracy_test: float | None


def load_job(path: Path) -> tuple[TrainingJob, Samples, Samples | None]:
    """A job's spec and its data.

    Raises:
        BadSpec: as `load_spec`; `he.job`. BadInput: `he.samples`.
    """
    job = load_spec(path, TrainingJob)
    for name, (low, high) in LIMITS_OF.items():
        if not low <= getattr(job, name) <= high:
            raise BadSpec("he.job", f"{path}: {name} = {getattr(job, name)}", hint=f"{low:g} to {high:g}")
    test = load_samples(path.parent / job.test) if job.test is not None else None
    return job, load_samples(path.parent / job.data), test


def prepared(table: Samples, *, clip: float, shorten: float = 1.0) -> Prepared:
    """`clip`, `shorten`: as of `TrainingJob`.

    Raises:
        BadInput: `he.samples`, `he.shape`, `he.not-finite`.
    """
    x, labels = _checked(table, None)
    classes = np.unique(labels)
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise BadInput("he.samples", f"`y` holds {len(classes)} classes", hint=f"2 to {MOST_CLASSES}")
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    if not np.all(np.isfinite(deviation)):
        raise BadInput("he.not-finite", "the deviation of a feature is beyond what numbers hold", hint="scale the features first")
    deviation = np.where(deviation > 1e-12 * np.abs(mean), deviation, 1.0)  # a constant feature tells nothing, and is nothing
    rows = np.column_stack([np.clip((x - mean) / deviation, -clip, clip), np.ones(len(x))])
    lengths = np.linalg.norm(rows, axis=1)
    rows *= np.minimum(1.0, np.quantile(lengths, shorten) / lengths)[:, None]
    y = labels[:, None] == (classes[1:] if len(classes) == 2 else classes)
    return Prepared(rows, y.astype(np.float64), mean, deviation, classes)


def run_job(job: TrainingJob, table: Samples, test: Samples | None = None, *, progress: Progress = SILENT) -> tuple[Linear, Trained]:
    """Owner and trainer on one machine, each engine in a process of its own; the trainer's has no secret.

    Raises:
        BadInput: as `prepared`; of the engines. Unsupported: `he.table`, `he.depth`. Missing: `he.tenseal`, `sandbox.*`.
    """
    ready = prepared(table, clip=job.clip, shorten=job.shorten)
    seen = _checked(test, table.x.shape[1]) if test is not None else None
    run = _softmax if job.refresh == "client-softmax" else _sigmoid
    weights, done = run(job, ready, progress)
    opened = _in_the_open(job, ready)
    made, x = ready.linear(weights), np.asarray(table.x, np.float64)
    return made, Trained(
        samples=len(ready.x),
        features=table.x.shape[1],
        classes=len(ready.classes),
        steps=job.steps,
        **done,
        deviation=float(np.abs(weights - opened).max() / max(np.abs(opened).max(), 1e-300)),
        accuracy=float(np.mean(made.predict(x) == table.labels)),
        accuracy_open=float(np.mean(ready.linear(opened).predict(x) == table.labels)),
        accuracy_test=None if seen is None else float(np.mean(made.predict(seen[0]) == seen[1])),
    )


def _sigmoid(job: TrainingJob, ready: Prepared, progress: Progress) -> tuple[Floats, _Done]:
    odd, largest = half_sigmoid(job.radius, job.degree), float(np.abs(ready.x).max())
    columns, program, found = chosen(ready.x.shape[1], len(ready.x), odd, norm=ready.norm, largest=largest, error=job.error)
    refuse_too_much(needed_by_program(program, found.plan, found.parameters), "a step")
    setting = Setting(columns, program, found, job.radius, odd, largest)
    with OwnersRefresh(setting, _nesterov(job, ready)) as owner:
        keys, table = owner.keys(), owner.table(ready.x)
        with Trainer(setting, keys, table) as trainer:
            train(trainer, owner, job.steps, progress=progress)
    return owner.nesterov.weights, _done(found, owner, job.steps + 1, job.steps, keys, table)


def _softmax(job: TrainingJob, ready: Prepared, progress: Progress) -> tuple[Floats, _Done]:
    y, largest = _one_column_a_class(ready.y), float(np.abs(ready.x).max())
    programs, found = chosen_softmax(ready.x.shape[1], len(ready.x), y.shape[1], norm=ready.norm, largest=largest, error=job.error)
    refuse_too_much(needed_by_program(programs.both, found.plan, found.parameters), "a step")
    setting = SoftmaxSetting(programs, found, job.radius, largest)
    with SoftmaxOwner(setting, y, _nesterov(job, ready)) as owner:
        keys, table = owner.keys(), owner.table(ready.x)
        with SoftmaxTrainer(setting, keys, table) as trainer:
            train_softmax(trainer, owner, job.steps, progress=progress)
    return owner.nesterov.weights, _done(found, owner, job.steps, job.steps, keys, table)


def _done(found: Found, owner: OwnersRefresh | SoftmaxOwner, sent: int, steps: int, keys: bytes, table: list[bytes]) -> _Done:
    """`sent`: how often weights were."""
    return {
        "degree": found.parameters.n,
        "log_qp": round(found.parameters.log_qp, 1),
        "spare_bits": round(found.spare, 2),
        "round_trips": owner.round_trips,
        "upload_bytes": owner.uploaded // sent,
        "download_bytes": owner.downloaded // steps,
        "table_bytes": sum(map(len, table)),
        "keys_bytes": len(keys),
        "bounded": owner.nesterov.bounded,
    }


def _nesterov(job: TrainingJob, ready: Prepared) -> Nesterov:
    """With the softmax at the owner, labels are in what he sends, and not here."""
    labels = ready.x.T @ (ready.y - 0.5) if job.refresh == "client" else np.zeros((ready.x.shape[1], len(ready.classes)))
    return Nesterov(labels, len(ready.x), rate=job.rate, most=job.radius / ready.norm)


def _in_the_open(job: TrainingJob, ready: Prepared) -> Floats:
    state, odd = _nesterov(job, ready), half_sigmoid(job.radius, job.degree)
    y = _one_column_a_class(ready.y)
    for _ in range(job.steps):
        if job.refresh == "client":
            state.move(pull(ready.x, state.ahead, odd, job.radius))
        else:
            state.move(-ready.x.T @ (y - softmax(ready.x @ state.ahead)))
    return state.weights


def _one_column_a_class(y: Floats) -> Floats:
    return np.hstack([1 - y, y]) if y.shape[1] == 1 else y


def _checked(table: Samples, features: int | None) -> tuple[Floats, NDArray[np.int64]]:
    if table.labels is None:
        raise BadInput("he.samples", "a table to train on or to test on has labels", hint="numpy.savez(FILE, x=samples, y=labels)")
    x = np.asarray(table.x, np.float64)
    if x.ndim != 2 or not x.size or (features is not None and x.shape[1] != features):
        raise BadInput("he.shape", f"a table of shape {x.shape}", hint=f"(samples, {features or 'features'})")
    if not np.all(np.isfinite(x)):
        sample, feature = np.argwhere(~np.isfinite(x))[0]
        raise BadInput("he.not-finite", f"feature {feature} of sample {sample} is NaN or infinite", hint="remove or replace it")
    return x, table.labels
