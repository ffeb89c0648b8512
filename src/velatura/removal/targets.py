"""What is to go: read from the words of a person, chosen among the tracks, and drawn as wide masks.

A wide mask is a box with a margin, and at the feet of people and vehicles a flat band to both sides, where a shadow or a reflection lies. It is where
one looks for what differs, or, where nothing else is known, what is taken.
Limit: a shadow longer than half the height of who casts it leaves the band.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np

from velatura.detect.registry import TARGETS
from velatura.errors import BadSpec, nearest
from velatura.media.frame import Box
from velatura.removal.planes import Mask
from velatura.removal.tracks import Track

if TYPE_CHECKING:
    from velatura.removal.shot import Shot

__all__ = ["MOTION", "WHOLES", "Targets", "distinct", "parse", "picked", "spared", "whole", "wide_mask"]

MOTION = "motion"
MARGIN_PX = 3
CASTS = {"person": 0.36, "vehicle": 0.15}
"""How far its band reaches to each side, in heights, and in widths: a walker's shadow lies beside him, a car's under it."""
BAND_ABOVE, BAND_BELOW = 0.12, 0.25  # heights, from the feet
WHOLES = {"plate": "vehicle", "face": "person"}
"""What carries a part."""
WITHIN = 0.7  # share of a part's box that lies in the whole's
BESIDE = 0.2  # of a width, that the sides of two boxes of one person may lie apart
PICK_PX = 4.0  # a hand is no surer
NAMED = 5


@dataclass(frozen=True, slots=True)
class Targets:
    """labels: of `detect.registry.TARGETS`; motion: whatever moves before a camera that stands."""

    labels: tuple[str, ...] = ()
    motion: bool = False


def parse(text: str) -> Targets:
    """Words with commas, such as "motion,person".

    Raises:
        BadSpec: `remove.target`: unknown, or none named.
    """
    valid = (MOTION, *TARGETS)
    words = list(dict.fromkeys(word for word in (part.strip().lower() for part in text.split(",")) if word))
    if not words:
        raise BadSpec("remove.target", "no target is named", hint=f"valid: {', '.join(valid)}")
    for word in words:
        if word not in valid:
            raise BadSpec("remove.target", f"there is no target {word!r}", hint=nearest(word, valid))
    return Targets(tuple(word for word in words if word != MOTION), MOTION in words)


def wide_mask(tracks: Iterable[Track], frame: int, size: tuple[int, int], *, dilate: float, shadow: bool = True) -> Mask:
    """Where tracks may be on a frame, upright, (height, width).

    Args:
        frame: index, as the tracks count.
        size: (width, height) of the upright picture.
        dilate: margin, in widths to each side; half of it, in heights, above and below.
        shadow: with the band at the feet.
    """
    width, height = size
    mask = np.zeros((height, width), np.bool_)
    for track in tracks:
        if frame in track.boxes:
            box = track.boxes[frame]
            _draw(mask, _margin(box, dilate))
            if shadow and track.label in CASTS:
                _draw(mask, _band(box, track.label))
    return mask


def spared(shot: Shot, frame: int, size: tuple[int, int]) -> Mask:
    """Where somebody is who stays and nobody who goes, upright, (height, width). What lies in the boxes of both goes. Arguments as of `wide_mask`."""
    stays, goes = (wide_mask(tracks, frame, size, dilate=0.0, shadow=False) for tracks in (shot.beside, shot.tracks))
    return stays & ~goes


def whole(going: Sequence[Track], tracks: Sequence[Track]) -> list[Track]:
    """With each plate the vehicle that carries it, with each face its person, where tracks of them are there.

    Args:
        going: what goes already.
        tracks: all of the shot, `going` too.
    """
    taken = {track.id: track for track in going}
    for part in going:
        owners = [track for track in tracks if track.label == WHOLES.get(part.label) and _carries(track, part)]
        if owners:
            owner = min(owners, key=lambda track: _area(track.boxes[track.first]))
            taken.setdefault(owner.id, owner)
    return list(taken.values())


def picked(tracks: Sequence[Track], frame: int, x: float, y: float) -> list[Track]:
    """The one thing at a place, and its own parts: a person with his face, a vehicle with its plate.

    A detector may box the upper half of somebody beside all of him: tracks that agree in width and place are one.
    Of several that lie there a person or vehicle is meant rather than a part of one, else the smallest.

    Args:
        frame: index, as the tracks count.
        x, y: pixels of the upright picture.

    Raises:
        BadSpec: `remove.pick`: nothing is there; the hint names what is elsewhere.
    """
    here = [track for track in tracks if frame in track.boxes]
    hit = [track for track in here if _holds(track.boxes[frame], x, y)]
    if not hit:
        raise BadSpec("remove.pick", f"nothing was found at ({x:g}, {y:g}) on frame {frame}", hint=_named(here, frame, x, y))
    one = min(hit, key=lambda track: (track.label in WHOLES, _area(track.boxes[frame])))
    same = [one, *(track for track in tracks if track is not one and track.label == one.label and _twins(one, track))]
    parts = [track for track in tracks if WHOLES.get(track.label) == one.label and any(_carries(whole, track) for whole in same)]
    return [*same, *parts]


def distinct(tracks: Iterable[Track]) -> list[Track]:
    """One for each thing: of the boxes that a detector draws of one person, all of him and his upper half, the first."""
    kept: list[Track] = []
    for track in tracks:
        if not any(track.label == one.label and _twins(one, track) for one in kept):
            kept.append(track)
    return kept


def _named(here: Sequence[Track], frame: int, x: float, y: float) -> str:
    if not here:
        return "no detection is on that frame; velatura detect IN --json says where some are"
    near = sorted(here, key=lambda track: _away(track.boxes[frame], x, y))
    told = [f"{track.label} at ({cx:.0f}, {cy:.0f})" for track in near[:NAMED] for cx, cy in [_centre(track.boxes[frame])]]
    more = f" and {len(near) - NAMED} more" if len(near) > NAMED else ""
    return f"there: {', '.join(told)}{more}"


def _centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _away(box: Box, x: float, y: float) -> float:
    cx, cy = _centre(box)
    return float(np.hypot(cx - x, cy - y))


def _holds(box: Box, x: float, y: float) -> bool:
    return box[0] - PICK_PX <= x < box[2] + PICK_PX and box[1] - PICK_PX <= y < box[3] + PICK_PX


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def _carries(owner: Track, part: Track) -> bool:
    """Whether most frames that show both show the part within the owner."""
    both = [frame for frame in part.boxes if frame in owner.boxes]
    within = sum(_common(owner.boxes[frame], part.boxes[frame]) >= WITHIN * _area(part.boxes[frame]) for frame in both)
    return 2 * within > len(both)


def _twins(a: Track, b: Track) -> bool:
    """Whether in most frames that show both one lies in the other, and both of their sides agree."""
    both = [(a.boxes[frame], b.boxes[frame]) for frame in a.boxes if frame in b.boxes]
    within = sum(
        _common(one, other) >= WITHIN * min(_area(one), _area(other))
        and max(abs(one[0] - other[0]), abs(one[2] - other[2])) <= BESIDE * max(one[2] - one[0], other[2] - other[0])
        for one, other in both
    )
    return 2 * within > len(both)


def _common(a: Box, b: Box) -> float:
    return _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))


def _margin(box: Box, dilate: float) -> Box:
    x0, y0, x1, y1 = box
    by_x, by_y = dilate * (x1 - x0) + MARGIN_PX, dilate * (y1 - y0) / 2 + MARGIN_PX
    return x0 - by_x, y0 - by_y, x1 + by_x, y1 + by_y


def _band(box: Box, label: str) -> Box:
    x0, y0, x1, y1 = box
    height = y1 - y0
    reach = CASTS[label] * (height if label == "person" else x1 - x0)
    return x0 - reach, y1 - BAND_ABOVE * height, x1 + reach, y1 + BAND_BELOW * height


def _draw(mask: Mask, box: Box) -> None:
    """Every pixel that the box touches."""
    x0, y0, x1, y1 = box
    mask[max(floor(y0), 0) : max(ceil(y1), 0), max(floor(x0), 0) : max(ceil(x1), 0)] = True
