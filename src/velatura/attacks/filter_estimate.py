"""What an attacker learns of a protection by running it on pictures of his own: gain and noise for each cosine.

Blurs mirror a region at its border, so that the cosines of the DCT-II are what they scale and nothing else (Martucci 1994). For a protection that
is no such filter (cells, drawn noise) the gain is the least-squares one, and all else counts as noise: rounding, aliasing, draws. Noise is counted
on natural pictures alone; the gain also uses white noise, since photographs hold little of high frequencies.
Limit: channels are taken apart; a protection that mixes them, or that treats places differently, is not identified whole.
Source: Bendat, Piersol, "Random Data", section 6.1 (gain from cross spectra); here with cosines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from velatura.attacks.attack import Arm, Photo, Picture
from velatura.errors import BadInput

__all__ = ["BlackBox", "Filter", "from_cosines", "identified", "released", "to_cosines"]

Stack = NDArray[Any]
"""(n, height, width, channels), grey levels 0..255."""
Cosines = NDArray[np.float32]

STEADY = 40
_LEAST_POWER = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """release = level_out + gain * (secret - level_in) + noise, for each cosine; all (height, width, channels).

    Attributes:
        gain: least squares.
        noise: mean square of what the gain does not explain on natural pictures.
        power: mean square of natural pictures about `level_in`.
        level_in, level_out: means of natural pictures and of their releases.
    """

    gain: Cosines
    noise: Cosines
    power: Cosines
    level_in: Cosines
    level_out: Cosines

    def of(self, secret: Cosines | float) -> Cosines:
        """What it makes of cosines, without its noise."""
        return self.level_out + self.gain * (secret - self.level_in)


def to_cosines(stack: Stack) -> Cosines:
    """Orthonormal DCT-II of each plane."""
    from scipy.fft import dctn

    return np.asarray(dctn(stack.astype(np.float32), axes=(-3, -2), norm="ortho", overwrite_x=True))


def from_cosines(cosines: Cosines) -> Cosines:
    """The inverse."""
    from scipy.fft import idctn

    return np.asarray(idctn(cosines, axes=(-3, -2), norm="ortho"))


def released(arm: Arm[Photo, Picture], photo: Photo, rng: np.random.Generator) -> Picture:
    """What the arm makes of a photo.

    Raises:
        BadInput: `attack.release-size`: its release has another shape or depth, so that it cannot be laid over the secret.
    """
    release = arm(photo, rng)
    if release.shape != photo.picture.shape or release.dtype != np.uint8:
        told = f"a picture of shape {photo.picture.shape} became {release.dtype} of shape {release.shape}"
        raise BadInput("attack.release-size", told, hint="inversion needs releases of 8 bits in the size of the secret")
    return release


@dataclass(frozen=True, slots=True, eq=False)
class BlackBox:
    """An arm that is run on stacks.

    Attributes:
        like: a photo of the size and box that the attacker's own pictures take on.
    """

    arm: Arm[Photo, Picture]
    rng: np.random.Generator
    like: Photo

    def __call__(self, stack: Stack) -> NDArray[np.uint8]:
        """(n, height, width, channels) of releases. Values are rounded to 8 bits first. Raises BadInput `attack.release-size`."""
        eight = np.clip(np.rint(stack), 0, 255).astype(np.uint8)
        pictures = eight[..., 0] if self.like.picture.ndim == 2 else eight
        return np.stack([released(self.arm, Photo(picture, box=self.like.box), self.rng) for picture in pictures]).reshape(eight.shape)


def identified(natural: tuple[Stack, Stack], white: tuple[Stack, Stack]) -> Filter:
    """The filter that the pairs (secrets, releases) tell; sums are kept, not spectra, so that memory does not grow with their number."""
    told, patterns = _Sums.of(*natural), _Sums.of(*white)
    both = told + patterns
    gain = both.across() / np.maximum(both.within(), _LEAST_POWER)
    freedom = max(told.count - 1, 1)
    power = _steadied(told.within() / freedom, told.count)
    noise = _steadied((told.after() - 2 * gain * told.across() + gain**2 * told.within()) / freedom, told.count)
    return Filter(*(part.astype(np.float32) for part in (gain, noise, power, told.x / told.count, told.y / told.count)))


def _steadied(power: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Powers of few pictures, averaged with those of nearby cosines, so that about `STEADY` samples stand behind each."""
    from scipy.ndimage import uniform_filter

    side = max(1, round(np.sqrt(STEADY / count)))
    return np.maximum(uniform_filter(power, (side, side, 1)) if side > 1 else power, _LEAST_POWER)


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Of secrets x and releases y, for each cosine."""

    count: int
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    xx: NDArray[np.float64]
    xy: NDArray[np.float64]
    yy: NDArray[np.float64]

    @classmethod
    def of(cls, secrets: Stack, releases: Stack) -> _Sums:
        sums = np.zeros((5, *secrets.shape[1:]))
        for secret, release in zip(secrets, releases, strict=True):
            x, y = to_cosines(secret).astype(np.float64), to_cosines(release).astype(np.float64)
            for total, part in zip(sums, (x, y, x * x, x * y, y * y), strict=True):
                total += part
        return cls(len(secrets), *sums)

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(self.count + other.count, self.x + other.x, self.y + other.y, self.xx + other.xx, self.xy + other.xy, self.yy + other.yy)

    def within(self) -> NDArray[np.float64]:
        return np.asarray(self.xx - self.x**2 / self.count)

    def across(self) -> NDArray[np.float64]:
        return np.asarray(self.xy - self.x * self.y / self.count)

    def after(self) -> NDArray[np.float64]:
        return np.asarray(self.yy - self.y**2 / self.count)
