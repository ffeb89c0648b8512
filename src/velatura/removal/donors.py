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

import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import PixelForm, Plane
from velatura.removal.cells import cells
from velatura.removal.flow import Points, sampled
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
    lists = [np.argwhere(mask)[:, ::-1].astype(np.float32) for mask in (hole, ring)]
    return Place(np.concatenate(lists), len(lists[0]), (hole.shape[1], hole.shape[0]))


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
    ways = [_refined(where, way, _shown(where, sites, way, form, take), planes[0], form) for way in ways]
    shown = [_shown(where, sites, way, form, take) for way in ways]
    errors = [_edge_error(where, sites, one, planes[0], form) for one in shown]
    weights = [_trust(way, frame) / (1 + (error / EDGE) ** 2) for way, error in zip(ways, errors, strict=True)]
    _mix(sites, shown, weights, planes[0], form)
    for index in colours(form)[1:]:
        sites = _sites(where, form, index, planes[index])
        _mix(sites, [_shown(where, sites, way, form, take) for way in ways], weights, planes[index], form)
    total = np.maximum(np.sum(weights, axis=0), HARDLY)
    return np.asarray(np.sum([w * e for w, e in zip(weights, errors, strict=True)], axis=0) / total, np.float32)[: where.holes]


@dataclass(frozen=True, slots=True, eq=False)
class _Sites:
    """Samples of one plane that the points colour.

    Attributes:
        index: of the plane.
        y, x: of each site in the plane.
        points: (sites, 2) the sites' centres in pixels of the frame.
        is_hole: whether a site colours a pixel of the hole.
        of: (n,) the site of each point.
    """

    index: int
    y: NDArray[np.int32]
    x: NDArray[np.int32]
    points: Points
    is_hole: Mask
    of: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """What one way gives to the sites of a plane: values (sites,), where they are known, and the point whose way each takes (-1: none)."""

    values: Values
    known: Mask
    owner: NDArray[np.intp]


def _sites(where: Place, form: PixelForm, index: int, plane: Plane) -> _Sites:
    sx, sy = form.subsampled(index)
    x, y = where.points.astype(np.int32).T
    if not sx and not sy:
        return _Sites(index, y, x, where.points, np.arange(len(y)) < where.holes, np.arange(len(y)))
    _, first, of = np.unique((y >> sy).astype(np.int64) * plane.shape[1] + (x >> sx), return_index=True, return_inverse=True)
    y, x = y[first] >> sy, x[first] >> sx
    centres = np.stack([(x + 0.5) * (1 << sx) - 0.5, (y + 0.5) * (1 << sy) - 0.5], axis=1)
    return _Sites(index, y, x, centres.astype(np.float32), first < where.holes, of)  # the hole's points come first


def _shown(where: Place, sites: _Sites, way: Landed, form: PixelForm, take: Callable[[int], Planes]) -> _Shown:
    came_out = np.flatnonzero(way.frame >= 0)[::-1]
    owner = np.full(len(sites.y), -1, np.intp)
    owner[sites.of[came_out]] = came_out  # the first point of a site writes last
    known = owner >= 0
    mine = owner[known]
    scale = np.float32(2) ** np.array(form.subsampled(sites.index), np.float32)
    at = (sites.points[known] + (way.at - where.points)[mine] + np.float32(0.5)) / scale - np.float32(0.5)
    values, black = np.zeros(len(owner), np.float32), form.black()[sites.index]
    values[known] = (_gathered(at, way.frame[mine], take, sites.index) - black) * way.gain[mine] + black
    return _Shown(values, known, owner)


def _gathered(at: Points, frames: NDArray[np.int32], take: Callable[[int], Planes], index: int) -> Values:
    values = np.zeros(len(at), np.float32)
    for number in np.unique(frames):
        mine = frames == number
        values[mine] = sampled(take(int(number))[index], at[mine], cubic=True)
    return values


def _trust(way: Landed, frame: int) -> Values:
    """By forward-backward error and distance in time; 0 where a point did not come out."""
    distance = np.maximum(np.abs(way.frame - frame), 1)
    trust = np.exp(-(np.minimum(way.error_px, 6) ** 2) / 2) / distance**NEARNESS + HARDLY
    return np.where(way.frame >= 0, trust, 0).astype(np.float32)


def _edge_error(where: Place, sites: _Sites, shown: _Shown, plane: Plane, form: PixelForm) -> Values:
    """How far the donors of one way miss the ring, in levels of 8 bits, spread to all points."""
    ring = shown.known & ~sites.is_hole
    apart = np.asarray(np.abs(plane[sites.y[ring], sites.x[ring]] - shown.values[ring]) / (1 << (form.bits - 8)), np.float32)
    return cells(where.points, CELL_PX).spread(sites.points[ring], apart, where.points)


def _refined(where: Place, way: Landed, shown: _Shown, plane: Plane, form: PixelForm) -> Landed:
    shift = shifts(where.points, where.holes, plane, shown.values, shown.known, level=1 << (form.bits - 8))
    return replace(way, at=np.where((way.frame >= 0)[:, None], way.at + shift, way.at))


def _mix(sites: _Sites, ways: Sequence[_Shown], weights: Sequence[Values], plane: Plane, form: PixelForm) -> None:
    """The weighted mean of all ways, some of its error on the ring taken off, written into the hole."""
    mine = [np.where(way.known, weight[way.owner], 0) for way, weight in zip(ways, weights, strict=True)]
    total = np.sum(mine, axis=0)
    known = total > 0
    mean = np.sum([weight * way.values for weight, way in zip(mine, ways, strict=True)], axis=0) / np.where(known, total, 1)
    most, ring, hole = MOST_JUMP * (1 << (form.bits - 8)), known & ~sites.is_hole, known & sites.is_hole
    jump = np.clip(plane[sites.y[ring], sites.x[ring]] - mean[ring], -most, most).astype(np.float32)
    correction = JUMP * cells(sites.points, CELL_PX).spread(sites.points[ring], jump, sites.points[hole])
    plane[sites.y[hole], sites.x[hole]] = np.clip(mean[hole] + correction + 0.5, 0, form.peak).astype(plane.dtype)
