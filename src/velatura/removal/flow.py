"""How the background moves from one frame to another: a homography, and on top of it a dense flow that no masked object has touched.

The homography carries what the camera's turning does; parallax is left to dense inverse search (DIS) after warping by it. Within 7 pixels of a hole
of either frame the other frame is replaced by this one before the search: the search smears an object's motion 10 to 20 pixels into the background,
and what is copied along that motion is worse (by 8 dB) than no flow at all. There, and where the flow explains the picture no better than the
homography does, the flow is completed from around by push-pull.
Flow is sought one way, on pictures of at most 960 pixels' width (at half size it costs .8 dB there), kept at a quarter of that (DIS itself ends
there, and enlarges), and turned round for the way back: a search of its own costs twice as much, and its donors are no better (by -.06 dB). What
changes of the exposure between the frames is kept with it, as one gain.
Limits: pictures whose shorter side is less than 32 pixels have no flow; parallax inside a hole is guessed from around it.
Sources: Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016; completing the flow before colours: Xu et al., Deep Flow-Guided
Video Inpainting, CVPR 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.removal.planes import Mask
from velatura.removal.push_pull import push_pull
from velatura.removal.registration import Matrix, Reference, homography

__all__ = ["LEAST_SIDE", "Link", "Look", "linked", "moved", "sampled", "turned"]

Grey = NDArray[np.uint8]
Points = NDArray[np.float32]

LEAST_SIDE = 32
WIDE_PX = 960
NEUTRAL_PX, FAR_PX = 13, 15  # sides of the squares, at full size: where the search is blinded, and how much further it is not believed
CORNERS = 600  # half as many again as a sway needs: they carry donors over dozens of frames, and that gains half a decibel
MOST_GAIN = 2.0  # beyond it lies a fade, and what is carried across would be noise
CLIPPED = 250
EXPOSURE_LIKE = 40.0  # levels
BETTER = 2  # grey levels that warping by the flow may be worse than without it
SMOOTH_PX = 3.0
KEPT = 4  # pixels of the search for one of the flow
TURNS = 3  # each leaves as much of the error as the flow differs from one pixel to the next: a hundredth after three
ROW = 256  # remap refuses 32,767 rows or more of a list of points


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A frame as the motion sees it.

    Attributes:
        grey: (height, width).
        hole: of the same size: what must not be looked at; None where nothing.
        black: the level of black.
    """

    grey: Grey
    hole: Mask | None
    black: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """Where the background of one frame lies in another: at `matrix` of (point + `residual` there).

    Attributes:
        matrix: (3, 3), of points of the whole frame.
        residual: (height, width, 2) float32, reduced, in pixels of the whole frame.
        gain: what was there times this looks as here, black being 0.
        size: (width, height) of the frame.
    """

    matrix: Matrix
    residual: NDArray[np.float32]
    gain: float
    size: tuple[int, int]


def turned(a: Look, b: Look) -> Matrix | None:
    """The homography from a to b; None where the two frames do not agree on one."""
    if min(a.grey.shape) < LEAST_SIDE or a.grey.shape != b.grey.shape:
        return None
    usable: list[Mask | None] = [None if one.hole is None else ~_grown(one.hole, 5) for one in (a, b)]
    return homography(Reference(a.grey, usable[0], most=CORNERS), b.grey, usable[1])


def linked(a: Look, b: Look, matrix: Matrix | None) -> tuple[Link, Link] | None:
    """The background's way from a to b and back; None where they are not `turned` by a matrix, or one is twice as bright as the other."""
    if matrix is None:
        return None
    there = _link(_small(a), _small(b), matrix, (a.grey.shape[1], a.grey.shape[0]))
    return (there, _back(there)) if 1 / MOST_GAIN <= there.gain <= MOST_GAIN else None


def moved(link: Link, points: Points) -> Points:
    """Points (n, 2) of a frame, x and y, where the link carries them."""
    if not len(points):
        return points
    there = points + sampled(link.residual, _reduced_points(link, points))
    return np.asarray(cv2.perspectiveTransform(there[:, None], link.matrix), np.float32)[:, 0]


def sampled(picture: NDArray[Any], points: Points, way: int = cv2.INTER_LINEAR) -> NDArray[Any]:
    """Values of a picture (height, width) or (height, width, c) at points (n, 2), in its own type; outside of it those of its border.

    Args:
        way: `cv2.INTER_NEAREST`, `INTER_LINEAR` or `INTER_CUBIC`.
    """
    count = len(points)
    if not count:
        return np.zeros((0, *picture.shape[2:]), picture.dtype)
    listed = np.zeros((-(-count // ROW) * ROW, 2), np.float32)
    listed[:count] = points
    values = np.asarray(cv2.remap(picture, listed.reshape(-1, ROW, 2), None, way, borderMode=cv2.BORDER_REPLICATE))  # type: ignore[call-overload]
    return values.reshape(-1, *picture.shape[2:])[:count]


def _small(one: Look) -> Look:
    height, width = one.grey.shape
    times = -(-width // WIDE_PX)
    if times == 1:
        return one
    small = (-(-width // times), -(-height // times))
    hole = None if one.hole is None else np.asarray(cv2.resize(one.hole.astype(np.uint8) * 255, small, interpolation=cv2.INTER_AREA)) > 0
    return Look(np.asarray(cv2.resize(one.grey, small, interpolation=cv2.INTER_AREA), np.uint8), hole, one.black)


def _link(a: Look, b: Look, matrix: Matrix, size: tuple[int, int]) -> Link:
    """From a to b, which are small; `matrix` and `size` are those of whole frames."""
    height, width = a.grey.shape
    sx, sy = size[0] / width, size[1] / height
    warped, hidden = _warped(b, _reduced(matrix, sx, sy))
    hidden = hidden if a.hole is None else hidden | a.hole
    gain = _gain(a, warped, hidden)
    near = _grown(hidden, round(NEUTRAL_PX / sx))
    seen = np.asarray(cv2.copyTo(a.grey, near.view(np.uint8), _brighter(warped, gain, a.black)), np.uint8)
    search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    residual = np.asarray(search.calc(a.grey, seen, None), np.float32)
    known = ~_grown(near, round(FAR_PX / sx)) & _explains(a.grey, seen, residual)
    whole = _completed(residual, known, (-(-width // KEPT), -(-height // KEPT)))
    smooth = np.asarray(cv2.GaussianBlur(whole, (0, 0), SMOOTH_PX / sx / KEPT), np.float32) * np.array([sx, sy], np.float32)
    return Link(matrix, smooth, gain, size)


def _back(link: Link) -> Link:
    """From where a link leads: q = matrix (p + residual(p)) is solved for p at every q."""
    height, width = link.residual.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    q = (np.stack([x, y], axis=-1) + np.float32(0.5)) * _scale(link) - np.float32(0.5)
    matrix = np.asarray(np.linalg.inv(link.matrix), np.float64)
    home = np.asarray(cv2.perspectiveTransform(q, matrix), np.float32)
    p = home
    for _ in range(TURNS):
        p = home - sampled(link.residual, _reduced_points(link, p).reshape(-1, 2)).reshape(p.shape)
    return Link(matrix, np.asarray(cv2.perspectiveTransform(p, link.matrix), np.float32) - q, 1 / link.gain, link.size)


def _scale(link: Link) -> NDArray[np.float32]:
    """Pixels of the frame for one of the residual, across and down."""
    height, width = link.residual.shape[:2]
    return np.array([link.size[0] / width, link.size[1] / height], np.float32)


def _reduced_points(link: Link, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Points of the frame (..., 2), in pixels of the residual."""
    return (points + np.float32(0.5)) / _scale(link) - np.float32(0.5)


def _completed(residual: NDArray[np.float32], known: Mask, size: tuple[int, int]) -> NDArray[np.float32]:
    """The flow where it is known, and a smooth surface through it elsewhere, at a smaller size."""
    weight = np.asarray(cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)
    mean = np.asarray(cv2.resize(cv2.copyTo(residual, known.view(np.uint8)), size, interpolation=cv2.INTER_AREA), np.float32)
    mean /= np.maximum(weight, 1e-6)[..., None]
    return push_pull(mean, weight > 0)


def _gain(a: Look, warped: Grey, hidden: Mask) -> float:
    """The exposure of a over b's: a ratio of sums over a sample of what both show unclipped and alike."""
    mine, other, usable = a.grey[::3, ::3].astype(np.float32), warped[::3, ::3].astype(np.float32), ~hidden[::3, ::3]
    usable &= (mine > a.black) & (other > a.black) & (mine < CLIPPED) & (other < CLIPPED)
    gain = 1.0
    for _ in range(2):
        used = usable & (np.abs(mine - a.black - gain * (other - a.black)) < EXPOSURE_LIKE)
        below = float((other[used] - a.black).sum())
        gain = float((mine[used] - a.black).sum()) / below if below > 0 else 1.0
    return gain


def _brighter(grey: Grey, gain: float, black: int) -> Grey:
    return np.asarray(cv2.convertScaleAbs(grey, alpha=gain, beta=black * (1 - gain)), np.uint8)


def _warped(b: Look, matrix: Matrix) -> tuple[Grey, Mask]:
    """b as the homography sees it from a, and where it shows nothing of the background."""
    height, width = b.grey.shape
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = np.asarray(cv2.warpPerspective(b.grey, matrix, (width, height), flags=way, borderMode=cv2.BORDER_CONSTANT), np.uint8)
    free = np.full((height, width), 255, np.uint8) if b.hole is None else ~(b.hole.view(np.uint8) * np.uint8(255))
    free = np.asarray(cv2.warpPerspective(free, matrix, (width, height), flags=way, borderMode=cv2.BORDER_CONSTANT), np.uint8)
    return warped, free < 250


def _explains(a: Grey, seen: Grey, residual: NDArray[np.float32]) -> Mask:
    height, width = a.shape
    x, y = residual[..., 0] + np.arange(width, dtype=np.float32), residual[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    after = cv2.remap(seen, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    worse = np.asarray(cv2.subtract(cv2.absdiff(a, after), cv2.absdiff(a, seen)), np.uint8)  # 0 where it is better
    return worse < BETTER


def _reduced(matrix: Matrix, sx: float, sy: float) -> NDArray[np.float64]:
    """The same homography between reduced frames; a pixel's centre lies at its half."""
    up = np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1]])
    return np.asarray(np.linalg.inv(up) @ matrix @ up, np.float64)


def _grown(mask: Mask, side: int) -> Mask:
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((side | 1, side | 1), np.uint8)), np.uint8).view(np.bool_)
