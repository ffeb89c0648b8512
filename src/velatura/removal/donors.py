"""From where hole pixels come out in other frames to the samples that fill the hole.

Two donors for a pixel, one from earlier and one from later frames, each sampled once with a cubic kernel in the planes as they are. The donors are
mixed by how well their ways agree forward and backward, how near they are in time, and how well each continues the picture over the hole's edge: a
ring of pixels around the hole, whose truth is known, is followed in the same way and compared. Half of what is left of the ring's error (vignetting;
the other half is mostly noise) is spread into the hole and taken off, at most 6 grey levels.
Limit: chroma is taken for a whole sample along the way of the first of its pixels that came out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import PixelForm, Plane
from velatura.removal.cells import cells
from velatura.removal.flow import Points, sampled
from velatura.removal.mesh import numbered
from velatura.removal.planes import Mask, Planes, colours
from velatura.removal.refinement import shifts
from velatura.removal.tracing import Landed

__all__ = ["Place", "filled_from", "place"]

Values = NDArray[np.float32]

RING_PX = 4
CELL_PX = 4  # errors of the ring vary slowly: they are spread on cells
JUMP = 0.5  # share of the ring's error that is taken off
MOST_JUMP = 12.0  # grey levels of 8 bits
EDGE = 4.0  # an error of the ring of so many levels halves a donor's weight
NEARNESS = 0.7
HARDLY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A hole of a frame and the ring around it.

    Attributes:
        points: (n, 2) float32, x and y: the hole's pixels first, then the ring's.
        holes: how many of them are the hole's.
        size: (width, height) of the frame.
    """

    points: Points
    holes: int
    size: tuple[int, int]


def place(hole: Mask, ring: Mask) -> Place:
    """hole, ring: (height, width), apart from each other."""
    height, width = hole.shape
    flat = [np.flatnonzero(mask) for mask in (hole, ring)]
    y, x = np.divmod(np.concatenate(flat), width)
    return Place(np.stack([x, y], axis=1).astype(np.float32), len(flat[0]), (width, height))


def filled_from(where: Place, ways: Sequence[Landed], frame: int, take: Callable[[int], Planes], planes: list[Plane], form: PixelForm) -> Values:
    """Fill a hole in `planes`, in place, from the frames in which its points came out.

    Args:
        where: the hole and its ring.
        ways: of all points of `where`.
        frame: the number of this frame.
        take: planes of a frame by its number.
        planes: of this frame; samples of the hole that a donor shows are overwritten, no other.

    Returns:
        (holes,) grey levels of 8 bits by which the donors of each pixel miss the ring nearby.
    """
    sites = _sites(where, form, 0, planes[0])
    ways = [_refined(where, sites, way, planes[0], form, take) for way in ways]
    aims = [_aimed(where, sites, way) for way in ways]
    shown = [_shown(aim, 0, form, take) for aim in aims]
    errors = [_edge_error(where, sites, one, planes[0], form) for one in shown]
    weights = [_trust(way, frame) / (1 + (error / EDGE) ** 2) for way, error in zip(ways, errors, strict=True)]
    _mix(sites, shown, weights, planes[0], form)
    for index in colours(form)[1:]:
        if form.subsampled(index) != sites.sampling:
            sites = _sites(where, form, index, planes[index])
            aims = [_aimed(where, sites, way) for way in ways]
        _mix(sites, [_shown(aim, index, form, take) for aim in aims], weights, planes[index], form)
    total = np.maximum(reduce(np.add, weights), HARDLY)
    return np.asarray(reduce(np.add, [w * e for w, e in zip(weights, errors, strict=True)]) / total, np.float32)[: where.holes]


@dataclass(frozen=True, slots=True, eq=False)
class _Sites:
    """Samples of one plane, or of several of the same size, that the points colour.

    Attributes:
        sampling: how often the plane is halved, across and down.
        y, x: of each site in the plane.
        points: (sites, 2) the sites' centres in pixels of the frame.
        is_hole: whether a site colours a pixel of the hole.
        of: (n,) the site of each point.
    """

    sampling: tuple[int, int]
    y: NDArray[np.int32]
    x: NDArray[np.int32]
    points: Points
    is_hole: Mask
    of: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class _Aim:
    """Where one way takes sites from, frame after frame.

    Attributes:
        site: (k,) those that come from somewhere.
        owner: (k,) the point whose way each takes.
        at: (k, 2) x and y in the donor's plane.
        gain: (k,)
        frames: of each donor its number, and where its sites begin and end.
        sites: how many there are in all.
    """

    site: NDArray[np.intp]
    owner: NDArray[np.intp]
    at: Points
    gain: Values
    frames: list[tuple[int, int, int]]
    sites: int


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """What one way gives to the sites of a plane: values (sites,), and where they are known."""

    values: Values
    known: Mask
    aim: _Aim


def _sites(where: Place, form: PixelForm, index: int, plane: Plane) -> _Sites:
    sx, sy = form.subsampled(index)
    x, y = where.points.astype(np.int32).T
    if not sx and not sy:
        return _Sites((0, 0), y, x, where.points, np.arange(len(y)) < where.holes, np.arange(len(y)))
    keys, of = numbered((y >> sy).astype(np.intp) * plane.shape[1] + (x >> sx))
    is_hole = np.zeros(len(keys), np.bool_)
    is_hole[of[: where.holes]] = True
    y, x = np.divmod(keys.astype(np.int32), np.int32(plane.shape[1]))
    centres = np.stack([(x + 0.5) * (1 << sx) - 0.5, (y + 0.5) * (1 << sy) - 0.5], axis=1)
    return _Sites((sx, sy), y, x, centres.astype(np.float32), is_hole, of)


def _aimed(where: Place, sites: _Sites, way: Landed) -> _Aim:
    mine = site = np.flatnonzero(way.frame >= 0)
    if any(sites.sampling):
        owner = _owners(sites, site)
        site = np.flatnonzero(owner >= 0)
        mine = owner.take(site)
    frame = way.frame.take(mine)
    order = np.argsort((frame - frame.min(initial=0)).astype(np.int16), kind="stable")  # a window's frames; of 16 bits the sort is a count
    site, frame, mine = site.take(order), frame.take(order), mine.take(order)
    at = way.at.take(mine, axis=0)
    if any(sites.sampling):
        scale = np.float32(2) ** np.array(sites.sampling, np.float32)
        at = (sites.points[site] + (at - where.points[mine]) + np.float32(0.5)) / scale - np.float32(0.5)
    bounds = [*np.flatnonzero(np.diff(frame, prepend=-1)).tolist(), len(frame)]
    frames = [(int(frame[start]), start, stop) for start, stop in pairwise(bounds)]
    return _Aim(site, mine, at, way.gain.take(mine), frames, len(sites.y))


def _owners(sites: _Sites, came_out: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of each site the first of its points that came out: one of the hole, if it has any; -1: none."""
    owner = np.full(len(sites.y), -1, np.intp)
    owner[sites.of[came_out[::-1]]] = came_out[::-1]  # the first writes last
    return owner


def _shown(aim: _Aim, index: int, form: PixelForm, take: Callable[[int], Planes]) -> _Shown:
    values, known, black = np.zeros(aim.sites, np.float32), np.zeros(aim.sites, np.bool_), form.black()[index]
    found = np.empty(len(aim.site), np.float32)
    for number, start, stop in aim.frames:
        found[start:stop] = sampled(take(number)[index], aim.at[start:stop], cv2.INTER_CUBIC)
    values[aim.site], known[aim.site] = (found - black) * aim.gain + black, True
    return _Shown(values, known, aim)


def _trust(way: Landed, frame: int) -> Values:
    """By distance in time; 0 where a point did not come out."""
    distance = np.maximum(np.abs(way.frame - frame), 1).astype(np.float32)
    return np.where(way.frame >= 0, distance**-NEARNESS, np.float32(0))


def _edge_error(where: Place, sites: _Sites, shown: _Shown, plane: Plane, form: PixelForm) -> Values:
    """How far the donors of one way miss the ring, in levels of 8 bits, spread to all points."""
    ring = shown.known & ~sites.is_hole
    apart = np.asarray(np.abs(plane[sites.y[ring], sites.x[ring]] - shown.values[ring]) / (1 << (form.bits - 8)), np.float32)
    return cells(where.points, CELL_PX).spread(sites.points[ring], apart, where.points)


def _refined(where: Place, sites: _Sites, way: Landed, plane: Plane, form: PixelForm, take: Callable[[int], Planes]) -> Landed:
    """A way corrected by what it shows of the ring; no other point is looked at."""
    ring = replace(way, frame=np.where(sites.is_hole, -1, way.frame))
    shown = _shown(_aimed(where, sites, ring), 0, form, take)
    shift = shifts(where.points, where.holes, plane, shown.values, shown.known, level=1 << (form.bits - 8))
    return replace(way, at=np.where((way.frame >= 0)[:, None], way.at + shift, way.at))


def _mix(sites: _Sites, ways: Sequence[_Shown], weights: Sequence[Values], plane: Plane, form: PixelForm) -> None:
    """The weighted mean of all ways, some of its error on the ring taken off, written into the hole."""
    mine = [np.zeros_like(way.values) for way in ways]
    for weights_here, way, weight in zip(mine, ways, weights, strict=True):
        weights_here[way.aim.site] = weight[way.aim.owner]
    total = reduce(np.add, mine)
    known = total > 0
    mean = reduce(np.add, [weight * way.values for weight, way in zip(mine, ways, strict=True)]) / np.where(known, total, 1)
    most, ring, hole = MOST_JUMP * (1 << (form.bits - 8)), known & ~sites.is_hole, known & sites.is_hole
    jump = np.clip(plane[sites.y[ring], sites.x[ring]] - mean[ring], -most, most).astype(np.float32)
    correction = JUMP * cells(sites.points, CELL_PX).spread(sites.points[ring], jump, sites.points[hole])
    plane[sites.y[hole], sites.x[hole]] = np.clip(mean[hole] + correction + 0.5, 0, form.peak).astype(plane.dtype)
