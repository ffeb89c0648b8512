"""How much around a detection is covered: dilation, head or whole person, box or ellipse.

A detector's box ends at forehead, chin and cheeks; hair and shoulders outside of it identify by themselves (on ORL 84.7 % are recognised
from what is left around a covered head). Proportions are of a standing adult, in heights h of the face's box (forehead to chin, a tenth of
the body), read as if the picture's up were the person's.

Limit: a person who sits, lies or stretches out is not inside `person`'s box; the target `person` with its own detector is.
Source: body heights of Drillis and Contini 1966 as drawn in Winter, "Biomechanics and Motor Control of Human Movement", 4th ed. 2009,
figure 4.1 (chin .870 H, shoulder .818 H, shoulder width .259 H); the face a tenth of the body: Vitruvius, De architectura III.1.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from velatura.detect.region import Region
from velatura.errors import BadSpec, nearest
from velatura.media.frame import Box

__all__ = ["Covering", "check_box"]

EXPANSIONS = {
    # up, left and right, down, in heights of the face's box
    "head": (0.5, 0.4, 0.55),  # crown (.3 h above the hairline) and hair; ears and hair; neck, to the shoulders (.52 h below the chin)
    "person": (0.5, 1.6, 8.8),  # down to the feet (8.7 h); shoulders end 1.3 h from the middle, hanging arms 1.6 to 2
}
SHAPES = ("box", "ellipse")
MOST_DILATION = 10.0
BLOCKS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True)
class Covering:
    """What of a picture goes for one region.

    Attributes:
        dilate: of the region's size, added on each side; .3 is worth more than a second detector (docs/benchmarks/faces.md).
        expand: from a face to the head with hair and neck, or to the person below it; other labels stay as they are.
        shape: the whole box, or the ellipse inside it.
        block: pixels; a square of the coder's grid is covered whole or not at all, so that no block mixes covered and shown pixels.

    Raises:
        BadSpec: `obfuscate.dilate`, `obfuscate.expand`, `obfuscate.shape`, `obfuscate.block`.
    """

    dilate: float = 0.3
    expand: Literal["head", "person"] | None = None
    shape: Literal["box", "ellipse"] = "box"
    block: int = 8

    def __post_init__(self) -> None:
        if not (isfinite(self.dilate) and 0 <= self.dilate <= MOST_DILATION):
            raise BadSpec(
                "obfuscate.dilate", f"a dilation of {self.dilate} is not possible", hint=f"a number from 0 to {MOST_DILATION:g}; .3 is usual"
            )
        if self.expand is not None and self.expand not in EXPANSIONS:
            raise BadSpec("obfuscate.expand", f"there is no expansion {self.expand!r}", hint=nearest(self.expand, EXPANSIONS))
        if self.shape not in SHAPES:
            raise BadSpec("obfuscate.shape", f"there is no shape {self.shape!r}", hint=nearest(self.shape, SHAPES))
        if self.block not in BLOCKS:
            raise BadSpec("obfuscate.block", f"a block of {self.block} pixels is not possible", hint=f"valid: {', '.join(map(str, BLOCKS))}")

    def grown(self, region: Region) -> Box:
        """The region's box with all that is covered around it, upright, not yet clipped to the picture."""
        x0, y0, x1, y1 = check_box(region.box)
        dx, dy = self.dilate * (x1 - x0), self.dilate * (y1 - y0)
        box = (x0 - dx, y0 - dy, x1 + dx, y1 + dy)
        if self.expand is None or region.label != "face":
            return box
        return _union(box, _expanded((x0, y0, x1, y1), self.expand))


def check_box(box: Box) -> Box:
    """`box` itself, if it is one. Raises BadSpec `obfuscate.bad-box`: not finite, or without an area."""
    x0, y0, x1, y1 = box
    if not all(map(isfinite, box)) or max(map(abs, box)) > 1e9 or not (x0 < x1 and y0 < y1):
        raise BadSpec(
            "obfuscate.bad-box", f"({x0:g}, {y0:g}, {x1:g}, {y1:g}) is not a box", hint="x0 < x1 and y0 < y1, in pixels of the upright picture"
        )
    return box


def _expanded(face: Box, name: str) -> Box:
    x0, y0, x1, y1 = face
    up, aside, down = (share * (y1 - y0) for share in EXPANSIONS[name])
    if name == "person":
        middle = (x0 + x1) / 2
        return (middle - aside, y0 - up, middle + aside, y1 + down)
    return (x0 - aside, y0 - up, x1 + aside, y1 + down)


def _union(a: Box, b: Box) -> Box:
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
