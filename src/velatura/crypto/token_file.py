"""A server's bearer token: in a file with mode 0600, never on the command line."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from velatura.errors import BadInput, Withheld
from velatura.files import open_regular, private_output

__all__ = ["load_token", "made_token", "same_token"]

_MOST = 4096
_LEAST = 16


def made_token(path: Path) -> str:
    """A new token, written to `path`."""
    token = secrets.token_urlsafe(32)
    with private_output(path) as part:
        part.write_text(token + "\n", encoding="ascii")
    return token


def load_token(path: Path) -> str:
    """
    Raises:
        BadInput: `crypto.token`. Withheld: `crypto.token-exposed`.
    """
    try:
        with open_regular(path) as stream:
            mode = os.fstat(stream.fileno()).st_mode
            token = stream.read(_MOST).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("crypto.token", f"{path}: cannot be read as a token", hint="a file of one line of letters and digits") from error
    if os.name == "posix" and mode & 0o077:
        raise Withheld("crypto.token-exposed", f"{path}: others may read this token", hint=f"chmod 600 {path}")
    if len(token) < _LEAST or not token.isprintable() or " " in token:
        raise BadInput(
            "crypto.token", f"{path}: holds no token of {_LEAST} characters or more", hint="a server makes one in a file that is not there yet"
        )
    return token


def same_token(given: str, token: str) -> bool:
    """In a time that does not tell how much of it is right."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())
