"""Random changes to a submission, and whether what is signed has changed with them.

What comes after the signed bytes, the text around a certificate, and the other one of two signatures that verify are not signed: who changes them has
forged nothing. A change counts where the submission, taken apart again, says something else, or cannot be taken apart.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

from numpy.random import Generator

from velatura.attacks.enclave.opening import opened
from velatura.attacks.enclave.parts import Opened
from velatura.attacks.enclave.submission import Submission

__all__ = ["UNREADABLE", "mutated", "same_content"]

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, struct.error, AssertionError, RecursionError)
"""What an attacker's own reader raises on what he has broken."""


def mutated(honest: Opened, rng: Generator) -> Submission:
    """One random change: to the evidence, a part of it, or what travels beside it."""
    submission = honest.submission
    places: list[tuple[bytes, Callable[[bytes], Submission]]] = [(part.raw, part.put) for part in honest.parts if part.raw]
    places += [(submission.evidence, lambda raw: replace(submission, evidence=raw))] * max(len(places) // 4, 1)
    places += [(raw, lambda made, name=name: submission.beside(**{name: made})) for name, raw in submission.companions.items() if raw]  # type: ignore[misc]
    raw, put = places[rng.integers(len(places))]
    return put(changed(raw, rng))


def changed(raw: bytes, rng: Generator) -> bytes:
    """Cut, stretched, a piece taken out or put in, or up to eight bytes overwritten."""
    way, size = rng.random(), len(raw)
    if way < 0.1:
        return raw[: rng.integers(size)]
    if way < 0.2:
        return raw + rng.bytes(int(rng.integers(1, 64)))
    start, stop = sorted(rng.integers(size + 1, size=2).tolist())
    if way < 0.3:
        return raw[:start] + raw[stop:]
    if way < 0.4:
        return raw[:start] + rng.bytes(4) + raw[start:]
    if way < 0.5:
        return raw[:start] + raw[start:stop] + raw[start:]
    made = bytearray(raw)
    for place in rng.integers(size, size=rng.integers(1, 9)).tolist():
        made[place] = int(rng.integers(256)) if way < 0.8 else made[place] ^ 1 << int(rng.integers(8))
    return bytes(made)


def same_content(honest: Opened, made: Submission) -> bool:
    """Whether all that is signed is as it was."""
    try:
        return opened(made).content == honest.content
    except UNREADABLE:
        return False
