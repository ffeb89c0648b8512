"""What painters hand on: a frame whose hole is filled, and what they could not be sure of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from velatura.media.frame import Box, Frame
from velatura.removal.planes import Mask

__all__ = ["Painted", "Painter", "Wider"]


@dataclass(slots=True)
class Painted:
    """One frame.

    Attributes:
        frame: painted.
        mask: stored; what was replaced.
        seen: pixels of the mask that other frames showed; `invented`: those painted from around.
        doubt: upright boxes of what must go to the fallback.
    """

    frame: Frame
    mask: Mask
    seen: int = 0
    invented: int = 0
    doubt: list[Box] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wider:
    """What a round after a failed check masks beyond the first.

    Attributes:
        grow_px: around every mask; where the camera moves, on frames that have boxes.
        boxes: upright, for each frame that has some.
        whole_boxes: whole detections instead of what differs in them; where the camera moves, on frames that have boxes.
    """

    grow_px: int = 0
    boxes: Mapping[int, Sequence[Box]] = field(default_factory=dict)
    whole_boxes: bool = False


class Painter(Protocol):
    """Paints the frames of one shot, in order."""

    def paint(self, frames: Iterable[tuple[Frame, Mask | None]]) -> Iterator[Painted]:
        """Frames with the mask that a person gave for each (stored), or None; overwrites their planes in place."""
        ...
