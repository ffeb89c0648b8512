"""How like two pictures are: SSIM and PSNR, for one pair or a stack of pairs.

SSIM compares means, spreads and covariance in a Gaussian window of sigma 1.5 pixels (11x11); 1 is equality, a picture against unrelated ones gives 0
to .4. A border of five pixels, where the window hangs over, is left out; if a side is shorter than the window, nothing is.
Limit: it is likeness of grey levels, not of persons: the mean face of 40 people is at .4 to any of them, and re-identifies nobody.
Source: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment", IEEE Trans. Image Processing 13(4), 2004, section III.B.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput

__all__ = ["psnr", "ssim", "ssims"]

WINDOW_SIGMA_PX = 1.5
WINDOW_PX = 11
PEAK = 255.0
_C1, _C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
_AT_ONCE = 1 << 22


def ssim(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Structural similarity of two pictures, (height, width) or (height, width, channels), 0..255: the mean over pixels and channels.

    Raises:
        BadInput: `attack.shapes-differ`.
    """
    _check(a, b)
    return float(ssims(_with_channels(a)[None], _with_channels(b)[None])[0])


def ssims(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """(n,) similarities of two stacks (n, height, width, channels)."""
    step = max(1, _AT_ONCE // max(a[0].size, 1))
    return np.concatenate([_ssims(a[i : i + step].astype(np.float64), b[i : i + step].astype(np.float64)) for i in range(0, len(a), step)])


def psnr(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Peak signal to noise ratio in dB, for a peak of 255; infinite for equal pictures.

    Raises:
        BadInput: `attack.shapes-differ`.
    """
    _check(a, b)
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return float(10 * np.log10(PEAK**2 / error)) if error else float("inf")


def _ssims(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    mean_a, mean_b = _windowed(a), _windowed(b)
    spread = _windowed(a * a + b * b) - mean_a**2 - mean_b**2  # of both together: only their sum is asked for
    together = _windowed(a * b) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + _C1) * (2 * together + _C2) / ((mean_a**2 + mean_b**2 + _C1) * (spread + _C2))
    return np.asarray(_inner(likeness).mean((1, 2, 3)))


def _windowed(stack: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    radius = WINDOW_PX // 2
    return np.asarray(gaussian_filter(stack, (0, WINDOW_SIGMA_PX, WINDOW_SIGMA_PX, 0), truncate=radius / WINDOW_SIGMA_PX))


def _inner(stack: NDArray[np.float64]) -> NDArray[np.float64]:
    if min(stack.shape[1:3]) < WINDOW_PX:
        return stack
    border = WINDOW_PX // 2
    return stack[:, border:-border, border:-border]


def _with_channels(picture: NDArray[Any]) -> NDArray[Any]:
    return picture[..., None] if picture.ndim == 2 else picture


def _check(a: NDArray[Any], b: NDArray[Any]) -> None:
    if a.shape != b.shape or a.ndim not in (2, 3) or 0 in a.shape:
        raise BadInput("attack.shapes-differ", f"pictures of shapes {a.shape} and {b.shape} cannot be compared", hint="bring them to one size first")
