"""The owner's side: values in, ciphertexts out; ciphertexts of an answer in, and of what they hold as much out as the policy allows.

Ranges hold for inputs within the calibrated bounds only; beyond them a value could wrap, and nobody would notice. So an input outside is refused with
its place, or clipped where that was asked for. Decryption runs SEAL on a server's bytes, in a confined process; each is counted before (`queries`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from velatura.errors import BadInput
from velatura.homomorphic.artefacts import ClientArtefact, load_client
from velatura.homomorphic.cell import confinement
from velatura.homomorphic.client_input import checked_input
from velatura.homomorphic.compiled import pack, unpack
from velatura.homomorphic.flooding import flooded
from velatura.homomorphic.guest_answers import settings_of, understood
from velatura.homomorphic.keys import load_secret
from velatura.homomorphic.memory import ciphertext_bytes
from velatura.homomorphic.queries import path_beside, spend
from velatura.homomorphic.seal_secret import SecretSide
from velatura.homomorphic.sharing import Answer, refuse_raw, released
from velatura.homomorphic.wire import INSECURE, Expected, Header, Kind, ciphertexts, open_message, payload_of, seal_message
from velatura.progress import SILENT, Progress
from velatura.sandbox.worker import Worker

__all__ = ["MOST_RESULT_BYTES", "Client"]

Floats: TypeAlias = NDArray[np.float64]
GUEST = "velatura.homomorphic.guest_owner:OwnerGuest"
MOST_RESULT_BYTES = 8 << 30
REUSE = 1000
_DEADLINE_S = 120.0


class Client:
    """`with` it, or close it.

    Args:
        artefact: `client.vlhe`.
        key: path of the secret key's file; the count of what it decrypts stands beside it.

    Raises:
        BadInput: as `artefacts.load_client`, `keys.load_secret`. Withheld: `he.key-exposed`.
    """

    def __init__(self, artefact: ClientArtefact | Path, key: Path) -> None:
        self.artefact = load_client(artefact) if isinstance(artefact, Path) else artefact
        self._key_path = key
        self._secret = load_secret(key, self.artefact)
        self._side: SecretSide | None = None
        self._worker: Worker | None = None

    @property
    def key(self) -> bytes:
        """The key's id."""
        return self._secret.header.key

    @property
    def expected_result(self) -> Expected:
        """What an answer looks like."""
        made = self.artefact
        level, scale = made.outputs[0]
        return Expected(Kind.RESULT, MOST_RESULT_BYTES, made.parameters.digest(), made.program, self.key, level, scale, len(made.outputs))

    def encrypt(self, x: ArrayLike, *, clip: bool = False, progress: Progress = SILENT) -> bytes:
        """A message of ciphertexts for a server.

        Args:
            x: (samples, *input shape), or one sample.
            clip: bring values beyond the bounds to them, in place of refusing.

        Raises:
            BadInput: `he.shape`, `he.dtype`, `he.not-finite`, `he.empty`, `he.range`, `he.batch`. Missing: `he.tenseal`.
        """
        made = self.artefact
        values = checked_input(made, x, clip=clip)
        if self._side is None:
            self._side = SecretSide(made.parameters, self._secret.payload)
        blobs = []
        samples = 1 if made.packing.batch else len(values)
        progress.start("ciphertexts", samples * made.inputs, "ciphertexts")
        for number in range(samples):
            part = values if made.packing.batch else values[number : number + 1]
            for slots in pack(made.packing, made.parameters.slots, part)[0]:
                blobs.append(self._side.encrypt(slots, made.input_scale))
                progress.advance()
        progress.finish()
        flags = INSECURE if made.parameters.insecure else 0
        header = Header(Kind.INPUT, made.parameters.digest(), made.program, self.key, flags, len(made.parameters.data), made.input_scale, len(blobs))
        return seal_message(header, payload_of(blobs, len(values)))

    def decrypt(self, message: bytes | memoryview, *, raw: bool = False, progress: Progress = SILENT) -> Answer:
        """What of a server's answer the policy lets out.

        Args:
            raw: scores for the owner's own eyes, under `--share private`.

        Raises:
            BadInput: as `wire.open_message`; `he.blob`, `he.transparent`, `he.engine`, `sandbox.*`.
            Withheld: `he.sharing`, `he.queries-spent`, `he.queries-lost`. Missing: `he.tenseal`, `sandbox.*`.
        """
        made = self.artefact
        found = open_message(message, self.expected_result)
        count, each = found.header.count, len(made.outputs)
        most = max(ciphertext_bytes(made.parameters, level, fresh=False) for level, _ in made.outputs)
        blobs, samples = ciphertexts(found.payload, count=count, most=most)
        if samples > made.parameters.slots if made.packing.batch else samples * each != count:
            raise BadInput("he.count", f"{samples} samples in {count} ciphertexts", hint="ask for the message again")
        if made.packing.batch and count != each:
            raise BadInput("he.count", f"{count} ciphertexts for one batch of {each}", hint="ask for the message again")
        refuse_raw(made.sharing, raw=raw)
        spend(path_beside(self._key_path), self.key, count, made.sharing.queries)
        progress.start("results", count // each, "batches" if made.packing.batch else "samples")
        scores = []
        for at in range(0, count, each):
            slots = self._decrypted(payload_of(blobs[at : at + each], 1))
            scores.append(unpack(made.unpacking, slots, samples if made.packing.batch else 1))
            progress.advance()
        progress.finish()
        return released(np.concatenate(scores), made.sharing, raw=raw)

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _decrypted(self, payload: bytes) -> Floats:
        """(ciphertexts, slots) real, flooded where the policy asks for it."""
        made = self.artefact
        shape = (len(made.outputs), made.parameters.slots)
        if self._worker is None:
            self._worker = self._started()
        answer = understood(self._worker.ask(b"D" + payload, deadline_s=_DEADLINE_S, limit=16 * shape[0] * shape[1] + 1024))
        if len(answer) != 16 * shape[0] * shape[1]:
            raise BadInput("he.engine", "the confined engine gave an answer of another size", hint="ask for the message again")
        slots = np.frombuffer(answer, "<c16").reshape(shape)
        if not np.all(np.isfinite(slots)):
            raise BadInput("he.not-finite", "an answer holds numbers that are not finite", hint="ask for the message again")
        if made.sharing.share != "public":
            return np.ascontiguousarray(slots.real)
        return np.stack([flooded(row, sigma, scale=scale) for row, sigma, (_, scale) in zip(slots, made.flooding, made.outputs, strict=True)])

    def _started(self) -> Worker:
        made = self.artefact
        level = max(level for level, _ in made.outputs)
        memory = 16 * ciphertext_bytes(made.parameters, len(made.parameters.data), fresh=False) + len(made.outputs) * made.parameters.n * 64
        scratch = max(len(self._secret.payload), ciphertext_bytes(made.parameters, level, fresh=False))
        settings = {"parameters": settings_of(made.parameters), "outputs": [list(one) for one in made.outputs]}
        return Worker(GUEST, settings, confinement(memory, scratch=scratch), reuse=REUSE, setup=[b"S" + bytes(self._secret.payload)])
