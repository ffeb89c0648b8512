"""How many ciphertexts a key has decrypted: a file beside the key, counted before anything is decrypted.

The count is the owner's own measure against telling too much: under `public` the noise that floods a result is made for so many answers and no more
(`flooding`). A file that is missing or damaged counts as spent. Whoever may write the file may reset it: it protects the owner from himself.
"""

from __future__ import annotations

import errno
import os
import re
import time
from pathlib import Path

from velatura.errors import VelaturaError, Withheld
from velatura.files import alone, private_output

__all__ = ["begin", "path_beside", "spend", "spent"]

_FORM = re.compile(rb"velatura queries 1\nkey: ([0-9a-f]{32})\ndecrypted: ([0-9]{20})\n")
_BYTES = 19 + 5 + 32 + 1 + 11 + 20 + 1
_WAIT_S = 10.0
_NEW_KEY = "make a new key: velatura he keygen"


def path_beside(key: Path) -> Path:
    """Where the count of a key's file stands."""
    return key.with_name(key.name + ".queries")


def begin(path: Path, key: bytes, *, force: bool = False) -> None:
    """A count of zero, mode 0600."""
    with private_output(path, force=force) as part:
        part.write_bytes(_told(key, 0))


def spent(path: Path, key: bytes) -> int:
    """Ciphertexts decrypted so far. Raises Withheld: `he.queries-lost`."""
    try:
        with path.open("rb") as stream:
            return _read(stream.read(_BYTES + 1), path, key)
    except OSError as error:
        raise _lost(path, error.strerror or "it cannot be read") from error


def spend(path: Path, key: bytes, count: int, limit: int | None) -> int:
    """Count `count` more, on the disk before this returns; answers how many that makes.

    Raises:
        Withheld: `he.queries-spent`, `he.queries-lost`. VelaturaError: `files.unwritable`.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise _lost(path, error.strerror or "it cannot be opened") from error
    try:
        _lock(descriptor, path)
        before = _read(os.read(descriptor, _BYTES + 1), path, key)
        if limit is not None and before + count > limit:
            raise Withheld("he.queries-spent", f"this key may decrypt {limit} ciphertexts; {before} are spent, and these are {count}", hint=_NEW_KEY)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, _told(key, before + count))
        os.fsync(descriptor)
        return before + count
    except OSError as error:
        raise VelaturaError("files.unwritable", f"{path}: cannot be written: {error.strerror}", hint="nothing was decrypted") from error
    finally:
        os.close(descriptor)


def _told(key: bytes, count: int) -> bytes:
    return f"velatura queries 1\nkey: {key.hex()}\ndecrypted: {count:020d}\n".encode()


def _read(raw: bytes, path: Path, key: bytes) -> int:
    found = _FORM.fullmatch(raw)
    if not found or found[1] != key.hex().encode():
        raise _lost(path, "it is damaged, or another key's")
    return int(found[2])


def _lost(path: Path, why: str) -> Withheld:
    return Withheld("he.queries-lost", f"{path}: how much the key has decrypted is not known: {why}", hint=_NEW_KEY)


def _lock(descriptor: int, path: Path) -> None:
    until = time.monotonic() + _WAIT_S
    while True:
        try:
            return alone(descriptor)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES) or time.monotonic() > until:
                raise Withheld("he.queries-lost", f"{path}: another process holds it", hint="wait for it to end") from error
            time.sleep(0.01)
