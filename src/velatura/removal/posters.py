"""Signs, rocks and statues that a detector takes for somebody: at one place in the whole shot, found without being sure, and nothing in them moves.

To take them out would cover a place that no other frame shows, in every frame; so they are left, and named. Somebody who really stands there all the
time shifts his weight: the picture varies more over time at him than around him, also while nobody passes before him. Whom the detector is sure of
always goes.
Limit: a person far away, whose movements drown in the noise and whom the detector doubts, is taken for a sign; the report lists the place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from velatura.detect.region import Scores
from velatura.detect.settings import DEFAULT_SCORES
from velatura.media.frame import Box
from velatura.removal.tracks import Track

__all__ = ["left_standing"]

LIVELY = 1.5  # times the variation around it
QUIET = 1.0  # grey levels: a coder that repeats blocks shows no variation at all
MOST_SAMPLES = 40
FEWEST = 6  # samples in which nobody passes
ROOM = 0.5  # of the box, on each side
WHOLE = 0.9  # of the samples it is found in
LEAST_S = 2.0  # everybody stands for a second
UNREST, UNREST_PX = 0.3, 4.0  # of its height, or pixels: a faint hit on a sign jumps about; nine in ten lie so near to its middle

Greys = Mapping[int, NDArray[np.uint8]]


def left_standing(tracks: Sequence[Track], greys: Greys, scores: Mapping[str, Scores]) -> list[Track]:
    """Those of `tracks` that are signs.

    Args:
        greys: upright pictures of the shot by index of the frame, (height, width) uint8, in order of time.
        scores: each label's scale.
    """
    stay = {track.id: track for track in tracks if _stays(track, list(greys))}
    pass_by = [track for track in tracks if track.id not in stay]
    doubted = [track for track in stay.values() if track.score < scores.get(track.label, DEFAULT_SCORES).sure]
    return [track for track in doubted if not _is_lively(_alone(pass_by, greys, _roomy(_middle(track))), _middle(track))]


def _stays(track: Track, frames: Sequence[int]) -> bool:
    """Whether it is at one place in the whole shot."""
    if track.still:
        return True
    there = [frame for frame in frames if frame in track.boxes]
    if track.last_s - track.first_s < LEAST_S or len(there) < WHOLE * len(frames):
        return False
    boxes = np.array([track.boxes[frame] for frame in there])
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    away = np.abs(centres - np.median(centres, axis=0)).max(axis=1)
    return bool(np.quantile(away, 0.9) <= max(UNREST * height, UNREST_PX))


def _middle(track: Track) -> Box:
    """The median of its boxes."""
    x0, y0, x1, y1 = np.median(np.array(list(track.boxes.values())), axis=0).tolist()
    return x0, y0, x1, y1


def _roomy(box: Box) -> Box:
    x0, y0, x1, y1 = box
    dx, dy = ROOM * (x1 - x0), ROOM * (y1 - y0)
    return x0 - dx, y0 - dy, x1 + dx, y1 + dy


def _alone(pass_by: Sequence[Track], greys: Greys, box: Box) -> list[NDArray[np.uint8]]:
    """Pictures in which nobody passes at a place, some `MOST_SAMPLES`."""
    free = [grey for index, grey in greys.items() if not any(index in track.boxes and _meet(_roomy(track.boxes[index]), box) for track in pass_by)]
    return free[:: max(1, len(free) // MOST_SAMPLES)]


def _meet(a: Box, b: Box) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def _is_lively(greys: Sequence[NDArray[np.uint8]], box: Box) -> bool:
    if len(greys) < FEWEST:
        return True  # nothing can be said
    height, width = greys[0].shape
    (x0, y0, x1, y1), (far_x0, far_y0, far_x1, far_y1) = box, _roomy(box)
    left, top, right, bottom = max(floor(far_x0), 0), max(floor(far_y0), 0), min(ceil(far_x1), width), min(ceil(far_y1), height)
    if right - left < 3 or bottom - top < 3:
        return True
    varies = np.stack([grey[top:bottom, left:right] for grey in greys]).astype(np.float32).std(axis=0)
    inside = np.zeros(varies.shape, np.bool_)
    inside[max(floor(y0) - top, 0) : max(ceil(y1) - top, 0), max(floor(x0) - left, 0) : max(ceil(x1) - left, 0)] = True
    if not inside.any() or inside.all():
        return True
    return float(np.percentile(varies[inside], 90)) > max(QUIET, LIVELY * float(np.percentile(varies[~inside], 90)))
