"""The server: a program, owners' evaluation keys, ciphertexts in and ciphertexts out. It sees no input, no value, no result; it has no secret type.

Each message is checked (`wire`) before the engine, which runs in a confined worker of the owner's own, sees a byte. Keys are known by their id. What
the server computes is not proved to anybody: an owner who does not trust it to run the program has no remedy here.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from velatura.errors import BadInput
from velatura.homomorphic.artefacts import ServerArtefact, load_server
from velatura.homomorphic.cell import confinement
from velatura.homomorphic.cost import milliseconds, sizes
from velatura.homomorphic.guest_answers import settings_of, understood
from velatura.homomorphic.memory import (
    ciphertext_bytes,
    key_count,
    keys_bytes,
    machine_bytes,
    needed_by_program,
    products_in,
    refuse_too_much,
)
from velatura.homomorphic.pool import Pool
from velatura.homomorphic.wire import INSECURE, Expected, Header, Kind, Message, ciphertexts, open_message, payload_of, seal_message
from velatura.progress import SILENT, Progress
from velatura.sandbox.worker import Worker

__all__ = ["MOST_INPUT_BYTES", "Server"]

GUEST = "velatura.homomorphic.guest:ServerGuest"
MOST_INPUT_BYTES = 8 << 30
REUSE = 1000
"""Requests of one owner that a child answers."""


class Server:
    """`with` it, or close it. Safe to use from several threads.

    Args:
        artefact: `server.vlhe`, as its path or its bytes.
        workers: confined processes at once; each takes a core, and memory for an owner's keys.

    Raises:
        BadInput: as `artefacts.load_server`; `he.memory`: the program takes more memory than the machine has.
    """

    def __init__(self, artefact: Path | bytes, *, workers: int = 1) -> None:
        raw = artefact.read_bytes() if isinstance(artefact, Path) else artefact
        self.artefact: ServerArtefact = load_server(artefact)
        self._program = raw
        refuse_too_much(needed_by_program(self.artefact.program, self.artefact.plan, self.artefact.parameters, plains=False), "the program")
        self._keys: dict[bytes, bytes] = {}
        self._turn = threading.Lock()
        self._pool = Pool(self._worker, workers)

    @property
    def expected_keys(self) -> Expected:
        """What evaluation keys for this program look like."""
        program, parameters = self.artefact.program, self.artefact.parameters
        count = key_count(len(program.rotations), products=products_in(program))
        return Expected(Kind.EVALUATION_KEYS, keys_bytes(parameters, count), parameters.digest(), self.artefact.id)

    def expected_input(self, key: bytes | None = None, most: int = MOST_INPUT_BYTES) -> Expected:
        """What a message to run looks like."""
        parameters, top = self.artefact.parameters, len(self.artefact.parameters.data)
        count = len(self.artefact.inputs)
        return Expected(Kind.INPUT, most, parameters.digest(), self.artefact.id, key, top, self.artefact.input_scale, count)

    def add_keys(self, message: bytes | memoryview) -> bytes:
        """Take an owner's evaluation keys; answers the id of the secret key that they were made from.

        Raises:
            BadInput: as `wire.open_message`.
        """
        found = open_message(message, self.expected_keys)
        key = found.header.key
        self._pool.forget(key)  # of earlier keys of that id
        with self._turn:
            self._keys[key] = b"K" + found.payload
        self._pool.admit(key)
        return key

    def forget(self, key: bytes) -> None:
        with self._turn:
            self._keys.pop(key, None)
        self._pool.forget(key)

    def run(self, message: bytes | memoryview, *, progress: Progress = SILENT, wait_s: float = 600.0, most: int = MOST_INPUT_BYTES) -> bytes:
        """A result for a message of ciphertexts.

        Args:
            wait_s: for a worker that is free.

        Raises:
            BadInput: as `wire.open_message`; `he.foreign-key`, `he.batch`; of the engine, which is asked after that: `he.blob`, `he.missing-key`,
                `he.transparent`, `he.memory`; `sandbox.*`.
            Missing: `he.busy`, `sandbox.*`.
        """
        found = open_message(message, self.expected_input(most=most))
        requests, samples = self._requests(found)
        header = found.header
        self._keys_of(header.key)
        results: list[bytes | memoryview] = []
        progress.start("ciphertexts", len(requests), "batches" if self.artefact.batch else "samples")
        with self._pool.lend(header.key, wait_s=wait_s) as worker:
            for request in requests:
                results += self._asked(worker, request)
                progress.advance()
        progress.finish()
        parameters, program, planned = self.artefact.parameters, self.artefact.program, self.artefact.plan
        first = program.outputs[0]
        flags = INSECURE if parameters.insecure else 0
        made = Header(Kind.RESULT, header.parameters, header.program, header.key, flags, planned.level[first], planned.scale[first], len(results))
        return seal_message(made, payload_of(results, samples))

    def close(self) -> None:
        self._pool.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _requests(self, message: Message) -> tuple[list[bytes], int]:
        """One request for each sample, or for the whole batch; and the number of samples."""
        parameters, inputs = self.artefact.parameters, len(self.artefact.inputs)
        count = message.header.count
        blobs, samples = ciphertexts(message.payload, count=count, most=ciphertext_bytes(parameters, len(parameters.data), fresh=True))
        if self.artefact.batch:
            if count != inputs or samples > parameters.slots:
                raise BadInput(
                    "he.batch", f"{samples} samples in {count} ciphertexts", hint=f"a batch has {inputs} ciphertexts of {parameters.slots} at most"
                )
        elif samples * inputs != count:
            raise BadInput("he.count", f"{samples} samples in {count} ciphertexts", hint="ask for the message again")
        each = samples if self.artefact.batch else 1
        return [b"R" + payload_of(blobs[at : at + inputs], each) for at in range(0, count, inputs)], samples

    def _asked(self, worker: Worker, request: bytes) -> Sequence[memoryview]:
        program, planned, parameters = self.artefact.program, self.artefact.plan, self.artefact.parameters
        most = max(ciphertext_bytes(parameters, planned.level[ref], fresh=False) for ref in program.outputs)
        deadline_s = 120.0 + 30 * milliseconds(program, planned, encoding=True) / 1000
        answer = worker.ask(request, deadline_s=deadline_s, limit=len(program.outputs) * (most + 4) + 1024)
        return ciphertexts(understood(answer), count=len(program.outputs), most=most)[0]

    def _keys_of(self, owner: bytes) -> bytes:
        with self._turn:
            keys = self._keys.get(owner)
        if keys is None:
            raise BadInput("he.foreign-key", f"there are no evaluation keys for the key {owner.hex()}", hint="give the keys that belong to it")
        return keys

    def _worker(self, owner: bytes) -> Worker:
        keys = self._keys_of(owner)
        program, planned, parameters = self.artefact.program, self.artefact.plan, self.artefact.parameters
        keep = min(sizes(program, planned, parameters).plains_held, machine_bytes() // 4)
        needed = needed_by_program(program, planned, parameters, plains=False) + keep
        # half as much again for what SEAL's pool keeps; keys and program come as messages, and are copied once
        memory = needed + needed // 2 + 2 * (len(keys) + len(self._program))
        may = confinement(memory, scratch=max(len(keys), ciphertext_bytes(parameters, len(parameters.data), fresh=False)))
        settings = {"parameters": settings_of(parameters), "keep_bytes": keep}
        return Worker(GUEST, settings, may, reuse=REUSE, setup=[b"P" + self._program, keys])
