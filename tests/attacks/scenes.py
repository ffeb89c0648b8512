"""Pictures with somebody on them, in memory: a bright disc on a dim, uneven ground, and the detector that finds such discs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import find_objects, gaussian_filter, label

from velatura.attacks.attack import Photo, Picture
from velatura.detect.region import Region

BRIGHT, LEAST_PX = 170, 12


def scenes(count: int = 30, *, size: tuple[int, int] = (48, 64), seed: int = 0, pictures: int = 1, somebody: bool = True) -> list[Photo]:
    """Photos of `count` people, each with its box around the disc; `somebody` False: the box is there and nobody in it."""
    rng = np.random.default_rng(seed)
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    photos = []
    for index in range(count * pictures):
        radius = rng.uniform(5, 9)
        y, x = rng.uniform(radius + 2, height - radius - 2), rng.uniform(radius + 2, width - radius - 2)
        ground = 90 + 300 * gaussian_filter(rng.normal(size=size), 6) + rng.normal(0, 4, size)
        if somebody:
            ground[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] += 120
        picture = np.clip(np.rint(ground), 0, 255).astype(np.uint8)
        photos.append(Photo(picture, index // pictures, box=(x - radius, y - radius, x + radius, y + radius)))
    return photos


def discs(picture: Picture) -> Sequence[Region]:
    """Bright spots of twelve pixels and more; the score is how bright they are."""
    grey = picture if picture.ndim == 2 else picture.mean(-1)
    spots, count = label(grey > BRIGHT)
    found = []
    for number, (rows, columns) in zip(range(1, count + 1), find_objects(spots), strict=True):
        if (spots[rows, columns] == number).sum() >= LEAST_PX:
            box = (float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))
            found.append(Region(box, "face", float(grey[spots == number].mean()) / 255))
    return found
