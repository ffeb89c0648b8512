"""Where other frames show what lies behind a hole: its pixels followed along the background's motion until they come out from under every mask.

Only holes are followed, as nets of small cells (`mesh`), so that memory and time go with the hole and not with the picture. Coordinates are composed
and nothing is resampled on the way: a colour is taken once, from the frame where it is seen. Whether a pixel is seen is asked of each pixel.
Source: Xu et al., Deep Flow-Guided Video Inpainting, CVPR 2019, section 3.3 (propagation); completed there by a network, here in `flow`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.removal.flow import Link, Points, moved, sampled
from velatura.removal.mesh import CELL_PX, SITES, mesh, numbered, pixels
from velatura.removal.planes import Mask

__all__ = ["Landed", "Step", "landed"]

NEAR, EVERY = 12, 3
"""After so many steps only every third frame is asked: further away a frame more or less makes no better donor."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step of a way.

    Attributes:
        frame: where it leads to.
        link: the background's motion to that frame.
        free: (height, width) pixels of that frame that may be taken; None: all.
    """

    frame: int
    link: Link
    free: Mask | None


@dataclass(frozen=True, slots=True, eq=False)
class Landed:
    """Where points came out.

    Attributes:
        frame: (n,) int32, the frame that shows each; -1 where none does.
        at: (n, 2) float32, x and y in that frame; of no meaning where none shows it.
        gain: (n,) float32, what was there times this has the exposure of here.
    """

    frame: NDArray[np.int32]
    at: Points
    gain: NDArray[np.float32]


def landed(points: Points, steps: Iterable[Step], size: tuple[int, int]) -> Landed:
    """Follow points (n, 2), whole numbers of pixels; `steps` is read only as far as points are still on their way. size: (width, height)."""
    if not len(points):
        return _nowhere(points)
    net, taken = mesh(points), iter(steps)
    cells = net.corners.shape[1]
    found = _nowhere(np.zeros((SITES, cells, 2), np.float32))
    on_way, corners, here, gain, count = np.arange(cells), net.corners, net.nodes, 1.0, 0
    while len(on_way) and (step := next(taken, None)) is not None:
        here, gain, count = moved(step.link, here), gain * step.link.gain, count + 1
        if count > NEAR and count % EVERY:
            continue
        inside = _inside(here, size, CELL_PX)[corners].all(axis=0)  # what leaves the picture wholly is lost
        free = _free(here, step.free)[corners]
        some = inside & free.any(axis=0)
        if some.any():
            _land(found, on_way[some], pixels(here.take(corners[:, some], axis=0)), step, gain, size)
        goes_on = inside & ~free.all(axis=0)
        if not goes_on.all():
            on_way = on_way[goes_on]
            used, corners = numbered(corners[:, goes_on])
            here = here[used]
    return Landed(found.frame.take(net.pixel), found.at.reshape(-1, 2).take(net.pixel, axis=0), found.gain.take(net.pixel))


def _nowhere(points: Points) -> Landed:
    shape = points.shape[:-1]
    return Landed(np.full(shape, -1, np.int32), points.copy(), np.ones(shape, np.float32))


def _land(found: Landed, cells: NDArray[np.intp], at: Points, step: Step, gain: float, size: tuple[int, int]) -> None:
    """Of some cells, the pixels at (sites, cells, 2) that came out and had not before."""
    out = np.flatnonzero((found.frame.take(cells, axis=1) < 0) & _inside(at, size, 0) & _free(at, step.free))
    site, of = np.divmod(out, len(cells))
    where = site * found.frame.shape[1] + cells[of]
    found.frame.ravel()[where], found.gain.ravel()[where] = step.frame, gain
    found.at.reshape(-1, 2)[where] = at.reshape(-1, 2).take(out, axis=0)


def _inside(points: Points, size: tuple[int, int], margin: float) -> Mask:
    least, most = np.float32(-margin), np.array(size, np.float32) - np.float32(1 - margin)
    within = (points >= least) & (points <= most)
    return np.asarray(within[..., 0] & within[..., 1])


def _free(points: Points, free: Mask | None) -> Mask:
    """Of the nearest pixel of the picture."""
    if free is None:
        return np.ones(points.shape[:-1], np.bool_)
    return sampled(free.view(np.uint8), points.reshape(-1, 2), cv2.INTER_NEAREST).reshape(points.shape[:-1]).view(np.bool_)
