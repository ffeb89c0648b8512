"""Answers on their way from the server to the key's owner, and somebody who adds to what they hold. Real keys, real messages, confined engines."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.malleability import Forgery
from velatura.audit.homomorphic.material import Material
from velatura.errors import BadInput
from velatura.homomorphic.artefacts import CLIENT, SERVER
from velatura.homomorphic.client import Client
from velatura.homomorphic.keys import SECRET, keygen, write_keys
from velatura.homomorphic.memory import ciphertext_bytes
from velatura.homomorphic.seal_public import PublicSide
from velatura.homomorphic.server import Server
from velatura.homomorphic.sharing import released
from velatura.homomorphic.wire import ciphertexts, open_message, payload_of, seal_message

__all__ = ["AnswerArm", "ReadableArm"]

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReadableArm:
    """Nothing is encrypted: scores as numbers in a message, which anybody changes."""

    material: Material

    def __call__(self, forgery: Forgery, rng: Generator) -> int:
        return int(released(self.material.scores(forgery.x[None]) + forgery.shift, self.material.client.sharing).labels[0, 0])


@dataclass(slots=True)
class AnswerArm:
    """The room as it is: the owner encrypts, the server runs, somebody changes the answer and makes its digest anew, the owner decrypts.

    Attributes:
        stack: ends owner and server.
    """

    material: Material
    stack: ExitStack
    _parties: tuple[Client, Server] | None = field(default=None, init=False)

    def __call__(self, forgery: Forgery, rng: Generator) -> int:
        owner, server = self._started()
        message = server.run(owner.encrypt(forgery.x[None]))
        try:
            answer = owner.decrypt(self._changed(owner, message, forgery.shift) if forgery.shift.any() else message)
        except BadInput:
            return -1
        return int(answer.labels[0, 0])

    def _changed(self, owner: Client, message: bytes, shift: Floats) -> bytes:
        """Each ciphertext with `shift` added in the slots of the outputs. No key is used: the owner's object only says what an answer looks like."""
        client, found = owner.artefact, open_message(message, owner.expected_result)
        most = max(ciphertext_bytes(client.parameters, level, fresh=False) for level, _ in client.outputs)
        blobs, samples = ciphertexts(found.payload, count=found.header.count, most=most)
        public, added = PublicSide(client.parameters), np.zeros((len(blobs), client.parameters.slots))
        added[client.unpacking.places[:, 0], client.unpacking.places[:, 1]] = shift
        made = []
        for blob, values, (level, scale) in zip(blobs, added, client.outputs, strict=True):
            ciphertext = public.load(blob, level=level, scale=scale)
            made.append(public.dump(public.shift(ciphertext, public.encode(values, level, scale))) if values.any() else blob)
        return seal_message(found.header, payload_of(made, samples))

    def _started(self) -> tuple[Client, Server]:
        if self._parties is None:
            keys = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="velatura-he-"))) / "keys"
            made = keygen(self.material.client)
            write_keys(made, keys)
            server = self.stack.enter_context(Server(self.material.folder / SERVER))
            server.add_keys(made.evaluation)
            self._parties = self.stack.enter_context(Client(self.material.folder / CLIENT, keys / SECRET)), server
        return self._parties
