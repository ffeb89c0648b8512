"""Training of a softmax head with the softmax at the owner: the loop and its two ends. Two round trips a step, the softmax exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.homomorphic.guest_answers import understood
from velatura.homomorphic.memory import ciphertext_bytes, needed_by_program
from velatura.homomorphic.seal_secret import SecretSide
from velatura.homomorphic.search import Found
from velatura.homomorphic.softmax_training import SoftmaxPrograms, scores_of, softmax, spread_rows
from velatura.homomorphic.trainer import DEADLINE_S, Nesterov, Reader, refuse_beyond, trainers_cell
from velatura.homomorphic.wire import ciphertexts, payload_of
from velatura.progress import SILENT, Progress

__all__ = ["SoftmaxOwner", "SoftmaxSetting", "SoftmaxTrainer", "train_softmax"]

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class SoftmaxSetting:
    """What owner and trainer agree on; nothing in it is secret. `radius`: |x . w| that scores may reach. `largest`: |element| of the table."""

    programs: SoftmaxPrograms
    found: Found
    radius: float
    largest: float

    @property
    def scale(self) -> float:
        """Of fresh ciphertexts."""
        return self.found.scales[0]

    @property
    def results(self) -> tuple[tuple[int, float], tuple[int, float]]:
        """Level and scale of scores and of sums."""
        programs, (scores, sums) = self.programs, self.programs.plans(self.found.parameters.data, self.found.scales)
        a, b = programs.scores.outputs[0], programs.sums.outputs[0]
        return (scores.level[a], scores.scale[a]), (sums.level[b], sums.scale[b])


class SoftmaxOwner:
    """The owner of table, labels and key. `with` it, or close it.

    Args:
        y: (samples, classes) of 0 and 1. `nesterov`: made with labels of nought: the differences hold them here.

    Attributes:
        round_trips, uploaded, downloaded: counted; bytes.
    """

    def __init__(self, setting: SoftmaxSetting, y: Floats, nesterov: Nesterov) -> None:
        self.setting, self.nesterov = setting, nesterov
        self.round_trips = self.uploaded = self.downloaded = 0
        self._y = y
        self._side = SecretSide(setting.found.parameters)
        secret = self._side.secret_bytes()
        self._readers = [Reader(setting.found.parameters, secret, level, scale) for level, scale in setting.results]

    def keys(self) -> bytes:
        """Evaluation keys for the trainer."""
        return self._side.evaluation_keys(self.setting.programs.rotations)

    def table(self, x: Floats) -> list[bytes]:
        return [self._side.encrypt(one, self.setting.scale) for one in self.setting.programs.columns.pack(x)]

    def weights(self) -> list[bytes]:
        """A ciphertext for each class."""
        columns, ahead = self.setting.programs.columns, self.nesterov.ahead
        return self._sent([columns.spread(w / self.setting.radius) for w in ahead.T])

    def differences(self, scores: Sequence[bytes]) -> list[list[bytes]]:
        """For each class, ciphertexts of label minus probability of each row; so small that no sum over rows passes one."""
        columns, classes = self.setting.programs.columns, self.setting.programs.classes
        u = scores_of(columns, classes, np.stack([self._received(0, one) for one in scores]))
        refuse_beyond(u, 1.0)
        self.round_trips += 1
        wrong = (self._y - softmax(self.setting.radius * u)) / (columns.samples * self.setting.largest)
        return [self._sent(list(spread_rows(columns, one))) for one in wrong.T]

    def move(self, sums: Sequence[bytes]) -> None:
        """A step, of each class's sums."""
        columns = self.setting.programs.columns
        found = np.stack([self._received(1, one)[columns.places[:, 1]] for one in sums], axis=1)
        refuse_beyond(found, 1.0)
        self.round_trips += 1
        self.nesterov.move(-found * columns.samples * self.setting.largest)

    def close(self) -> None:
        for reader in self._readers:
            reader.close()

    def __enter__(self) -> SoftmaxOwner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _sent(self, rows: Sequence[Floats]) -> list[bytes]:
        made = [self._side.encrypt(row, self.setting.scale) for row in rows]
        self.uploaded += sum(map(len, made))
        return made

    def _received(self, reader: int, blob: bytes) -> Floats:
        self.downloaded += len(blob)
        return self._readers[reader].slots(blob)


class SoftmaxTrainer:
    """Who computes the two products. `with` it, or close it."""

    def __init__(self, setting: SoftmaxSetting, keys: bytes, table: Sequence[bytes]) -> None:
        programs, found = setting.programs, setting.found
        self._outputs = len(programs.scores.outputs)
        self._most = max(ciphertext_bytes(found.parameters, level, fresh=False) for level, _ in setting.results)
        needed = needed_by_program(programs.both, found.plan, found.parameters)
        self._worker = trainers_cell(found, programs.columns, keys, table, needed=needed, classes=programs.classes)

    def scores(self, weights: Sequence[bytes]) -> list[bytes]:
        return self._asked(b"W", weights, self._outputs)

    def sums(self, differences: Sequence[Sequence[bytes]]) -> list[bytes]:
        """Each class's, one class after the other."""
        return [self._asked(b"D", one, 1)[0] for one in differences]

    def close(self) -> None:
        self._worker.close()

    def __enter__(self) -> SoftmaxTrainer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _asked(self, kind: bytes, blobs: Sequence[bytes], outputs: int) -> list[bytes]:
        answer = self._worker.ask(kind + payload_of(list(blobs), 1), deadline_s=DEADLINE_S, limit=outputs * (self._most + 4) + 1024)
        return [bytes(one) for one in ciphertexts(understood(answer), count=outputs, most=self._most)[0]]


def train_softmax(trainer: SoftmaxTrainer, owner: SoftmaxOwner, steps: int, *, progress: Progress = SILENT) -> None:
    progress.start("training", steps, "steps")
    for _ in range(steps):
        owner.move(trainer.sums(owner.differences(trainer.scores(owner.weights()))))
        progress.advance()
    progress.finish()
