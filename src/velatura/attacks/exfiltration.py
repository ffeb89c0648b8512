"""Code that sees faces and wants them outside: how much comes through, against what was published.

Two attacks with one hostile sender. `ForbiddenWays` tries every way that no policy names (sockets, files, names, memory, children): nothing may
come through. `AllowedOutput` uses what is allowed, as far as it goes: the numbers, and when, how long, in which order they come or that they do
not, and how the process ends. What it gets is counted in bits, over the bound that was published for so long a run.
Limit: processor time, heat and power of the machine can be watched by whoever is on it; that is stated, and not tried here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Deadline, Outcomes, Photo, Shown
from velatura.attacks.errand import FACE_BITS, SIDE, Errand, Haul, bits_of, whitened
from velatura.attacks.pictures import Form, fitted
from velatura.attacks.receiver import BESIDE, READINGS, codes, information, numbers, read
from velatura.attacks.smuggler import LIVE
from velatura.attacks.ways_out import SLOW, WAYS
from velatura.errors import BadInput

__all__ = ["AllowedOutput", "ForbiddenWays"]

ENLARGED = 12
GREY = 128
KNOWN = (
    "is the program that counts, and was taken over: it sees every picture, knows the policy, the keyless code and the clock, and has a partner "
    "outside who sees all that comes out and knows what was agreed on"
)


@dataclass(frozen=True, slots=True)
class ForbiddenWays:
    """An `Attack[Photo, Haul]` whose arm takes `Errand`s. Success: 1 for each way by which anything arrived; how much stands in the notes."""

    name: ClassVar[str] = "exfiltration-paths"
    knowledge: ClassVar[str] = KNOWN

    def play(self, arm: Arm[Errand, Haul], secrets: Sequence[Photo], rng: Generator, *, budget_s: float) -> Outcomes:
        """See `Attack.play`. One run, in which every face is sent by every way (the first face alone by slow ones).

        Raises:
            BadInput: `attack.picture`.
        """
        errand = _errand("paths", secrets, rng)
        haul = arm(errand, rng)
        bits = {way: _arrived(haul, way, errand) for way in WAYS}
        return Outcomes(
            np.array([[float(right > 0)] for right, _ in bits.values()]),
            tuple(WAYS),
            0.0,
            "runs",
            "leak rate",
            kind="proof",
            reference="a guess",
            notes={f"bits by {way}": f"{right:,} of {sent:,}" for way, (right, sent) in bits.items()},
        )


@dataclass(frozen=True, slots=True)
class AllowedOutput:
    """An `Attack[Photo, Haul]` whose arm takes `Errand`s. Success: bits of information over the published bound of the run, way by way.

    "all at once" adds what is read beside the records to the best that is read out of them: one sender could do both.

    Attributes:
        ways: of `smuggler.LIVE`, beside the numbers themselves.
    """

    ways: tuple[str, ...] = LIVE
    name: ClassVar[str] = "exfiltration"
    knowledge: ClassVar[str] = KNOWN

    def play(self, arm: Arm[Errand, Haul], secrets: Sequence[Photo], rng: Generator, *, budget_s: float) -> Outcomes:
        """See `Attack.play`. One run a way.

        Raises:
            BadInput: `attack.picture`.
        """
        deadline = Deadline(budget_s)
        errand = _errand("values", secrets, rng)
        haul = arm(errand, rng)
        got = _numbers(haul, errand)
        shares, notes, beside = {"values": got / haul.bound_bits}, {"values": _words(got, haul)}, 0.0
        for way in self.ways:
            if deadline.passed():
                break
            live = arm(Errand(way, errand.faces[:1], errand.key), rng)
            inside, outside, how = _best(live, bits_of(whitened(errand.faces[0], errand.key, 0)))
            shares[way] = max(inside, outside) / live.bound_bits
            notes[way] = f"{_words(max(inside, outside), live)}{how}"
            beside += outside / live.bound_bits
        cut = len(shares) <= len(self.ways)
        shares["all at once"] = shares["values"] + beside
        return Outcomes(
            np.array(list(shares.values()))[:, None],
            tuple(shares),
            0.0,
            "runs",
            "recovered bits over the published bound",
            kind="exact",
            reference="a guess",
            cut=cut,
            notes=notes,
            shown=[_shown(haul, errand)],
        )


def _errand(way: str, secrets: Sequence[Photo], rng: Generator) -> Errand:
    """Faces of 16 x 16 pixels, grey."""
    if not secrets:
        raise BadInput("attack.picture", "there is no picture to smuggle out", hint="hand in at least one")
    faces = tuple(fitted(photo.picture, Form(SIDE, SIDE)).tobytes() for photo in secrets)
    return Errand(way, faces, bytes(rng.integers(0, 256, 16, dtype=np.uint8)).hex())


def _arrived(haul: Haul, way: str, errand: Errand) -> tuple[int, int]:
    """(bits that arrived as they were sent, bits that were sent)."""
    caught = haul.caught.get(way, {})
    faces = errand.faces[:1] if way in SLOW else errand.faces
    right = sum(a == b for n, face in enumerate(faces) for a, b in zip(caught.get(n, b""), whitened(face, errand.key, n), strict=False))
    return 8 * right, len(faces) * FACE_BITS


def _numbers(haul: Haul, errand: Errand) -> float:
    sent = bits_of(b"".join(whitened(face, errand.key, number) for number, face in enumerate(errand.faces)))
    got = numbers(haul)
    n = min(len(got), len(sent))
    return information(n, int((got[:n] != sent[:n]).sum()))


def _best(haul: Haul, sent: NDArray[np.uint8]) -> tuple[float, float, str]:
    """Bits out of records, bits beside them, and how the better of both was read."""
    found = {reading: read(haul, sent, reading) for reading in READINGS} | {"exit statuses": codes(haul, sent)}
    name = max(found, key=lambda one: found[one].bits)
    inside, outside = (max(one.bits for reading, one in found.items() if (reading in _BESIDE) is side) for side in (False, True))
    how = f", read by {name} ({found[name].wrong} of {found[name].n} wrong)" if found[name].bits else f": nothing in {len(found)} readings"
    return inside, outside, how


_BESIDE = BESIDE | {"exit statuses"}


def _words(bits: float, haul: Haul) -> str:
    return f"{bits:,.0f} bits, {haul.bound_bits:,.0f} published, in {len(haul.told):,} {'messages' if haul.raw else 'records'}"


def _shown(haul: Haul, errand: Errand) -> Shown:
    """The first face as the receiver has it by the end: what has not come is grey."""
    came = np.packbits(numbers(haul)[:FACE_BITS][: len(numbers(haul)) // 8 * 8]).tobytes()
    face = np.frombuffer(errand.faces[0], np.uint8)
    got = np.full_like(face, GREY)
    got[: len(came)] = np.frombuffer(whitened(came, errand.key, 0), np.uint8)
    caption = f"{len(came)} of {len(face)} pixels of the first face came through as numbers"
    return Shown(_large(np.full_like(face, GREY)), _large(got), _large(face), caption)


def _large(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return face.reshape(SIDE, SIDE).repeat(ENLARGED, 0).repeat(ENLARGED, 1)
