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
FEW = 40  # samples that tell whether the camera stands
TRY_SAMPLES, RARELY = 8, 0.25  # where fewer than that share of so few lie near, half of all do not
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


def look(greys: Sequence[Grey], usable: Sequence[Mask | None], *, reference: int | None = None, hurried: bool = False) -> Camera:
    """How the camera moved. Some 7 ms of one core a sample at 640 pixels of width; up to twice that where it moves.

    Args:
        greys: (height, width) uint8, one or more samples of one shot in order of time, all of one size.
        usable: of each, where the scene is to be seen; None: everywhere.
        reference: the sample to register to; by default one near the middle that most others can be registered to.
        hurried: samples are asked no longer than there is doubt: `FEW` say that it stands, and then the others are taken to lie where their
            neighbours do; of a camera that moves no motion is known.
    """
    every = range(len(greys))
    asked = _spread(len(greys), FEW) if hurried else every
    tried = _Anchored(_middle(usable, 0.5) if reference is None else reference, greys, usable)
    if reference is None and not tried.is_near(asked, HEARD):
        tried = _another(tried, greys, usable, _few(asked))
    anchor, width = tried.anchor, greys[0].shape[1]
    if len(tried.corners.points) < FEWEST:
        return Camera("standing" if _alike(greys, usable, anchor) else "moving", anchor, tuple(np.eye(3) for _ in greys))
    if hurried and (seen := _sure_to_move(tried, asked)):
        return Camera("moving", anchor, (None,) * len(greys), _sway(tried, seen))
    kind = _kind(tried, asked, width)
    if len(asked) < len(greys) and kind != "standing":
        asked = every
        kind = _kind(tried, asked, width)
    nearest = [asked[at] for at in np.rint(np.linspace(0, len(asked) - 1, len(greys))).astype(np.intp)]
    motions = tuple(np.eye(3) if at == anchor else _motion(kind, tried.one(near), tried.says(near)) for at, near in enumerate(nearest))
    return Camera(kind, anchor, motions, _sway(tried, asked))


class _Anchored:
    """Samples against one of them, each registered when it is first asked."""

    def __init__(self, anchor: int, greys: Sequence[Grey], usable: Sequence[Mask | None]) -> None:
        self.anchor, self._greys, self._usable = anchor, greys, usable
        self.corners = Reference(greys[anchor], usable[anchor])
        self._found: dict[int, Registered] = {}

    def one(self, at: int) -> Registered:
        if at not in self._found:
            self._found[at] = register(self.corners, self._greys[at], self._usable[at])
        return self._found[at]

    def says(self, at: int) -> Says:
        return _says(self.one(at), self.corners.grey.shape[1])

    def furthest_first(self, some: Sequence[int]) -> list[int]:
        """In time: they say soonest that a camera moves."""
        return sorted(some, key=lambda at: -abs(at - self.anchor))

    def told(self, some: Sequence[int]) -> float:
        """The share of some samples that lie near this one."""
        return float(np.mean([self.says(at) in ("still", "near") for at in some]))

    def is_near(self, some: Sequence[int], share: float) -> bool:
        """Whether so many of some samples do; no more are asked than it takes."""
        if self.told(_few(some)) < RARELY:
            return False
        near, left = 0, len(some)
        for at in self.furthest_first(some):
            near, left = near + (self.says(at) in ("still", "near")), left - 1
            if near + left < share * len(some):
                return False
        return True


def _says(one: Registered, width: int) -> Says:
    """What one sample has to say."""
    if one.moved_px <= NEAR * width and not (one.moves and one.agree >= SPEAK) and one.unmoved >= max(FEW_STILL, STILL_SHARE * one.agree):
        return "still"
    if one.matrix is None or one.agree < SPEAK:
        return "nothing"
    return ("near" if one.moves and one.share >= ONE_PLACE else "nothing") if one.moved_px <= NEAR * width else "far"


def _kind(tried: _Anchored, asked: Sequence[int], width: int) -> Kind:
    """The verdict over samples, the reference aside."""
    says = [tried.says(at) for at in asked if at != tried.anchor]
    count = len(says)
    still, near, far = says.count("still"), says.count("near"), says.count("far")
    others = near + far
    speak = still + others
    if not count or (speak >= HEARD * count and others <= max(1 if still >= 3 else 0, MAY_DIFFER * speak)):
        return "standing"
    return "swaying" if still + near >= REGISTERED * count and not _drifts([tried.one(at) for at in asked], width) else "moving"


def _sure_to_move(tried: _Anchored, asked: Sequence[int]) -> list[int]:
    """The samples after which `_kind` says that the camera moves, whatever the others say; none where all must be asked, or none speaks of moving."""
    others = tried.furthest_first([at for at in asked if at != tried.anchor])
    others, count = [*others[-1:], *others[:-1]], len(others)  # the nearest is the likeliest to have anything to say
    few = _few(asked)
    if tried.told(few) < RARELY and any(tried.says(at) in ("near", "far") for at in (*others[:1], *few)):
        return [*others[:1], *few]
    differ = lost = silent = 0
    for number, at in enumerate(others, 1):
        said = tried.says(at)
        differ, lost, silent = differ + (said in ("near", "far")), lost + (said in ("far", "nothing")), silent + (said == "nothing")
        stands = differ <= max(1, MAY_DIFFER * count) and count - silent >= HEARD * count
        if differ and not stands and count - lost < REGISTERED * count:
            return others[:number]
    return []


def _sway(tried: _Anchored, asked: Sequence[int]) -> float:
    known = [0.0 if tried.says(at) == "still" else tried.one(at).moved_px for at in asked if tried.says(at) != "nothing"]
    return float(np.percentile(known, 95, method="lower")) if known else 0.0


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


def _spread(count: int, most: int) -> Sequence[int]:
    """At most so many of a number of samples, evenly."""
    return range(count) if count <= most else [int(at) for at in np.rint(np.linspace(0, count - 1, most))]


def _few(some: Sequence[int]) -> list[int]:
    return [some[at] for at in _spread(len(some), TRY_SAMPLES)]


def _another(tried: _Anchored, greys: Sequence[Grey], usable: Sequence[Mask | None], some: Sequence[int]) -> _Anchored:
    """A sample that more of a few others lie near to, or the same: the middle one may be the one that a bus fills."""
    best = tried.told(some)
    for part in (0.3, 0.7):
        other = _Anchored(_middle(usable, part), greys, usable)
        told = other.told(some)
        if told > best:
            tried, best = other, told
    return tried


def _alike(greys: Sequence[Grey], usable: Sequence[Mask | None], anchor: int) -> bool:
    """Whether samples without corners show one place."""
    apart = []
    for grey, free in zip(greys, usable, strict=True):
        step = np.abs(grey[::4, ::4].astype(np.int16) - greys[anchor][::4, ::4])
        if free is not None:
            step = step[free[::4, ::4]]
        apart.append(float(np.median(step)) if step.size else 0.0)
    return float(np.median(apart)) <= ALIKE
