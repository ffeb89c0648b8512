"""How a picture is shown to a network."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WHOLE", "Way"]


@dataclass(frozen=True, slots=True)
class Way:
    """`zoom` 1: as large as the network takes it; 2: twice that, at least the picture's own size, in tiles. `flip`: mirrored left to right."""

    zoom: float = 1.0
    flip: bool = False


WHOLE = Way()
