"""An owner's keys: `secret.key` (0600) for himself, `eval.keys` for the server, and the count of what the secret one has decrypted."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from velatura.errors import BadInput, BadSpec, VelaturaError, Withheld
from velatura.files import atomic_output, open_regular, private_output
from velatura.homomorphic.artefacts import ClientArtefact
from velatura.homomorphic.memory import key_count, keys_bytes, needed_by_keygen, refuse_too_much
from velatura.homomorphic.queries import begin, path_beside
from velatura.homomorphic.seal_secret import SecretSide
from velatura.homomorphic.wire import HEADER_BYTES, INSECURE, Expected, Header, Kind, Message, read_header, read_message, seal_message

__all__ = ["EVALUATION", "SECRET", "Keys", "keygen", "load_secret", "refuse_there", "write_keys"]

SECRET, EVALUATION = "secret.key", "eval.keys"


@dataclass(frozen=True, slots=True)
class Keys:
    """Two messages. It does not print."""

    id: bytes
    secret: bytes
    evaluation: bytes

    def __repr__(self) -> str:
        return f"<keys {self.id.hex()}>"


def keygen(artefact: ClientArtefact) -> Keys:
    """New keys for a program.

    Raises:
        BadInput: `he.memory`: making them would take more memory than this machine has. Missing: `he.tenseal`.
    """
    parameters = artefact.parameters
    count = key_count(len(artefact.rotations), products=artefact.products)
    refuse_too_much(needed_by_keygen(parameters, count), f"making {count} evaluation keys")
    side = SecretSide(parameters)
    key = secrets.token_bytes(16)

    def sealed(kind: Kind, payload: bytes) -> bytes:
        flags = INSECURE if parameters.insecure else 0
        return seal_message(Header(kind, parameters.digest(), artefact.program, key, flags), payload)

    evaluation = sealed(Kind.EVALUATION_KEYS, side.evaluation_keys(artefact.rotations, products=artefact.products))
    return Keys(key, sealed(Kind.SECRET_KEY, side.secret_bytes()), evaluation)


def write_keys(keys: Keys, folder: Path, *, force: bool = False) -> None:
    """Files in a folder with mode 0700, which is made if it is not there. `force`: replaces keys; what was encrypted to them is lost.

    Raises:
        BadSpec: `files.exists`, `files.no-folder`. VelaturaError: `files.unwritable`.
    """
    refuse_there(folder, force=force)
    secret = folder / SECRET
    made = False
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700)
            made = True
    except OSError as error:
        raise VelaturaError("files.unwritable", f"{folder}: cannot be made: {error.strerror}", hint="choose another folder") from error
    try:
        begin(path_beside(secret), keys.id, force=force)
    except BaseException:
        _take_back(folder, made=made)
        raise
    try:
        with atomic_output(folder / EVALUATION, force=force) as part:
            part.write_bytes(keys.evaluation)
        with private_output(secret, force=force) as part:
            part.write_bytes(keys.secret)
    except BaseException:
        if not force:  # all three names were free, and the count's is ours since `begin`; earlier keys are never taken away
            _take_back(folder, secret, folder / EVALUATION, path_beside(secret), made=made)
        raise


def _take_back(folder: Path, *paths: Path, made: bool) -> None:
    """Half of a pair of keys is of no use, and would be in the way of the next try."""
    with suppress(OSError):
        for path in paths:
            path.unlink(missing_ok=True)
        if made:
            folder.rmdir()  # an empty one alone


def refuse_there(folder: Path, *, force: bool) -> None:
    """Refuse to replace keys. Raises BadSpec: `files.exists`, `files.no-folder`."""
    if not folder.parent.is_dir():
        raise BadSpec("files.no-folder", f"{folder.parent}: there is no such folder", hint="make it first, or choose another output")
    for path in (folder / SECRET, folder / EVALUATION, path_beside(folder / SECRET)):
        if not force and os.path.lexists(path):
            raise BadSpec("files.exists", f"{path}: is already there", hint="another folder; --force loses what was encrypted to these keys")


def _other_kind(head: bytes) -> bool:
    """Whether it is plainly a message that is no secret key: `read_message` says so better than a word about its mode."""
    try:
        return read_header(head).kind is not Kind.SECRET_KEY
    except BadInput:
        return False


def load_secret(path: Path, artefact: ClientArtefact) -> Message:
    """The message of a secret key's file.

    Raises:
        BadInput: as `wire.read_message`. Withheld: `he.key-exposed`: others may read the file.
    """
    try:
        with open_regular(path) as stream:
            mode, head = os.fstat(stream.fileno()).st_mode, stream.read(HEADER_BYTES)
    except OSError as error:
        raise BadInput("he.unreadable", f"{path}: cannot be read: {error.strerror}", hint="give the path of secret.key") from error
    if os.name == "posix" and mode & 0o077 and not _other_kind(head):
        raise Withheld("he.key-exposed", f"{path}: others may read this secret key", hint=f"chmod 600 {path}")
    return read_message(path, Expected(Kind.SECRET_KEY, keys_bytes(artefact.parameters, 1), artefact.parameters.digest(), artefact.program))
