"""One detector on one frame, through one view, within the memory that a pass may take.

A picture that one pass would have to reduce to less than three quarters is seen twice: as a whole, at half its size or less, for what is large in
it, and in tiles at full size for what is small; with passes of half the usual size, for the picture itself is in memory too. Boxes that a tile's
edge cuts are dropped: what is smaller than the overlap is whole next door, what is larger was seen in the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

from velatura.detect.nms import suppress
from velatura.detect.region import Detector, Region
from velatura.detect.tiles import Tile, quarters, tiles
from velatura.detect.way import WHOLE, Way
from velatura.media.frame import Box, Frame
from velatura.media.view import View, view

__all__ = ["SAME", "distinct", "seen"]

SAME = 0.45  # overlap of two boxes of one thing
CLOSE = 0.75  # a picture reduced to less is looked at in tiles too: 20 pixels would become less than 15
FAR = 0.5
PASS_PIXELS = 1 << 20  # of a detector that does not say


def seen(detector: Detector, frame: Frame, way: Way = WHOLE, *, least: float) -> list[Region]:
    """Regions of score >= least in pixels of the upright picture, without duplicates."""
    parts = _fixed(frame, way) if detector.form.size is not None else _parts(detector, frame, way)
    found = [region for part in parts for region in _on_tile(detector, frame, part, flip=way.flip, least=least)]
    return found if len(parts) == 1 else distinct(found)


def _fixed(frame: Frame, way: Way) -> list[Tile]:
    """For a network whose input has one size."""
    return [_whole(frame, 1.0)] if way.zoom <= 1 else quarters(frame.size)


def _parts(detector: Detector, frame: Frame, way: Way) -> list[Tile]:
    width, height = frame.size
    pixels, side = getattr(detector, "pass_pixels", PASS_PIXELS), detector.form.max_side
    fits = min(1.0, side / max(width, height), sqrt(pixels / (width * height)))
    if way.zoom < 1:
        return [_whole(frame, fits * way.zoom)]
    if way.zoom > 1:
        return tiles(frame.size, zoom=max(1.0, fits * way.zoom), pixels=pixels, side=side)
    if fits >= CLOSE:
        return [_whole(frame, fits)]
    far = min(fits, FAR, sqrt(pixels / 2 / (width * height)))
    return [*tiles(frame.size, zoom=1.0, pixels=pixels // 2, side=side), _whole(frame, far)]


def _whole(frame: Frame, zoom: float) -> Tile:
    return Tile((0, 0, *frame.size), zoom)


def _on_tile(detector: Detector, frame: Frame, part: Tile, *, flip: bool, least: float) -> list[Region]:
    made = view(frame, detector.form, crop=part.crop, zoom=part.zoom, flip=flip)
    found = []
    for region in detector.detect(made.x, threshold=least):
        box = _in_picture(region.box, made)
        if box is not None and not _is_cut(box, part, frame.size):
            found.append(Region(box, region.label, region.score, float(frame.time)))
    return found


def _in_picture(box: Box, made: View) -> Box | None:
    """A box in x as one of the upright picture; None if it lies in the padding."""
    width, height = made.content
    x0, y0, x1, y1 = max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(width)), min(box[3], float(height))
    return made.to_picture((x0, y0, x1, y1)) if x0 < x1 and y0 < y1 else None


def _is_cut(box: Box, part: Tile, size: tuple[int, int]) -> bool:
    """Whether a box ends at an edge of its tile that lies within the picture."""
    x0, y0, x1, y1 = part.crop
    near = 1 / part.zoom
    left, top = x0 > 0 and box[0] <= x0 + near, y0 > 0 and box[1] <= y0 + near
    return left or top or (x1 < size[0] and box[2] >= x1 - near) or (y1 < size[1] and box[3] >= y1 - near)


def distinct(regions: Sequence[Region]) -> list[Region]:
    """Without duplicates, label by label, best first."""
    kept: list[Region] = []
    for label in dict.fromkeys(region.label for region in regions):
        mine = [region for region in regions if region.label == label]
        boxes = np.array([region.box for region in mine], np.float64)
        kept += [mine[k] for k in suppress(boxes, np.array([region.score for region in mine]), overlap=SAME)]
    return kept
