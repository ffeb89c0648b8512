"""The parent's side of an enclave's confined process: start, hand over, run. Whatever it answers is hostile bytes.

One process for one job: the warm process itself is locked (`Warm.lock`), so nothing that shares its memory is left outside.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from velatura.crypto.aead import MAGIC
from velatura.crypto.keys import Recipient
from velatura.enclave import release
from velatura.enclave.backends import memfd_secret, refusals
from velatura.enclave.binding import framed
from velatura.enclave.job import Job
from velatura.enclave.manifest import STATE
from velatura.errors import BadSpec, Missing, Withheld, nearest
from velatura.progress import Progress
from velatura.sandbox.confinement import ALL_LAYERS, Confinement, Layer
from velatura.sandbox.launch import Json
from velatura.sandbox.plain import PlainWarm
from velatura.sandbox.warm import Warm

__all__ = ["GUEST", "SECRETMEM", "Cell", "cell_confinement", "settings_of"]

GUEST = "velatura.enclave.backends.cell_guest:CellGuest"
SECRETMEM = "secretmem"
CALLS = frozenset({"getrandom"})
SCRATCH_MB = 64  # torch and its like write while they are imported; nothing can be opened later
POOLS = 4  # torch keeps a pool for each of the ways in which it computes; one thread has none
PIECE = 1 << 20
WARM_S, HANDED_S = 180.0, 600.0
_SMALL = 1 << 20


@dataclass(frozen=True, slots=True)
class Told:
    """What the process says of itself once it is locked."""

    recipient: Recipient
    loaded: tuple[str, ...]
    environment: Mapping[str, str]


def cell_confinement(job: Job, degraded: frozenset[str]) -> Confinement:
    """What a job's process may do: compute, draw random numbers, read its inbox, write its outbox.

    Raises:
        BadSpec: `enclave.layer`: no layer, or one that nobody can do without.
    """
    may_be_absent = [layer.value for layer in Layer if layer != Layer.SECCOMP] + [SECRETMEM]
    for name in sorted(degraded):
        if name not in may_be_absent:
            raise BadSpec("enclave.layer", f"{name!r} is no layer that an enclave can do without", hint=nearest(name, may_be_absent))
    lifted = frozenset(Layer(name) for name in degraded if name != SECRETMEM)
    threads = 1 if job.threads == 1 else POOLS * job.threads
    return Confinement(scratch_mb=SCRATCH_MB, calls=CALLS, memory_mb=job.memory_mb, threads=threads, required=ALL_LAYERS - lifted)


def settings_of(job: Job, *, secretmem: bool) -> Json:
    """Of the guest."""
    private = any(output.leave == "sealed" and output.privacy is not None for output in job.outputs.values())
    return {"inference": job.kind == "inference", "imports": list(job.imports), "threads": job.threads, "secretmem": secretmem, "accounting": private}


class Cell:
    """One process with its job. Close it.

    Attributes:
        layers: layer -> "kernel", "self", or why it is absent; `secretmem` too.
        told: of itself.

    Raises:
        BadSpec: `enclave.layer`. Missing: `sandbox.*`, `enclave.no-secretmem`.
    """

    def __init__(self, job: Job, degraded: frozenset[str], *, confined: bool = True) -> None:
        may = cell_confinement(job, degraded)
        absent = memfd_secret.why_absent() if confined else "a simulated enclave has no such memory"
        if absent and confined and SECRETMEM not in degraded:
            raise Missing(
                "enclave.no-secretmem",
                f"this kernel has no memory that root cannot read: {absent}",
                hint="Linux 5.14 with CONFIG_SECRETMEM, before 6.5 also secretmem.enable=1 at boot; or lift it: --allow-degraded secretmem",
            )
        self.job, self._names = job, {*job.inputs, *job.outputs, STATE}
        self._lines = len((job.code or b"").splitlines()) + 1  # a statement that does not end is told of the line behind
        settings = settings_of(job, secretmem=not absent)
        self._warm: Warm | PlainWarm
        if confined:
            self._warm = Warm(GUEST, settings, may, warm_deadline_s=WARM_S)
        else:
            self._warm = PlainWarm(GUEST, settings, Confinement(required=frozenset(), threads=job.threads), warm_deadline_s=WARM_S)
        try:
            self._child, held = self._warm.lock()
            found = {layer.value: word if confined else "simulated: nothing is confined" for layer, word in held.items()}
            self.layers = {**found, SECRETMEM: absent or "self"}
            self.told = self._hear()
            self._hand_over_job()
        except BaseException:
            self._warm.close()
            raise

    @property
    def pid(self) -> int:
        """As this machine counts."""
        return self._child.pid

    @property
    def uid(self) -> int:
        """Of the process, as this machine counts; ours where /proc does not tell."""
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        except OSError:
            return os.getuid() if hasattr(os, "getuid") else 0
        return next((int(line.split()[1]) for line in lines if line.startswith("Uid:")), 0)

    def take(self, name: str, box: bytes, info: bytes, purpose: bytes, sealed: BinaryIO) -> None:
        """As of `Enclave.take`."""
        self._ask(b"i" + framed(name.encode(), box, info, purpose), sealed)

    def take_state(self, box: bytes, info: bytes, sealed: BinaryIO) -> None:
        """As of `Enclave.take_state`."""
        self._ask(b"s" + framed(box, info), sealed)

    def run(self, *, deadline_s: float, progress: Progress) -> Mapping[str, bytes]:
        """As of `Enclave.run`."""
        progress.start("running the job inside", None, "")
        until = time.monotonic() + deadline_s
        self._child.send(b"r")
        kept = self.job.terms.state.most_bytes if self.job.terms.state is not None else 0
        most = max(kept, *(output.most_bytes for output in self.job.outputs.values())) + _SMALL
        found: dict[str, bytes] = {}
        while (answer := self._child.receive(deadline_s=until - time.monotonic(), limit=most))[:1] == b"o":
            name, raw = self._output(answer)
            if name in found:
                raise refusals.error("enclave.output-twice", name=name)
            found[name] = raw
        self._read(answer)
        if missing := sorted(self.job.outputs.keys() - found.keys()):
            raise refusals.error("enclave.output-missing", name=missing[0])
        progress.finish()
        return found

    def close(self) -> None:
        """End it, and all that it knew."""
        self._child.close()
        self._warm.close()

    def _hear(self) -> Told:
        """Before it has read a byte of the job's: its word is what it was warmed with."""
        told = msgspec.json.decode(self._ask(b"h"))
        return Told(Recipient(bytes.fromhex(told["recipient"])), tuple(told["loaded"]), told["environment"])

    def _hand_over_job(self) -> None:
        code, model = self.job.code or b"", self.job.model or b""
        found = self._ask(b"j" + framed(self.job.manifest, str(len(code)).encode()), io.BytesIO(code + model))
        if found.decode("ascii", "replace") != self.job.digest:
            raise Withheld("enclave.job-changed", "the enclave found another digest for the job than we did")

    def _ask(self, request: bytes, content: BinaryIO | None = None) -> bytes:
        """One request, with its content in pieces; an answer before the end is a refusal, and the rest is kept back."""
        self._child.send(request, deadline_s=HANDED_S)
        while content is not None and not self._child.has_come(within_s=0) and (piece := content.read(PIECE)):
            self._child.send(b"d" + piece, deadline_s=HANDED_S)
        if content is not None:
            self._child.send(b"e", deadline_s=HANDED_S)
        return self._read(self._child.receive(deadline_s=HANDED_S, limit=_SMALL))

    def _read(self, answer: bytes) -> bytes:
        if answer[:1] == b".":
            return answer[1:]
        raise refusals.decoded(answer[1:] if answer[:1] == b"!" else b"", self._names, self._lines)

    def _output(self, answer: bytes) -> tuple[str, bytes]:
        """Name and bytes of a declared output, held against its rule: the answer is hostile."""
        size = int.from_bytes(answer[1:5], "big")
        name, raw = answer[5 : 5 + size].decode("ascii", "replace"), answer[5 + size :]
        output, state = self.job.outputs.get(name), self.job.terms.state
        if name == STATE and state is not None and raw.startswith(MAGIC) and len(raw) <= state.most_bytes + _SMALL:
            return name, raw
        if output is None:
            raise refusals.error("enclave.undeclared-output")
        return name, (release.hold if output.leave == "released" else release.hold_sealed)(name, output, raw)
