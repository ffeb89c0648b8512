"""Signs, rocks and statues that a detector takes for somebody: at one place in the whole shot, found without being sure, and nothing in them moves.

To take them out would cover a place that no other frame shows, in every frame; so they are left, and named. Somebody who really stands there all the
time shifts his weight: the picture varies more over time at him than around him. Whom the detector is sure of always goes.
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
ROOM = 0.5  # of the box, on each side


def left_standing(tracks: Sequence[Track], greys: Sequence[NDArray[np.uint8]], scores: Mapping[str, Scores]) -> list[Track]:
    """Those of `tracks` that are signs.

    Args:
        greys: upright pictures of the shot, (height, width) uint8, in order of time.
        scores: each label's scale.
    """
    step = max(1, len(greys) // MOST_SAMPLES)
    return [
        track
        for track in tracks
        if track.still and track.score < scores.get(track.label, DEFAULT_SCORES).sure and not _is_lively(greys[::step], _middle(track))
    ]


def _middle(track: Track) -> Box:
    """Its box half way through its life."""
    return track.boxes[(track.first + track.last) // 2]


def _is_lively(greys: Sequence[NDArray[np.uint8]], box: Box) -> bool:
    height, width = greys[0].shape
    x0, y0, x1, y1 = box
    dx, dy = ROOM * (x1 - x0), ROOM * (y1 - y0)
    left, top, right, bottom = max(floor(x0 - dx), 0), max(floor(y0 - dy), 0), min(ceil(x1 + dx), width), min(ceil(y1 + dy), height)
    if right - left < 3 or bottom - top < 3:
        return True  # nothing can be said
    varies = np.stack([grey[top:bottom, left:right] for grey in greys]).astype(np.float32).std(axis=0)
    inside = np.zeros(varies.shape, np.bool_)
    inside[max(floor(y0) - top, 0) : max(ceil(y1) - top, 0), max(floor(x0) - left, 0) : max(ceil(x1) - left, 0)] = True
    if not inside.any() or inside.all():
        return True
    return float(np.percentile(varies[inside], 90)) > max(QUIET, LIVELY * float(np.percentile(varies[~inside], 90)))
