"""The secret: one real face, and a mark that stands for personal data; and whether either shows in pixels.

The face is the public-domain portrait inside scikit-image (NASA). It shows where its fine structure is found again: the picture's detail (what a
blur takes away) is correlated with that of the face, upright and turned, at the size of the picture and at the sizes of thumbnails.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

MARK = b"SECRET-4711"
SIDE = 384
FACE = (148, 76, 228, 168)
"""x0, y0, x1, y1 in the portrait."""
_SHOWS = 0.55  # of another face: < .3; of this one through JPEG or H.264 at any quality used here: > .8

Rgb = NDArray[np.uint8]


@cache
def _whole() -> Rgb:
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut())


def portrait(shift: int = 0) -> Image.Image:
    """The portrait, 384 x 384, moved left by `shift` pixels (0 to 80)."""
    return Image.fromarray(_whole()[0:SIDE, 40 + shift : 40 + shift + SIDE])


def detail(rgb: Rgb) -> NDArray[np.float32]:
    """Fine structure; a little noise, so that an even area is like nothing instead of like everything."""
    grey = cv2.cvtColor(np.ascontiguousarray(rgb[..., :3]), cv2.COLOR_RGB2GRAY).astype(np.float32)
    noise = np.random.default_rng(4711).normal(0, 1, grey.shape).astype(np.float32)
    return grey - cv2.GaussianBlur(grey, (0, 0), 4) + noise


@cache
def _template() -> NDArray[np.float32]:
    x0, y0, x1, y1 = FACE
    return detail(np.asarray(portrait()))[y0:y1, x0:x1]


def shows_face(rgb: Rgb) -> bool:
    """The face is somewhere in the picture, at its own size, in any of four turns."""
    if min(rgb.shape[:2]) < 100:
        return False
    sought = detail(rgb)
    return any(cv2.matchTemplate(np.ascontiguousarray(np.rot90(sought, turn)), _template(), cv2.TM_CCOEFF_NORMED).max() > _SHOWS for turn in range(4))


def shows_small_face(rgb: Rgb) -> bool:
    """The portrait as a whole, at any size from 48 pixels on: thumbnails, previews, second pictures."""
    if min(rgb.shape[:2]) < 48:
        return False
    small = detail(np.asarray(Image.fromarray(rgb[..., :3]).resize((96, 96))))
    own = detail(np.asarray(portrait().resize((96, 96))))
    x0, y0, x1, y1 = (round(side / 4) for side in FACE)
    found = cv2.matchTemplate(small, own[y0:y1, x0:x1], cv2.TM_CCOEFF_NORMED).max()
    return bool(found > _SHOWS) or shows_face(rgb)
