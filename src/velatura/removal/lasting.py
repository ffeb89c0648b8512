"""Masks over time: what flickers goes, what drops out comes back.

A component that is found in fewer than three frames is noise, one that misses a frame or two is bridged: its shape is carried along the line between
where it was before and after. A pixel that is masked before and after is masked in between. Large components need no witness, nor do those at a
shot's ends, where the others lie outside: leaving somebody visible is worse than a mask too many. Who comes in over a border is masked two frames
earlier, who leaves two frames longer.
Limits: links are by place and size alone; a small thing that jumps further than its own size from frame to frame is taken for noise, unless a
detector follows it. Memory: seven frames of five bytes a pixel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from velatura.removal.labelled import labelled
from velatura.removal.planes import Mask

__all__ = ["lasting"]

GAP = 2  # frames that may be missed
LARGE = 0.004  # share of the picture: 30 x 30 of 640 x 360
DOOR = 2  # frames before somebody is seen to come in, and after he is seen to leave
ALIKE = 5.0  # areas of two looks at one thing
REACH = 1.0  # a component's box grown by so many of its sides, when the next one is looked for
MOST = 400  # components of a frame that are linked; more is rain, and stays as it is


@dataclass(slots=True, eq=False)
class _Part:
    """A component of one frame.

    Attributes:
        box: x0, y0, x1, y1.
        back, ahead: frames in which it was, and will be, found, this one included.
        oldest, latest: numbers of the first and last of them.
        before: what it continues; emptied when that leaves the window.
        goes_on: something continues it.
    """

    label: int
    box: tuple[int, int, int, int]
    area: int
    oldest: int
    latest: int
    back: int = 1
    ahead: int = 1
    before: list[_Part] = field(default_factory=list)
    goes_on: bool = False


@dataclass(slots=True, eq=False)
class _Frame:
    """labels: 0 where the mask is not; missing: components of others that dropped out here, and how far they have moved."""

    number: int
    mask: Mask
    labels: NDArray[np.int32]
    parts: list[_Part]
    missing: list[tuple[_Frame, _Part, int, int]] = field(default_factory=list)


def lasting(masks: Iterable[Mask], *, frames: int = 3) -> Iterator[Mask]:
    """Masks of one shot, as many as were given; each waits until `frames + 1` others were asked for.

    Args:
        masks: in order of time, of one shape.
        frames: in so many a component must be found.
    """
    ahead = frames - 1 + GAP
    window: deque[_Frame] = deque()
    number = -1
    for number, mask in enumerate(masks):
        now = _taken(number, mask)
        _link(now, window)
        window.append(now)
        if number >= ahead:
            yield _judged(window, len(window) - 1 - ahead, frames, None)
            if len(window) > ahead + GAP:
                _let_go(window)
    for late in range(max(number - ahead + 1, 0), number + 1):
        yield _judged(window, late - window[0].number, frames, number)


def _taken(number: int, mask: Mask) -> _Frame:
    count, labels, stats = labelled(mask)
    rows = stats[1:count].tolist() if count <= MOST else []
    parts = [_Part(label, (x, y, x + width, y + height), area, number, number) for label, (x, y, width, height, area) in enumerate(rows, start=1)]
    return _Frame(number, mask, labels, parts)


def _link(now: _Frame, window: deque[_Frame]) -> None:
    """Say of each component what it continues: anything of the frame before, else what was lost a frame or two earlier; and bridge that gap."""
    for then in list(window)[: -GAP - 2 : -1]:
        span = now.number - then.number
        old, new = [part for part in then.parts if span == 1 or not part.goes_on], [part for part in now.parts if span == 1 or not part.before]
        for a, b in _near(old, new):
            if span > 1:
                _bridge(then, a, now, b, list(window)[1 - span :])
            _join(a, b)


def _near(old: list[_Part], new: list[_Part]) -> list[tuple[_Part, _Part]]:
    """Pairs whose boxes overlap, or would if each were larger by its sides, and whose areas are alike."""
    if not old or not new:
        return []
    a, b = (np.array([part.box for part in parts], np.float64) for parts in (old, new))
    grow_a, grow_b = (REACH / 2 * (box[:, 2:] - box[:, :2]) for box in (a, b))
    over = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    reach = over + grow_a[:, None] + grow_b[None]
    area_a, area_b = (np.array([part.area for part in parts], np.float64) for parts in (old, new))
    ratio = area_a[:, None] / area_b[None]
    alike = (ratio < ALIKE) & (ratio > 1 / ALIKE)
    pairs = (over > 0).all(axis=2) | ((reach > 0).all(axis=2) & alike)
    return [(old[i], new[j]) for i, j in np.argwhere(pairs).tolist()]


def _join(a: _Part, b: _Part) -> None:
    a.goes_on = True
    b.before.append(a)
    b.back, b.oldest = max(b.back, a.back + 1), min(b.oldest, a.oldest)
    _tell(a, b.ahead + 1, b.latest)


def _tell(part: _Part, ahead: int, latest: int) -> None:
    """What a component and those before it learn of its future."""
    if ahead <= part.ahead and latest <= part.latest:
        return
    part.ahead, part.latest = max(part.ahead, ahead), max(part.latest, latest)
    for older in part.before:
        _tell(older, part.ahead + 1, part.latest)


def _bridge(then: _Frame, a: _Part, now: _Frame, b: _Part, between: list[_Frame]) -> None:
    """Both shapes, carried along the line between their centres, on the frames that miss them."""
    way = [(b.box[side] + b.box[side + 2] - a.box[side] - a.box[side + 2]) / 2 for side in range(2)]
    for frame in between:
        share = (frame.number - then.number) / (now.number - then.number)
        frame.missing.append((then, a, round(way[0] * share), round(way[1] * share)))
        frame.missing.append((now, b, round(way[0] * (share - 1)), round(way[1] * (share - 1))))


def _stamp(mask: Mask, labels: NDArray[np.int32], part: _Part, dx: int, dy: int) -> None:
    """Draw a component, moved, as far as it stays in the picture."""
    height, width = mask.shape
    x0, y0, x1, y1 = max(part.box[0] + dx, 0), max(part.box[1] + dy, 0), min(part.box[2] + dx, width), min(part.box[3] + dy, height)
    if x0 < x1 and y0 < y1:
        mask[y0:y1, x0:x1] |= labels[y0 - dy : y1 - dy, x0 - dx : x1 - dx] == part.label


def _judged(window: deque[_Frame], at: int, frames: int, end: int | None) -> Mask:
    """The mask of `window[at]`. Args: end: number of the shot's last frame, once it is known."""
    now = window[at]

    def lasts(part: _Part) -> bool:
        at_end = part.oldest == 0 or part.latest == end
        return part.back + part.ahead > frames or part.area >= LARGE * now.mask.size or at_end

    gone = [part.label for part in now.parts if not lasts(part)]
    mask = now.mask & ~np.isin(now.labels, gone) if gone else now.mask.copy()
    for frame, part, dx, dy in now.missing:
        if lasts(part):
            _stamp(mask, frame.labels, part, dx, dy)
    for frame, part in _at_the_door(window, at):
        if lasts(part):
            _stamp(mask, frame.labels, part, 0, 0)
    if 0 < at < len(window) - 1:
        mask |= window[at - 1].mask & window[at + 1].mask
    return mask


def _at_the_door(window: deque[_Frame], at: int) -> Iterator[tuple[_Frame, _Part]]:
    """Who is first seen at a border a moment after a frame, or last seen there a moment before it: a sliver of him, or his shadow, is on it too."""
    for near in range(max(at - DOOR, 0), min(at + DOOR + 1, len(window))):
        frame = window[near]
        height, width = frame.mask.shape
        for part in frame.parts if near != at else ():
            ends = not part.before if near > at else not part.goes_on
            x0, y0, x1, y1 = part.box
            if ends and (x0 == 0 or y0 == 0 or x1 == width or y1 == height):
                yield frame, part


def _let_go(window: deque[_Frame]) -> None:
    """Forget the oldest frame, so that no chain of components reaches back through the clip."""
    gone = set(map(id, window.popleft().parts))
    for frame in window:
        for part in frame.parts:
            part.before = [older for older in part.before if id(older) not in gone]
