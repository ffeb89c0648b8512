"""A run's folder: the outputs that may leave, and `run.json`: what ran, on what data, under which evidence, and how much can have left."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from velatura.enclave.assurance import Assurance
from velatura.enclave.counters import FILE_ALONE, NOT_DETECTED
from velatura.enclave.job import Job
from velatura.enclave.limits import LIMITS
from velatura.enclave.manifest import STATE
from velatura.enclave.release import SUFFIXES
from velatura.enclave.session import Ran
from velatura.specs import dump_json

__all__ = ["RECORD", "record", "write_run"]

RECORD = "run.json"


def record(job: Job, ran: Ran, *, backend: str, at: str, by_file: bool = False) -> dict[str, Any]:
    """What `run.json` holds. at: the time, as text; by_file: a file here counts its states."""
    assurance = min((Assurance.of(grant.assurance) for grant in ran.grants.values()), default=Assurance.NONE)
    kept = {} if job.terms.state is None else {"state": _state(job, ran, by_file=by_file)}
    return {
        "velatura": "enclave run 1",
        "time": at,
        "job": job.digest,
        "manifest": msgspec.to_builtins(job.terms),
        "backend": backend,
        "assurance": assurance.word,
        "inputs": {name: _input(ran, name, dataset=given.digest, sealed=given.sealed, purpose=given.purpose) for name, given in job.inputs.items()},
        "outputs": {name: _output(job, ran, name) for name in job.outputs},
        **kept,
        "seconds": {what: round(seconds, 3) for what, seconds in ran.seconds.items()},
        "limits": LIMITS[assurance],
    }


def write_run(job: Job, ran: Ran, told: Mapping[str, Any], folder: Path) -> None:
    """Into an empty folder."""
    for name in job.outputs:
        (folder / file_of(job, name)).write_bytes(ran.outputs[name].content)
    (folder / "evidence").mkdir()
    for name, raw in ran.evidence.items():
        (folder / "evidence" / f"{name}.bin").write_bytes(raw)
    (folder / RECORD).write_bytes(dump_json(told))


def file_of(job: Job, name: str) -> str:
    """Of an output."""
    output = job.outputs[name]
    return f"{name}.sealed" if output.leave == "sealed" else name + SUFFIXES[output.type]


def _state(job: Job, ran: Ran, *, by_file: bool) -> dict[str, Any]:
    """Of a job that keeps some. `rollback`: whether an older one would be noticed, in words."""
    state = job.terms.state
    assert state is not None, "asked for a job that keeps state"
    detected = NOT_DETECTED if ran.counted is None else FILE_ALONE if by_file else "detected by a counter"
    told = _input(ran, STATE, dataset=state.id, sealed=True, purpose=state.purpose)
    return {**told, "bound": state.bound, "written": ran.state is not None, "counter": ran.counted, "rollback": detected}


def _input(ran: Ran, name: str, **given: Any) -> dict[str, Any]:
    grant = ran.grants[name]
    return {
        **given,
        "use": f"{grant.use} of {grant.uses}",
        "policy": grant.policy,
        "verdict": grant.verdict,
        "assurance": grant.assurance,
        "checks": [dict(zip(("name", "outcome", "told"), check, strict=True)) for check in grant.checks],
        "evidence": hashlib.sha256(ran.evidence[name]).hexdigest(),
    }


def _output(job: Job, ran: Ran, name: str) -> dict[str, Any]:
    content = ran.outputs[name].content
    return {
        "type": job.outputs[name].type,
        "leave": job.outputs[name].leave,
        "file": file_of(job, name),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **ran.outputs[name].told,
    }
