"""The owner's engine in its cell: the secret key as setup, then ciphertexts that came from a server in, decrypted slots out.

    b"S" + secret key                        setup
    b"D" + ciphertexts of one answer         -> complex128, (ciphertexts, slots)

Making keys and encrypting need no cell: they read nothing that others wrote, and they need the system's random numbers, which a cell does not have.
Limit: a ciphertext that takes SEAL over could answer with the key in place of scores; under `public` these are given out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from velatura.errors import BadInput
from velatura.homomorphic.guest_answers import answering, done, parameters_of
from velatura.homomorphic.memory import ciphertext_bytes
from velatura.homomorphic.seal_base import Context
from velatura.homomorphic.seal_secret import SecretSide
from velatura.homomorphic.wire import ciphertexts
from velatura.sandbox.guest import Inbox, Outbox

__all__ = ["OwnerGuest"]


class OwnerGuest:
    """A `sandbox.Guest`.

    Args:
        parameters: as of `guest_answers.settings_of`.
        outputs: level and scale of each ciphertext of an answer.
    """

    def __init__(self, parameters: dict[str, Any], outputs: list[tuple[int, float]]) -> None:
        self._parameters = parameters_of(parameters)
        self._outputs = [(int(level), float(scale)) for level, scale in outputs]
        self._side: SecretSide | None = None

    def warm(self) -> None:
        """Load SEAL; its tables are made when a context is."""
        Context(self._parameters)

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        answering(inbox, outbox, self._answer, setup=frozenset({b"S"}))

    def _answer(self, kind: bytes, rest: memoryview) -> bytes:
        if kind == b"S":
            self._side = SecretSide(self._parameters, rest, folder=Path())
            return done()
        if self._side is None:
            raise BadInput("he.missing-key", "there is no secret key", hint="give the key first")
        most = max(ciphertext_bytes(self._parameters, level, fresh=False) for level, _ in self._outputs)
        blobs, _ = ciphertexts(rest, count=len(self._outputs), most=most)
        slots = [self._side.decrypt(blob, level=level, scale=scale) for blob, (level, scale) in zip(blobs, self._outputs, strict=True)]
        return done(np.stack(slots).astype("<c16").tobytes())
