"""People in memory and on disk: faces that are drawn, each person alike from picture to picture, with noise of their own."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from velatura.attacks.attack import Photo, Picture

HEIGHT, WIDTH = 48, 40


def drawn_people(people: int, pictures: int, *, seed: int = 0, colour: bool = False) -> list[Photo]:
    """Smooth random faces: a person is a pattern, a picture is that pattern with light and noise."""
    rng = np.random.default_rng(seed)
    photos = []
    for person in range(people):
        pattern = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH)), (0, 0), 5) * 300
        for _ in range(pictures):
            light = 128 + rng.normal(0, 10)
            grey = np.clip(light + pattern + rng.normal(0, 6, pattern.shape), 0, 255).astype(np.uint8)
            photos.append(Photo(np.stack([grey, grey[::-1], 255 - grey], -1) if colour else grey, person))
    return photos


def write_people(folder: Path, photos: list[Photo], *, suffix: str = ".png") -> Path:
    """folder/personNN/NN.png"""
    counts: dict[int, int] = {}
    for photo in photos:
        number = counts[photo.person] = counts.get(photo.person, 0) + 1
        place = folder / f"person{photo.person:02d}"
        place.mkdir(parents=True, exist_ok=True)
        write_picture(place / f"{number:02d}{suffix}", photo.picture)
    return folder


def write_picture(path: Path, picture: Picture) -> None:
    assert cv2.imwrite(str(path), picture if picture.ndim == 2 else picture[..., ::-1])
