"""Who stands before the background of a camera that stands: pixels that differ from it, grouped.

Three thresholds on the difference, each the larger of a fixed one and a multiple of the pixel's own noise over time: what passes the low one belongs
to somebody where it hangs together with something that passes the high one; around such a body what passes the faint one after smoothing completes
it: shadows (a penumbra differs by 6 to 12 grey levels), clothes like the ground. Holes are closed, a rim is added. Where leaves, water or a screen
move anyway, a difference says nothing, and only detections count.
Limits: clothes that equal the background pixel by pixel are closed over only where their surroundings are found; the background must be right and
in the frame's light.
Source: hysteresis as in Canny (IEEE TPAMI 1986), on differences instead of gradients. Memory: some twenty bytes a pixel.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.removal.labelled import labelled
from velatura.removal.lasting import lasting
from velatura.removal.planes import Mask

__all__ = ["MotionMask", "lasting", "touched"]

Bytes = NDArray[np.uint8]

HIGH, HIGH_SIGMA = 19.0, 5.5
LOW, LOW_SIGMA = 7.5, 3.0
FAINT, FAINT_SIGMA = 5.0, 2.0
"""Bounds of the difference in grey levels, and in deviations of the pixel's noise: what begins, goes on, and completes a body."""
FAINT_BLUR = 1.2  # noise averages out, a penumbra does not
ASIDE, ABOVE = 0.5, 0.25
"""Of a body's height: so far from it what is faint may belong to it; shadows lie beside."""
ROOM_PX = 3
SIDE = 332.0  # root of the area of 384 x 288, on which the sizes below were found
LEAST_PX = 30.0  # of a component, there
LEAST_AT_BORDER_PX = 12.0  # somebody who comes in
SHADE_PX = 60.0  # at a border, also without a core: a shadow that comes in before whoever throws it
CLOSE_PX = 5.0  # radius, there
SQUARE = 0.6  # share of that radius that a square takes: a disc alone costs ten times as much, a square alone has corners
STRIP, ALONG = 3.0, 4.0  # in that radius: how deep the strip at a border is, and the gaps along it that are closed
RIM_PX = 2
FILLED = 0.15
"""Share of a detection's wide box that differs, from which on the differing pixels are the body; a body fills a quarter or more."""
FROM_HEAD_TO_FOOT = 0.5
"""Share of its rows in which something differs: legs alone are no body."""


class MotionMask:
    """For one background.

    Args:
        sigma: (height, width) noise over time, in grey levels of 8 bits.
        unstable: where a difference says nothing; None: nowhere.
    """

    def __init__(self, sigma: NDArray[np.float32], unstable: Mask | None = None) -> None:
        self._low = _bound(sigma, LOW, LOW_SIGMA)
        self._high = _bound(sigma, HIGH, HIGH_SIGMA)
        self._faint = _bound(sigma, FAINT, FAINT_SIGMA)
        self._stable: Bytes | None = None
        if unstable is not None and unstable.any():
            self._stable = np.where(unstable, np.uint8(0), np.uint8(255))
        scale = max(float(np.sqrt(sigma.size)) / SIDE, 0.5)
        self._least, self._least_at_border = LEAST_PX * scale, LEAST_AT_BORDER_PX * scale
        self._shade = SHADE_PX * scale
        self._close = max(2, round(CLOSE_PX * scale))

    def of(self, apart: Bytes, boxes: Mask | None = None) -> Mask:
        """The mask of one frame.

        Args:
            apart: (height, width), `planes.difference` of the frame and its background.
            boxes: where detections are: there unstable pixels count too.
        """
        smooth = cv2.GaussianBlur(apart, (3, 3), 0.7)
        low = self._counting(cv2.compare(smooth, self._low, cv2.CMP_GT), boxes)
        if not cv2.countNonZero(low):
            return np.zeros(apart.shape, np.bool_)
        bodies, near = self._bodies(low, cv2.compare(smooth, self._high, cv2.CMP_GT))
        if not bodies.any():
            return np.zeros(apart.shape, np.bool_)
        faint = cv2.compare(cv2.GaussianBlur(apart, (5, 5), FAINT_BLUR), self._faint, cv2.CMP_GT)
        faint = (self._counting(faint, boxes) | low) & near | bodies
        x, y, width, height = cv2.boundingRect(near)
        room = round(STRIP * self._close) + RIM_PX  # so that no strip but those of the picture's own borders holds anything
        where = (slice(max(y - room, 0), y + height + room), slice(max(x - room, 0), x + width + room))
        found = np.zeros(apart.shape, np.uint8)
        found[where] = self._filled(_holding(faint[where], cv2.dilate(bodies[where], _square(self._close))))
        return found.view(np.bool_)

    def _counting(self, differs: NDArray[Any], boxes: Mask | None) -> Bytes:
        """Without single pixels, and without those that move anyway; 0 and 255."""
        if self._stable is not None:
            differs = differs & (self._stable if boxes is None else self._stable | _bytes(boxes))
        return np.asarray(cv2.morphologyEx(differs, cv2.MORPH_OPEN, _square(1)), np.uint8)

    def _bodies(self, low: Bytes, high: NDArray[Any]) -> tuple[Bytes, Bytes]:
        """Components of `low` with something of `high`, large enough (smaller where a border cuts them), and the room in which they are completed.

        Where a border cuts them, large ones need nothing of `high`.
        """
        count, labels, stats = labelled(low)
        seeded = np.bincount(labels[high.view(np.bool_)], minlength=count) > 0
        x0, y0, x1, y1 = stats[:, 0], stats[:, 1], stats[:, 0] + stats[:, 2], stats[:, 1] + stats[:, 3]
        cut = (x0 == 0) | (y0 == 0) | (x1 == low.shape[1]) | (y1 == low.shape[0])
        keep = seeded & (stats[:, 4] >= np.where(cut, self._least_at_border, self._least)) | (cut & (stats[:, 4] >= self._shade))
        keep[0] = False
        near = np.zeros(low.shape, np.uint8)
        for left, top, width, height, _ in stats[keep].tolist():
            aside, above = round(ASIDE * height) + ROOM_PX, round(ABOVE * height) + ROOM_PX
            near[max(top - above, 0) : top + height + above, max(left - aside, 0) : left + width + aside] = 255
        return np.asarray(np.where(keep, np.uint8(255), np.uint8(0))[labels]), near

    def _filled(self, mask: Bytes) -> NDArray[Any]:
        """Closed, without holes, with a rim; 0 and 1.

        Along a border more is closed: of who is half outside, too little is seen to close by itself.
        """
        by = self._close
        for strip, along in _borders(mask, round(STRIP * by)):
            if cv2.countNonZero(strip):
                strip[...] = _closed_along(strip, round(ALONG * by), along)
        padded = cv2.copyMakeBorder(mask, by, by, by, by, cv2.BORDER_REPLICATE)
        straight, round_by = _square(round(SQUARE * by)), _disc(by - round(SQUARE * by))
        wide = cv2.dilate(cv2.dilate(padded, straight), round_by)
        closed = np.ascontiguousarray(cv2.erode(cv2.erode(wide, round_by), straight)[by:-by, by:-by])
        outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(closed, outlines, -1, 1, -1)
        return cv2.dilate(closed, _disc(RIM_PX))


def touched(mask: Mask, boxes: Mask, *, blank: bool = True) -> Mask:
    """What of a motion mask belongs to detections.

    Args:
        mask: of `MotionMask.of`, the same shape as `boxes`.
        boxes: the wide boxes of what is to go (`targets.wide_mask`).
        blank: with boxes in which too little differs.

    Returns:
        the components of `mask` that touch a box; and of a box in which too little differs (somebody stands there who looks like the background,
        or nothing can be said there), all of it.
    """
    if not boxes.any():
        return np.zeros_like(mask)
    taken = _holding(mask.view(np.uint8), boxes.view(np.uint8)).view(np.bool_)
    if not blank:
        return taken
    count, labels, stats = labelled(boxes)
    for number, (x, y, width, height, area) in enumerate(stats[1:count].tolist(), start=1):
        where = (slice(y, y + height), slice(x, x + width))
        box = labels[where] == number
        body = box & mask[where]
        if np.count_nonzero(body) < FILLED * area or body.any(axis=1).mean() < FROM_HEAD_TO_FOOT:
            taken[where] |= box
    return taken


def _holding(mask: NDArray[Any], seeds: NDArray[Any]) -> Bytes:
    """The components of `mask` that a seed touches; 0 and 1."""
    x, y, width, height = cv2.boundingRect(mask)
    where = (slice(y, y + height), slice(x, x + width))
    count, labels, _ = labelled(mask[where])
    hit = np.bincount(labels[seeds[where] > 0], minlength=count) > 0
    hit[0] = False
    found = np.zeros(mask.shape, np.uint8)
    found[where] = hit[labels]
    return found


def _borders(mask: Bytes, depth: int) -> tuple[tuple[Bytes, int], ...]:
    """Strips of a mask along the four borders, and the axis along which each runs."""
    height, width = mask.shape
    rows, columns = min(depth, height), min(depth, width)
    return (mask[:, :columns], 0), (mask[:, width - columns :], 0), (mask[:rows], 1), (mask[height - rows :], 1)


def _closed_along(strip: Bytes, radius: int, axis: int) -> NDArray[Any]:
    line = np.ones((2 * radius + 1, 1) if axis == 0 else (1, 2 * radius + 1), np.uint8)
    return cv2.morphologyEx(np.ascontiguousarray(strip), cv2.MORPH_CLOSE, line)


def _bytes(mask: Mask) -> Bytes:
    """True as 255."""
    return mask.view(np.uint8) * np.uint8(255)


def _bound(sigma: NDArray[np.float32], least: float, times: float) -> Bytes:
    return np.asarray(np.clip(np.maximum(least, times * sigma), 0, 250), np.uint8)


def _square(radius: int) -> NDArray[Any]:
    return np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)


def _disc(radius: int) -> NDArray[Any]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)
