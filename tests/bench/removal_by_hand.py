"""A grey scene with a dark red person, made by hand, for the tests of the removal benchmark."""

from __future__ import annotations

import cv2
import numpy as np
from benchmarks import removal_pasting as pasting
from benchmarks.removal_scenes import Scene, Still

W, H = 96, 64
GREY = np.full((H, W, 3), 120, np.uint8)
BODY = np.zeros((H, W), bool)
BODY[20:40, 30:42] = True
SHADE = np.zeros((H, W), bool)
SHADE[40:46, 34:60] = True


def person():
    """A dark red rectangle on nothing, feet at the bottom."""
    rgba = np.zeros((40, 16, 4), np.uint8)
    rgba[2:, 4:12] = (140, 20, 20, 255)
    return rgba


def with_person():
    source = GREY.copy()
    source[BODY] = (20, 20, 60)
    source[SHADE] = 100
    return source


def textured(seed=0):
    coarse = np.random.default_rng(seed).integers(60, 190, (H // 4, W // 4, 3)).astype(np.uint8)
    return cv2.resize(coarse, (W, H), interpolation=cv2.INTER_CUBIC)


def cast(kind, count=40, seed=1, moves=False):
    rng = np.random.default_rng(seed)
    return pasting.actors(kind, [[person(), person()]], (W, H), count, rng, ground=0.85, height=0.5, stand=0.5, moves=moves)


def scene(kind="walk", count=12):
    def frames():
        people = cast(kind, count)
        for index in range(count):
            yield pasting.paste(textured(), people, index)

    return Scene("test", kind, 25, (W, H), count, frames)


def still():
    rng = np.random.default_rng(5)
    noise = tuple(rng.integers(-3, 4, (H, W, 3)).astype(np.int8) for _ in range(4))
    return Still(textured(3).astype(np.float32), noise)
