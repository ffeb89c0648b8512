"""Words of the enclave command line that stand for something else: a time, companions, standard input."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from velatura.errors import BadInput, BadSpec, nearest

if TYPE_CHECKING:
    from velatura.enclave.policy import With

__all__ = ["companions_of", "evidence_of", "format_of", "hex_of", "time_of"]


def time_of(word: str | None) -> datetime:
    """Unix seconds or ISO 8601; None: now. A time without a zone is UTC. Raises BadSpec `enclave.time`."""
    if word is None:
        return datetime.now(UTC)
    text = word.strip()
    try:
        if re.fullmatch(r"[+-]?\d{1,19}(\.\d{1,9})?", text):
            seconds = float(text)
            if not math.isfinite(seconds):
                raise ValueError
            return datetime.fromtimestamp(seconds, UTC)
        told = datetime.fromisoformat(text)
        return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise BadSpec("enclave.time", f"--time {word}: is no time", hint="Unix seconds, or ISO 8601 such as 2026-06-30T12:00:00Z") from None


def evidence_of(word: str) -> bytes:
    """The evidence in a file, or of standard input for `-`. Raises BadInput `enclave.evidence`."""
    from velatura.enclave.evidence.documents import MOST_DOCUMENT_BYTES, evidence_in, read_evidence

    if word != "-":
        return read_evidence(Path(word))
    return evidence_in(sys.stdin.buffer.read(MOST_DOCUMENT_BYTES + 1), where="standard input")


def companions_of(words: Sequence[str], named: With) -> With:
    """`NAME=FILE` of the command line in the place of what the policy names; relative to the folder in which the command runs."""
    import msgspec

    known = type(named).__struct_fields__
    given: dict[str, list[str]] = {}
    for word in words:
        name, sign, file = word.partition("=")
        if name not in known:
            raise BadSpec("enclave.with", f"--with {word}: there is no companion {name!r}", hint=nearest(name, known))
        if not sign or not file:
            raise BadSpec("enclave.with", f"--with {word}: names no file", hint=f"--with {name}=FILE")
        given.setdefault(name, []).append(str(Path(file).absolute()))
    several = [name for name, files in given.items() if len(files) > 1 and not isinstance(getattr(named, name), tuple)]
    if several:
        raise BadSpec("enclave.with", f"--with {several[0]}: is given more than once", hint="one file; several certificates lie in one PEM")
    return msgspec.structs.replace(
        named, **{name: tuple(files) if isinstance(getattr(named, name), tuple) else files[0] for name, files in given.items()}
    )


def format_of(word: str | None, document: bytes) -> str:
    """The format that a person named, or else what the bytes look like. Never asked by `verify`, whose policy names it.

    Raises:
        BadSpec: `enclave.format`; BadInput: `enclave.unknown-format`.
    """
    from velatura.enclave.evidence.documents import guess
    from velatura.enclave.policy import FORMATS

    if word is not None:
        if word not in FORMATS:
            raise BadSpec("enclave.format", f"--format {word}: there is no such format", hint=nearest(word, FORMATS))
        return word
    found = guess(document)
    if found is None:
        raise BadInput("enclave.unknown-format", "these bytes look like no evidence that is known here", hint=f"--format: {', '.join(FORMATS)}")
    return found


def hex_of(word: str, option: str) -> bytes:
    """Raises BadSpec `enclave.hex`."""
    try:
        if re.fullmatch(r"([0-9a-fA-F]{2})+", word):
            return bytes.fromhex(word)
        raise ValueError
    except ValueError:
        raise BadSpec("enclave.hex", f"{option} {word}: is not hex", hint="two digits of 0-9 and a-f for each byte") from None
