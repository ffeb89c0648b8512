"""A user and a password from a file that only its owner can read; never from the command line or the environment, where others see them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from velatura.errors import BadSpec
from velatura.files import open_regular

__all__ = ["Login", "login_of", "secret_of"]


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    user: str
    password: str


def login_of(path: Path) -> Login:
    """Two lines: user, password. Raises BadSpec `edge.login`: others can read it, or it has not two lines."""
    lines = _private_lines(path)
    if len(lines) < 2:
        raise BadSpec("edge.login", f"{path}: the first line is the user, the second the password")
    return Login(lines[0], lines[1])


def secret_of(path: Path) -> str:
    """The first line. Raises BadSpec `edge.login`: others can read it, or there is none that a header could hold."""
    lines = _private_lines(path)
    if not lines or not lines[0] or not lines[0].isascii() or not lines[0].isprintable():
        raise BadSpec("edge.login", f"{path}: its first line is no secret of printable ASCII")
    return lines[0]


def _private_lines(path: Path) -> list[str]:
    try:
        with open_regular(path) as stream:
            raw, mode = stream.read(4096), os.fstat(stream.fileno()).st_mode
    except OSError as error:
        raise BadSpec("edge.login", f"{path}: cannot be read: {error.strerror}", hint="check its name and its permissions") from error
    if mode & 0o077:
        raise BadSpec("edge.login", f"{path}: others can read it", hint=f"chmod 600 {path}")
    return raw.decode("utf-8", "replace").splitlines()
