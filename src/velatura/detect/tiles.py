"""A picture cut into overlapping tiles, each small enough for one pass of a network."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

__all__ = ["OVERLAP", "Tile", "quarters", "tiles"]

OVERLAP = 96  # pixels of the network's input: a face smaller than that is whole in one of the tiles


@dataclass(frozen=True, slots=True)
class Tile:
    """`crop` (x0, y0, x1, y1) of the upright picture, to be enlarged by `zoom`."""

    crop: tuple[int, int, int, int]
    zoom: float


def tiles(size: tuple[int, int], *, zoom: float, pixels: int, side: int) -> list[Tile]:
    """The tiles of a picture, row by row; one if it fits.

    Args:
        size: (width, height).
        zoom: of the picture, below 1 where it is reduced.
        pixels: most pixels of a tile, after `zoom`.
        side: longest side of a tile, after `zoom`; more than twice `OVERLAP`.
    """
    width, height = size
    columns, rows = _grid(width * zoom, height * zoom, pixels, side)
    across, down = _spans(width, columns, OVERLAP / zoom), _spans(height, rows, OVERLAP / zoom)
    return [Tile((x0, y0, x1, y1), zoom) for y0, y1 in down for x0, x1 in across]


def quarters(size: tuple[int, int]) -> list[Tile]:
    """Four tiles for a network whose input has one size; neighbours share a tenth of the picture."""
    across, down = (_spans(length, 2, length / 10) for length in size)
    return [Tile((x0, y0, x1, y1), 1.0) for y0, y1 in down for x0, x1 in across]


def _grid(width: float, height: float, pixels: int, side: int) -> tuple[int, int]:
    """The fewest columns and rows, of tiles as square as they can be."""
    columns, rows = (1 if length <= side else ceil((length - OVERLAP) / (side - OVERLAP)) for length in (width, height))
    while _side(width, columns) * _side(height, rows) > pixels and max(_side(width, columns), _side(height, rows)) > 2 * OVERLAP:
        if _side(width, columns) >= _side(height, rows):
            columns += 1
        else:
            rows += 1
    return columns, rows


def _side(length: float, count: int) -> float:
    return (length + (count - 1) * OVERLAP) / count


def _spans(length: int, count: int, overlap: float) -> list[tuple[int, int]]:
    """`count` equal spans that cover 0..length, neighbours sharing `overlap`."""
    if count == 1:
        return [(0, length)]
    side = min(length, ceil((length + (count - 1) * overlap) / count))
    starts = [round(number * (length - side) / (count - 1)) for number in range(count)]
    return [(start, start + side) for start in starts]
