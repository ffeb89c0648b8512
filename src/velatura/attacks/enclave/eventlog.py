"""A boot's event log as its attacker sees it. Source: TCG PC Client Platform Firmware Profile, section 10 (TCG_PCR_EVENT2)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from velatura.attacks.enclave.parts import Field, Part
from velatura.attacks.enclave.submission import Submission

__all__ = ["events_of", "log_part"]

NO_ACTION = 3


def log_part(raw: bytes, put: Callable[[bytes], Submission]) -> Part:
    """Its events' digests are covered, as the registers into which they are extended are signed; their data are hints."""
    return Part("event log", raw, put, tuple(_fields(raw)), "little")


def events_of(part: Part) -> list[tuple[int, int]]:
    """Start and stop of each event after the first, which names the algorithms."""
    found: dict[str, tuple[int, int]] = {}
    for one in part.fields:
        name, _, _ = one.name.partition(" ")
        start, _ = found.get(name, (one.start, 0))
        found[name] = (start, one.stop)
    return list(found.values())


def _fields(raw: bytes) -> Iterator[Field]:
    (size,) = struct.unpack_from("<I", raw, 28)
    sizes, at = dict[int, int](), 32 + 28  # behind the signature, class, version and width of the first event
    for _ in range(struct.unpack_from("<I", raw, 32 + 24)[0]):
        algorithm, width = struct.unpack_from("<HH", raw, at)
        sizes[algorithm], at = width, at + 4
    at, number = 32 + size, 0
    while at + 12 <= len(raw) and any(raw[at : at + 64]) and raw[at : at + 4] != b"\xff" * 4:
        kind, count = struct.unpack_from("<II", raw, at + 4)
        extended = kind != NO_ACTION
        yield Field(f"{number} register", at, at + 4, signed=extended)
        yield Field(f"{number} type", at + 4, at + 8)
        yield Field(f"{number} count", at + 8, at + 12, "length")
        at += 12
        for _ in range(count):
            width = sizes[struct.unpack_from("<H", raw, at)[0]]
            yield Field(f"{number} algorithm", at, at + 2, "algorithm")
            yield Field(f"{number} digest", at + 2, at + 2 + width, signed=extended)
            at += 2 + width
        (size,) = struct.unpack_from("<I", raw, at)
        yield Field(f"{number} size", at, at + 4, "length")
        yield Field(f"{number} data", at + 4, at + 4 + size)
        at, number = at + 4 + size, number + 1
