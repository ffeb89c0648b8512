"""`blur:SIGMA` and `blur:N%`: a true Gaussian. Cosmetic: arithmetic undoes it, but for rounding.

The kernel is sampled to four sigma and normalised; the region is mirrored at its own border (half-sample symmetric), so that nothing from
outside enters. With that border the filter is a product in the cosine domain, whatever the sigma: no kernel is ever slid over the picture.
Sigma is in pixels of the picture, and divided on subsampled planes; a percentage is of the region's shorter side.
Source: Martucci, "Symmetric convolution and the discrete sine and cosine transforms", IEEE Trans. Signal Processing 42(5), 1994, for the
product; equal to scipy.ndimage.gaussian_filter(mode="reflect", truncate=4) (tests).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, idctn

from velatura.errors import BadSpec
from velatura.findings import Claim
from velatura.media.frame import Plane
from velatura.obfuscation.limits import BLUR as LIMITS
from velatura.obfuscation.method import Method, Patch, Treatment
from velatura.obfuscation.paint import colour_planes, paint
from velatura.obfuscation.parameters import decimal

__all__ = ["LIMITS", "Blur", "gaussian", "parse"]

TRUNCATE = 4.0
LEAST, MOST = Fraction(1, 10), Fraction(5000)


@dataclass(frozen=True, slots=True)
class Blur:
    """Sigma in pixels, or, with `relative`, as a share of the region's shorter side."""

    sigma: float
    relative: bool = False
    limits: ClassVar[str] = LIMITS
    claims: ClassVar[Mapping[str, Claim]] = MappingProxyType({})
    cosmetic: ClassVar[bool] = True

    def begin(self, first: Patch, *, entropy: Callable[[int], bytes]) -> Treatment:
        return self

    def apply(self, patch: Patch) -> bytes:
        sigma = self.sigma * min(patch.planes[0].shape) if self.relative else self.sigma
        paint(patch, [self._blurred(patch, i, plane, sigma) for i, plane in enumerate(colour_planes(patch))])
        return b""

    def _blurred(self, patch: Patch, index: int, plane: Plane, sigma: float) -> Plane:
        sx, sy = patch.form.subsampled(index)
        smooth = gaussian(plane, sigma / (1 << sy), sigma / (1 << sx))
        return np.asarray(np.clip(np.rint(smooth), 0, patch.form.peak))


def gaussian(plane: Plane, sigma_down: float, sigma_across: float) -> NDArray[np.floating]:
    """A plane filtered with a Gaussian, mirrored at its border; not rounded."""
    kind = np.float32 if plane.dtype == np.uint8 else np.float64
    spectrum = dctn(plane.astype(kind), norm="ortho", overwrite_x=True)
    spectrum *= _response(plane.shape[0], sigma_down)[:, None].astype(kind)
    spectrum *= _response(plane.shape[1], sigma_across)[None, :].astype(kind)
    return np.asarray(idctn(spectrum, norm="ortho", overwrite_x=True))


def _response(length: int, sigma: float) -> NDArray[np.float64]:
    """What the filter does to each of `length` cosines: the kernel, wound around the mirrored signal's period, transformed."""
    radius = int(TRUNCATE * sigma + 0.5)
    at = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (at / sigma) ** 2)
    wound = np.bincount(at % (2 * length), kernel / kernel.sum(), minlength=2 * length)
    return np.asarray(np.fft.rfft(wound).real[:length])


def parse(parameters: str) -> Method:
    """The method of `--method blur:SIGMA` or `blur:N%`. Raises BadSpec `blur.parameters`."""
    relative = parameters.endswith("%")
    value = decimal(parameters.removesuffix("%"), LEAST, Fraction(100) if relative else MOST)
    if value is None:
        hint = f"blur:SIGMA (pixels, {float(LEAST):g} to {float(MOST):g}) or blur:N% (of the region's shorter side, up to 100); e.g. blur:12%"
        raise BadSpec("blur.parameters", f"blur takes a number, not {parameters!r}", hint=hint)
    return Blur(float(value) / (100 if relative else 1), relative)
