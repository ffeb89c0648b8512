"""Pictures that an attacker makes himself: noise that holds every frequency, and dead leaves that look like photographs to a filter.

Dead leaves: discs of random place and grey level fall on each other until nothing is bare; with radii distributed as r^-3 the picture has sharp
edges, occlusion and the spectrum 1/f^2 of photographs.
Source: Lee, Mumford, Huang, "Occlusion models for natural images", Int. J. Computer Vision 41, 2001, section 3.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["dead_leaves", "noise"]

LEAST_RADIUS = 0.02
MOST_RADIUS = 0.5
"""Of the shorter side."""
LEAVES = 400
COLOURFULNESS = 30.0


def noise(count: int, shape: tuple[int, int, int], rng: Generator) -> NDArray[np.uint8]:
    """(count, height, width, channels): independent uniform grey levels."""
    return rng.integers(0, 256, (count, *shape), dtype=np.uint8)


def dead_leaves(count: int, shape: tuple[int, int, int], rng: Generator) -> NDArray[np.uint8]:
    """(count, height, width, channels) of 8 bits; channels share the light and differ a little in colour."""
    return np.stack([_leaves(shape, rng) for _ in range(count)])


def _leaves(shape: tuple[int, int, int], rng: Generator) -> NDArray[np.uint8]:
    height, width, channels = shape
    picture = np.full(shape, rng.uniform(0, 255), np.float32)
    side = min(height, width)
    least, most = (side * share for share in (LEAST_RADIUS, MOST_RADIUS))
    u = rng.random(LEAVES)
    radii = 1 / np.sqrt((1 - u) / least**2 + u / most**2)  # inverse of the distribution function of r^-3
    for radius, y, x in zip(radii, rng.uniform(0, height, LEAVES), rng.uniform(0, width, LEAVES), strict=True):
        rows, columns = _span(y, radius, height), _span(x, radius, width)
        inside = (np.arange(height)[rows, None] - y) ** 2 + (np.arange(width)[None, columns] - x) ** 2 <= radius**2
        picture[rows, columns][inside] = rng.uniform(0, 255) + (rng.normal(0, COLOURFULNESS, channels) if channels > 1 else 0)
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


def _span(centre: float, radius: float, length: int) -> slice:
    return slice(max(int(centre - radius), 0), min(int(centre + radius) + 2, length))
