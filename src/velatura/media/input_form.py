"""What a network wants to be fed; plain numbers, so that whoever holds a detector needs no library of pictures."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["InputForm"]


@dataclass(frozen=True, slots=True)
class InputForm:
    """What a network wants. x = (sample - mean) * scale, sample in 0..255.

    Attributes:
        order: channel order.
        mean, scale: a value for each channel, in that order.
        size: (width, height) that the picture is stretched to; None: the picture's own size, at most `max_side`.
        multiple: sides are multiples of this ("pad": zeros right and bottom; "resize": stretched up to it).
        fit: how a multiple is reached.
        max_side: pictures larger than this are reduced (the longer side), keeping their aspect.
    """

    order: str = "RGB"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    size: tuple[int, int] | None = None
    multiple: int = 32
    fit: str = "pad"
    max_side: int = 1920
