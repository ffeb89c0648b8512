"""From any mode of a decoded picture to planes of grey or R, G, B, with alpha where it has one.

Sixteen bits of grey stay; palettes, CMYK and the rest become eight bits of RGB. A colour profile is applied once, here, so that the output needs
none (its text may name a device or a person). What lies under alpha 0 is made black: nobody saw it in the original, and nobody may in the output.
Source: EXIF 2.32, tag 0x0112, for the orientations; ICC.1 through lcms2.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from velatura.errors import Unsupported
from velatura.media.frame import PixelForm, Plane

__all__ = ["Canvas", "as_stored", "canvas"]

_GREY16 = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})

_BAND = 1 << 17  # samples of a plane at once, which stay in the cache (2560x1920, decoding included: 29 ms for whole planes, 17 in bands)

_TURNS: dict[int, Callable[[Plane], Plane]] = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.T,
    6: lambda p: p.T[::-1],
    7: lambda p: p[::-1, ::-1].T,
    8: lambda p: p.T[:, ::-1],
}


def as_stored(plane: Plane, orientation: int) -> Plane:
    """A view of an upright `plane` as it lies in a file with that EXIF orientation."""
    return _TURNS[orientation](plane)


class Canvas:
    """A decoded picture that paints its planes band by band: beside the picture no copy of it is made.

    Args:
        image: mode L, LA, RGB or RGBA, or 16 bits of grey.
        hidden: for 16 bits of grey, the value that the file calls transparent.
    """

    def __init__(self, image: Image.Image, *, hidden: int | None = None) -> None:
        self._image, self._hidden = image, hidden
        deep = image.mode in _GREY16
        grey = deep or image.mode in ("L", "LA")
        self.form = PixelForm("grey" if grey else "rgb", bits=16 if deep else 8, alpha=image.mode in ("LA", "RGBA"))

    def size(self, orientation: int) -> tuple[int, int]:
        """(width, height) of the upright picture."""
        width, height = self._image.size
        return (height, width) if orientation >= 5 else (width, height)

    def paint(self, planes: Sequence[Plane], orientation: int) -> None:
        """Fill upright planes, in the order of the form."""
        stored = [as_stored(plane, orientation) for plane in planes]
        width, height = self._image.size
        rows = max(1, _BAND // width)
        for top in range(0, height, rows):
            band = self._image.crop((0, top, width, min(top + rows, height)))
            for plane, samples in zip(stored, self._samples(band), strict=True):
                plane[top : top + rows] = samples

    def _samples(self, band: Image.Image) -> list[NDArray[Any]]:
        samples: NDArray[Any] = np.asarray(band)
        if samples.ndim == 2:
            return [samples if self._hidden is None else np.where(samples == self._hidden, 0, samples)]
        if self.form.alpha:
            alpha = samples[..., -1:]
            if not alpha.all():
                samples = np.where(alpha == 0, np.uint8(0), samples)
        return [samples[..., index] for index in range(samples.shape[-1])]


def canvas(image: Image.Image, *, alpha: bool = False) -> tuple[Canvas, list[str]]:
    """A loaded picture as a canvas, and what was given up on the way, in words. `alpha`: have an alpha plane in any case.

    Raises:
        Unsupported: `media.unsupported` for samples of 32 bits and colours that have no RGB.
    """
    lost: list[str] = []
    if image.mode == "I":
        image = _to_sixteen(image)
    if image.mode in _GREY16:
        key = image.info.get("transparency")
        return Canvas(image, hidden=key if isinstance(key, int) else None), lost
    if image.mode in ("F", "LAB", "HSV"):
        raise Unsupported("media.unsupported", "samples of 32 bits" if image.mode == "F" else f"colours of {image.mode}")
    profile = image.info.get("icc_profile")
    if profile:
        image = _to_srgb(image, profile, lost)
    return Canvas(_simple(image, alpha=alpha)), lost


def _to_sixteen(image: Image.Image) -> Image.Image:
    low, high = (float(value) for value in image.getextrema() if isinstance(value, int | float))
    if low < 0 or high > 65_535:
        raise Unsupported("media.unsupported", "samples of 32 bits")
    return image.convert("I;16")


def _simple(image: Image.Image, *, alpha: bool) -> Image.Image:
    transparent = alpha or image.has_transparency_data
    wanted = ("L" if image.mode in ("1", "L", "LA", "La") else "RGB") + ("A" if transparent else "")
    if image.mode == wanted and "transparency" not in image.info:
        return image
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode == "PA":
        image = image.convert("RGBA")
    return image.convert(wanted)


def _to_srgb(image: Image.Image, profile: bytes, lost: list[str]) -> Image.Image:
    """Through lcms; a profile that is broken or of another kind of picture is left out, and so is one that is sRGB already."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(source).strip()
        if name.lower().startswith("srgb"):
            return image
        return _transformed(image, source)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, UnicodeError):
        lost.append("colour profile that does not fit the picture")
        return image


def _transformed(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    alpha = None
    if image.mode not in ("L", "RGB", "CMYK"):
        image = _simple(image, alpha=False)
    if image.mode in ("LA", "RGBA"):
        alpha, image = image.getchannel("A"), image.convert(image.mode[:-1])
    grey = image.mode == "L"
    moved = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert moved is not None, "profileToProfile returns a picture unless it works in place"
    if grey:
        moved = moved.getchannel("G")
    if alpha is not None:
        moved.putalpha(alpha)
    return moved
