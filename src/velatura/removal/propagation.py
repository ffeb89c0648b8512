"""What lay behind objects in front of a moving camera, taken from the frames of the same shot that show it.

For each frame of a window the hole's pixels are followed forward and backward along the background's motion (`flow`, `tracing`) to the nearest frame
that shows them outside of every mask, and filled from there (`donors`). Where two neighbouring frames do not agree on a motion, nothing is carried
across; a frame that is masked almost wholly (a damaged one) is stepped over.
Limits: an object that stands still while the camera moves straight towards it is never revealed; nor is what was only seen more than `radius` frames
away. Both are `never`, and the caller must paint them from around. Nothing is deblurred: a donor is as sharp as its frame.
Memory: planes of 2 radius + 1 frames and motions at half size in float16: .44 GB for a radius of 40 at 1280x720 (4:2:0, 8 bits; about .63 GB of
10 bits or rgb), however long the clip.
Sources: Xu et al., Deep Flow-Guided Video Inpainting, CVPR 2019; Gao et al., Flow-edge Guided Video Completion, ECCV 2020 (section 3.3: two donors,
fused by their flow's consistency); their classical parts only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import PixelForm, Plane
from velatura.removal.donors import RING_PX, filled_from, place
from velatura.removal.flow import Link, Look, linked
from velatura.removal.planes import Mask, Planes, blocks, colours, copied, luma
from velatura.removal.push_pull import push_pull
from velatura.removal.tightening import tightened
from velatura.removal.tracing import Step, landed
from velatura.removal.turns import Turns

__all__ = ["MARGIN_PX", "Propagated", "propagated"]

MARGIN_PX = 2  # around a given mask: half-covered pixels of its rim belong to the object
REACH = 24  # a height's share around a mask that is to be tightened: shadows reach beyond boxes, and what is not the object is given back
RIM_PX = 2  # around that: not filled, but not a source either, for a cubic kernel reaches two pixels
BLIND = 0.9  # share of a frame that is masked and says nothing about motion


@dataclass(frozen=True, slots=True, eq=False)
class Propagated:
    """One frame.

    Attributes:
        behind: copies of the planes, the given mask and a margin (2 pixels; a 24th of the height if it is tightened) replaced by the background;
            nothing else differs.
        never: (height, width) pixels of mask and margin that no frame in reach shows; a smooth surface stands there.
        mask: (height, width) what goes: the mask and its margin, or what tightening left of them; within it `behind` is to be shown.
        seam: (height, width) float32, grey levels of 8 bits by which donors miss the picture at the hole's edge nearby; 0 outside and where never.
    """

    behind: list[Plane]
    never: Mask
    mask: Mask
    seam: NDArray[np.float32]


def propagated(
    frames: Iterable[tuple[Planes, Mask]], form: PixelForm, *, radius: int = 40, tighten: bool = False, turns: Turns | None = None
) -> Iterator[Propagated]:
    """Fill the holes of one shot.

    Args:
        frames: planes and mask (height, width) of each, all of one size. Read up to `radius` ahead. Planes may be overwritten inside of
            `Propagated.mask` once their frame was handed on, nowhere else.
        form: of all planes.
        radius: how many frames before and after may be donors.
        tighten: masks are wide boxes: what of them equals the background does not go.
        turns: of the camera between these frames, by their place in `frames`; kept for twice `radius`, and for as long as another look that shares
            them lags behind. None: of its own.

    Yields:
        one for each frame, in order.
    """
    window = _Window(form, radius, Turns(2 * radius) if turns is None else turns, tighten=tighten)
    for planes, mask in frames:
        window.add(planes, mask)
        if (number := window.end - 1 - radius) >= 0:
            yield window.filled(number)
    for number in range(max(0, window.end - radius), window.end):
        yield window.filled(number)


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A frame of the window; hole and free are None where nothing is masked."""

    planes: Planes
    look: Look
    hole: Mask | None
    free: Mask | None
    is_blind: bool


class _Window:
    def __init__(self, form: PixelForm, radius: int, turns: Turns, *, tighten: bool) -> None:
        self._form, self._radius, self._turns, self._tighten = form, radius, turns, tighten
        self._held: dict[int, _Held] = {}
        self._links: dict[tuple[int, int], tuple[Link, Link] | None] = {}
        self.end = 0

    def add(self, planes: Planes, mask: Mask) -> None:
        """The next frame; what is out of reach of every frame to come is forgotten."""
        hole = free = None
        if mask.any():
            hole = _around(mask, max(MARGIN_PX, len(mask) // REACH) if self._tighten else MARGIN_PX)
            free = ~_around(hole, RIM_PX)
        self._held[self.end] = _Held(
            planes,
            Look(luma(planes, self._form), hole, self._form.black()[0] >> (self._form.bits - 8)),
            hole,
            free,
            hole is not None and bool(hole.mean() > BLIND),
        )
        self.end += 1

    def filled(self, number: int) -> Propagated:
        self._forget(number - self._radius)
        held = self._held[number]
        behind = copied(held.planes)
        if held.hole is None:
            nothing = np.zeros(held.planes[0].shape, np.bool_)
            return Propagated(behind, nothing, nothing.copy(), nothing.astype(np.float32))
        never, seam = self._fill(number, held.hole, behind)
        mask = tightened(held.planes, behind, self._form, held.hole, never) if self._tighten else held.hole.copy()
        return Propagated(behind, never, mask, seam)

    def _fill(self, number: int, hole: Mask, behind: list[Plane]) -> tuple[Mask, NDArray[np.float32]]:
        where = place(hole, _around(hole, RING_PX) & ~hole)
        ways = [landed(where.points, self._steps(number, way), where.size) for way in (1, -1)]
        error = filled_from(where, ways, number, lambda other: self._held[other].planes, behind, self._form)
        shown = (ways[0].frame >= 0) | (ways[1].frame >= 0)
        never, seam = np.zeros_like(hole), np.zeros(hole.shape, np.float32)
        never[hole] = ~shown[: where.holes]
        seam[hole] = np.where(never[hole], 0, error)
        if never.any():
            _smooth(behind, self._form, never)
        return never, seam

    def _steps(self, number: int, way: int) -> Iterator[Step]:
        """From a frame on to the ends of the window, or to where the motion is not known."""
        here = number
        for other in range(number + way, number + way * (self._radius + 1), way):
            held = self._held.get(other)
            if held is None:
                return
            if held.is_blind:
                continue
            link = self._link(min(here, other), max(here, other))
            if link is None:
                return
            yield Step(other, link[way < 0], held.free)
            here = other

    def _link(self, first: int, second: int) -> tuple[Link, Link] | None:
        """Only asked for where a hole needs it: a stretch without masks costs nothing."""
        if (first, second) not in self._links:
            looks = self._held[first].look, self._held[second].look
            self._links[first, second] = linked(*looks, self._turns.between(first, second, looks))
        return self._links[first, second]

    def _forget(self, before: int) -> None:
        for number in [number for number in self._held if number < before]:
            del self._held[number]
        for pair in [pair for pair in self._links if pair[0] < before]:
            del self._links[pair]


def _smooth(planes: list[Plane], form: PixelForm, never: Mask) -> None:
    """A surface through what surrounds pixels that nothing shows."""
    for index in colours(form):
        mine = blocks(never, form, index)
        y, x = (slice(max(0, axis.min() - 16), axis.max() + 17) for axis in np.nonzero(mine))
        surface = push_pull(planes[index][y, x].astype(np.float32), ~mine[y, x])
        planes[index][y, x][mine[y, x]] = np.clip(surface[mine[y, x]] + 0.5, 0, form.peak).astype(planes[index].dtype)


def _around(mask: Mask, px: int) -> Mask:
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((2 * px + 1, 2 * px + 1), np.uint8)), np.uint8).view(np.bool_)
