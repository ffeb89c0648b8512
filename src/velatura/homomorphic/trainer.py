"""Training on a table that the trainer cannot read: the loop, and what stands between two of its steps.

The trainer holds evaluation keys and the encrypted table. A step takes encrypted weights and gives encrypted sums, and after three or four levels
the ciphertexts are spent. Somebody has to make them fresh: a `Refresh`. Here it is the owner (`OwnersRefresh`), who decrypts the sums, moves the
weights (Nesterov) and encrypts them again: a round trip a step. An engine that can bootstrap takes its place without another change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput
from velatura.homomorphic.cell import confinement
from velatura.homomorphic.guest_answers import settings_of, understood
from velatura.homomorphic.memory import ciphertext_bytes, needed_by_program
from velatura.homomorphic.parameters import Parameters
from velatura.homomorphic.program import Program
from velatura.homomorphic.seal_secret import SecretSide
from velatura.homomorphic.search import Found
from velatura.homomorphic.training import Columns, Odd, greatest_sum
from velatura.homomorphic.wire import ciphertexts, payload_of
from velatura.progress import SILENT, Progress
from velatura.sandbox.worker import Worker

__all__ = ["DEADLINE_S", "LIMITS", "Nesterov", "OwnersRefresh", "Reader", "Refresh", "Setting", "Trainer", "refuse_beyond", "train", "trainers_cell"]

Floats: TypeAlias = NDArray[np.float64]
LIMITS = (
    "The trainer sees sizes and the number of steps, and no value. Whoever refreshes sees the gradient of each step, which tells of the rows: "
    "that has to be their owner. That the trainer computed what was asked is not proved."
)
DEADLINE_S = 600.0
_REUSE = 1 << 30
"""Requests that one child answers: each fresh one would have to be given keys and table again."""


@dataclass(frozen=True)
class Setting:
    """What owner and trainer agree on; nothing in it is secret.

    Args:
        radius: |x . w| that the polynomial is good for; `odd`: its coefficients.
        largest: greatest |element| of the table.
    """

    columns: Columns
    program: Program
    found: Found
    radius: float
    odd: Odd
    largest: float

    @property
    def scale(self) -> float:
        """Of fresh ciphertexts."""
        return self.found.scales[0]

    @property
    def result(self) -> tuple[int, float]:
        """Level and scale of the sums."""
        ref = self.program.outputs[0]
        return self.found.plan.level[ref], self.found.plan.scale[ref]


class Refresh(Protocol):
    """Spent ciphertexts in, fresh ones out."""

    def first(self) -> list[bytes]:
        """Each class's weights before the first step."""
        ...

    def refreshed(self, sums: Sequence[bytes]) -> list[bytes]:
        """Each class's weights for the next step, of its sums."""
        ...


class Nesterov:
    """Accelerated gradient ascent of the log-likelihood, momentum k / (k + 3), within a ball.

    Args:
        labels: (features, classes) sum over rows of x (y - 1/2), y in {0, 1}.
        samples: rows; the gradient is their mean.
        most: greatest norm of a class's weights. Beyond it the program's ranges would not hold, and a wrapped sum tells nobody.
    """

    def __init__(self, labels: Floats, samples: int, *, rate: float, most: float) -> None:
        self._labels, self._samples, self._rate, self._most = labels, samples, rate, most
        self._k = 0
        self.weights: Floats = np.zeros_like(labels)
        self.ahead: Floats = np.zeros_like(labels)
        self.bounded = 0

    def move(self, pull: Floats) -> None:
        """A step. `pull`: (features, classes), at `ahead`, which is where the next is to be taken too. `bounded` counts steps that met the bound."""
        moved = self._within(self.ahead + self._rate * (self._labels - pull) / self._samples)
        ahead = self._within(moved + self._k / (self._k + 3) * (moved - self.weights))
        self.weights, self.ahead = moved, ahead
        self._k += 1

    def _within(self, w: Floats) -> Floats:
        norms = np.linalg.norm(w, axis=0)
        if not np.any(norms > self._most):
            return w
        self.bounded += 1
        result: Floats = w * np.minimum(1.0, self._most / np.maximum(norms, 1e-300))
        return result


class OwnersRefresh:
    """The owner of table and key. `with` it, or close it: what comes from a trainer is read in a confined process.

    Attributes:
        round_trips, uploaded, downloaded: counted; bytes.
    """

    def __init__(self, setting: Setting, nesterov: Nesterov) -> None:
        self.setting, self.nesterov = setting, nesterov
        self.round_trips = self.uploaded = self.downloaded = 0
        self._side = SecretSide(setting.found.parameters)
        self._reader = Reader(setting.found.parameters, self._side.secret_bytes(), *setting.result)

    def keys(self) -> bytes:
        """Evaluation keys for the trainer."""
        return self._side.evaluation_keys(self.setting.program.rotations)

    def table(self, x: Floats) -> list[bytes]:
        return [self._side.encrypt(one, self.setting.scale) for one in self.setting.columns.pack(x)]

    def first(self) -> list[bytes]:
        return self._encrypted()

    def refreshed(self, sums: Sequence[bytes]) -> list[bytes]:
        self.round_trips += 1
        self.downloaded += sum(map(len, sums))
        self.nesterov.move(np.stack([self._decrypted(one) for one in sums], axis=1))
        return self._encrypted()

    def close(self) -> None:
        self._reader.close()

    def __enter__(self) -> OwnersRefresh:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _encrypted(self) -> list[bytes]:
        setting = self.setting
        made = [self._side.encrypt(setting.columns.spread(w / setting.radius), setting.scale) for w in self.nesterov.ahead.T]
        self.uploaded += sum(map(len, made))
        return made

    def _decrypted(self, blob: bytes) -> Floats:
        """(features,) one class's sums."""
        sums = self._reader.slots(blob)[self.setting.columns.places[:, 1]]
        refuse_beyond(sums, greatest_sum(self.setting.columns, self.setting.odd, largest=self.setting.largest))
        return sums


class Reader:
    """Decryption of what a trainer sent, in a process that holds the key and can only answer. Close it.

    Args:
        level, scale: of the ciphertexts.
    """

    def __init__(self, parameters: Parameters, secret: bytes, level: int, scale: float) -> None:
        self._slots = parameters.slots
        memory = 16 * ciphertext_bytes(parameters, len(parameters.data), fresh=False) + parameters.n * 64
        may = confinement(memory, scratch=max(len(secret), ciphertext_bytes(parameters, level, fresh=False)))
        settings = {"parameters": settings_of(parameters), "outputs": [[level, scale]]}
        self._worker = Worker("velatura.homomorphic.guest_owner:OwnerGuest", settings, may, reuse=_REUSE, setup=[b"S" + secret])

    def slots(self, blob: bytes) -> Floats:
        """(slots,) real.

        Raises:
            BadInput: `he.blob`, `he.transparent`, `he.engine`, `he.not-finite`, `sandbox.*`.
        """
        size = 16 * self._slots
        answer = understood(self._worker.ask(b"D" + payload_of([blob], 1), deadline_s=DEADLINE_S, limit=size + 1024))
        if len(answer) != size:
            raise BadInput("he.engine", "the confined engine gave an answer of another size", hint="ask for the message again")
        values = np.frombuffer(answer, "<c16").real
        if not np.all(np.isfinite(values)):
            raise BadInput("he.not-finite", "an answer holds numbers that are not finite", hint="ask for the message again")
        return values

    def close(self) -> None:
        self._worker.close()


def refuse_beyond(values: Floats, most: float) -> None:
    """Raises BadInput: `he.range` where an answer is larger than `most`, which no table within the bounds gives."""
    if np.abs(values).max() > 1.01 * most:  # noise is far below a hundredth
        raise BadInput(
            "he.range",
            "an answer is larger than any table within the bounds can give",
            hint="other keys, another program or a damaged ciphertext: start again, with a trainer that you trust to compute what is asked",
        )


def trainers_cell(found: Found, columns: Columns, keys: bytes, table: Sequence[bytes], *, needed: int, odd: Odd = (), classes: int = 1) -> Worker:
    """A trainer's confined process, with an owner's keys and table. `needed`: bytes that its programs take."""
    parameters, payload = found.parameters, payload_of(list(table), columns.samples)
    fresh = ciphertext_bytes(parameters, len(parameters.data), fresh=False)
    needed += columns.ciphertexts * fresh
    may = confinement(needed + needed // 2 + 2 * (len(keys) + len(payload)), scratch=max(len(keys), fresh))
    settings = {
        "parameters": settings_of(parameters),
        "columns": [columns.slots, columns.features, columns.samples],
        "odd": list(odd),
        "classes": classes,
        "scales": list(found.scales),
    }
    return Worker("velatura.homomorphic.guest_training:TrainingGuest", settings, may, reuse=_REUSE, setup=[b"K" + keys, b"X" + payload])


class Trainer:
    """Who computes: SEAL, keys and the encrypted table in a confined process without a secret. `with` it, or close it."""

    def __init__(self, setting: Setting, keys: bytes, table: Sequence[bytes]) -> None:
        parameters = setting.found.parameters
        self._most = ciphertext_bytes(parameters, setting.result[0], fresh=False)
        needed = needed_by_program(setting.program, setting.found.plan, parameters)
        self._worker = trainers_cell(setting.found, setting.columns, keys, table, needed=needed, odd=setting.odd)

    def step(self, weights: Sequence[bytes]) -> list[bytes]:
        """Each class's sums, one class after the other.

        Raises:
            BadInput: `he.blob`, `he.missing-key`, `he.transparent`, `he.memory`, `sandbox.*`.
        """
        return [self._one(one) for one in weights]

    def close(self) -> None:
        self._worker.close()

    def __enter__(self) -> Trainer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _one(self, weights: bytes) -> bytes:
        answer = self._worker.ask(b"W" + payload_of([weights], 1), deadline_s=DEADLINE_S, limit=self._most + 1024)
        return bytes(ciphertexts(understood(answer), count=1, most=self._most)[0][0])


def train(trainer: Trainer, refresh: Refresh, steps: int, *, progress: Progress = SILENT) -> list[bytes]:
    """The encrypted weights after so many steps: they belong to whoever holds the key."""
    weights = refresh.first()
    progress.start("training", steps, "steps")
    for _ in range(steps):
        weights = refresh.refreshed(trainer.step(weights))
        progress.advance()
    progress.finish()
    return weights
