"""A user and a password from a file that only its owner can read; never from the command line or the environment, where others see them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from velatura.errors import BadSpec
from velatura.files import open_regular

__all__ = ["Login", "login_of"]


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    user: str
    password: str


def login_of(path: Path) -> Login:
    """Two lines: user, password. Raises BadSpec `edge.login`: others can read it, or it has not two lines."""
    try:
        with open_regular(path) as stream:
            raw, mode = stream.read(4096), path.stat().st_mode
    except OSError as error:
        raise BadSpec("edge.login", f"{path}: cannot be read: {error.strerror}") from error
    lines = raw.decode("utf-8", "replace").splitlines()
    if mode & 0o077:
        raise BadSpec("edge.login", f"{path}: others can read it", hint=f"chmod 600 {path}")
    if len(lines) < 2:
        raise BadSpec("edge.login", f"{path}: the first line is the user, the second the password")
    return Login(lines[0], lines[1])
