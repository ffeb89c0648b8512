"""Points and polygons in shares of the picture's width and height, y down."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Point", "is_simple"]

Point = tuple[float, float]


def is_simple(polygon: Sequence[Point]) -> bool:
    return len(polygon) > 2
