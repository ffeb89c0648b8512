"""A picture cut into overlapping tiles, each small enough for one pass of a network."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from velatura.media.view import InputForm

__all__ = ["OVERLAP", "Tile", "tiles"]

OVERLAP = 96  # pixels of the network's input: a face smaller than that is whole in one of the tiles


@dataclass(frozen=True, slots=True)
class Tile:
    """`crop` (x0, y0, x1, y1) of the upright picture, to be enlarged by `zoom`."""

    crop: tuple[int, int, int, int]
    zoom: float


def tiles(size: tuple[int, int], form: InputForm, pass_pixels: int, *, zoom: float = 1.0) -> list[Tile]:
    """The tiles of a picture, row by row; one if it fits.

    Args:
        size: (width, height).
        form: of the network; one with a fixed size sees the picture whole.
        pass_pixels: most pixels of one pass.
        zoom: of the whole picture, cut so that its longer side stays within `max_side` times `zoom`.
    """
    width, height = size
    if form.size is not None:
        return [Tile((0, 0, width, height), zoom)]
    zoom = min(zoom, zoom * form.max_side / max(size))
    columns, rows = _grid(width * zoom, height * zoom, min(pass_pixels, form.max_side**2))
    return [Tile((x0, y0, x1, y1), zoom) for y0, y1 in _spans(height, rows, OVERLAP / zoom) for x0, x1 in _spans(width, columns, OVERLAP / zoom)]


def _grid(width: float, height: float, most: int) -> tuple[int, int]:
    """The fewest columns and rows, as square as they can be, of tiles of at most so many pixels."""
    columns = rows = 1
    while _side(width, columns) * _side(height, rows) > most:
        if width / columns >= height / rows:
            columns += 1
        else:
            rows += 1
    return columns, rows


def _side(length: float, count: int) -> float:
    return length if count == 1 else (length + (count - 1) * OVERLAP) / count


def _spans(length: int, count: int, overlap: float) -> list[tuple[int, int]]:
    side = ceil((length + (count - 1) * overlap) / count)
    if count == 1:
        return [(0, length)]
    starts = [round(number * (length - side) / (count - 1)) for number in range(count)]
    return [(start, min(start + side, length)) for start in starts]
