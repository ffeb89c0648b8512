"""`dp-pixelate:cells=N,m=roi|INT,epsilon=E`: means of cells with noise that makes them differentially private.

Neighbours are pictures that differ in at most m pixels of the region, in any way; m=roi is the whole region. Noise is added to the integer
*sums* of the cells, where a pixel counts the same in every cell: a cell that is one sample smaller, or cut by the border, leaks no more
than the others (noise on means would: 16x12 cells beside 16x16 leak 1.33 for a claim of 1). Each of n colour planes gets epsilon/n; changing
m pixels moves the vector of a plane's sums by at most peak * min(m, samples) in L1. Draws are discrete Laplace, exact, from a CSPRNG;
rounding and clipping come after. A track pays once: one noisy grid from its first frame, repainted in every frame. The same noise over
moving means would not be private: differences of frames cancel it.

Limits: where the region is, how large and when, comes from a detector that saw the picture, and is outside of epsilon. One person whom two
tracks show pays twice, and again in every other release.
Source: Fan, "Image Pixelization with Differential Privacy", DBSec 2018, section 4; Canonne, Kamath, Steinke, NeurIPS 2020.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from velatura.dp.mechanisms import laplace_many
from velatura.errors import BadSpec
from velatura.findings import Claim
from velatura.media.frame import Plane
from velatura.obfuscation import grid
from velatura.obfuscation.limits import DP_PIXELATE as LIMITS
from velatura.obfuscation.method import Method, Patch, Treatment
from velatura.obfuscation.paint import colour_planes, paint
from velatura.obfuscation.parameters import decimal, keyed, whole

__all__ = ["LIMITS", "DpPixelate", "noise_levels", "parse"]

VALID = {"cells": "N", "m": "roi|INT", "epsilon": "E"}
MOST_CELLS, MOST_PIXELS = 256, 1 << 30
LEAST_EPSILON, MOST_EPSILON = Fraction(1, 1000), Fraction(10**9)
FAR = 1 << 60


@dataclass(frozen=True, slots=True)
class DpPixelate:
    """See the module.

    Attributes:
        cells: across the region's shorter side.
        pixels: m; None is the whole region.
        epsilon: for all planes together, once a track.
    """

    cells: int
    pixels: int | None
    epsilon: Fraction
    cosmetic: ClassVar[bool] = False

    @property
    def limits(self) -> str:
        return f"{LIMITS} {_what_is_left(self)}"

    @property
    def claims(self) -> Mapping[str, Claim]:
        return MappingProxyType({"dp": Claim(float(self.epsilon)), "averaging": Claim()})

    def begin(self, first: Patch, *, entropy: Callable[[int], bytes]) -> Treatment:
        planes = colour_planes(first)
        rows, columns = grid.square(first.planes[0].shape, self.cells)
        share = self.epsilon / len(planes)
        return _Repainting([_noisy(plane, (rows, columns), self.pixels, share, first.form.peak, entropy) for plane in planes])


class _Repainting:
    """The track's one grid, stretched over its box in every frame."""

    def __init__(self, grids: list[NDArray[np.int64]]) -> None:
        self._grids = grids

    def apply(self, patch: Patch) -> bytes:
        paint(patch, [_stretched(values, plane.shape) for values, plane in zip(self._grids, colour_planes(patch), strict=True)])
        return b""


def _noisy(
    plane: Plane, cells: tuple[int, int], pixels: int | None, epsilon: Fraction, peak: int, entropy: Callable[[int], bytes]
) -> NDArray[np.int64]:
    """(rows, columns) of noisy means of one plane."""
    down, across = (grid.even(length, min(n, length)) for length, n in zip(plane.shape, cells, strict=True))
    # A decoder that lies may hand over 12-bit samples as 10-bit ones: beyond the peak the sensitivity would not hold.
    sums = grid.sums(np.minimum(plane, peak), down, across)
    sensitivity = peak * (plane.size if pixels is None else min(pixels, plane.size))
    noise = laplace_many(sensitivity / epsilon, sums.size, entropy)
    noisy = sums + np.array([max(-FAR, min(draw, FAR)) for draw in noise], np.int64).reshape(sums.shape)
    number = grid.counts(down, across)
    return np.asarray(np.clip((noisy + number // 2) // number, 0, peak))


def _stretched(values: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    return grid.spread(values, *(grid.even(length, n) for length, n in zip(shape, values.shape, strict=True)))


def noise_levels(method: DpPixelate, *, side: int, planes: int = 3) -> float:
    """Scale of the noise on a cell's mean, in grey levels of 256, for a square region of `side` pixels."""
    area = side * side
    return float(255 * planes * (area if method.pixels is None else min(method.pixels, area)) * method.cells**2 / (method.epsilon * area))


def _what_is_left(method: DpPixelate) -> str:
    """The sentence about what a viewer still sees. Laplace noise of scale s has a mean size of s."""
    levels = noise_levels(method, side=128)
    where = "" if method.pixels is None else " of a region of 128x128 pixels (less in larger ones)"
    seen = "nothing of the picture is left" if levels > 128 else "its coarse shades are left" if levels > 16 else "it looks pixelated, and identifies"
    return f"At epsilon {float(method.epsilon):g} the noise on a colour cell{where} is about {levels:.3g} of 256 grey levels: {seen}."


def parse(parameters: str) -> Method:
    """The method of `--method dp-pixelate:cells=N,m=roi|INT,epsilon=E`. Raises BadSpec `dp-pixelate.parameters`."""
    given = keyed(parameters, VALID, method="dp-pixelate")
    cells = whole(given["cells"], 1, MOST_CELLS)
    pixels = None if given["m"] == "roi" else whole(given["m"], 1, MOST_PIXELS)
    epsilon = decimal(given["epsilon"], LEAST_EPSILON, MOST_EPSILON)
    if cells is None:
        raise _wrong("cells", given["cells"], f"a whole number from 1 to {MOST_CELLS}, across the region's shorter side")
    if pixels is None and given["m"] != "roi":
        raise _wrong("m", given["m"], "roi (the whole region), or how many pixels two neighbouring pictures differ in")
    if epsilon is None:
        raise _wrong("epsilon", given["epsilon"], f"a number from {float(LEAST_EPSILON):g} to {float(MOST_EPSILON):g}")
    return DpPixelate(cells, pixels, epsilon)


def _wrong(key: str, value: str, valid: str) -> BadSpec:
    return BadSpec(
        "dp-pixelate.parameters",
        f"dp-pixelate: {key}={value} is not possible",
        hint=f"{key}: {valid}; valid: dp-pixelate:cells=N,m=roi|INT,epsilon=E",
    )
