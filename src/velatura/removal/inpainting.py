"""Filling a hole from what surrounds it, for what no frame shows and for single photographs.

Each part of a hole takes the method that agrees best with the ring around it: the ring is held out, the part and the ring are filled together, and
the ring is compared with what it was. Methods: `push_pull`, a smooth surface; Telea's fast marching (OpenCV), which continues edges; `exemplar`,
which copies texture, tried only where the rule of `_is_textured` holds, for it costs a hundred times as much.

What is put there is invented. Limits: parts of fewer than `SMALL` pixels are smooth surfaces without a trial; nothing large and structured (a door, a
face) is ever restored; copied texture loses PSNR on photographs, and is taken for its looks only where it also explains the ring better.
Cost: 7 ms for a part of 3 % of 384x256, .3 to 2 s where copying texture is tried. Memory: about forty times the part's box with its margin.
Sources: Telea, An Image Inpainting Technique Based on the Fast Marching Method, 2004; `push_pull` and `exemplar` name theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.errors import Withheld
from velatura.media.frame import PixelForm, Plane
from velatura.removal.exemplar import fill_exemplar, is_repeated
from velatura.removal.planes import Mask, Planes, blocks, colours, copied
from velatura.removal.push_pull import push_pull
from velatura.removal.regions import Box, bounds, grown_box, parts, sampled_slices, slices
from velatura.removal.rgb_crop import put_rgb, to_rgb

__all__ = ["Filled", "Inpainter", "fill"]

Floats = NDArray[np.float32]
Fill = Callable[[list[Plane], PixelForm, Mask, Mask], list[Plane]]
"""Planes of a crop, their form, hole, known -> planes of the crop, filled where the hole is."""

SMALL = 48  # pixels; a smooth surface without a trial
JOIN_PX = 2
MARGIN_PX = 16  # of Telea, and the least for others
MOST_MARGIN_PX = 160
RING_PX = 4
TELEA_PX = 3
TELEA_PAYS = 0.9  # of the smooth surface's error; below, it is chance which is the better one
TELEA_MOST = 40_000  # pixels; its cost grows with the hole, and it smears
EXEMPLAR_MOST = 60_000
EXEMPLAR_LEAST = 200
COPIED_PAYS = 0.9  # of the smooth fill's error: a copy must explain the ring clearly better


class Inpainter(Protocol):
    """Somebody else's way to fill a hole: a network."""

    def __call__(self, picture: NDArray[np.uint8], hole: Mask) -> NDArray[np.uint8]:
        """RGB (height, width, 3) with a hole (height, width) -> the same, filled; only what lies in the hole is used."""
        ...


@dataclass(frozen=True, slots=True)
class Filled:
    """What `fill` made.

    Attributes:
        planes: new; outside of the hole as they were.
        methods: for each part of the hole its box, (x0, y0, x1, y1) in stored pixels, and what filled it: "push-pull", "telea", "exemplar" or
            "inpainter".
    """

    planes: list[Plane]
    methods: tuple[tuple[Box, str], ...]


def fill(
    planes: Planes,
    form: PixelForm,
    hole: Mask,
    *,
    forbidden: Mask | None = None,
    rng: Generator,
    inpainter: Inpainter | None = None,
    texture: bool = True,
) -> Filled:
    """Planes with the hole filled in, alpha opaque there.

    Args:
        planes: left as they are; what they hold in the hole is not looked at.
        hole: (height, width) of the first plane.
        forbidden: (height, width); what is neither a source nor evidence: other masks, detections. It is left as it is outside of the hole.
        rng: chooses where texture is looked for.
        inpainter: fills every part instead of the methods here.
        texture: whether texture may be copied; False bounds the cost, for fills on every frame of a clip.

    Raises:
        Withheld: `remove.nothing-seen`: there is no pixel outside of the hole and of what is forbidden.
    """
    taken = hole if forbidden is None else hole | forbidden
    if hole.any() and taken.all():
        raise Withheld("remove.nothing-seen", "there is nothing around what goes to paint it from", hint="take out less, or use --fallback blur")
    made, methods = copied(planes), []
    for box, mine in parts(hole, join=JOIN_PX):
        around = _around(box, taken, form)
        where = slices(around)
        part = np.zeros(hole[where].shape, np.bool_)
        part[box[1] - around[1] : box[3] - around[1], box[0] - around[0] : box[2] - around[0]] = mine
        crop = [planes[index][sampled_slices(around, form, index)] for index in colours(form)]
        if inpainter is None:
            name, filled = _best(crop, form, part, ~taken[where], rng, texture=texture)
            _put(made, form, around, filled, part)
        else:
            name = "inpainter"
            _ask(inpainter, crop, made, form, around, part, taken[where])
        methods.append((box, name))
    if form.alpha:
        made[-1][hole] = form.peak
    return Filled(made, tuple(methods))


def _around(box: Box, taken: Mask, form: PixelForm) -> Box:
    """The box with a margin of twice its shorter side, and more until it holds something known."""
    margin = min(max(MARGIN_PX, 2 * min(box[2] - box[0], box[3] - box[1])), MOST_MARGIN_PX)
    around = grown_box(box, margin, taken.shape, form)
    while taken[slices(around)].all():
        margin *= 2
        around = grown_box(box, margin, taken.shape, form)
    return around


def _put(made: list[Plane], form: PixelForm, around: Box, filled: list[Plane], part: Mask) -> None:
    for index in colours(form):
        mine = blocks(part, form, index)
        made[index][sampled_slices(around, form, index)][mine] = filled[index][mine]


def _ask(inpainter: Inpainter, crop: list[Plane], made: list[Plane], form: PixelForm, around: Box, part: Mask, taken: Mask) -> None:
    """Nobody else's code sees what goes: it gets a smooth surface there, so that chroma samples on the rim tell nothing either."""
    opaque = replace(form, alpha=False)
    rgb = to_rgb(_smooth(crop, opaque, taken, ~taken), opaque, (0, 0, taken.shape[1], taken.shape[0]))
    put_rgb(made, form, around, inpainter(rgb, taken.copy()), part)


def _best(crop: list[Plane], form: PixelForm, part: Mask, known: Mask, rng: Generator, *, texture: bool) -> tuple[str, list[Plane]]:
    """Whichever method explains the ring best when it has not seen it, then told the ring."""
    ring = _ring(part) & known
    if part.sum() < SMALL or not ring.any() or not (known & ~ring).any():
        return "push-pull", _smooth(crop, form, part, known)
    tried = {name: _error(crop, method(crop, form, part | ring, known & ~ring), form, ring, known) for name, method in _simple(part).items()}
    name = "telea" if tried.get("telea", np.inf) < TELEA_PAYS * tried["push-pull"] else "push-pull"
    if texture and _is_textured(crop, form, part, known, rng):
        trial = fill_exemplar(crop, form, part | ring, known & ~ring, rng)
        if trial is not None and _error(crop, trial, form, ring, known) < COPIED_PAYS * tried[name]:
            copy = fill_exemplar(crop, form, part, known, rng)
            if copy is not None:
                return "exemplar", copy
    return name, _simple(part)[name](crop, form, part, known)


def _simple(part: Mask) -> dict[str, Fill]:
    return {"push-pull": _smooth, "telea": _telea} if part.sum() <= TELEA_MOST else {"push-pull": _smooth}


def _is_textured(crop: list[Plane], form: PixelForm, part: Mask, known: Mask, rng: Generator) -> bool:
    """Whether copying is worth a trial: the size is right, and pieces of the ring have likenesses elsewhere that explain most of what they show."""
    return EXEMPLAR_LEAST <= part.sum() <= EXEMPLAR_MOST and is_repeated(crop, form, part, known, rng)


def _ring(part: Mask) -> Mask:
    wide = np.asarray(cv2.dilate(part.view(np.uint8), np.ones((2 * RING_PX + 1, 2 * RING_PX + 1), np.uint8))).view(np.bool_)
    return wide & ~part


def _error(crop: list[Plane], filled: list[Plane], form: PixelForm, ring: Mask, known: Mask) -> float:
    """Mean square over the ring, all planes together, in grey levels of 8 bits."""
    total = 0.0
    for index in colours(form):
        mine = blocks(ring, form, index) & ~blocks(~known, form, index)
        if not mine.any():
            continue
        apart = np.subtract(crop[index][mine], filled[index][mine], dtype=np.float32) / np.float32(1 << (form.bits - 8))
        total += float(np.square(apart).mean())
    return total


def _smooth(crop: list[Plane], form: PixelForm, part: Mask, known: Mask) -> list[Plane]:
    made = copied(crop)
    for index in colours(form):
        mine, seen = blocks(part, form, index), ~blocks(~known, form, index)
        if seen.any():
            surface = push_pull(crop[index].astype(np.float32), seen)[mine]
            made[index][mine] = np.clip(np.rint(surface), 0, form.peak).astype(made[index].dtype)
        else:
            made[index][mine] = _neutral(crop[index], form, index, known)
    return made


def _neutral(plane: Plane, form: PixelForm, index: int, known: Mask) -> int:
    """No sample is free of what goes (a row of pixels is left): no colour for chroma, the mean of known pixels for others."""
    return 1 << (form.bits - 1) if form.colour == "yuv" and index else round(float(plane[known].mean()))


def _telea(crop: list[Plane], form: PixelForm, part: Mask, known: Mask) -> list[Plane]:
    """Plane by plane; `inpaint` takes 16 bits too, of one plane."""
    made = _smooth(crop, form, part, known)
    for index in colours(form):
        mine, lost = blocks(part, form, index), blocks(~known, form, index)
        box = bounds(mine)
        where = slices(grown_box(box or (0, 0, 0, 0), MARGIN_PX, mine.shape))
        if lost[where].all():
            continue
        painted = cv2.inpaint(np.ascontiguousarray(crop[index][where]), lost[where].view(np.uint8), TELEA_PX, cv2.INPAINT_TELEA)
        made[index][where][mine[where]] = np.minimum(painted, form.peak)[mine[where]]
    return made
