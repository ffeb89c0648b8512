"""A job from its file: what is run on whose data, and what may leave.

    version = 1
    kind = "train"                    # or "python": code = FILE with `def run(inputs, outputs, config)`; or "inference": model = FILE.onnx
    code = "train.py"
    imports = ["torch"]               # loaded before the job is locked in; nothing can be imported later
    memory_mb = 1024
    [inputs.digits]
    file = "digits.sealed"            # of `velatura enclave seal`, or a plain file
    form = "npz"
    purpose = "train a classifier of digits"
    [outputs.metrics]
    type = "metrics"
    k = 20
    metrics = { accuracy = { decimals = 3 } }
    [state]                           # what it keeps from run to run: inputs["state"], b"" at first; outputs.put("state", bytes)
    id = "..."                        # of `velatura enclave seal --state`
    purpose = "train a classifier of digits"
    [config]                          # given to run() as it stands here
    epochs = 5

Files lie in the job's own folder, unless the person who runs it names another place: a job that came by mail must not point at /etc. They are read
and digested once; what runs is what was digested.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec

from velatura.crypto import keytext
from velatura.crypto.aead import MAGIC
from velatura.crypto.keyfile import load_recipient
from velatura.crypto.keys import Recipient
from velatura.enclave.datasets import identity, is_sealed
from velatura.enclave.manifest import Declared, Manifest, State, digest_of, write_manifest
from velatura.enclave.outputs import Output
from velatura.errors import BadInput, BadSpec, nearest
from velatura.files import open_regular
from velatura.specs import Spec, load_spec

__all__ = ["Input", "Job", "load_job"]

MOST_CODE, MOST_MODEL = 1 << 20, 1 << 30


class InputFile(Spec, frozen=True, kw_only=True):
    """`[inputs.NAME]`, as it is written.

    Attributes:
        file: of `velatura enclave seal`, or a plain one; `--input NAME=FILE` names another place.
        purpose: must be the data set's own, word for word; 1 to 200 characters.
        form: how the job finds it.
    """

    file: str
    purpose: str
    form: str = "bytes"


class JobFile(Spec, frozen=True, kw_only=True):
    """JOB.toml, as it is written; `load_job` makes a `Job` of it.

    Attributes:
        version: 1.
        kind: "python", "train" (the same, by another name) or "inference".
        code: a file with `def run(inputs, outputs, config)`; not of an inference.
        model: an ONNX file; of an inference.
        imports: modules that code imports: loaded before the job is locked in; nothing can be imported later.
        inputs: 1 to 16 tables `[inputs.NAME]`; an inference has one, of the form npy, or npz, of which it takes the first array.
        outputs: 1 to 32 tables `[outputs.NAME]`; of an inference arrays or tables: the network's outputs by their names, or its first one.
        config: given to `run` as it stands here; an inference has `batch` alone: rows at a time.
        memory_mb: beyond what loading took; 16 and more.
        threads: 1 to 256.
        deadline_s: seconds that it may take; at most a week.
        recipient: whom sealed outputs are for: `KEY.pub`, or its word.
        state: table `[state]`, of what code keeps from run to run.
    """

    version: Literal[1]
    kind: Literal["inference", "train", "python"]
    code: str | None = None
    model: str | None = None
    imports: tuple[str, ...] = ()
    inputs: dict[str, InputFile] = msgspec.field(default_factory=dict)
    outputs: dict[str, Output] = msgspec.field(default_factory=dict)
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    memory_mb: int = 1024
    threads: int = 1
    deadline_s: float = 600.0
    recipient: str | None = None
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """Where an input's bytes are, beside what the manifest says of it."""

    path: Path
    form: str
    purpose: str
    sealed: bool
    digest: str


@dataclass(frozen=True)
class Job:
    """Ready to run. Made by `load_job`.

    Attributes:
        terms: what it does and what may leave, as those see it who release data to it.
        code, model: contents of the files.
        inputs: by name.
    """

    terms: Manifest
    code: bytes | None
    model: bytes | None
    inputs: Mapping[str, Input]

    @property
    def kind(self) -> str:
        return self.terms.kind

    @property
    def outputs(self) -> Mapping[str, Output]:
        return self.terms.outputs

    @property
    def config(self) -> Mapping[str, Any]:
        return self.terms.config

    @property
    def imports(self) -> tuple[str, ...]:
        return self.terms.imports

    @property
    def memory_mb(self) -> int:
        return self.terms.memory_mb

    @property
    def threads(self) -> int:
        return self.terms.threads

    @property
    def deadline_s(self) -> float:
        return self.terms.deadline_s

    @property
    def recipient(self) -> Recipient | None:
        """Whom sealed outputs are for."""
        return self.terms.to

    @cached_property
    def manifest(self) -> bytes:
        """What the digest is of."""
        return write_manifest(self.terms)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the manifest, hex."""
        return digest_of(self.manifest)


def load_job(path: Path, *, places: Mapping[str, Path] | None = None) -> Job:
    """Read a job's file and all that it names.

    Args:
        places: of inputs that lie elsewhere than the file says, by name.

    Raises:
        BadSpec: `spec.*`, `enclave.job`, `crypto.*`. BadInput: `enclave.job-file`, `spec.too-large`.
    """
    written = load_spec(path, JobFile)
    given = dict(places or {})
    for name in given:
        if name not in written.inputs:
            raise BadSpec("enclave.job", f"{path}: there is no input {name!r}", hint=nearest(name, written.inputs))
    code = _content(path, written.code, "code", MOST_CODE)
    model = _content(path, written.model, "model", MOST_MODEL)
    inputs = {name: _input(path, name, one, given.get(name)) for name, one in written.inputs.items()}
    manifest = Manifest(
        kind=written.kind,
        code=_sha256(code),
        model=_sha256(model),
        imports=written.imports,
        inputs={name: Declared(digest=one.digest, form=one.form, purpose=one.purpose, sealed=one.sealed) for name, one in inputs.items()},
        outputs=written.outputs,
        config=written.config,
        memory_mb=written.memory_mb,
        threads=written.threads,
        deadline_s=written.deadline_s,
        recipient=_recipient(path, written.recipient),
        state=written.state,
    )
    manifest.check(str(path))
    return Job(manifest, code, model, inputs)


def _input(job: Path, name: str, written: InputFile, place: Path | None) -> Input:
    path = place if place is not None else _beside(job, written.file, f"inputs.{name}.file")
    try:
        with open_regular(path) as stream:
            sealed = is_sealed(stream)
            digest = identity(stream) if sealed else hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, f"inputs.{name}", error) from error
    return Input(path, written.form, written.purpose, sealed, digest)


def _content(job: Path, word: str | None, what: str, most: int) -> bytes | None:
    if word is None:
        return None
    path = _beside(job, word, what)
    try:
        with open_regular(path) as stream:
            raw: bytes = stream.read(most + 1)
    except OSError as error:
        raise _unreadable(path, what, error) from error
    if len(raw) > most:
        raise BadInput("enclave.job-file", f"{path}: larger than {most} bytes, which is the most for {what}")
    if raw.startswith(MAGIC):
        hint = "sealed data are inputs, a network too: docs/reference/enclave-job.md shows one"
        raise BadInput("enclave.job-file", f"{path}: {what} is sealed, and a job's own files are read as they are", hint=hint)
    return raw


def _beside(job: Path, word: str, what: str) -> Path:
    """A file in the job's own folder, links followed."""
    path, folder = job.parent / word, job.parent.resolve()
    try:
        within = path.resolve().is_relative_to(folder)
    except (OSError, ValueError, RuntimeError) as error:
        raise BadSpec("enclave.job", f"{job}: {what}: no name of a file") from error
    if not within or "\0" in word:
        hint = "copy it there, or name its place: --input NAME=FILE" if what.startswith("inputs") else "copy it there"
        raise BadSpec("enclave.job", f"{job}: {what} lies outside of the job's folder", hint=hint)
    return path


def _recipient(job: Path, word: str | None) -> str | None:
    """As a word, whether the file has it or names a file with it."""
    if word is None:
        return None
    given = word if word.startswith("velatura-") else str(_beside(job, word, "recipient"))
    return keytext.encode(load_recipient(given))


def _sha256(raw: bytes | None) -> str | None:
    return None if raw is None else hashlib.sha256(raw).hexdigest()


def _unreadable(path: Path, what: str, error: OSError) -> BadInput:
    return BadInput("enclave.job-file", f"{path}: {what} cannot be read: {error.strerror or error}", hint="look at the name and at its permissions")
