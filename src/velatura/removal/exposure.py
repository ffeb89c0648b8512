"""Light: how much brighter or darker one picture is than another of the same place, plane by plane, and the one brought to the light of the other.

One gain and one offset a plane, fitted to means of small blocks (a single pixel's noise would bias the gain, a shift by a pixel too): from the
median of ratios, then least squares, three times, each time without what lies far off (people, shadows). Clipped and hidden pixels say nothing.
Chroma turns around its middle. Where nothing fits, or the gain is out of .5 to 2 (a fade, a flash), `fits` is False and nothing is sure.
Limit: one light for the whole picture and a straight line for each plane; a cloud's edge that crosses it, and a camera's tone curve, are not undone.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import PixelForm, Plane
from velatura.removal.planes import Mask, Planes, blocks, colours, luma

__all__ = ["Exposure", "applied", "fit"]

Floats = NDArray[np.float32]

CELLS = 1_600  # means that are compared, of a plane
FEWEST = 40
ROWS = 4  # of a block are read
FREE = 0.5  # of what is read of a block must be seen
ROUNDS = 3
FAR = 2.5  # deviations
LEAST_GAIN, MOST_GAIN = 0.5, 2.0
SAME = 0.3  # grey levels of 8 bits: not worth a pass
CLIPPED = 4  # grey levels of 8 bits from black and white: no evidence
FLAT = 3.0  # grey levels: a plane that varies less cannot tell a gain from an offset
POOR = 6.0  # grey levels: half of the picture lies further off than that, and
POOR_SHARE = 0.25  # further than that share of its contrast: another place


@dataclass(frozen=True, slots=True)
class Exposure:
    """From the light of one picture to that of another: sample * gain + offset, offsets in samples; one of each for each plane without alpha.

    Attributes:
        fits: the pictures show the same place in lights that can be told apart from a fade.
    """

    gains: tuple[float, ...]
    offsets: tuple[float, ...]
    fits: bool = True

    def after(self, other: Exposure) -> Exposure:
        """From the light of what `self` starts from to that of what `other` starts from, where both lead to one light."""
        gains = tuple(mine / its for mine, its in zip(self.gains, other.gains, strict=True))
        offsets = tuple((mine - its) / gain for mine, its, gain in zip(self.offsets, other.offsets, other.gains, strict=True))
        return Exposure(gains, offsets, self.fits and other.fits)

    def reach(self, form: PixelForm) -> float:
        """The most that it changes a sample in the middle half of its range, where most are; grey levels of 8 bits."""
        return max(
            abs(value * (gain - 1) + offset) / (1 << (form.bits - 8))
            for gain, offset in zip(self.gains, self.offsets, strict=True)
            for value in (form.peak / 4, form.peak * 3 / 4)
        )


def fit(planes: Planes, reference: Planes, form: PixelForm, usable: Mask | None = None) -> Exposure:
    """How `reference` becomes as bright as `planes`: `applied(reference, form, fit(planes, reference, form))` looks like `planes`.

    Args:
        planes, reference: of one size and form.
        usable: (height, width) True where both show the same; None: everywhere.
    """
    gains, offsets, fits = [], [], []
    seen: dict[tuple[int, int], Mask] = {(0, 0): usable} if usable is not None else {}
    for index in colours(form):
        if usable is not None and form.subsampled(index) not in seen:
            seen[form.subsampled(index)] = ~blocks(~usable, form, index)
        here, there = _cells(reference[index], planes[index], seen.get(form.subsampled(index)), form.bits)
        chroma = form.colour == "yuv" and index > 0
        gain, offset, sure = _chroma(here, there, form.bits) if chroma else _line(here, there, form.bits)
        gains.append(gain)
        offsets.append(offset)
        if not chroma and len(here) >= FEWEST:
            fits.append(sure)
    return Exposure(tuple(gains), tuple(offsets), all(fits) if fits else _alike(planes, reference, form, usable))


def applied(planes: Planes, form: PixelForm, exposure: Exposure) -> list[Plane]:
    """`planes` in the other light; always copies. A plane that would change by less than .3 grey levels stays, and so does alpha."""
    made = [plane.copy() for plane in planes]
    peak = form.peak
    for index, gain, offset in zip(colours(form), exposure.gains, exposure.offsets, strict=True):
        if max(abs(offset), abs(peak * (gain - 1) + offset)) < SAME * (1 << (form.bits - 8)):
            continue
        table = np.clip(np.arange(peak + 1) * gain + offset + 0.5, 0, peak).astype(form.dtype)
        plane = planes[index]
        made[index] = np.asarray(cv2.LUT(plane, table), np.uint8) if form.bits == 8 else np.take(table, plane, mode="clip")
    return made


def _cells(plane: Plane, other: Plane, seen: Mask | None, bits: int) -> tuple[Floats, Floats]:
    """Means of both over the same blocks, without blocks that are mostly hidden or clipped. Args: seen: of the planes' size; None: everywhere."""
    height, width = plane.shape
    step = max(1.0, (plane.size / CELLS) ** 0.5)
    size = (max(1, int(width / step)), max(1, int(height / step)))
    rows = slice(None, None, max(1, int(step / ROWS)))
    plane, other = plane[rows], other[rows]
    edge = CLIPPED << (bits - 8)
    low, high = float(edge), float((1 << bits) - 1 - edge)
    free = np.asarray(cv2.bitwise_and(cv2.inRange(plane, low, high), cv2.inRange(other, low, high)), np.uint8)
    if seen is not None:
        free *= seen[rows]
    if cv2.countNonZero(free) == free.size:
        return _mean(plane, size).ravel(), _mean(other, size).ravel()
    share = _mean(free, size) / np.float32(255)
    keep = share >= FREE
    seen_of = [_mean(np.asarray(cv2.bitwise_and(of, of, mask=free)), size)[keep] / share[keep] for of in (plane, other)]
    return seen_of[0], seen_of[1]


def _alike(planes: Planes, reference: Planes, form: PixelForm, usable: Mask | None) -> bool:
    """Whether two pictures that are clipped all over (night, a lamp) are the same as they stand."""
    step = max(1, int((planes[0].size / CELLS) ** 0.5))
    apart = np.asarray(cv2.absdiff(luma(planes, form)[::step, ::step], luma(reference, form)[::step, ::step]))
    seen = apart.ravel() if usable is None else apart[usable[::step, ::step]]
    return len(seen) >= FEWEST and float(np.median(seen)) <= CLIPPED


def _mean(plane: Plane, size: tuple[int, int]) -> Floats:
    """Means over blocks."""
    return np.asarray(cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA))


def _line(x: Floats, y: Floats, bits: int) -> tuple[float, float, bool]:
    """gain, offset, and whether they can be trusted."""
    if len(x) < FEWEST:
        return 1.0, 0.0, False
    unit = float(1 << (bits - 8))
    gain, offset = _median(np.asarray(y / np.maximum(x, unit), np.float32)), 0.0
    if float(x.std()) >= FLAT * unit:
        gain, offset = _settled(x, y, gain, unit)
    off = _median(np.asarray(np.abs(y - x * np.float32(gain) - np.float32(offset)), np.float32))
    fits = LEAST_GAIN <= gain <= MOST_GAIN and off <= max(POOR * unit, POOR_SHARE * float(x.std()))
    return (gain, offset, True) if fits else (1.0, 0.0, False)


def _chroma(x: Floats, y: Floats, bits: int) -> tuple[float, float, bool]:
    """As `_line`, around the middle value; a picture without colour says nothing of it, and needs nothing."""
    unit, middle = float(1 << (bits - 8)), float(1 << (bits - 1))
    if len(x) < FEWEST:
        return 1.0, 0.0, True
    x, y = x - middle, y - middle
    gain, offset = 1.0, _median(y - x)
    if float(x.std()) >= FLAT * unit:
        gain, offset = _settled(x, y, gain, unit)
    if not LEAST_GAIN <= gain <= MOST_GAIN:
        return 1.0, 0.0, True
    return gain, offset + middle * (1 - gain), True


def _settled(x: Floats, y: Floats, gain: float, unit: float) -> tuple[float, float]:
    """gain and offset by least squares, without what lies far off."""
    offset = _median(y - x * np.float32(gain))
    before: Mask | None = None
    for _ in range(ROUNDS):
        off = np.abs(y - x * np.float32(gain) - np.float32(offset))
        near = off <= max(FAR * 1.48 * _median(off), unit)
        if np.count_nonzero(near) < FEWEST or (before is not None and np.array_equal(near, before)):
            break
        before = near
        gain, offset = _least_squares(x[near], y[near])
    return gain, offset


def _least_squares(x: Floats, y: Floats) -> tuple[float, float]:
    mean_x, mean_y = float(x.mean(dtype=np.float64)), float(y.mean(dtype=np.float64))
    dx = x - np.float32(mean_x)
    power = float(dx @ dx)
    gain = float(dx @ (y - np.float32(mean_y))) / power if power > 0 else 1.0
    return gain, mean_y - gain * mean_x


def _median(values: Floats) -> float:
    """The upper median, by hand: np.median takes three times as long."""
    return float(np.partition(values, len(values) // 2)[len(values) // 2])
