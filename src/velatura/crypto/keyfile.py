"""Files of keys. A private key's file has mode 0600 and four lines; a public key's is its one word.

    velatura key 1
    kind: identity
    public: velatura-recipient-1-...
    secret: velatura-identity-1-...

It is read strictly: these lines in this order, and a public line that belongs to the secret one. Where a public key is asked for, the
word itself may be given instead of a file. A private file that others may read is refused, as ssh does.
"""

from __future__ import annotations

import os
from pathlib import Path

from velatura.crypto import keytext
from velatura.crypto.keys import Identity, Recipient, Signer, Verifier
from velatura.errors import BadInput, BadSpec, Withheld
from velatura.files import is_there, open_regular, private_output

__all__ = ["load_identity", "load_private", "load_recipient", "load_signer", "load_verifier", "save_private"]

FIRST_LINE = "velatura key 1"
LIMIT = 4096


def save_private(key: Identity | Signer, path: Path, *, force: bool = False) -> None:
    """Write a private key, mode 0600 whatever the umask is.

    Raises:
        BadSpec: `files.exists` and its like (`velatura.files`). Replacing a key loses what was sealed to it: only with `force`.
    """
    with private_output(path, force=force) as part:
        part.write_text(_lines(key), encoding="ascii")


def load_private(path: Path) -> Identity | Signer:
    """Raises BadSpec, BadInput (`crypto.not-a-key`, `crypto.key-mistyped`, `crypto.key-damaged`), Withheld `crypto.key-exposed`."""
    text = _read(path, private=True)
    first, *rest = text.split("\n")
    fields = [line.partition(": ") for line in rest if line]
    if first != FIRST_LINE or [name for name, _, _ in fields] != ["kind", "public", "secret"]:
        hint = "the private key is needed, not its public part" if _is_public(text) else "make one with: velatura keys new -o KEY"
        raise BadSpec("crypto.not-a-key", f"{path}: is not a file with a private key", hint=hint)
    key = keytext.decode(fields[2][2])
    if not isinstance(key, Identity | Signer) or _lines(key) != text:
        raise BadInput("crypto.key-damaged", f"{path}: its lines do not belong together", hint="take it from a backup")
    return key


def load_identity(path: Path) -> Identity:
    """A recipient's private key; a signer's is refused (`crypto.wrong-kind`)."""
    key = load_private(path)
    if not isinstance(key, Identity):
        raise BadSpec("crypto.wrong-kind", f"{path}: holds a signer's key, an identity is needed", hint="velatura keys new -o KEY")
    return key


def load_signer(path: Path) -> Signer:
    """A signer's private key; an identity is refused (`crypto.wrong-kind`)."""
    key = load_private(path)
    if not isinstance(key, Signer):
        raise BadSpec("crypto.wrong-kind", f"{path}: holds an identity, a signer's key is needed", hint="velatura keys new --kind signer -o KEY")
    return key


def load_recipient(given: str) -> Recipient:
    """A recipient from its word or from a file that holds it."""
    key = _public(given)
    if not isinstance(key, Recipient):
        raise BadSpec("crypto.wrong-kind", "this is a verifier's key, a recipient's is needed", hint="velatura keys show KEY")
    return key


def load_verifier(given: str) -> Verifier:
    """A verifier from its word or from a file that holds it."""
    key = _public(given)
    if not isinstance(key, Verifier):
        raise BadSpec("crypto.wrong-kind", "this is a recipient's key, a verifier's is needed", hint="velatura keys show KEY")
    return key


def public_of(key: Identity | Signer) -> Recipient | Verifier:
    """The half that may be given away."""
    return key.recipient if isinstance(key, Identity) else key.verifier


def _public(given: str) -> Recipient | Verifier:
    is_word = given.strip().startswith("velatura-") and not is_there(Path(given))
    text = given if is_word else _read(Path(given), private=False)
    if FIRST_LINE in text[:LIMIT] or "velatura-identity-" in text or "velatura-signer-" in text:
        raise BadSpec("crypto.secret-given", "a private key was given where a public one belongs", hint="give what `velatura keys show KEY` prints")
    key = keytext.decode(text)
    if isinstance(key, Identity | Signer):
        raise AssertionError("a secret word was let through")
    return key


def _read(path: Path, *, private: bool) -> str:
    try:
        with open_regular(path) as stream:
            mode = os.fstat(stream.fileno()).st_mode
            raw = stream.read(LIMIT + 1)
    except OSError as error:
        raise BadSpec("crypto.no-key-file", f"{path}: cannot be read: {error.strerror}", hint="give the path of a key") from error
    if len(raw) > LIMIT or not raw.isascii():
        raise BadSpec("crypto.not-a-key", f"{path}: is not a velatura key", hint="make one with: velatura keys new -o KEY")
    if private and os.name == "posix" and mode & 0o077 and FIRST_LINE.encode() in raw:
        raise Withheld("crypto.key-exposed", f"{path}: others may read this private key", hint=f"chmod 600 {path}")
    return raw.decode("ascii")


def _lines(key: Identity | Signer) -> str:
    kind = "identity" if isinstance(key, Identity) else "signer"
    return f"{FIRST_LINE}\nkind: {kind}\npublic: {keytext.encode(public_of(key))}\nsecret: {keytext.encode(key)}\n"


def _is_public(text: str) -> bool:
    return text.startswith(("velatura-recipient-", "velatura-verifier-"))
