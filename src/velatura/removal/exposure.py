"""Light: how much brighter or darker one picture is than another of the same place, plane by plane, and the one brought to the light of the other.

One gain and one offset a plane, fitted to a grid of pixels that both show: least squares, three times, each time without what lies far off (people,
shadows). Chroma turns around its middle. Where nothing fits, or the gain is out of .5 to 2 (a fade, a flash), `fits` is False and nothing is sure.
Limit: one light for the whole picture; a cloud's edge that crosses it is not undone.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import PixelForm, Plane
from velatura.removal.planes import Mask, Planes, blocks, colours

__all__ = ["Exposure", "applied", "fit"]

Floats = NDArray[np.float64]

GRID = 4_000
"""Pixels that are compared: a gain to .002 of noise 6."""
FEWEST = 40
ROUNDS = 3
FAR = 2.5  # deviations
LEAST_GAIN, MOST_GAIN = 0.5, 2.0
SAME = 0.3  # grey levels of 8 bits: not worth a pass
CLIPPED = 4  # grey levels of 8 bits from black and white: no evidence
FLAT = 3.0  # grey levels: spread of a plane that can tell no gain from an offset


@dataclass(frozen=True, slots=True)
class Exposure:
    """From the light of one picture to that of another: sample * gain + offset, offsets in samples; gains and offsets of the colour planes.

    Attributes:
        fits: the pictures show the same place in lights that can be told apart from a fade.
    """

    gains: tuple[float, ...]
    offsets: tuple[float, ...]
    fits: bool = True


def fit(planes: Planes, reference: Planes, form: PixelForm, usable: Mask | None = None) -> Exposure:
    """How `reference` becomes as bright as `planes`: `applied(reference, form, fit(planes, reference, form))` looks like `planes`.

    Args:
        planes, reference: of one size and form.
        usable: (height, width) True where both show the same; None: everywhere.
    """
    gains, offsets, fits = [], [], True
    for index in colours(form):
        there, here = _grid(planes[index], reference[index], usable, form, index)
        gain, offset, sure = _line(here, there, form.bits, luma=form.colour != "yuv" or index == 0)
        gains.append(gain)
        offsets.append(offset)
        fits &= sure
    return Exposure(tuple(gains), tuple(offsets), fits)


def applied(planes: Planes, form: PixelForm, exposure: Exposure) -> list[Plane]:
    """`planes` in the other light; copies, whatever the light is. Alpha stays."""
    made = [plane.copy() for plane in planes]
    for index, gain, offset in zip(colours(form), exposure.gains, exposure.offsets, strict=True):
        if abs(gain - 1) * 255 + abs(offset) / (1 << (form.bits - 8)) < SAME:
            continue
        if form.bits == 8:
            table = np.clip(np.arange(256) * gain + offset + 0.5, 0, 255).astype(np.uint8)
            made[index] = np.asarray(cv2.LUT(planes[index], table), np.uint8)
        else:
            made[index] = np.clip(planes[index] * np.float32(gain) + np.float32(offset + 0.5), 0, form.peak).astype(planes[index].dtype)
    return made


def _grid(plane: Plane, other: Plane, usable: Mask | None, form: PixelForm, index: int) -> tuple[Floats, Floats]:
    """Samples of both at the same places, evenly spread, that are neither hidden nor clipped."""
    step = max(1, int((plane.size / GRID) ** 0.5))
    a, b = plane[::step, ::step].astype(np.float64).ravel(), other[::step, ::step].astype(np.float64).ravel()
    edge = CLIPPED << (form.bits - 8)
    keep = (np.minimum(a, b) >= edge) & (np.maximum(a, b) <= form.peak - edge)
    if usable is not None:
        sx, sy = form.subsampled(index)
        free = usable if not sx and not sy else ~blocks(~usable, form, index)
        keep &= free[::step, ::step].ravel()
    return a[keep], b[keep]


def _line(x: Floats, y: Floats, bits: int, *, luma: bool) -> tuple[float, float, bool]:
    """gain, offset, and whether they can be trusted."""
    if len(x) < FEWEST:
        return 1.0, 0.0, not luma  # a grey, black or covered picture says nothing of its colour
    unit = float(1 << (bits - 8))
    spread = float(x.std())
    if spread < FLAT * unit:  # no gain from a flat plane: the level alone
        return 1.0, float(np.median(y - x)) if luma else 0.0, True
    middle = float(np.median(x))
    gain, offset = float(np.median(y) / max(middle, unit)) if luma else 1.0, 0.0
    for _ in range(ROUNDS):
        away = y - x * gain - offset
        shift = float(np.median(away))
        off = np.abs(away - shift)
        near = off <= max(FAR * 1.48 * float(np.median(off)), 2 * unit)
        if near.sum() < FEWEST:
            break
        gain, offset = _least_squares(x[near], y[near])
    away = y - x * gain - offset
    sure = LEAST_GAIN <= gain <= MOST_GAIN and float(np.median(np.abs(away))) <= max(0.25 * spread, 6 * unit)
    return (gain, offset, True) if sure else (1.0, 0.0, not luma)


def _least_squares(x: Floats, y: Floats) -> tuple[float, float]:
    """Both have noise: the slope of the one on the other is biased towards nought; its reduced major axis is not."""
    dx, dy = x - x.mean(), y - y.mean()
    vx, vy, both = float(dx @ dx), float(dy @ dy), float(dx @ dy)
    if both <= 0 or vx <= 0:
        return 1.0, float((y - x).mean())
    gain = (vy / vx) ** 0.5
    return gain, float(y.mean() - gain * x.mean())

