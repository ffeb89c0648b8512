"""The confined process of an enclave: it makes its key, opens its inputs, runs its job once, and hands over what the job declares.

    b"h"                               -> its public key, the files it was loaded from
    b"j" manifest, then code, model    -> done
    b"i" name, key box, info, purpose  -> done          a sealed input; pieces follow, opened here
    b"s" key box, info                 -> done          what the job kept; pieces follow
    b"r"                               -> b"o" name, bytes of each output; then done

After `j`, `i` and `s` the content comes in pieces, b"d" and bytes, until b"e". An answer is b"." and bytes, or b"!" and a `Refusal`.

The key is drawn after the lock into memory that root cannot read (`memfd_secret`). Limit: while a box is opened, the key, and from then on the data,
lie in this process's ordinary memory, which root can read.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, cast

import msgspec
import numpy as np

from velatura.crypto import hpke
from velatura.crypto.aead import HEAD, MAX_HEADER, SALT_BYTES, ChunkedAead
from velatura.crypto.keys import Identity
from velatura.crypto.secret import Secret
from velatura.dp.accounting import Event, epsilon
from velatura.enclave import input_forms, release
from velatura.enclave.backends import rehearsal
from velatura.enclave.backends.job_code import Inputs, Outputs, Stop, Watch, run_code
from velatura.enclave.backends.loaded import loaded_files
from velatura.enclave.backends.memfd_secret import SecretMemory
from velatura.enclave.backends.refusals import Refusal
from velatura.enclave.datasets import identity
from velatura.enclave.manifest import STATE, Declared, Manifest, digest_of, read_manifest, write_manifest
from velatura.enclave.sealing import Bound, StateGrant, open_state, seal_state
from velatura.errors import BadInput, VelaturaError
from velatura.sandbox.guest import Inbox, Outbox

__all__ = ["KEY_BYTES", "CellGuest", "parts_of"]

KEY_BYTES = 32
_LENGTH = struct.Struct(">I")
_MOST_HEAD = HEAD.size + MAX_HEADER + SALT_BYTES


class CellGuest:
    """A `sandbox.Guest`.

    Args:
        inference: the job runs a network.
        imports: modules that the job names.
        threads: that torch may use.
        secretmem: the key lies in memory that root cannot read; without it the process does not start.
        accounting: epsilon is reckoned inside, of a model that leaves sealed.
    """

    def __init__(self, inference: bool, imports: list[str], threads: int, secretmem: bool, accounting: bool) -> None:
        self._inference, self._imports, self._threads, self._accounting = inference, tuple(imports), threads, accounting
        self._memory = SecretMemory(KEY_BYTES) if secretmem else None
        self._plain = b""
        self._backend: Any = None
        self._manifest: Manifest | None = None
        self._code = self._model = b""
        self._inputs: dict[str, Any] = {}
        self._state: StateGrant | None = None

    def warm(self) -> None:
        """Import what is named, and do once what is done later."""
        for name in self._imports:
            importlib.import_module(name)
        rehearsal.rehearse(self._imports, self._threads)
        if self._inference:
            self._backend = importlib.import_module("velatura.models.runtime").OnnxBackend
        input_forms.warm()
        release.warm()
        if self._accounting:
            epsilon([(Event("gaussian", 1.0, 0.5), 2)], 1e-5)
        self._rehearse_opening()
        self._loaded = loaded_files()
        self._watch = Watch()

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        self._draw()
        rehearsal.reseed(self._imports)
        acts: dict[bytes, Callable[[list[bytes], Inbox, Outbox], bytes]] = {
            b"h": self._tell,
            b"j": self._take_job,
            b"i": self._take_sealed,
            b"s": self._take_state,
            b"r": self._run,
        }
        while (request := inbox.get()) is not None:
            try:
                outbox.put(b"." + acts[request[:1]](parts_of(request[1:]), inbox, outbox))
            except Refusal as refusal:
                outbox.put(b"!" + refusal.encoded())
            except MemoryError:
                outbox.put(b"!" + Refusal("enclave.job-memory").encoded())

    def _draw(self) -> None:
        if self._memory is None:
            self._plain = os.urandom(KEY_BYTES)
        else:
            self._memory.draw()

    def _identity(self) -> Identity:
        """For one use: what it holds is a copy in ordinary memory."""
        return Identity(Secret(self._plain if self._memory is None else self._memory.reveal()))

    def _tell(self, parts: list[bytes], inbox: Inbox, outbox: Outbox) -> bytes:
        own = os.environ.get("TMPDIR", "")  # named anew at each start where there are no namespaces
        environment = {name: "/scratch" if own and word == own else word for name, word in os.environ.items()}
        return msgspec.json.encode({"recipient": self._identity().recipient.raw.hex(), "loaded": self._loaded, "environment": environment})

    def _take_job(self, parts: list[bytes], inbox: Inbox, outbox: Outbox) -> bytes:
        """Answers the digest that it found itself."""
        content = b"".join(_pieces(inbox))
        manifest = read_manifest(parts[0])
        size = int(parts[1])
        code, model = content[:size], content[size:]
        for raw, digest in ((code, manifest.code), (model, manifest.model)):
            if hashlib.sha256(raw).hexdigest() != digest if digest is not None else raw:
                raise Refusal("enclave.job-changed")
        self._manifest, self._code, self._model = manifest, code, model
        return digest_of(parts[0]).encode()

    def _take_sealed(self, parts: list[bytes], inbox: Inbox, outbox: Outbox) -> bytes:
        name, box, info, purpose = parts[0].decode(), *parts[1:]
        source = _Source(_pieces(inbox))
        try:
            declared = self._awaited(name)
            try:
                key = hpke.open_sealed(box, self._identity(), info=info)
            except VelaturaError as error:
                raise Refusal("enclave.key-does-not-open", name=name) from error
            try:
                raw = ChunkedAead(Secret(key), purpose).reader(cast(BinaryIO, source)).read()
            except (VelaturaError, ValueError) as error:
                raise Refusal("enclave.input-refused", name=name) from error
            found = source.identity() if declared.sealed else hashlib.sha256(raw).hexdigest()
            if found != declared.digest:
                raise Refusal("enclave.input-refused", name=name)
        finally:
            source.drain()
        return self._keep(name, declared.form, raw)

    def _take_state(self, parts: list[bytes], inbox: Inbox, outbox: Outbox) -> bytes:
        """Nothing where there is none yet, which a counter that has counted denies."""
        raw = b"".join(_pieces(inbox))
        if self._job.state is None or STATE in self._inputs:
            raise Refusal("enclave.undeclared-input")
        try:
            given = msgspec.json.decode(hpke.open_sealed(parts[0], self._identity(), info=parts[1]), type=StateGrant)
        except (VelaturaError, msgspec.MsgspecError) as error:
            raise Refusal("enclave.key-does-not-open", name=STATE) from error
        if given.bound.name != self._job.state.id or (not raw and given.counter):
            raise Refusal("enclave.rollback", name=STATE)
        try:
            self._inputs[STATE] = open_state(raw, Secret(given.key), given.bound, counter=given.counter) if raw else b""
        except VelaturaError as error:
            raise Refusal("enclave.rollback" if error.code == "enclave.rollback" else "enclave.input-refused", name=STATE) from error
        self._state = given
        return b""

    def _kept(self, value: Any) -> bytes:
        """What the job keeps, sealed to its kind, one count on."""
        state, given = self._job.state, self._state
        if state is None or given is None or not isinstance(value, bytes) or len(value) > state.most_bytes:
            raise BadInput("enclave.output", "what a job keeps is bytes, and no more than it declares")
        counter = None if given.counter is None else given.counter + 1
        return seal_state(value, Secret(given.key), given.bound, counter=counter, entropy=os.urandom)

    def _awaited(self, name: str) -> Declared:
        declared = self._job.inputs.get(name)
        if declared is None:
            raise Refusal("enclave.undeclared-input")
        if name in self._inputs:
            raise Refusal("enclave.input-twice", name=name)
        return declared

    def _keep(self, name: str, form: str, raw: bytes) -> bytes:
        try:
            self._inputs[name] = input_forms.decoded(form, raw, name)
        except BadInput as error:
            raise Refusal("enclave.input", name=name) from error
        return b""

    @property
    def _job(self) -> Manifest:
        if self._manifest is None:
            raise Refusal("enclave.job-changed")
        return self._manifest

    def _run(self, parts: list[bytes], inbox: Inbox, outbox: Outbox) -> bytes:
        job = self._job
        kept = {STATE} if job.state is not None else set()
        for name in (*job.inputs, *kept):
            if name not in self._inputs:
                raise Refusal("enclave.input-missing", name=name)
        outputs = Outputs(frozenset(job.outputs) | kept, self._encoded)
        try:
            if self._inference:
                self._infer(outputs)
            else:
                run_code(self._code, Inputs(self._inputs), outputs, job.config, self._watch)
        except Stop as stop:
            raise stop.refusal from stop
        finally:
            self._inputs.clear()  # a job runs once
        for name in job.outputs:
            if name not in outputs.taken:
                raise Refusal("enclave.output-missing", name=name)
        for name, raw in outputs.taken.items():
            outbox.put(b"o" + _LENGTH.pack(len(name)) + name.encode() + raw)
        return b""

    def _encoded(self, name: str, value: Any, rows: int | None, privacy: Mapping[str, float] | None) -> bytes:
        """As it leaves: what is sealed is held against its rule here, the rest outside, where the job's code does not reach."""
        if name == STATE:
            return self._kept(value)
        output = self._job.outputs[name]
        raw = release.encode(name, output, value, rows=rows, privacy=privacy)
        if output.leave == "released":
            return raw
        to = self._job.to
        assert to is not None, "a manifest with a sealed output names to whom"
        return release.sealed(name, raw, to, job_digest=digest_of(write_manifest(self._job)))

    def _infer(self, outputs: Outputs) -> None:
        """The network's outputs by their names, or its first one, in batches of `config.batch` rows. One input: an array, or the first of several."""
        try:
            network = self._backend(self._model, threads=self._threads)
        except VelaturaError as error:
            raise Refusal("enclave.job-model") from error
        try:
            (given,) = self._inputs.values()
            rows = given if isinstance(given, np.ndarray) else next(iter(given.values()))
            size = self._job.config.get("batch", max(1, len(rows)))
            if not isinstance(size, int) or size < 1:
                raise ValueError("config.batch is a number of rows")
            parts = [network.run(np.ascontiguousarray(rows[at : at + size])) for at in range(0, max(1, len(rows)), size)]
        except MemoryError as error:
            raise Refusal("enclave.job-memory") from error
        except Exception as error:  # onnxruntime's errors have no common parent of their own
            raise Refusal("enclave.job-failed", kind=type(error).__name__) from error
        for name in self._job.outputs:
            found = name if name in parts[0] else next(iter(parts[0]))
            outputs.put(name, np.concatenate([part[found] for part in parts]))

    def _rehearse_opening(self) -> None:
        """HPKE and STREAM once, with a key that is thrown away."""
        identity = Identity(Secret(bytes(range(KEY_BYTES))))
        assert hpke.open_sealed(hpke.seal(b"x", identity.recipient, info=b""), identity, info=b"") == b"x"
        held = io.BytesIO()
        stream = ChunkedAead(Secret(bytes(KEY_BYTES)), b"rehearsal", 8)
        writer = stream.writer(held, entropy=os.urandom)
        writer.write(bytes(20))
        writer.finish()
        stream.reader(io.BytesIO(held.getvalue())).read()
        bound = Bound(to="policy", value="", name="")
        open_state(seal_state(b"x", Secret(bytes(KEY_BYTES)), bound, counter=1, entropy=os.urandom), Secret(bytes(KEY_BYTES)), bound, counter=1)


class _Source:
    """Pieces as a file that is read forward, and the digest of what stood before its chunks."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held = pieces, memoryview(b"")
        self._head = bytearray()

    def read(self, size: int) -> bytes:
        if not self._held:
            self._held = memoryview(next(self._pieces, b""))
        part, self._held = bytes(self._held[:size]), self._held[size:]
        if len(self._head) < _MOST_HEAD:
            self._head += part
        return part

    def identity(self) -> str:
        """As of `datasets.identity`."""
        return identity(io.BytesIO(self._head))

    def drain(self) -> None:
        """To the end of the pieces, whatever they are: the next request is behind it."""
        for _ in self._pieces:
            pass


def _pieces(inbox: Inbox) -> Iterator[bytes]:
    while (message := inbox.get()) is not None and message[:1] == b"d":
        yield message[1:]


def parts_of(raw: bytes) -> list[bytes]:
    """What `binding.framed` put together."""
    found, at = [], 0
    while at < len(raw):
        (size,) = _LENGTH.unpack_from(raw, at)
        found.append(raw[at + 4 : at + 4 + size])
        at += 4 + size
    return found
