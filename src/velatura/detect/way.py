"""How a picture is shown to a network."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WHOLE", "Way"]


@dataclass(frozen=True, slots=True)
class Way:
    """One view.

    Attributes:
        zoom: 1 is as large as the network takes it; below 1 reduced; above 1 enlarged, at least to the picture's own size, in tiles.
        flip: mirrored left to right.
        weight: what it counts where views are fused.
    """

    zoom: float = 1.0
    flip: bool = False
    weight: float = 1.0


WHOLE = Way()
