"""A picture with the person taken out: what an attack on presence compares a picture with.

Each pixel of the person's box becomes a mean of the four edges around it, the nearer one weighing more: smooth, and without a seam.
Limit: it is no picture of that place as it was without the person; where the box is all of the picture, it is one flat colour.
Source: inverse distance weighting, Shepard, ACM 1968, on edges instead of points.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import ceil, floor

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from velatura.attacks.attack import Box, Photo, Picture
from velatura.errors import BadInput

__all__ = ["NOWHERE", "emptied", "evenly", "own_numbers", "place"]

NOWHERE = (0.0, 0.0, 0.0, 0.0)
"""The box of a photo with nobody on it."""

EDGE_PX = 3
SMOOTHED = 8  # an edge is smoothed over an eighth of its length

Floats = NDArray[np.float64]


def place(photo: Photo) -> tuple[int, int, int, int]:
    """The person's box in whole pixels, outwards, within the picture; all of it where the photo has no box.

    Raises:
        BadInput: `attack.box`: it lies outside of the picture, or has no area.
    """
    height, width = photo.picture.shape[:2]
    x0, y0, x1, y1 = photo.box or (0.0, 0.0, float(width), float(height))
    if not (x0 < x1 and y0 < y1 and x0 < width and y0 < height and x1 > 0 and y1 > 0):
        raise BadInput("attack.box", f"the box {photo.box} has no part of a picture of {width}x{height}", hint="(x0, y0, x1, y1) in pixels")
    left, top, right, bottom = floor(max(x0, 0.0)), floor(max(y0, 0.0)), ceil(min(x1, width)), ceil(min(y1, height))
    return left, top, right, bottom


def emptied(photo: Photo) -> Picture:
    """The photo's picture without the person. Raises BadInput `attack.box`."""
    x0, y0, x1, y1 = place(photo)
    picture = photo.picture.astype(np.float64).reshape(*photo.picture.shape[:2], -1)
    down, across = 1.0 / np.arange(1, y1 - y0 + 1), 1.0 / np.arange(1, x1 - x0 + 1)
    edges = [  # pixels beside the box, the axis that is averaged away, weight by distance
        (picture[y0:y1, max(x0 - EDGE_PX, 0) : x0], 1, across[None, :, None]),
        (picture[y0:y1, x1 : x1 + EDGE_PX], 1, across[None, ::-1, None]),
        (picture[max(y0 - EDGE_PX, 0) : y0, x0:x1], 0, down[:, None, None]),
        (picture[y1 : y1 + EDGE_PX, x0:x1], 0, down[::-1, None, None]),
    ]
    there = [(_smooth(beside, axis), weight) for beside, axis, weight in edges if beside.size]
    flat = np.broadcast_to(picture.mean((0, 1)), (y1 - y0, x1 - x0, picture.shape[2]))
    filled = sum(weight * line for line, weight in there) / sum(weight for _, weight in there) if there else flat
    picture[y0:y1, x0:x1] = filled
    return np.rint(picture).astype(np.uint8).reshape(photo.picture.shape)


def _smooth(beside: Floats, axis: int) -> Floats:
    """A strip as one line, smoothed along."""
    line = beside.mean(axis, keepdims=True)
    return np.asarray(uniform_filter1d(line, max(1, line.shape[1 - axis] // SMOOTHED), axis=1 - axis, mode="nearest"))


def evenly(photos: Sequence[Photo], most: int, rng: Generator) -> list[Photo]:
    """At most `most` photos, at random, as many of each person as the others have; in the order in which they came, with their place checked.

    A person -1 is somebody else each time.

    Raises:
        BadInput: `attack.box`.
    """
    people, taken = own_numbers(photos), Counter[int]()
    ranks: list[tuple[int, int]] = []
    for index in rng.permutation(len(photos)):
        ranks.append((taken[people[index]], int(index)))
        taken[people[index]] += 1
    ranks.sort(key=lambda one: one[0])  # stable: among equals the order stays random
    chosen = [photos[index] for index in sorted(index for _, index in ranks[:most])]
    return [replace(photo, box=_as_floats(place(photo))) for photo in chosen]


def own_numbers(photos: Sequence[Photo]) -> list[int]:
    """Whose each photo is; a person -1 is somebody else each time."""
    return [photo.person if photo.person >= 0 else -1 - index for index, photo in enumerate(photos)]


def _as_floats(box: tuple[int, int, int, int]) -> Box:
    x0, y0, x1, y1 = box
    return float(x0), float(y0), float(x1), float(y1)
