"""Paint for what nothing shows, made from around it: for each region whichever of three ways agrees best with the region's own ring.

The ring around a region is known: it is taken away together with the region, filled each way, and compared. A smooth surface (push-pull) and
continued lines (Telea) have the smaller error on photographs; copied texture (`exemplar`) does not look smooth. So texture is tried where the ring
has some, and taken where it comes near the others' error: by error alone it would never be (docs/benchmarks/removal.md).
Or a model of the user's paints every region (`Inpainter`).
Limit: it is invented. Nothing of it says what was there.
Source: Telea, Journal of Graphics Tools 2004.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.errors import Withheld
from velatura.media.frame import PixelForm, Plane
from velatura.removal.exemplar import copied_texture
from velatura.removal.planes import Mask, Planes, blocks, colours, copied
from velatura.removal.push_pull import push_pull
from velatura.removal.rgb import from_rgb, to_rgb

__all__ = ["Filled", "Inpainter", "fill"]

Floats = NDArray[np.float32]

ROOM_PX = 24
RING_PX = 6
TELEA_PX = 3
ROUGH = 4.0  # grey levels: high-pass deviation of a ring that has texture
NEARLY = 1.6  # texture is taken up to so many times the least error
TEXTURED_PX = 60_000  # of a region: above it copying takes seconds
RING_DIAMETERS = 1.0  # on each side, that texture is looked for in
JOIN_PX = 8
"""Regions nearer to each other than this are one."""


class Inpainter(Protocol):
    """A model that paints. Only what it paints in the hole is used."""

    def __call__(self, picture: NDArray[np.uint8], hole: Mask) -> NDArray[np.uint8]:
        """(height, width, 3) uint8 RGB and (height, width) True where to paint; the same shape back."""
        ...


@dataclass(frozen=True, slots=True)
class Filled:
    """Attributes:
    planes: copies, the hole painted.
    ways: for each region its box (x0, y0, x1, y1) and the way that won: "smooth", "lines", "texture", "model".
    """

    planes: list[Plane]
    ways: tuple[tuple[tuple[int, int, int, int], str], ...]


def fill(
    planes: Planes, form: PixelForm, hole: Mask, *, forbidden: Mask | None = None, inpainter: Inpainter | None = None
) -> Filled:
    """Paint a hole.

    Args:
        planes: not changed.
        hole: (height, width) what to paint.
        forbidden: other people, other masks: neither copied nor taken as evidence.
        inpainter: a model of the user's, instead of the three ways.

    Raises:
        Withheld: `remove.nothing-seen`: nothing is known to paint from.
    """
    made = copied(planes)
    if not hole.any():
        return Filled(made, ())
    unknown = hole if forbidden is None else hole | forbidden
    if unknown.all():
        raise Withheld("remove.nothing-seen", "all of the picture is masked, and nothing is left to paint from", hint="mask less, or obfuscate it")
    ways = []
    for box, region in _regions(hole):
        way = _model(made, form, box, region, inpainter) if inpainter is not None else _best(made, form, box, region, unknown)
        ways.append((box, way))
        unknown = unknown & ~region if forbidden is None else (unknown & ~region) | forbidden
    return Filled(made, tuple(ways))


def _regions(hole: Mask) -> list[tuple[tuple[int, int, int, int], Mask]]:
    """Boxes and full-size masks of the regions, the smallest first: the easy ones become evidence for the others."""
    joined = cv2.dilate(hole.view(np.uint8), np.ones((JOIN_PX + 1, JOIN_PX + 1), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    found = []
    for number in sorted(range(1, count), key=lambda at: int(stats[at, 4])):
        region = (labels == number) & hole
        rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
        found.append(((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1), region))
    return found


@dataclass(frozen=True, slots=True)
class _Crop:
    """The part of a picture around a region: planes are views, masks copies."""

    planes: list[Plane]
    form: PixelForm
    region: Mask
    unknown: Mask


def _crop(made: list[Plane], form: PixelForm, box: tuple[int, int, int, int], region: Mask, unknown: Mask, room: int) -> _Crop:
    """Begins where chroma samples begin; all of the picture where the room shows nothing that is known."""
    height, width = region.shape
    align = (1 << max(form.shift_x, form.shift_y, 1)) - 1
    x0, y0, x1, y1 = max(box[0] - room, 0) & ~align, max(box[1] - room, 0) & ~align, min(box[2] + room, width), min(box[3] + room, height)
    if unknown[y0:y1, x0:x1].all():
        x0, y0, x1, y1 = 0, 0, width, height
    parts = []
    for index, plane in enumerate(made):
        sx, sy = form.subsampled(index)
        parts.append(plane[y0 >> sy : -(-y1 >> sy), x0 >> sx : -(-x1 >> sx)])
    return _Crop(parts, form, region[y0:y1, x0:x1].copy(), unknown[y0:y1, x0:x1].copy())


def _best(made: list[Plane], form: PixelForm, box: tuple[int, int, int, int], region: Mask, unknown: Mask) -> str:
    """Paint one region in place; the way that won."""
    crop = _crop(made, form, box, region, unknown, ROOM_PX)
    ring = _ring(crop)
    ways = {"smooth": _smooth, "lines": _lines}
    wide = crop.region | ring
    errors = {name: _error(crop, way(crop, wide, crop.unknown | wide), ring) for name, way in ways.items()} if ring.any() else {"smooth": 0.0}
    best = min(errors, key=lambda name: errors[name])
    if ring.any() and int(crop.region.sum()) <= TEXTURED_PX and _roughness(crop, ring) >= ROUGH:
        room = max(ROOM_PX, round(RING_DIAMETERS * max(box[2] - box[0], box[3] - box[1])))
        far = _crop(made, form, box, region, unknown, room)
        tried = _texture(far, far.region | _ring(far), far.unknown)
        if tried is not None and _error(far, tried, _ring(far)) <= NEARLY * max(errors[best], ROUGH):
            painted = _texture(far, far.region, far.unknown)
            if painted is not None:
                _keep(far, painted)
                return "texture"
    _keep(crop, ways[best](crop, crop.region, crop.unknown))
    return best


def _ring(crop: _Crop) -> Mask:
    size = 2 * RING_PX + 1
    wide = cv2.dilate(crop.region.view(np.uint8), np.ones((size, size), np.uint8)).view(np.bool_)
    return np.asarray(wide & ~crop.unknown)


def _smooth(crop: _Crop, hole: Mask, unknown: Mask) -> list[Plane]:
    """Planes of the crop with a smooth surface in the hole."""
    made = []
    for index in colours(crop.form):
        known = ~blocks(unknown | hole, crop.form, index)
        surface = push_pull(crop.planes[index].astype(np.float32), known)
        made.append(np.clip(surface + 0.5, 0, crop.form.peak).astype(crop.planes[index].dtype))
    return made


def _lines(crop: _Crop, hole: Mask, unknown: Mask) -> list[Plane]:
    """The same with lines continued; on a border of mirrored, masked samples, without which OpenCV leaves holes at a border unpainted."""
    made = []
    for index in colours(crop.form):
        mask = cv2.copyMakeBorder(blocks(unknown | hole, crop.form, index).view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
        padded = cv2.copyMakeBorder(crop.planes[index], 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        made.append(np.asarray(cv2.inpaint(padded, mask, TELEA_PX, cv2.INPAINT_TELEA)[1:-1, 1:-1]))
    return made


def _texture(crop: _Crop, hole: Mask, unknown: Mask) -> list[Plane] | None:
    """The same with patches copied; None where there is no whole patch."""
    unit = np.float32(1 << (crop.form.bits - 8))
    picture = _decided(crop) / unit
    taken = copied_texture(picture, hole, ~(unknown | hole))
    if taken is None:
        return None
    rows, columns = np.nonzero(hole)
    made = []
    for index in colours(crop.form):
        plane = crop.planes[index].copy()
        sx, sy = crop.form.subsampled(index)
        plane[rows >> sy, columns >> sx] = crop.planes[index][taken[:, 0] >> sy, taken[:, 1] >> sx]
        made.append(plane)
    return made


def _decided(crop: _Crop) -> Floats:
    """All colour planes at full size, (height, width, planes) float32: what patches are compared on."""
    height, width = crop.region.shape
    layers = []
    for index in colours(crop.form):
        sx, sy = crop.form.subsampled(index)
        layers.append(crop.planes[index].repeat(1 << sy, 0).repeat(1 << sx, 1)[:height, :width].astype(np.float32))
    return np.stack(layers, axis=-1)


def _error(crop: _Crop, painted: list[Plane], where: Mask) -> float:
    """Mean distance of brightness from the known ring, grey levels of 8 bits."""
    apart = np.abs(painted[0].astype(np.float32) - crop.planes[0])[where]
    return float(apart.mean()) / (1 << (crop.form.bits - 8)) if apart.size else 0.0


def _roughness(crop: _Crop, ring: Mask) -> float:
    grey = crop.planes[0].astype(np.float32)
    return float((grey - cv2.GaussianBlur(grey, (0, 0), 2))[ring].std()) / (1 << (crop.form.bits - 8))


def _keep(crop: _Crop, painted: list[Plane]) -> None:
    for index in colours(crop.form):
        np.copyto(crop.planes[index], painted[index], where=blocks(crop.region, crop.form, index))
    if crop.form.alpha:
        crop.planes[-1][crop.region] = crop.form.peak


def _model(made: list[Plane], form: PixelForm, box: tuple[int, int, int, int], region: Mask, inpainter: Inpainter) -> str:
    """Paint a region in place with the user's model."""
    room = max(2 * ROOM_PX, max(box[2] - box[0], box[3] - box[1]))
    crop = _crop(made, form, box, region, region, room)
    painted = inpainter(to_rgb(crop.planes, form), crop.region)
    _keep(crop, from_rgb(painted, form, crop.planes))
    return "model"
