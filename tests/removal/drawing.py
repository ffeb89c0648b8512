"""A wall for drawn scenes, leaves that move before it, and pictures as stored planes."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import PixelForm
from velatura.removal.upright import stored_mask

Floats = NDArray[np.float32]

WEIGHTS = (0.2126, 0.7152, 0.0722)  # of ITU-R BT.709-6


@lru_cache(8)
def wall(size: tuple[int, int], seed: int) -> Floats:
    """Plaster of several grain sizes, a brighter side, two posts and a kerb: texture, edges and a flat part."""
    rng = np.random.default_rng(seed)
    width, height = size
    made = np.full((height, width, 3), rng.uniform(95, 135, 3), np.float32)
    for sigma, strength in ((1.0, 9.0), (4.0, 14.0), (16.0, 20.0)):
        grain = cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), sigma)
        made += (grain * strength / max(float(grain.std()), 1e-6))[..., None]
    made += np.linspace(-1, 1, width, dtype=np.float32)[None, :, None] * np.float32(rng.uniform(-20, 20))
    made[:, rng.integers(0, width, 2)] -= 50
    made[height * 9 // 10 :] = made[height * 9 // 10 :] * 0.3 + 60
    made = np.clip(made, 20, 220)
    made.flags.writeable = False
    return made


def waved(wall: Floats, reach_px: float, index: int) -> Floats:
    """Its left half moved to and fro, the less the nearer to the middle."""
    height, width = wall.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    share = np.clip(1 - 2 * x / width, 0, 1)
    moved = reach_px * np.sin(0.7 * index + y / 9) * np.sqrt(share)
    return np.asarray(cv2.remap(wall, x + moved.astype(np.float32), y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def planes(picture: Floats, form: PixelForm, orientation: int) -> list[NDArray[np.generic]]:
    """Stored planes of an upright RGB picture in 0..255."""
    red, green, blue = (picture[..., index] for index in range(3))
    luma = WEIGHTS[0] * red + WEIGHTS[1] * green + WEIGHTS[2] * blue
    if form.colour == "rgb":
        layers = [red, green, blue]
    elif form.colour == "grey":
        layers = [luma]
    else:
        layers = [16 + luma * (219 / 255), 128 + (blue - luma) * (224 / 255 / 1.8556), 128 + (red - luma) * (224 / 255 / 1.5748)]
    stored = [np.ascontiguousarray(stored_mask(layer, orientation)) for layer in layers]
    scale = 1 << (form.bits - 8)
    made = [_shrunk(layer, *form.subsampled(index)) * scale for index, layer in enumerate(stored)]
    planes = [np.clip(np.rint(layer), 0, form.peak).astype(form.dtype) for layer in made]
    return [*planes, np.full(planes[0].shape, form.peak, form.dtype)] if form.alpha else planes


def _shrunk(layer: Floats, shift_x: int, shift_y: int) -> Floats:
    """Means of the pixels that a sample colours; odd sides round up."""
    height, width = layer.shape
    padded = np.pad(layer, ((0, -height % (1 << shift_y)), (0, -width % (1 << shift_x))), mode="edge")
    return np.asarray(padded.reshape(padded.shape[0] >> shift_y, 1 << shift_y, padded.shape[1] >> shift_x, 1 << shift_x).mean(axis=(1, 3)))
