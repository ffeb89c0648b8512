"""What an audit of an enclave is made of: an honest submission, from files or from a process of this machine, and a job."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from velatura.attacks.enclave.lookalike import loaded
from velatura.attacks.enclave.pem import certificates_of, pem_of
from velatura.attacks.enclave.submission import Submission
from velatura.audit.enclave.options import EnclaveOptions
from velatura.enclave.companions import Companions, read_companions
from velatura.enclave.evidence.documents import read_evidence
from velatura.enclave.evidence.roots import ROOTS, pinned_chain
from velatura.enclave.job import Job, load_job
from velatura.enclave.policy import load_policy
from velatura.errors import BadSpec
from velatura.files import private_folder

__all__ = ["Material", "small_job"]

NONCE, REPORT_DATA = hashlib.sha256(b"an audit's nonce").digest(), hashlib.sha512(b"what an audit binds").digest()
CODE = 'def run(inputs, outputs, config):\n    outputs.put("count", {"rows": len(inputs["data"])}, rows=100)\n'
JOB = """version = 1
kind = "python"
code = "job.py"
[inputs.data]
file = "data.bin"
form = "bytes"
purpose = "audit"
[outputs.count]
type = "metrics"
k = 20
metrics = { rows = { decimals = 0, low = 0, high = 1000000 } }
"""


@dataclass(frozen=True)
class Material:
    """Args: base: what the options' paths are relative to; stack: ends folders."""

    options: EnclaveOptions
    base: Path
    stack: ExitStack

    @cached_property
    def job(self) -> Job:
        """That of the options, or a small one. Raises BadSpec, BadInput."""
        if self.options.job:
            return load_job(self.base / self.options.job)
        return small_job(self.folder, code=CODE, data=b"nothing that matters")

    @cached_property
    def folder(self) -> Path:
        """Of this audit alone; gone after it."""
        return self.stack.enter_context(private_folder())

    @cached_property
    def submission(self) -> Submission:
        """Raises BadSpec, BadInput; Missing: no process can be confined here."""
        return self._read() if self.options.evidence else self._made()

    def _read(self) -> Submission:
        path = self.base / self.options.policy
        policy = load_policy(path)
        found = read_companions(policy.companions, path.parent)
        beside = {one.name: raw for one in fields(Companions) if isinstance(raw := getattr(found, one.name), bytes)}
        if found.absent:
            raise BadSpec(
                "audit.evidence", f"{path} names {found.absent[0]}, which is not there", hint="velatura enclave collateral says what is needed"
            )
        evidence = read_evidence(self.base / self.options.evidence)
        made = Submission(policy.format, evidence, path.read_text("utf-8"), self._time(), beside, found.crl)
        return _with_authorities(made.without("with"))  # companions travel as bytes here

    def _made(self) -> Submission:
        from velatura.enclave.backends.process import ProcessBackend

        with ProcessBackend().start(self.job) as enclave:
            collected = enclave.evidence(REPORT_DATA, NONCE)
        policy = f'version = 1\nformat = "process"\n[reference]\njob = ["{self.job.digest}"]\n[require]\nnonce = "{NONCE.hex()}"\nmax_age_s = 300\n'
        return Submission("process", collected.evidence, policy, datetime.now(UTC))

    def _time(self) -> datetime:
        word = self.options.time
        try:
            if not word:
                return datetime.now(UTC)
            return datetime.fromtimestamp(int(word), UTC) if word.isdecimal() else _with_zone(datetime.fromisoformat(word))
        except (ValueError, OverflowError, OSError) as error:
            raise BadSpec("audit.time", f"{word!r} is no time", hint="Unix seconds, or 2026-06-30T12:00:00Z") from error


def _with_authorities(made: Submission) -> Submission:
    """An attacker has what a vendor publishes: AMD's authorities above the leaf, where the policy leaves them to the package."""
    if made.format != "sev-snp" or "leaf" not in made.companions or "chain" in made.companions:
        return made
    try:
        issuer = loaded(certificates_of(made.companions["leaf"])[0]).issuer
    except (ValueError, LookupError):  # it is not accepted then, and the attack says so
        return made
    published = (pinned_chain(name) for name in ROOTS if name.startswith("amd-"))
    above = next((chain for chain in published if loaded(chain[0]).subject == issuer), None)
    return made if above is None else made.beside(chain=pem_of(above))


def small_job(folder: Path, *, code: str, data: bytes, job: str = JOB, given: Mapping[str, str] | None = None) -> Job:
    """Written into `folder` and read; `given`: its configuration."""
    (folder / "job.py").write_text(code, "utf-8")
    (folder / "data.bin").write_bytes(data)
    config = "".join(f'{name} = "{value}"\n' for name, value in (given or {}).items())
    (folder / "job.toml").write_text(job + (f"[config]\n{config}" if config else ""), "utf-8")
    return load_job(folder / "job.toml")


def _with_zone(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
