"""What vision tells the gateway after every look: one message of fixed width, of numbers only.

Flows (crossings, seconds of presence, new tracks) are totals since vision began, so that the gateway, whose clock alone decides when a window ends,
takes differences; states are what is so now. The sender is assumed hostile: `read` takes nothing but the right length, and judges nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass

from velatura.edge.schema import HEALTH, Schema

__all__ = ["Tally", "pack", "read", "width"]

_HEAD = struct.Struct("<dI")  # stamp, looks
_WORD = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Tally:
    """Attributes:
    stamp_s: of the frame that was looked at, as ingest stamped it.
    looks: frames looked at since vision began.
    values: one for each field of the schema: flows as totals (modulo 2^32), states, slots, health (a number of `schema.HEALTH`).
    """

    stamp_s: float
    looks: int
    values: tuple[int, ...]


def width(schema: Schema) -> int:
    """Bytes of a message."""
    return _HEAD.size + 4 * len(schema.fields)


def pack(tally: Tally, schema: Schema) -> bytes:
    assert len(tally.values) == len(schema.fields), "a value for each field"
    return _HEAD.pack(tally.stamp_s, tally.looks & 0xFFFFFFFF) + struct.pack(
        f"<{len(tally.values)}I", *(value & 0xFFFFFFFF for value in tally.values)
    )


def read(raw: bytes, schema: Schema) -> Tally | None:
    """None: not of that length."""
    if len(raw) != width(schema):
        return None
    stamp_s, looks = _HEAD.unpack_from(raw)
    return Tally(stamp_s, looks, struct.unpack_from(f"<{len(schema.fields)}I", raw, _HEAD.size))


def health(words: Collection[str]) -> int:
    """The worst of some states, as a number."""
    return max((HEALTH.index(word) for word in words), default=0)
