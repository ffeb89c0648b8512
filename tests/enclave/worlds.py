"""A session in memory: an owner with a clock of his own, a job, and an enclave that is honest but for what a test changes of it.

    world = World(tmp_path)
    ran = world.run()

The enclave here does in this process what the confined one does in its own: the same keys, boxes, files, evidence and rules.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec
import numpy as np

from velatura.crypto.aead import ChunkedAead
from velatura.crypto.hpke import open_sealed
from velatura.crypto.keys import Identity, Recipient, Signer
from velatura.crypto.log import SignedLog
from velatura.crypto.secret import Secret
from velatura.enclave import release
from velatura.enclave.assurance import Assurance
from velatura.enclave.backends.backend import Collected
from velatura.enclave.challenges import Challenges
from velatura.enclave.dataset_key import DatasetKey, new_key, save_dataset_key, uses_beside
from velatura.enclave.datasets import Terms, identity, seal
from velatura.enclave.evidence.process import LAYERS
from velatura.enclave.evidence.process_document import Claims, Package, measurement_of, signed
from velatura.enclave.holder import Holder
from velatura.enclave.input_forms import decoded
from velatura.enclave.job import Job, load_job
from velatura.enclave.policy import Policy, parse_policy
from velatura.enclave.run_sources import sources_of
from velatura.enclave.session import Ran, run_job
from velatura.progress import Progress

Rows = np.arange(100, dtype=np.float64)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
POLICY = 'version = 1\nformat = "process"\n[reference]\nany_measurement = true\n[require]\nmax_age_s = 60\n'
JOB = """version = 1
kind = "python"
code = "job.py"
[inputs.rows]
file = "rows.sealed"
form = "npy"
purpose = "count"
[outputs.metrics]
type = "metrics"
k = 20
metrics = { mean = { decimals = 1, low = 0, high = 100 } }
"""
CODE = 'def run(inputs, outputs, config):\n    outputs.put("metrics", {"mean": inputs["rows"].mean()}, rows=len(inputs["rows"]))\n'


class Handed:
    """What a job puts out."""

    def __init__(self, job: Job) -> None:
        self.job, self.found = job, dict[str, bytes]()

    def put(self, name: str, value: Any, **more: Any) -> None:
        raw = release.encode(name, self.job.outputs[name], value, **more)
        if self.job.outputs[name].leave == "sealed":
            assert self.job.recipient is not None
            raw = release.sealed(name, raw, self.job.recipient, job_digest=self.job.digest)
        self.found[name] = raw


@dataclass
class HereEnclave:
    """An `Enclave`. `changed`: claims that it puts into its evidence in place of the true ones."""

    job: Job
    clock: Callable[[], datetime]
    changed: Mapping[str, Any] = field(default_factory=dict)
    identity: Identity = field(default_factory=lambda: Identity.new(os.urandom))
    inputs: dict[str, Any] = field(default_factory=dict)

    @property
    def recipient(self) -> Recipient:
        return self.identity.recipient

    @property
    def job_digest(self) -> str:
        return self.job.digest

    def evidence(self, report_data: bytes, nonce: bytes) -> Collected:
        document = evidence_of(report_data, nonce, self.recipient, self.job.digest, self.clock(), self.changed)
        return Collected(document, "process")

    def take(self, name: str, box: bytes, info: bytes, purpose: bytes, sealed: BinaryIO) -> None:
        key = Secret(open_sealed(box, self.identity, info=info))
        self.inputs[name] = decoded(self.job.inputs[name].form, ChunkedAead(key, purpose).reader(sealed).read(), name)

    def take_state(self, box: bytes, info: bytes, sealed: BinaryIO) -> None:
        raise AssertionError("no job of these worlds keeps anything")

    def run(self, *, deadline_s: float, progress: Progress) -> Mapping[str, bytes]:
        scope: dict[str, Any] = {}
        exec(self.job.code or b"", scope)
        handed = Handed(self.job)
        scope["run"](self.inputs, handed, self.job.config)
        return handed.found

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


def evidence_of(report_data: bytes, nonce: bytes, key: Recipient, job: str, at: datetime, changed: Mapping[str, Any]) -> bytes:
    """Signed by a key of its own, as real evidence of a process is."""
    claims = Claims(
        nonce=nonce.hex(),
        report_data=report_data.hex(),
        recipient=key.raw.hex(),
        job=job,
        model="",
        measurement="",
        interpreter="11" * 32,
        packages=(Package(name="numpy", version="2", files=1, sha256="22" * 32),),
        environment={},
        calls=("getrandom",),
        layers=dict.fromkeys(LAYERS, "kernel"),
        threads=1,
        memory_mb=64,
        uid=65534,
        kernel="6.18",
        landlock_abi=7,
        boot_id="",
        hwmodel="Linux x86_64",
        iat=int(at.timestamp()),
        swname="velatura",
        swversion="0",
    )
    claims = msgspec.structs.replace(claims, **changed)
    return signed(msgspec.structs.replace(claims, measurement=measurement_of(claims)), Signer.new(os.urandom), named="process")


@dataclass
class HereBackend:
    clock: Callable[[], datetime]
    changed: Mapping[str, Any] = field(default_factory=dict)
    name: str = "here"
    assurance: Assurance = Assurance.PROCESS

    def lacking(self) -> tuple[str, ...]:
        return ()

    def start(self, job: Job, *, owner: Recipient | None, allow_degraded: frozenset[str]) -> HereEnclave:
        return HereEnclave(job, self.clock, self.changed)


def _digests(code: str) -> tuple[str, ...]:
    return (hashlib.sha256(code.encode()).hexdigest(),) if code else ()


class World:
    """One data set of an owner, sealed for one purpose, and a job that asks for it.

    Attributes:
        now: of everybody; `later` moves it.
        holder: the owner's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        uses: int = 3,
        outputs: tuple[str, ...] = ("metrics",),
        policy: str = POLICY,
        job: str = JOB,
        code: str = CODE,
        log: SignedLog | None = None,
        recipient: str | None = None,
        may_run: str = "",
    ) -> None:
        self.folder, self.now = folder, NOON
        self.policy: Policy = parse_policy(policy)
        self.terms = Terms(policy=self.policy.digest, purpose="count", uses=uses, outputs=outputs, recipient=recipient, code=_digests(may_run))
        np.save(folder / "rows.npy", Rows)
        secret = new_key(os.urandom)
        with (folder / "rows.sealed").open("wb") as sink:
            seal([folder / "rows.npy"], sink, self.terms, secret, entropy=os.urandom)
        with (folder / "rows.sealed").open("rb") as stream:
            dataset = identity(stream)
        self.key = DatasetKey(dataset, secret, self.terms, self.policy, uses_beside(folder / "rows.key"))
        save_dataset_key(self.key, folder / "rows.key")
        self.challenges = Challenges(os.urandom, lambda: (self.now - NOON).total_seconds())
        self.holder = Holder([self.key], self.challenges, now=self.clock, log=log)
        self.job = self.written(job, code)

    def written(self, job: str, code: str = CODE) -> Job:
        (self.folder / "job.py").write_text(code)
        (self.folder / "job.toml").write_text(job)
        return load_job(self.folder / "job.toml")

    def clock(self) -> datetime:
        return self.now

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def enclave(self, **changed: Any) -> HereEnclave:
        return HereEnclave(self.job, self.clock, changed)

    def run(self, job: Job | None = None, **changed: Any) -> Ran:
        job = job or self.job
        return run_job(job, HereBackend(self.clock, changed), sources_of(job, self.holder, list(self.holder.datasets), {}, {}))
