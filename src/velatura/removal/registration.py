"""Where a picture lies in another one: a similarity for a camera that sways, a homography for one that moves; and planes carried by either.

Corners of the reference (Shi and Tomasi) are followed by pyramidal Lucas-Kanade and back again; those that do not come home are dropped, the rest
vote (RANSAC, MAGSAC), and the winners are fitted by weighted least squares. Where too few agree the answer is None, never a guess.
Memory: two pyramids of grey pictures with their gradients, about 12 bytes a pixel; about 7 ms of one core at 640x360.
Limits: a similarity or a plane, no lens and no rolling shutter; what lies nearer or further than most of the scene is carried wrongly.
Sources: Shi, Tomasi, CVPR 1994; Bouguet 2001 (pyramidal Lucas-Kanade); Barath et al., MAGSAC++, CVPR 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import PixelForm, Plane
from velatura.removal.planes import Mask, Planes

__all__ = ["Matrix", "Reference", "Registered", "furthest", "homography", "identity", "register", "similarity", "warp"]

Matrix = NDArray[np.float64]
"""(3, 3), from the reference's pixels to the frame's; pixel centres lie on whole numbers."""
Grey = NDArray[np.uint8]
Points = NDArray[np.float32]

MOST_POINTS = 400
QUALITY, APART_PX = 0.004, 7
WINDOW, LEVELS = 21, 3
MOVES_WINDOW = 11  # where corners vote on a homography from frame to frame: as good as 21, at a third of the cost
HOME_PX = 0.5  # forward and back again
SWAY_PX, MOVES_PX = 0.7, 1.5
STAYED_PX = 0.15  # registered to better than that is as good as it gets
BETTER = 2.5  # times nearer than no motion at all; leaves and coder noise came to 2.0 on cameras that stand, a sway of .2 px to 2.7 and more
EVERY, MOST_GAIN = 8, 1.3
ROUNDS, LEAST_OFF_PX = 5, 0.03
FEWEST = 12
AGREE = 0.35  # of the points that were found again
MOST_ZOOM = 1.2  # a similarity beyond it is no sway


class Reference:
    """A picture and its corners.

    Args:
        grey: (height, width) uint8.
        usable: where corners may lie; None: everywhere.
        most: corners.
    """

    def __init__(self, grey: Grey, usable: Mask | None = None, *, most: int = MOST_POINTS) -> None:
        self.grey = np.ascontiguousarray(grey)
        mask: Any = None if usable is None else usable.astype(np.uint8)
        found = cv2.goodFeaturesToTrack(self.grey, most, QUALITY, APART_PX, mask=mask)
        self.points: Points = np.zeros((0, 1, 2), np.float32) if found is None else np.asarray(found, np.float32)


@dataclass(frozen=True, slots=True)
class Registered:
    """How a picture was registered.

    Attributes:
        matrix: the similarity from the reference to the picture; None where too few corners agree on one.
        agree: corners that agree on it; share: of all that were found again.
        moved_px: how far those that agree move, root mean square.
        unmoved: corners within .7 pixels of where they were.
        moves: the similarity brings corners nearer by so much that something other than noise moved them all.
    """

    matrix: Matrix | None
    agree: int = 0
    share: float = 0.0
    moved_px: float = 0.0
    unmoved: int = 0
    moves: bool = False


def register(reference: Reference, grey: Grey, usable: Mask | None = None) -> Registered:
    """A picture of the reference's size against the reference.

    Args:
        grey: (height, width) uint8.
        usable: where the picture shows the scene; None: everywhere.
    """
    pairs = _pairs(reference, grey, usable)
    if pairs is None:
        return Registered(None)
    here, there = pairs
    away = np.linalg.norm(there - here, axis=1)
    unmoved = int((away < SWAY_PX).sum())
    found, inliers = cv2.estimateAffinePartial2D(here, there, method=cv2.RANSAC, ransacReprojThreshold=SWAY_PX, maxIters=500, confidence=0.995)
    if found is None:
        return Registered(None, unmoved=unmoved)
    near = inliers.ravel() > 0
    agree, share = int(near.sum()), float(near.mean())
    if agree < 2:
        return Registered(None, agree, share, unmoved=unmoved)
    matrix = _settled(here[near], there[near])
    carried = _carried(here, matrix)
    moved = float(np.sqrt(((carried - here)[near] ** 2).sum(axis=1).mean()))
    moves = float(np.median(away)) > max(STAYED_PX, BETTER * float(np.median(np.linalg.norm(carried - there, axis=1))))
    zoom = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    sure = agree >= FEWEST and share >= AGREE and 1 / MOST_ZOOM <= zoom <= MOST_ZOOM
    return Registered(matrix if sure else None, agree, share, moved, unmoved, moves)


def similarity(reference: Reference, grey: Grey, usable: Mask | None = None) -> Matrix | None:
    """Turn, zoom and shift from the reference to a picture of the same size; None where too few corners agree. Arguments as of `register`."""
    return register(reference, grey, usable).matrix


def homography(reference: Reference, grey: Grey, usable: Mask | None = None) -> Matrix | None:
    """The plane's motion from the reference to a picture; None where too few corners agree. Arguments as of `register`."""
    pairs = _pairs(reference, grey, usable, window=MOVES_WINDOW)
    if pairs is None:
        return None
    found, inliers = cv2.findHomography(pairs[0], pairs[1], cv2.USAC_MAGSAC, MOVES_PX, maxIters=2000, confidence=0.999)
    agree = 0 if found is None else int((inliers.ravel() > 0).sum())
    if agree < FEWEST or agree < AGREE * len(pairs[0]):
        return None
    matrix = np.asarray(found, np.float64)
    return matrix if np.isfinite(matrix).all() and abs(np.linalg.det(matrix)) > 1e-6 else None


def identity(matrix: Matrix, size: tuple[int, int], px: float = 0.15) -> bool:
    """Whether no corner of a picture of `size` (width, height) moves further than `px` pixels."""
    return furthest(matrix, size) <= px


def furthest(matrix: Matrix, size: tuple[int, int]) -> float:
    """How far the corner that moves most moves, in pixels."""
    width, height = size
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]], np.float64).T
    moved = matrix @ corners
    away = moved[:2] / moved[2:] - corners[:2]
    return float(np.hypot(*away).max())


def warp(planes: Planes, form: PixelForm, matrix: Matrix, *, size: tuple[int, int] | None = None, cubic: bool = True) -> tuple[list[Plane], Mask]:
    """Planes carried by a matrix, each sampled once; and the pixels that came from inside of them. What lies outside repeats the border.

    `warp(plate, form, similarity(plate's reference, frame))` lies as the frame does. Chroma lies in the middle of its block (as in `media.view`).

    Args:
        matrix: (3, 3) from the planes' pixels to those of the result.
        size: (width, height) of the result; None: that of the planes.
        cubic: sharper than linear, and twice its time.
    """
    height, width = planes[0].shape
    size = size or (width, height)
    how = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    made: list[Plane] = []
    for index, (plane, shape) in enumerate(zip(planes, form.shapes(*size), strict=True)):
        moved = _moved(plane, _subsampled(matrix, form.subsampled(index)), (shape[1], shape[0]), how, cv2.BORDER_REPLICATE)
        made.append(np.minimum(moved, form.peak).astype(plane.dtype) if form.bits not in (8, 16) else moved)  # a cubic overshoots
    inside = _moved(np.full((height, width), 255, np.uint8), matrix, size, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)
    return made, np.asarray(inside == 255)


def _moved(plane: Plane, matrix: Matrix, size: tuple[int, int], how: int, border: int) -> Plane:
    if matrix[2, 0] == matrix[2, 1] == 0:
        return np.asarray(cv2.warpAffine(plane, matrix[:2] / matrix[2, 2], size, flags=how, borderMode=border), plane.dtype)
    return np.asarray(cv2.warpPerspective(plane, matrix, size, flags=how, borderMode=border), plane.dtype)


def _subsampled(matrix: Matrix, shifts: tuple[int, int]) -> Matrix:
    """The same motion in samples of a plane whose sample k lies at pixel (k + .5) * 2^shift - .5."""
    sx, sy = 2.0 ** shifts[0], 2.0 ** shifts[1]
    if sx == sy == 1:
        return matrix
    to_pixels = np.array([[sx, 0, sx / 2 - 0.5], [0, sy, sy / 2 - 0.5], [0, 0, 1]])
    return np.asarray(np.linalg.inv(to_pixels) @ matrix @ to_pixels)


def _pairs(reference: Reference, grey: Grey, usable: Mask | None, *, window: int = WINDOW) -> tuple[Points, Points] | None:
    """Corners that were found again and came home."""
    points, grey = reference.points, np.ascontiguousarray(grey)
    if len(points) < FEWEST or grey.shape != reference.grey.shape:
        return None
    first, grey = _evened(reference.grey, grey)
    look: Any = {"winSize": (window, window), "maxLevel": LEVELS, "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01)}
    there, found, _ = cv2.calcOpticalFlowPyrLK(first, grey, points, np.zeros_like(points), **look)
    points, there = points[found.ravel() == 1], there[found.ravel() == 1]
    if len(points) < FEWEST:
        return None
    home, back, _ = cv2.calcOpticalFlowPyrLK(grey, first, there, points.copy(), flags=cv2.OPTFLOW_USE_INITIAL_FLOW, **look)
    keep = (back.ravel() == 1) & (np.linalg.norm((home - points).reshape(-1, 2), axis=1) < HOME_PX)
    if usable is not None:
        height, width = grey.shape
        at = np.rint(there.reshape(-1, 2)).astype(np.intp)
        within = (at[:, 0] >= 0) & (at[:, 0] < width) & (at[:, 1] >= 0) & (at[:, 1] < height)
        keep &= within
        keep[within] &= usable[at[within, 1], at[within, 0]]
    if keep.sum() < FEWEST:
        return None
    return points[keep].reshape(-1, 2), there[keep].reshape(-1, 2)


def _evened(a: Grey, b: Grey) -> tuple[Grey, Grey]:
    """The brighter one darkened to the other: Lucas-Kanade takes a step of brightness for one of place (6 %: twice the error)."""
    gain = float(np.median(a[::EVERY, ::EVERY])) / max(float(np.median(b[::EVERY, ::EVERY])), 1.0)
    if not 1 / MOST_GAIN <= gain <= MOST_GAIN or abs(gain - 1) < 0.01:
        return a, b
    if gain > 1:
        return np.asarray(cv2.convertScaleAbs(a, alpha=1 / gain), np.uint8), b
    return a, np.asarray(cv2.convertScaleAbs(b, alpha=gain), np.uint8)


def _carried(points: Points, matrix: Matrix) -> NDArray[np.float64]:
    return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2])


def _settled(here: Points, there: Points) -> Matrix:
    """Least squares, again and again, each time with less weight for what lies off (Geman and McClure): strong corners agree to a twentieth of a
    pixel, corners of noise to half of one."""
    weights = np.ones(len(here))
    matrix = np.eye(3)
    for _ in range(ROUNDS):
        matrix = _least_squares(here, there, weights)
        off = np.linalg.norm(_carried(here, matrix) - there, axis=1)
        weights = 1 / (1 + (off / max(LEAST_OFF_PX, float(np.median(off)))) ** 2) ** 2
    return matrix


def _least_squares(here: Points, there: Points, weights: NDArray[np.float64]) -> Matrix:
    """The similarity that carries the one set onto the other with the least squared error (Umeyama, IEEE TPAMI 1991, without reflections)."""
    share = (weights / weights.sum())[:, None]
    a, b = here.astype(np.float64), there.astype(np.float64)
    mean_a, mean_b = (a * share).sum(axis=0), (b * share).sum(axis=0)
    a, b = a - mean_a, b - mean_b
    power = float((share * a**2).sum()) or 1.0
    cos = float((share * a * b).sum()) / power
    sin = float((share[:, 0] * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])).sum()) / power
    turn = np.array([[cos, -sin], [sin, cos]])
    shift = mean_b - turn @ mean_a
    return np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]], [0, 0, 1]])
