"""Variants of dp-pixelate with one thing wrong, over the room's own treatment: what the attacks on tracks must break.

- redrawn: every frame is a track of its own, with new noise, and epsilon is paid again for each;
- frozen: the same noise on the moving means of every frame, paid once; the differences of frames are free of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.random import Generator

from velatura.attacks.attack import Photo, Picture
from velatura.audit.obfuscation.arms import ALL_OF_IT, PictureArm
from velatura.dp.mechanisms import laplace_many
from velatura.obfuscation import grid
from velatura.obfuscation.parameters import chosen

__all__ = ["Frozen", "Redrawn"]


@dataclass(frozen=True, slots=True)
class Redrawn:
    """A track as so many single pictures. `method` as after `--method`."""

    method: str

    def __call__(self, track: Sequence[Photo], rng: Generator, /) -> list[Picture]:
        arm = PictureArm(chosen(self.method), ALL_OF_IT)
        return [arm(photo, rng) for photo in track]


@dataclass(frozen=True, slots=True)
class Frozen:
    """Grey pictures of one size: sums of cells, one draw of noise for all frames, means rounded and clipped.

    Attributes:
        cells: across the shorter side.
        pixels: m; None is all of the picture.
        epsilon: as claimed, once a track.
    """

    cells: int
    pixels: int | None
    epsilon: Fraction

    def __call__(self, track: Sequence[Photo], rng: Generator, /) -> list[Picture]:
        shape = track[0].picture.shape
        down, across = (grid.even(length, n) for length, n in zip(shape, grid.square(shape, self.cells), strict=True))
        number = grid.counts(down, across)
        changed = track[0].picture.size if self.pixels is None else self.pixels
        noise = np.array(laplace_many(255 * changed / self.epsilon, number.size, rng.bytes), np.int64).reshape(number.shape)
        means = (np.clip((grid.sums(photo.picture, down, across) + noise + number // 2) // number, 0, 255) for photo in track)
        return [grid.spread(values, down, across).astype(np.uint8) for values in means]
