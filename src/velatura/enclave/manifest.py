"""A job as those see it who release data to it: everything that changes what it does, files by their digests. Its SHA-256 is the job digest.

A job has no environment and no arguments of its own: `config` is all that it is told, and it stands here word for word.
Written in one way alone (JSON, keys sorted), so that one job has one digest, and what is read is what was hashed.
"""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any, Literal

import msgspec

from velatura.crypto import keytext
from velatura.crypto.keys import Recipient
from velatura.enclave.input_forms import FORMS
from velatura.enclave.outputs import Output, check_outputs, valid_name
from velatura.errors import BadInput, BadSpec, nearest
from velatura.specs import Spec, read_json

__all__ = ["MOST_BYTES", "STATE", "Declared", "Manifest", "State", "digest_of", "read_manifest", "write_manifest"]

MOST_BYTES = 1 << 20
MOST_INPUTS, MOST_IMPORTS, MOST_PURPOSE = 16, 32, 200
DEEPEST = 16
STATE = "state"
"""The name under which a job finds what it kept, and puts out what it keeps."""


class Declared(Spec, frozen=True, kw_only=True):
    """An input.

    Attributes:
        digest: of a sealed data set its id (`datasets.identity`), else SHA-256 of the file; hex.
        form: how the job finds it: `input_forms.FORMS`.
        purpose: for which it is asked; the data set's own must be the same.
        sealed: by its owner.
    """

    digest: str
    form: str
    purpose: str
    sealed: bool


class State(Spec, frozen=True, kw_only=True):
    """What a job keeps from one run to the next, in a file that only another enclave of the same kind opens (`sealing.py`).

    Attributes:
        id: of its key, hex, as `velatura enclave seal --state` tells it.
        purpose: must be the key's own, word for word.
        bound: "policy": whatever meets its owner's policy opens it; "measurement": the same code, in what measures the same.
        most_mb: of it, at most.
    """

    id: str
    purpose: str
    bound: Literal["policy", "measurement"] = "policy"
    most_mb: float = 16.0

    @property
    def most_bytes(self) -> int:
        return int(self.most_mb * (1 << 20))


class Manifest(Spec, frozen=True, kw_only=True):
    """
    Attributes:
        code, model: SHA-256 of the file, hex.
        imports: modules that are loaded before the job is locked in; nothing can be imported later.
        memory_mb: beyond what loading took.
        recipient: whom sealed outputs are for, as a word.
    """

    version: Literal[1] = 1
    kind: Literal["inference", "train", "python"]
    code: str | None
    model: str | None
    imports: tuple[str, ...]
    inputs: dict[str, Declared]
    outputs: dict[str, Output]
    config: dict[str, Any]
    memory_mb: int
    threads: int
    deadline_s: float
    recipient: str | None
    state: State | None = None

    @property
    def to(self) -> Recipient | None:
        """`recipient`, checked when the manifest was."""
        key = keytext.decode(self.recipient) if self.recipient is not None else None
        assert key is None or isinstance(key, Recipient), "the manifest was checked"
        return key

    def check(self, where: str) -> None:
        """Raises BadSpec `enclave.job`."""
        _check_files(self, where)
        _check_inputs(self, where)
        check_outputs(self.outputs, where)
        _check_recipient(self, where)
        _check_private(self, where)
        _check_state(self, where)
        _check_inference(self, where)
        for name in self.imports:
            if not re.fullmatch(r"[A-Za-z_]\w{0,63}(\.[A-Za-z_]\w{0,63}){0,7}", name, re.ASCII):
                raise BadSpec("enclave.job", f"{where}: {name!r} is no name of a module")
        if len(self.imports) > MOST_IMPORTS:
            raise BadSpec("enclave.job", f"{where}: {len(self.imports)} imports", hint=f"at most {MOST_IMPORTS}")
        for number, low, high in (("memory_mb", 16, 1 << 20), ("threads", 1, 256), ("deadline_s", 1, 7 * 86400)):
            if not low <= getattr(self, number) <= high:
                raise BadSpec("enclave.job", f"{where}: {number} = {getattr(self, number)}", hint=f"{low} to {high}")
        _check_plain(self.config, f"{where}: config", DEEPEST)


def write_manifest(manifest: Manifest) -> bytes:
    """The one way of writing it."""
    return msgspec.json.encode(manifest, order="sorted")


def digest_of(raw: bytes) -> str:
    """The job digest, hex."""
    return hashlib.sha256(raw).hexdigest()


def read_manifest(raw: bytes) -> Manifest:
    """A manifest that somebody else sent.

    Raises:
        BadInput: `enclave.manifest`: not one, or not written as we write it.
    """
    if len(raw) > MOST_BYTES:
        raise BadInput("enclave.manifest", f"a job's manifest of {len(raw)} bytes; at most {MOST_BYTES}")
    try:
        manifest = read_json(raw, Manifest, where="the job's manifest")
        manifest.check("the job's manifest")
    except BadSpec as error:
        raise BadInput("enclave.manifest", error.sentence, hint=error.hint) from error
    if write_manifest(manifest) != raw:
        raise BadInput("enclave.manifest", "the job's manifest is not written as we write it: what is read might not be what was hashed")
    return manifest


def _check_files(manifest: Manifest, where: str) -> None:
    needed, other = ("model", "code") if manifest.kind == "inference" else ("code", None)
    if getattr(manifest, needed) is None:
        raise BadSpec("enclave.job", f"{where}: kind {manifest.kind!r} wants a file of {needed}", hint=f'{needed} = "FILE"')
    if other is not None and getattr(manifest, other) is not None:
        raise BadSpec("enclave.job", f"{where}: kind {manifest.kind!r} has no {other}", hint='kind = "python" runs code')
    for name in ("code", "model"):
        _check_digest(getattr(manifest, name), f"{where}: {name}")


def _check_inputs(manifest: Manifest, where: str) -> None:
    if not 1 <= len(manifest.inputs) <= MOST_INPUTS:
        raise BadSpec("enclave.job", f"{where}: {len(manifest.inputs)} inputs", hint=f"[inputs.NAME], 1 to {MOST_INPUTS} of them")
    for name, given in manifest.inputs.items():
        place = f"{where}: inputs.{name}"
        if not valid_name(name):
            raise BadSpec("enclave.job", f"{where}: {name!r} is no name of an input", hint="a letter, then letters, digits and _; at most 40")
        if given.form not in FORMS:
            raise BadSpec("enclave.job", f"{place}: there is no form {given.form!r}", hint=nearest(given.form, FORMS))
        _check_purpose(given.purpose, place)
        _check_digest(given.digest, place)


def _check_state(manifest: Manifest, where: str) -> None:
    state = manifest.state
    if state is None:
        return
    if manifest.kind == "inference" or STATE in manifest.inputs or STATE in manifest.outputs:
        raise BadSpec("enclave.job", f"{where}: [state] is for code, and {STATE!r} is then no name of an input or an output")
    _check_digest(state.id, f"{where}: state.id")
    _check_purpose(state.purpose, f"{where}: state")
    if not 0 < state.most_mb <= 1024:
        raise BadSpec("enclave.job", f"{where}: state.most_mb = {state.most_mb:g}", hint="more than 0, at most 1024")


def _check_inference(manifest: Manifest, where: str) -> None:
    """What a network alone can be given, and can put out."""
    if manifest.kind != "inference":
        return
    forms = [given.form for given in manifest.inputs.values()]
    if len(forms) != 1 or forms[0] not in ("npy", "npz"):
        raise BadSpec(
            "enclave.job", f"{where}: an inference has one input, and it is an array", hint='form = "npy", or "npz", whose first array it is'
        )
    for name, output in manifest.outputs.items():
        if output.type not in ("array", "table"):
            raise BadSpec("enclave.job", f"{where}: outputs.{name}: a network puts out no {output.type}", hint='type = "array" or "table"')
    batch = manifest.config.get("batch", 1)
    if set(manifest.config) - {"batch"} or isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise BadSpec("enclave.job", f"{where}: config of an inference is batch = ROWS alone", hint="batch = 64")


def _check_purpose(purpose: str, place: str) -> None:
    if not purpose.strip() or len(purpose) > MOST_PURPOSE or not purpose.isprintable():
        raise BadSpec("enclave.job", f"{place}: purpose is 1 to {MOST_PURPOSE} printable characters")


def _check_recipient(manifest: Manifest, where: str) -> None:
    if manifest.recipient is None:
        for name, output in manifest.outputs.items():
            if output.leave == "sealed":
                raise BadSpec(
                    "enclave.job", f"{where}: outputs.{name} is sealed, and nobody is named to whom", hint='recipient = "KEY.pub" or its word'
                )
    elif not isinstance(keytext.decode(manifest.recipient), Recipient):
        raise BadSpec("enclave.job", f"{where}: recipient is no recipient's key", hint='velatura keys new -o KEY; recipient = "KEY.pub"')


def _check_private(manifest: Manifest, where: str) -> None:
    """A private model that leaves sealed is held to its epsilon inside, where nothing can be imported any more."""
    for name, output in manifest.outputs.items():
        if output.privacy is not None and output.leave == "sealed" and "velatura.dp.sgd" not in manifest.imports:
            raise BadSpec("enclave.job", f"{where}: outputs.{name}: its epsilon is reckoned inside", hint='imports = ["velatura.dp.sgd"]')


def _check_digest(word: str | None, place: str) -> None:
    if word is not None and not re.fullmatch(r"[0-9a-f]{64}", word):
        raise BadSpec("enclave.job", f"{place}: no SHA-256 in hex")


def _check_plain(value: Any, where: str, depth: int) -> None:
    """What JSON holds and gives back the same."""
    if depth == 0:
        raise BadSpec("enclave.job", f"{where} is nested too deeply")
    if isinstance(value, dict):
        for key, one in value.items():
            _check_plain(one, f"{where}.{key}", depth - 1)
    elif isinstance(value, list):
        for one in value:
            _check_plain(one, where, depth - 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise BadSpec("enclave.job", f"{where} is no finite number")
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 53:
        raise BadSpec("enclave.job", f"{where}: a whole number beyond 2^53 does not survive JSON")
    elif value is not None and not isinstance(value, bool | int | float | str):
        raise BadSpec("enclave.job", f"{where} is a {type(value).__name__}", hint="text, numbers, true and false, lists and tables of them")
