"""How near a background is to the true one, as the field counts it: AGE, pEPs, pCEPs, PSNR, MS-SSIM and CQM of SBI and SBMnet.

The definitions are those of the published MATLAB scripts (`Evaluate.m`, `cqm.m`, `PeakSignaltoNoiseRatio.m`), and their quirks are kept, so that
numbers compare with printed ones: a cast that rounds halves away from zero, an erosion that takes what lies outside the picture for error, a PSNR
of 99 for equal pictures, and in CQM colour differences that saturate at 0. Brightness is .299 R + .587 G + .114 B, not rounded (the older variant
of the scripts, which uses the studio range, gives errors smaller by 219/255).
Sources: Maddalena and Petrosino 2015 (SBI); Jodoin, Maddalena, Petrosino, Wang 2017 (SBMnet); Wang, Simoncelli, Bovik 2003 (MS-SSIM);
Yalman and Erturk 2013 (CQM).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["Nearness", "ms_ssim", "nearness"]

Rgb = NDArray[np.uint8]
Real = NDArray[np.float64]
OFF = 20
"""Grey levels: a pixel off by more is an error pixel."""
EQUAL = 99.0
"""PSNR of equal pictures, dB."""
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, SIGMA = 11, 1.5
STEADIED = (0.01 * 255) ** 2, (0.03 * 255) ** 2
SMALL = 176
_PLUS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


@dataclass(frozen=True, slots=True)
class Nearness:
    """Of one background; smaller is better for the first three.

    Attributes:
        age: average grey-level error.
        peps, pceps: share of pixels that are error pixels; and of those whose four neighbours are error pixels too.
        psnr, cqm: dB.
        ms_ssim: at most 1.
    """

    age: float
    peps: float
    pceps: float
    psnr: float
    ms_ssim: float
    cqm: float


def nearness(truth: Rgb, made: Rgb) -> Nearness:
    """Compare two pictures, (height, width, 3) each, in the order red, green, blue.

    Raises:
        ValueError: they differ in size, or are not such pictures.
    """
    if truth.shape != made.shape or truth.ndim != 3 or truth.shape[2] != 3 or truth.dtype != np.uint8 or made.dtype != np.uint8:
        raise ValueError(f"two RGB pictures of one size and 8 bits are compared, not {truth.shape} {truth.dtype} and {made.shape} {made.dtype}")
    a, b = _brightness(truth), _brightness(made)
    off = np.floor(np.abs(a - b) + 0.5)
    errors = (off > OFF).astype(np.uint8)
    clustered = cv2.erode(errors, _PLUS, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return Nearness(float(off.mean()), float(errors.mean()), float(clustered.mean()), _psnr(a, b), ms_ssim(a, b), _cqm(truth, made))


def ms_ssim(a: Real, b: Real) -> float:
    """Multi-scale structural similarity of two brightness pictures, (height, width), 0..255; the product form.

    Where the short side is under 176 pixels the window shrinks with it. Negative terms (a structure that is inverted) count as none; under 16 pixels
    there is no window, and the result is NaN.
    """
    short = min(a.shape)
    side = WINDOW if short >= SMALL else short // 16
    if side < 1:
        return float("nan")
    window = np.exp(-((np.arange(side) - (side - 1) / 2) ** 2) / (2 * SIGMA**2))
    window /= window.sum()
    result = 1.0
    for scale, weight in enumerate(WEIGHTS):
        bright, structure = _similar(a, b, window)
        last = scale == len(WEIGHTS) - 1
        result *= max(0.0, float((bright * structure).mean() if last else structure.mean())) ** weight
        a, b = _halved(a), _halved(b)
    return result


def _similar(a: Real, b: Real, window: Real) -> tuple[Real, Real]:
    """Luminance, and contrast with structure, at each place where the window fits."""
    mean_a, mean_b = _blurred(a, window), _blurred(b, window)
    both, one, other = mean_a * mean_b, mean_a**2, mean_b**2
    spread = _blurred(a * a, window) - one + _blurred(b * b, window) - other
    bright = (2 * both + STEADIED[0]) / (one + other + STEADIED[0])
    return bright, (2 * (_blurred(a * b, window) - both) + STEADIED[1]) / (spread + STEADIED[1])


def _blurred(picture: Real, window: Real) -> Real:
    whole = ndimage.correlate1d(ndimage.correlate1d(picture, window, axis=0), window, axis=1)
    before, after = len(window) // 2, len(window) - 1 - len(window) // 2
    return np.asarray(whole[before : whole.shape[0] - after, before : whole.shape[1] - after])


def _halved(picture: Real) -> Real:
    """Mean of two by two, then every second pixel; the border mirrored."""
    return np.asarray(cv2.blur(picture, (2, 2), anchor=(0, 0), borderType=cv2.BORDER_REFLECT)[::2, ::2])


def _brightness(picture: Rgb) -> Real:
    red, green, blue = np.moveaxis(picture.astype(np.float64), -1, 0)
    return np.asarray(0.299 * red + 0.587 * green + 0.114 * blue)


def _psnr(a: Real, b: Real) -> float:
    error = float(((a - b) ** 2).mean())
    return EQUAL if error == 0 else float(10 * np.log10(255**2 / error))


def _cqm(truth: Rgb, made: Rgb) -> float:
    bright, red, blue = (_psnr(a, b) for a, b in zip(_reversible(truth), _reversible(made), strict=True))
    return 0.9449 * bright + 0.0551 * (red + blue) / 2


def _reversible(picture: Rgb) -> tuple[Real, Real, Real]:
    red, green, blue = np.moveaxis(picture.astype(np.float64), -1, 0)
    return np.floor((red + 2 * green + blue) / 4), np.maximum(red - green, 0), np.maximum(blue - green, 0)
