"""How the camera of a shot moves: it stands, it sways, or it goes somewhere.

A few dozen samples over the shot are registered to one of them. Each says one of four things: nothing moved; the whole picture moved a little; it
moved far; or nothing at all (a bus before the lens, a damaged frame, leaves everywhere). The camera stands where nineteen in twenty of those that
speak say that nothing moved (one pixel of sway costs 9 dB, half a pixel 6, docs/benchmarks/removal.md); it sways where four in five of all samples
can be registered, close by, and not in one direction; else it moves. One bad sample decides nothing, also if it is the one registered to.
Leaves, water and coder noise jitter by up to half a pixel, but not as one: a sample has moved only where undoing the motion brings its corners 2.5
times nearer (cameras that stand: 1.0 to 2.0; a true sway of .2 pixels: 2.7 and more).
Limits: a knock shorter than a twentieth of the shot is left out here, and its frames do not fit the background. A scene without corners (fog, a
blank wall) cannot be registered: it is taken for standing if its samples look alike, else for moving. A slow drift over more than a hundredth of
the width counts as moving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from velatura.removal.planes import Mask
from velatura.removal.registration import FEWEST, Matrix, Reference, Registered, register

__all__ = ["Camera", "Kind", "look"]

Grey = NDArray[np.uint8]
Kind = Literal["standing", "swaying", "moving"]
Says = Literal["still", "near", "far", "nothing"]

NEAR = 0.03  # of the width: further is a camera that moves
SPEAK = 30  # corners that agree on a motion; fewer were found to agree by chance under coder noise
FEW_STILL = 8  # corners that stayed
STILL_SHARE = 0.8  # so many stayed for one that agrees on a motion
ONE_PLACE = 0.6  # of the corners agree: fewer are parallax, the camera does not turn but walk
MAY_DIFFER = 0.05
HEARD = 0.5  # of the samples must speak for a camera that stands
REGISTERED = 0.8
DRIFT, ONE_WAY = 0.01, 0.95  # of the width; correlation with time
TRY_SAMPLES = 8
ALIKE = 4.0  # grey levels: median difference of samples that show one place


@dataclass(frozen=True, slots=True)
class Camera:
    """What `look` found.

    Attributes:
        kind: standing: every motion counts as none; swaying: `motions` undo it; moving: there is no common place.
        reference: the sample that the others are registered to.
        motions: for each sample (3, 3) from the reference to it; None: unknown or another place, leave it out.
        sway_px: the 95th percentile of how far the samples lie from the reference, of those that speak.
    """

    kind: Kind
    reference: int
    motions: tuple[Matrix | None, ...]
    sway_px: float = 0.0


def look(greys: Sequence[Grey], usable: Sequence[Mask | None], *, reference: int | None = None) -> Camera:
    """How the camera moved. Some 7 ms of one core a sample at 640 pixels of width; up to twice that where it moves.

    Args:
        greys: (height, width) uint8, one or more samples of one shot in order of time, all of one size.
        usable: of each, where the scene is to be seen; None: everywhere.
        reference: the sample to register to; by default one near the middle that most others can be registered to.
    """
    anchor = _middle(usable, 0.5) if reference is None else reference
    corners = Reference(greys[anchor], usable[anchor])
    found = _registered(corners, greys, usable)
    if reference is None and _told(found, corners) < HEARD:
        other = _another(anchor, corners, greys, usable)
        if other != anchor:
            anchor, corners = other, Reference(greys[other], usable[other])
            found = _registered(corners, greys, usable)
    if len(corners.points) < FEWEST:
        return Camera("standing" if _alike(greys, usable, anchor) else "moving", anchor, tuple(np.eye(3) for _ in greys))
    width = greys[anchor].shape[1]
    says = [_says(one, width) for one in found]
    known = [0.0 if said == "still" else one.moved_px for one, said in zip(found, says, strict=True) if said != "nothing"]
    sway = float(np.percentile(known, 95, method="lower")) if known else 0.0
    kind = _kind(found, [said for at, said in enumerate(says) if at != anchor], width)
    motions = tuple(np.eye(3) if at == anchor else _motion(kind, one, said) for at, (one, said) in enumerate(zip(found, says, strict=True)))
    return Camera(kind, anchor, motions, sway)


def _says(one: Registered, width: int) -> Says:
    """What one sample has to say."""
    if one.moved_px <= NEAR * width and not (one.moves and one.agree >= SPEAK) and one.unmoved >= max(FEW_STILL, STILL_SHARE * one.agree):
        return "still"
    if one.matrix is None or one.agree < SPEAK:
        return "nothing"
    return ("near" if one.moves and one.share >= ONE_PLACE else "nothing") if one.moved_px <= NEAR * width else "far"


def _kind(found: Sequence[Registered], says: Sequence[Says], width: int) -> Kind:
    """The verdict over all samples but the reference."""
    count = len(says)
    still, near, far = says.count("still"), says.count("near"), says.count("far")
    others = near + far
    speak = still + others
    if not count or (speak >= HEARD * count and others <= max(1 if still >= 3 else 0, MAY_DIFFER * speak)):
        return "standing"
    return "swaying" if still + near >= REGISTERED * count and not _drifts(found, width) else "moving"


def _drifts(found: Sequence[Registered], width: int) -> bool:
    """Whether the picture goes one way over the shot: where the middle of the picture lies, and the zoom there, follow time."""
    known = [(at, one.matrix) for at, one in enumerate(found) if one.matrix is not None and one.moved_px <= NEAR * width]
    if len(known) < 5:
        return False
    time = np.array([at for at, _ in known], np.float64)
    half = width / 2
    places = np.array([[*(matrix @ (half, half, 1.0))[:2], matrix[0, 0] * half] for _, matrix in known])
    places -= np.median(places, axis=0)
    for place in places.T:
        travel = float(np.ptp(place))
        if travel > DRIFT * width and abs(float(np.corrcoef(time, place)[0, 1])) > ONE_WAY:
            return True
    return False


def _motion(kind: Kind, one: Registered, said: Says) -> Matrix | None:
    """What is to be undone in a sample."""
    if kind == "standing":
        return np.eye(3) if said in ("still", "nothing") else None
    if kind == "swaying":
        return one.matrix if said in ("still", "near") else None
    return one.matrix


def _middle(usable: Sequence[Mask | None], part: float) -> int:
    """The sample nearest to a part of the shot among those that are as free as any."""
    free = np.array([1.0 if mask is None else float(mask.mean()) for mask in usable])
    good = np.flatnonzero(free >= free.max() - 0.05)
    return int(good[np.argmin(np.abs(good - part * len(free)))])


def _registered(corners: Reference, greys: Sequence[Grey], usable: Sequence[Mask | None]) -> list[Registered]:
    return [register(corners, grey, free) for grey, free in zip(greys, usable, strict=True)]


def _told(found: Sequence[Registered], corners: Reference) -> float:
    """The share of samples that a reference finds near it."""
    return float(np.mean([_says(one, corners.grey.shape[1]) in ("still", "near") for one in found]))


def _another(anchor: int, corners: Reference, greys: Sequence[Grey], usable: Sequence[Mask | None]) -> int:
    """A sample that more of a few others lie near to, or the same: the middle one may be the one that a bus fills."""
    some = np.linspace(0, len(greys) - 1, min(len(greys), TRY_SAMPLES)).astype(np.intp)
    few, free = [greys[at] for at in some], [usable[at] for at in some]
    best = _told(_registered(corners, few, free), corners)
    for part in (0.3, 0.7):
        at = _middle(usable, part)
        other = Reference(greys[at], usable[at])
        told = _told(_registered(other, few, free), other)
        if told > best:
            anchor, best = at, told
    return anchor


def _alike(greys: Sequence[Grey], usable: Sequence[Mask | None], anchor: int) -> bool:
    """Whether samples without corners show one place."""
    apart = []
    for grey, free in zip(greys, usable, strict=True):
        step = np.abs(grey[::4, ::4].astype(np.int16) - greys[anchor][::4, ::4])
        if free is not None:
            step = step[free[::4, ::4]]
        apart.append(float(np.median(step)) if step.size else 0.0)
    return float(np.median(apart)) <= ALIKE
