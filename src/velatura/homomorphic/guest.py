"""The server's engine in its cell: a program and an owner's keys, then ciphertexts in and out. It knows no secret, and no module that does.

    b"P" + server artefact, b"K" + evaluation keys      setup
    b"R" + ciphertexts of one sample, or of a batch     -> the result's ciphertexts

SEAL is the foreign parser here. It loads from file names only, so bytes pass through the child's own folder in memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from velatura.errors import BadInput
from velatura.homomorphic.artefacts import ServerArtefact, load_server
from velatura.homomorphic.engine import run
from velatura.homomorphic.guest_answers import answering, done, parameters_of
from velatura.homomorphic.memory import ciphertext_bytes
from velatura.homomorphic.seal_public import PublicSide
from velatura.homomorphic.wire import ciphertexts, payload_of
from velatura.sandbox.guest import Inbox, Outbox

__all__ = ["ServerGuest"]


class ServerGuest:
    """A `sandbox.Guest`.

    Args:
        parameters: as of `guest_answers.settings_of`.
        keep_bytes: of encoded plain vectors that are kept from request to request; the rest are encoded anew.
    """

    def __init__(self, parameters: dict[str, Any], keep_bytes: int) -> None:
        self._parameters = parameters_of(parameters)
        self._plains = _Kept(2 * self._parameters.slots * 8, keep_bytes)
        self._artefact: ServerArtefact | None = None
        self._side: PublicSide | None = None

    def warm(self) -> None:
        """Load SEAL, and encode a vector: its tables are made when a context is."""
        PublicSide(self._parameters).encode(np.linspace(0, 1, self._parameters.slots), 1, 2.0**10)

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        answering(inbox, outbox, self._answer, setup=frozenset({b"P", b"K"}))

    def _answer(self, kind: bytes, rest: memoryview) -> bytes:
        if kind == b"P":
            self._artefact = load_server(bytes(rest))
            return done()
        if kind == b"K":
            self._side = PublicSide(self._parameters, rest, folder=Path())
            return done()
        if self._artefact is None or self._side is None:
            raise BadInput("he.missing-key", "there are no evaluation keys", hint="send the keys first")
        return done(self._run(self._artefact, self._side, rest))

    def _run(self, artefact: ServerArtefact, side: PublicSide, payload: memoryview) -> bytes:
        top = len(self._parameters.data)
        blobs, samples = ciphertexts(payload, count=len(artefact.inputs), most=ciphertext_bytes(self._parameters, top, fresh=True))
        inputs = {place: side.load(blob, level=top, scale=artefact.input_scale) for place, blob in zip(artefact.inputs, blobs, strict=True)}
        return payload_of([side.dump(one) for one in run(artefact.program, artefact.plan, side, inputs, plains=self._plains)], samples)


class _Kept(dict[tuple[int, int, float], Any]):
    """Encoded vectors by number, level and scale, up to so many bytes; what comes later is not kept."""

    def __init__(self, prime_bytes: int, most: int) -> None:
        self._prime_bytes, self._left = prime_bytes, most

    def __setitem__(self, key: tuple[int, int, float], encoded: Any) -> None:
        size = key[1] * self._prime_bytes
        if size <= self._left:
            self._left -= size
            super().__setitem__(key, encoded)
