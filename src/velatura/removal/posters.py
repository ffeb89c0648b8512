"""Signs, rocks and statues that a detector takes for somebody: at one place in the whole shot, found without being sure, and nothing in them moves.

To take them out would cover a place that no other frame shows, in every frame; so they are left, and named. Somebody who really stands there all the
time shifts his weight: the picture varies more over time at him than around him, also while nobody passes before him. Whom the detector is sure of
always goes.
Limit: a person far away, whose movements drown in the noise and whom the detector doubts, is taken for a sign; the report lists the place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from velatura.detect.region import Scores
from velatura.detect.settings import DEFAULT_SCORES
from velatura.media.frame import Box
from velatura.removal.planes import Mask
from velatura.removal.tracks import Track

__all__ = ["left_standing"]

LIVELY = 1.5  # times the variation around it
QUIET = 1.0  # grey levels: a coder that repeats blocks shows no variation at all
MOST_SAMPLES = 40
FEWEST = 6  # samples in which nobody passes
ROOM = 0.5  # of the box, on each side
WHOLE = 0.9  # of the samples in which nobody passes it is found in
SAME = 0.5  # intersection over union of one place
LEAST_S = 2.0  # everybody stands for a second
UNREST, UNREST_PX = 0.3, 4.0  # of its height, or pixels: a faint hit on a sign jumps about; nine in ten lie so near to its middle

Floats = NDArray[np.float32]
Greys = Mapping[int, NDArray[np.uint8]]


def left_standing(tracks: Sequence[Track], greys: Greys, scores: Mapping[str, Scores], *, slip_px: float = 0.0) -> list[Track]:
    """Those of `tracks` that are signs.

    Args:
        greys: upright pictures of the shot by index of the frame, (height, width) uint8, in order of time and in place.
        scores: each label's scale.
        slip_px: by so much they may be out of place.
    """
    lingering = [place for place in _places([track for track in tracks if _keeps_still(track, greys)]) if _lingers(place)]
    ids = {track.id for place in lingering for track in place}
    pass_by = [track for track in tracks if track.id not in ids]
    signs = []
    for place in lingering:
        box = _middle(place[0])
        alone = _alone(pass_by, greys, _roomy(box))
        stays = sum(any(frame in track.boxes for track in place) for frame in alone) >= WHOLE * max(len(alone), FEWEST)
        doubted = all(track.score < scores.get(track.label, DEFAULT_SCORES).sure for track in place)
        if stays and doubted and not _is_lively([greys[frame] for frame in alone[:: max(1, len(alone) // MOST_SAMPLES)]], box, slip_px):
            signs.extend(place)
    return signs


def _keeps_still(track: Track, frames: Iterable[int]) -> bool:
    """Whether it is at one place as long as it is there."""
    if track.still:
        return True
    there = [frame for frame in frames if frame in track.boxes]
    if not there:
        return False
    boxes = np.array([track.boxes[frame] for frame in there])
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    away = np.abs(centres - np.median(centres, axis=0)).max(axis=1)
    return bool(np.quantile(away, 0.9) <= max(UNREST * height, UNREST_PX))


def _lingers(place: Sequence[Track]) -> bool:
    """Whether somebody is there for longer than everybody stands for a moment; hits on a sign come and go, each time as another track."""
    there_s = max(track.last_s for track in place) - min(track.first_s for track in place)
    return any(track.still for track in place) or there_s >= LEAST_S


def _places(tracks: Sequence[Track]) -> list[list[Track]]:
    """Those at one place together: whoever passes before a sign splits its track."""
    places: list[list[Track]] = []
    for track in tracks:
        mine = next((place for place in places if _alike(_middle(place[0]), _middle(track))), None)
        if mine is None:
            places.append([track])
        else:
            mine.append(track)
    return places


def _middle(track: Track) -> Box:
    """The median of its boxes."""
    x0, y0, x1, y1 = np.median(np.array(list(track.boxes.values())), axis=0).tolist()
    return x0, y0, x1, y1


def _roomy(box: Box) -> Box:
    x0, y0, x1, y1 = box
    dx, dy = ROOM * (x1 - x0), ROOM * (y1 - y0)
    return x0 - dx, y0 - dy, x1 + dx, y1 + dy


def _alone(pass_by: Sequence[Track], frames: Iterable[int], box: Box) -> list[int]:
    """Frames in which nobody passes at a place."""
    return [frame for frame in frames if not any(frame in track.boxes and _meet(_roomy(track.boxes[frame]), box) for track in pass_by)]


def _alike(a: Box, b: Box) -> bool:
    """Half of both together is common."""
    common = max(min(a[2], b[2]) - max(a[0], b[0]), 0.0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)
    return common >= SAME * ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def _meet(a: Box, b: Box) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def _is_lively(greys: Sequence[NDArray[np.uint8]], box: Box, slip_px: float) -> bool:
    if len(greys) < FEWEST:
        return True  # nothing can be said
    height, width = greys[0].shape
    (x0, y0, x1, y1), (far_x0, far_y0, far_x1, far_y1) = box, _roomy(box)
    left, top, right, bottom = max(floor(far_x0), 0), max(floor(far_y0), 0), min(ceil(far_x1), width), min(ceil(far_y1), height)
    if right - left < 3 or bottom - top < 3:
        return True
    inside = np.zeros((bottom - top, right - left), np.bool_)
    inside[max(floor(y0) - top, 0) : max(ceil(y1) - top, 0), max(floor(x0) - left, 0) : max(ceil(x1) - left, 0)] = True
    if not inside.any() or inside.all():
        return True
    varies = _variation(np.stack([grey[top:bottom, left:right] for grey in greys]).astype(np.float32), ~inside, slip_px)
    return float(np.percentile(varies[inside], 90)) > max(QUIET, LIVELY * float(np.percentile(varies[~inside], 90)))


def _variation(pictures: Floats, around: Mask, slip_px: float) -> Floats:
    """(height, width) deviation over time that neither the light around a place nor so small a slip explains. Args: pictures: (n, height, width)."""
    light = pictures[:, around].mean(axis=1)
    pictures *= (light.mean() / np.maximum(light, 1.0))[:, None, None]
    down, across = np.gradient(pictures.mean(axis=0))
    slipped = slip_px**2 * (down**2 + across**2)
    return np.asarray(np.sqrt(np.maximum(pictures.var(axis=0) - slipped, 0.0)), np.float32)
