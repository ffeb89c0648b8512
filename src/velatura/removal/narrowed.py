"""Wide masks made tight, and only then filled: from all that the tight masks of other frames leave free.

A detector's box with its shadow band hides more of the scene than who stands in it does. Where several people walk, or the camera goes forward,
boxes leave no frame that shows what lies behind, or only a far one. So the clip is gone through twice within a window: first with the wide masks,
to learn what of each differs from the background (`tightening`), then with what is left of them: nearer donors, and more of them.
What the first look found no donor for stays masked, for it may be somebody; where the second look finds one, it is compared and given back. Beyond
the mask that was asked for nothing is masked for being unknown alone.
Limit: what the first look loses of somebody is a source in the second; the check of the finished file looks at the whole of the wide mask.
Memory: that of `propagated` twice, frames shared, and copies of planes of `radius` frames: .8 GB for a radius of 40 at 1280x720 (4:2:0, 8 bits).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from velatura.media.frame import PixelForm
from velatura.removal.planes import Mask, Planes, put
from velatura.removal.propagation import MARGIN_PX, Propagated, propagated
from velatura.removal.tightening import tightened
from velatura.removal.turns import Turns

__all__ = ["narrowed"]


def narrowed(frames: Iterable[tuple[Planes, Mask]], form: PixelForm, *, radius: int) -> Iterator[Propagated]:
    """As `propagated` with `tighten`; planes are read up to twice `radius` ahead.

    Yields:
        one for each frame; `behind` is the background in all of the wide mask, `never` tells where neither look knows it.
    """
    asked: deque[tuple[Planes, Mask]] = deque()
    rough: deque[tuple[Planes, Mask, Propagated]] = deque()
    turns = Turns(3 * radius)

    def noted() -> Iterator[tuple[Planes, Mask]]:
        for planes, wide in frames:
            asked.append((planes, wide))
            yield planes, wide

    def tight() -> Iterator[tuple[Planes, Mask]]:
        for first in propagated(noted(), form, radius=radius, tighten=True, turns=turns):
            planes, wide = asked.popleft()
            mask = wide if wide.all() else first.mask & ~(first.never & ~_around(wide))  # all of it: a damaged frame, nobody's source
            rough.append((planes, mask, first))
            yield planes, mask

    for second in propagated(tight(), form, radius=radius, turns=turns):
        planes, mask, first = rough.popleft()
        put(first.behind, form, second.behind, second.mask)
        never = second.never | (first.never & ~second.mask)
        yield Propagated(first.behind, never, _given_back(planes, mask, first, second, form), second.seam)


def _given_back(planes: Planes, mask: Mask, first: Propagated, second: Propagated, form: PixelForm) -> Mask:
    """The mask without what was in it for being unknown alone, and is known by now to be the background."""
    learnt = first.never & mask & ~second.never
    if not learnt.any():
        return mask
    return np.asarray(mask & ~(learnt & ~tightened(planes, second.behind, form, mask, second.never)))


def _around(mask: Mask) -> Mask:
    side = 2 * MARGIN_PX + 1
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((side, side), np.uint8)), np.uint8).view(np.bool_)
