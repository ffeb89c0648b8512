"""What the owner of a sealed data set keeps: its key, its terms, and the policy that evidence must meet. One file with mode 0600; who has it has the
data. Beside it, as NAME.uses, lies the account of releases.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from velatura.crypto.chain import ChainedFile
from velatura.crypto.keys import Entropy
from velatura.crypto.secret import Secret
from velatura.enclave.datasets import Terms
from velatura.enclave.policy import Policy, With
from velatura.enclave.uses import begin_uses
from velatura.errors import BadInput, BadSpec, Withheld
from velatura.files import open_regular, private_output
from velatura.specs import Spec, convert, dump_json, read_json

__all__ = ["KEY_BYTES", "DatasetKey", "TpmIndex", "counter_beside", "load_dataset_key", "new_key", "save_dataset_key", "uses_beside"]

KEY_BYTES = 32
MOST_BYTES = 1 << 20


class TpmIndex(Spec, frozen=True, kw_only=True):
    """A counter in the owner's TPM; base: what it read when it was made."""

    index: int
    base: int


@dataclass(frozen=True, slots=True)
class DatasetKey:
    """
    Attributes:
        dataset: its id (`datasets.identity`), or for data of one run the file's SHA-256: what a job's manifest declares.
        key: 32 bytes.
        policy: companions in it (`with`) are absolute paths.
        uses: the account of releases.
        state: it is the root of keys of a job's state (`sealing.state_key`), and of no file.
        tpm: where that state is counted; None: in a file beside the key.
    """

    dataset: str
    key: Secret
    terms: Terms
    policy: Policy
    uses: Path
    state: bool = False
    tpm: TpmIndex | None = None


class KeyFile(Spec, frozen=True, kw_only=True):
    """The file as it is written."""

    velatura: Literal["dataset key 1"] = "dataset key 1"
    dataset: str
    key: str
    terms: Terms
    policy: dict[str, Any]
    state: bool = False
    tpm: TpmIndex | None = None


def new_key(entropy: Entropy) -> Secret:
    """For one data set."""
    return Secret(entropy(KEY_BYTES))


def uses_beside(path: Path) -> Path:
    """The account of a key file."""
    return path.with_name(path.name + ".uses")


def counter_beside(uses: Path) -> Path:
    """The counter of a state's key, whose account of uses is given."""
    return uses.with_name(uses.name.removesuffix(".uses") + ".counter")


def save_dataset_key(made: DatasetKey, path: Path) -> None:
    """Write the key's file and begin its account; a file that is there is never replaced: it would be the only way to some data.

    Raises:
        BadSpec: `files.exists`. BadInput: `crypto.chain-there`.
    """
    told = KeyFile(
        dataset=made.dataset, key=made.key.reveal().hex(), terms=made.terms, policy=msgspec.to_builtins(made.policy), state=made.state, tpm=made.tpm
    )
    with private_output(path) as part:
        part.write_bytes(dump_json(told))
        begin_uses(made.uses, made.dataset, made.terms.uses)
        if made.state and made.tpm is None:
            ChainedFile(counter_beside(made.uses), new=True).close()


def load_dataset_key(path: Path) -> DatasetKey:
    """
    Raises:
        BadSpec: `enclave.key-file`: no such file, or another kind. BadInput: `enclave.key-file`: damaged. Withheld: `crypto.key-exposed`.
    """
    try:
        with open_regular(path) as stream:
            mode = os.fstat(stream.fileno()).st_mode
            raw = stream.read(MOST_BYTES)
    except OSError as error:
        raise BadSpec(
            "enclave.key-file", f"{path}: cannot be read: {error.strerror or error}", hint="the key that `velatura enclave seal` wrote"
        ) from error
    if not raw.startswith(b"{") or b'"dataset key' not in raw[:100]:
        raise BadSpec("enclave.key-file", f"{path}: is no key of a data set", hint="the key that `velatura enclave seal` wrote")
    if os.name == "posix" and mode & 0o077:
        raise Withheld("crypto.key-exposed", f"{path}: others may read this key", hint=f"chmod 600 {path}")
    try:
        return _checked(read_json(raw, KeyFile, where=str(path)), path)
    except (BadSpec, ValueError) as error:
        # The file's content is a secret: no part of it is told.
        raise BadInput("enclave.key-file", f"{path}: this key's parts do not belong together", hint="take it from a backup") from error


def _checked(read: KeyFile, path: Path) -> DatasetKey:
    policy = convert(read.policy, Policy, where=str(path))
    policy.check(str(path))
    read.terms.check()
    if policy.digest != read.terms.policy or not re.fullmatch(r"[0-9a-f]{64}", read.key) or not re.fullmatch(r"[0-9a-f]{64}", read.dataset):
        raise ValueError
    return DatasetKey(read.dataset, Secret(bytes.fromhex(read.key)), read.terms, policy, uses_beside(path), read.state, read.tpm)


def with_whole_paths(policy: Policy, folder: Path) -> Policy:
    """The same policy, its companions found from wherever the key's file is read."""
    whole: dict[str, Any] = {
        name: tuple(str((folder / one).resolve()) for one in value) if isinstance(value, tuple) else str((folder / value).resolve())
        for name, value in msgspec.structs.asdict(policy.companions).items()
        if value
    }
    return msgspec.structs.replace(policy, companions=With(**whole))
