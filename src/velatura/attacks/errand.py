"""What a hostile sender is sent out with, and what came home: the secret and the release of the exfiltration attacks.

The sender is code in the process that sees; the receiver stands outside, and both know the code, the policy, the clock and a key. The key only
whitens: sent bits are then those of a fair coin, and what is guessed from "faces are bright in the middle" is not taken for a leak.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["FACE_BITS", "SIDE", "Bits", "Errand", "Field", "Haul", "Told", "bits_of", "whitened"]

SIDE = 16
FACE_BITS = SIDE * SIDE * 8
Field = tuple[str, int, str]
"""Name, number of values, kind ("flow", "state", "slot", "health") of what a record holds."""
Bits = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Errand:
    """Attributes:
    way: how it goes out: a name of `smuggler.LIVE`, "values" or "paths".
    faces: each 256 bytes, grey, 16 x 16; the sender sees one a frame, in turn, and gets them from there alone.
    key: of the whitening.
    """

    way: str
    faces: tuple[bytes, ...]
    key: str


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that came out of the allowed way.

    Attributes:
        at_s: when, monotonic seconds of this machine.
        size: its bytes, less the digits of its numbers.
        values: field -> number; None: none were in it.
    """

    at_s: float
    size: int
    values: Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class Haul:
    """What stood outside after one run.

    Attributes:
        caught: way -> face number -> bytes, of paths that were tried.
        told: the allowed output, in the order that it came.
        exits: when and how the process ended, where that can be seen: (monotonic seconds, status).
        bound_bits: what was published for so long a run.
        fields, k: of the record; counts below k are told as 0.
        began_s, period_s: the sender's clock: period n begins at began_s + n * period_s.
        raw: `told` are the sender's own messages, and not records.
    """

    caught: Mapping[str, Mapping[int, bytes]] = field(default_factory=dict)
    told: Sequence[Told] = ()
    exits: Sequence[tuple[float, int]] = ()
    bound_bits: float = 0.0
    fields: tuple[Field, ...] = ()
    k: int = 0
    began_s: float = 0.0
    period_s: float = 1.0
    raw: bool = False

    def periods(self) -> Iterator[tuple[int, Told]]:
        """Each output with the period of the sender that it came in."""
        for one in self.told:
            yield int((one.at_s - self.began_s) // self.period_s), one


def whitened(face: bytes, key: str, number: int) -> bytes:
    """The face's bytes under a mask that sender and receiver share; twice is once not at all."""
    mask = hashlib.shake_256(f"{key} {number}".encode()).digest(len(face))
    return bytes(a ^ b for a, b in zip(face, mask, strict=True))


def bits_of(raw: bytes) -> Bits:
    return np.unpackbits(np.frombuffer(raw, np.uint8))
