"""What one record can say: named fields of a few values each, and so how many bits it carries at most.

The number of bits is that of the alphabet (log2 of all records that there can be, "withheld" among them), not of the bytes: whatever is chosen by
whoever saw the frames is counted whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from velatura.edge.policy import Camera

__all__ = ["HEALTH", "Field", "Schema", "schema_of"]

HEALTH = ("ok", "restarted", "no-frames", "model-error", "overload", "corrupt", "codec", "masked-out")
"""What a record may say of the sender beside its counts; the worst of the window. Charged like a field."""
GRID, SIZES = 32, 8
"""Steps of a track's place and of its width and height at level 1."""


@dataclass(frozen=True, slots=True)
class Field:
    """name: as the event calls it. size: values are 0 to size - 1. kind: "flow" (of a window), "state" (at its end), "slot", "health"."""

    name: str
    size: int
    kind: str


@dataclass(frozen=True, slots=True)
class Schema:
    """The fields of a record, in order."""

    fields: tuple[Field, ...]

    @property
    def bits(self) -> float:
        """Of one record: log2 of the number of distinct ones, and one for "withheld"."""
        return math.log2(math.prod(field.size for field in self.fields) + 1)


def schema_of(camera: Camera) -> Schema:
    """The record of a camera.

    Level 3: `in`, `out` of all lines together (or `seen`, new tracks, where there is no line), `inside` of all zones together (of the picture where
    there is none). Level 2: `LINE.in`, `LINE.out`, `ZONE.inside`, `ZONE.dwell` (seconds of presence in the window). Level 1: slots of tracks.
    Always `health`.
    """
    egress = camera.egress
    if egress.level == 1:
        slot = (("label", len(camera.labels) + 1), ("x", GRID), ("y", GRID), ("w", SIZES), ("h", SIZES))
        fields = [Field(f"{number}.{name}", size, "slot") for number in range(egress.most_tracks) for name, size in slot]
    else:
        size = egress.most + 1
        fields = [Field(name, size, kind) for name, kind in (_told(camera) if egress.level == 2 else _summed(camera))]
    return Schema((*fields, Field("health", len(HEALTH), "health")))


def _summed(camera: Camera) -> list[tuple[str, str]]:
    flows = ["in", "out"] if camera.lines else ["seen"]
    return [*((name, "flow") for name in flows), ("inside", "state")]


def _told(camera: Camera) -> list[tuple[str, str]]:
    lines = [(f"{line.name}.{way}", "flow") for line in camera.lines for way in ("in", "out")]
    zones = [(f"{zone.name}.{what}", kind) for zone in camera.zones for what, kind in (("inside", "state"), ("dwell", "flow"))]
    return [*(lines or [("seen", "flow")]), *(zones or [("inside", "state")])]
