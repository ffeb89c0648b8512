"""A file of certificates in PEM, tried before anything connects."""

from __future__ import annotations

from pathlib import Path

from velatura.errors import BadSpec
from velatura.files import open_regular

__all__ = ["certificates_of"]

MOST_BYTES = 4 << 20


def certificates_of(word: str) -> Path:
    """The file. Raises BadSpec `edge.ca`: there is no certificate in it that can be read."""
    import ssl

    try:
        with open_regular(Path(word)) as stream:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=stream.read(MOST_BYTES).decode("ascii", "ignore"))
    except (OSError, ValueError) as error:  # ssl's own error is an OSError
        raise BadSpec("edge.ca", f"{word}: holds no certificates that can be read", hint="a file in PEM of who signed the other's") from error
    return Path(word)
