"""A trainer's engine in its cell: an owner's keys and encrypted table, then encrypted weights in and encrypted sums out. It knows no secret.

b"K" + evaluation keys, b"X" + the table's ciphertexts      setup
b"W" + one class's weights                                  -> the sums' ciphertext
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from velatura.errors import BadInput
from velatura.homomorphic.engine import run
from velatura.homomorphic.guest_answers import answering, done, parameters_of
from velatura.homomorphic.levels import Plan, plan
from velatura.homomorphic.memory import ciphertext_bytes
from velatura.homomorphic.program import Program
from velatura.homomorphic.seal_public import PublicSide
from velatura.homomorphic.softmax_training import SoftmaxPrograms
from velatura.homomorphic.training import Columns, pull_program
from velatura.homomorphic.wire import ciphertexts, payload_of
from velatura.sandbox.guest import Inbox, Outbox

__all__ = ["TrainingGuest"]


class TrainingGuest:
    """A `sandbox.Guest`.

    Args:
        parameters: as of `guest_answers.settings_of`.
        columns: slots, features, samples.
        odd: coefficients of the polynomial; none: the softmax is with the owner.
        scales: of the program's plan.
    """

    def __init__(self, parameters: dict[str, Any], columns: tuple[int, int, int], odd: list[float], classes: int, scales: list[float]) -> None:
        self._parameters = parameters_of(parameters)
        self._columns = Columns(*columns)
        self._programs = self._of(tuple(odd), classes, scales)
        self._scale = scales[0]
        self._side: PublicSide | None = None
        self._table: Mapping[tuple[int, int], Any] = {}

    def warm(self) -> None:
        """Load SEAL, and encode a vector: its tables are made when a context is."""
        PublicSide(self._parameters).encode(np.linspace(0, 1, self._parameters.slots), 1, 2.0**10)

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        answering(inbox, outbox, self._answer, setup=frozenset({b"K", b"X"}))

    def _answer(self, kind: bytes, rest: memoryview) -> bytes:
        if kind == b"K":
            self._side = PublicSide(self._parameters, rest, folder=Path())
            return done()
        if self._side is None:
            raise BadInput("he.missing-key", "there are no evaluation keys", hint="send the keys first")
        if kind == b"X":
            self._table = {(0, number): one for number, one in enumerate(self._loaded(self._side, rest, self._columns.ciphertexts))}
            return done()
        if not self._table:
            raise BadInput("he.count", "there is no table to train on", hint="send the table first")
        if kind not in self._programs:
            raise BadInput("he.count", "a request that is none of training's", hint="ask for the message again")
        program, planned, places = self._programs[kind]
        given = dict(zip(places, self._loaded(self._side, rest, len(places)), strict=True))
        return done(payload_of([self._side.dump(one) for one in run(program, planned, self._side, {**self._table, **given})], 1))

    def _of(self, odd: tuple[float, ...], classes: int, scales: list[float]) -> dict[bytes, tuple[Program, Plan, list[tuple[int, int]]]]:
        """Kind of request -> program, its plan, what the request brings."""
        primes = self._parameters.data
        if odd:
            program = pull_program(self._columns, odd)
            return {b"W": (program, plan(program, primes, scales), [(1, 0)])}
        made = SoftmaxPrograms.of(self._columns, classes)
        of_scores, of_sums = made.plans(primes, scales)
        return {
            b"W": (made.scores, of_scores, [(1, k) for k in range(classes)]),
            b"D": (made.sums, of_sums, [(2, number) for number in range(self._columns.ciphertexts)]),
        }

    def _loaded(self, side: PublicSide, payload: memoryview, count: int) -> list[Any]:
        top = len(self._parameters.data)
        blobs, _ = ciphertexts(payload, count=count, most=ciphertext_bytes(self._parameters, top, fresh=True))
        return [side.load(blob, level=top, scale=self._scale) for blob in blobs]
