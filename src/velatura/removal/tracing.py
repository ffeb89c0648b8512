"""Where other frames show what lies behind a hole: its pixels followed along the background's motion until they come out from under every mask.

Only pixels of holes are followed, as lists, so that memory and time go with the hole and not with the picture. Coordinates are composed and nothing
is resampled on the way: a colour is taken once, from the frame where it is seen. A way whose forward and backward flows part by more than `LOST_PX`
in all is given up.
Source: Xu et al., Deep Flow-Guided Video Inpainting, CVPR 2019, section 3.3 (propagation); completed there by a network, here in `flow`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from velatura.removal.flow import Link, Points, moved
from velatura.removal.planes import Mask

__all__ = ["LOST_PX", "Landed", "Step", "landed"]

LOST_PX = 12.0


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step of a way.

    Attributes:
        frame: where it leads to.
        there, back: the background's motion to that frame and from it.
        free: (height, width) pixels of that frame that may be taken; None: all.
    """

    frame: int
    there: Link
    back: Link
    free: Mask | None


@dataclass(frozen=True, slots=True, eq=False)
class Landed:
    """Where points came out.

    Attributes:
        frame: (n,) int32, the frame that shows each; -1 where none does.
        at: (n, 2) float32, x and y in that frame; as they were where none shows it.
        error_px: (n,) float32, how far forward and backward flow parted along the way, summed.
        gain: (n,) float32, what was there times this has the exposure of here.
    """

    frame: NDArray[np.int32]
    at: Points
    error_px: NDArray[np.float32]
    gain: NDArray[np.float32]


def landed(points: Points, steps: Iterable[Step], size: tuple[int, int], *, lost_px: float = LOST_PX) -> Landed:
    """Follow points (n, 2) step by step; `steps` is read only as far as points are still on their way. size: (width, height)."""
    count = len(points)
    found = Landed(np.full(count, -1, np.int32), points.copy(), np.zeros(count, np.float32), np.ones(count, np.float32))
    on_way, here, error, gain = np.arange(count), points, np.zeros(count, np.float32), 1.0
    taken = iter(steps)
    while len(on_way) and (step := next(taken, None)) is not None:
        there, gain = moved(step.there, here), gain * step.there.gain
        inside = _inside(there, size)
        on_way, here, there, error = on_way[inside], here[inside], there[inside], error[inside]
        missed = moved(step.back, there) - here
        error = error + np.hypot(missed[:, 0], missed[:, 1])
        agrees = error < lost_px
        out = agrees & _free(there, step.free)
        ours = on_way[out]
        found.frame[ours], found.at[ours], found.error_px[ours], found.gain[ours] = step.frame, there[out], error[out], gain
        goes_on = agrees & ~out
        on_way, here, error = on_way[goes_on], there[goes_on], error[goes_on]
    return found


def _inside(points: Points, size: tuple[int, int]) -> Mask:
    x, y = points.T
    return np.asarray((x >= 0) & (y >= 0) & (x <= size[0] - 1) & (y <= size[1] - 1))


def _free(points: Points, free: Mask | None) -> Mask:
    if free is None:
        return np.ones(len(points), np.bool_)
    x, y = np.rint(points).astype(np.intp).T
    return np.asarray(free[y, x])
