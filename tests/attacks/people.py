"""People made of a few smooth waves, so that attackers of faces have something to attack where no real faces are."""

from __future__ import annotations

import numpy as np

from velatura.attacks.attack import Photo, Picture


def made_people(people: int = 40, pictures: int = 10, *, size: tuple[int, int] = (24, 20), seed: int = 0, colour: bool = False) -> list[Photo]:
    """Photos of `people` people: each a pattern of his own, with other light, other noise and a shift of a pixel in each picture."""
    rng = np.random.default_rng(seed)
    height, width = size
    photos = []
    for person in range(people):
        waves = rng.normal(0, 1, (4, 4))
        down, across = (np.cos(np.pi * np.outer(np.arange(4), np.arange(n + 2) + 0.5) / (n + 2)) for n in size)
        pattern = 128 + 20 * (down.T @ waves @ across)
        for _ in range(pictures):
            top, left = rng.integers(0, 3, 2)
            seen = pattern[top : top + height, left : left + width] * rng.uniform(0.9, 1.1) + rng.normal(0, 8, size)
            picture = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
            photos.append(Photo(np.stack([picture, picture // 2, 255 - picture], -1) if colour else picture, person=person))
    return photos


def itself(photo: Photo, rng: np.random.Generator, /) -> Picture:
    """The unprotected arm."""
    return photo.picture


def blank(photo: Photo, rng: np.random.Generator, /) -> Picture:
    """An arm that publishes one grey level."""
    return np.full_like(photo.picture, 90)
