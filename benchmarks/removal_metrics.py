"""How well something was taken out of a clip whose truth is known, frame by frame; and what simple fills reach with the true mask.

Pictures are RGB uint8 (height, width, 3); masks bool (height, width); differences are the largest of the three channels, in grey levels.
Object recall: of the object's pixels that differ from the truth by more than 24, the share that came out nearer to the truth than to the source or
within 12 of the truth, or was covered; what is left is leaked. Shadow recall: the same of shadow pixels that are 10 levels darker than the truth and
more.
Area: changed (or masked) pixels over those of object and shadow. Hole PSNR and SSIM: over object and shadow only, of each frame by itself; a mean
over frames is a mean of such values, with more than 50 hole pixels each (errors pooled over frames would give other numbers).
Warping error: mean |out_t - out_t+1 warped| over hole pixels along the truth's own DIS flow (Lai et al. 2018); the truth has one too, which no fill
need go under. Both pictures are judged as they are read back, coder's loss included.
Covered: the fallback's black, in pieces that hold 9 x 9 pixels, most of which the source does not have black, and 2 pixels around, which the coder
smears; asked only of outputs whose report says that something was covered. It shows nothing, so it is no leak; and its place, area and cost in PSNR
are told apart. Limit: what stays of black clothes within such a piece counts as covered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.removal_pasting import Mask, Picture

__all__ = [
    "Flow",
    "Recall",
    "area_ratio",
    "changed",
    "covered",
    "hole_psnr",
    "hole_ssim",
    "inpainted",
    "object_recall",
    "pasted",
    "plate_of",
    "shadow_recall",
    "truth_flow",
    "warping_error",
]

Flow = NDArray[np.float32]
DIFFERS, NEAR = 24, 12
DARK = 10
CHANGED = 10
BLACK, COVER_PX = 12, 9
LEAST_HOLE = 50
"""Pixels; a frame counts with more."""
EQUAL_MSE = 1e-3
"""Of a hole that is right to the last bit: 78 dB."""


@dataclass(frozen=True, slots=True)
class Recall:
    """How many pixels could be seen in the source, and how many of them still show in the output."""

    visible: int
    leaked: int

    @property
    def share(self) -> float:
        """Taken out, 0..1; NaN where nothing was visible."""
        return 1 - self.leaked / self.visible if self.visible else math.nan


def object_recall(truth: Picture, source: Picture, output: Picture, mask: Mask, hidden: Mask | None = None) -> Recall:
    """Of an object under `mask`; `hidden`: what was covered, and so is gone."""
    return _recall(truth, source, output, mask & (_apart(truth, source) > DIFFERS), hidden)


def shadow_recall(truth: Picture, source: Picture, output: Picture, mask: Mask, hidden: Mask | None = None) -> Recall:
    """Of a shadow under `mask`; `hidden` as above."""
    return _recall(truth, source, output, mask & ((truth.astype(np.int16) - source).max(axis=2) >= DARK), hidden)


def covered(source: Picture, output: Picture) -> Mask:
    """What the fallback covered; see above."""
    black = (output.max(axis=2) <= BLACK).astype(np.uint8)
    pieces = cv2.morphologyEx(black, cv2.MORPH_OPEN, np.ones((COVER_PX, COVER_PX), np.uint8))
    count, labels = cv2.connectedComponents(pieces)
    area = np.bincount(labels.ravel(), minlength=count)
    fresh = np.bincount(labels.ravel(), weights=changed(source, output).ravel(), minlength=count)
    kept = fresh > 0.5 * area
    kept[0] = False
    return np.asarray(cv2.dilate(kept[labels].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)


def changed(source: Picture, output: Picture) -> Mask:
    """Where an output differs from its source by more than the coder does."""
    return np.asarray(_apart(source, output) > CHANGED)


def area_ratio(masked: Mask, hole: Mask) -> float:
    """Masked (or changed) pixels over those of object and shadow; infinite where there is neither and something is masked, NaN where nothing is."""
    over, under = int(masked.sum()), int(hole.sum())
    return over / under if under else math.inf if over else math.nan


def hole_psnr(truth: Picture, output: Picture, hole: Mask) -> float:
    """dB over all channels; NaN for a hole of 50 pixels or fewer."""
    if hole.sum() <= LEAST_HOLE:
        return math.nan
    error = truth[hole].astype(np.float64) - output[hole]
    return 10 * math.log10(255**2 / max(float((error**2).mean()), EQUAL_MSE))


def hole_ssim(truth: Picture, output: Picture, hole: Mask) -> float:
    """Mean over the hole of the structural similarity of brightness (Wang et al. 2004, Gaussian of sigma 1.5); NaN as `hole_psnr`.

    Windows at the hole's rim reach over it, where both are alike: a thin hole looks better than its middle.
    """
    if hole.sum() <= LEAST_HOLE:
        return math.nan
    a, b = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64) for picture in (truth, output))
    mean_a, mean_b = _smooth(a), _smooth(b)
    spread = _smooth(a * a) - mean_a**2 + _smooth(b * b) - mean_b**2
    both = _smooth(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (spread + c2))
    return float(likeness[hole].mean())


def truth_flow(truth: Picture, following: Picture) -> Flow:
    """(height, width, 2): where each pixel of a clean frame lies in the next one, minus where it is; DIS, fast."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    a, b = (np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)) for picture in (truth, following))
    return np.asarray(dis.calc(a, b, np.zeros((*a.shape, 2), np.float32)), np.float32)


def warping_error(output: Picture, following: Picture, flow: Flow, hole: Mask) -> float:
    """Grey levels, over the hole of the first frame, as far as the flow stays in the picture; NaN where that is nowhere."""
    height, width = hole.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = x + flow[..., 0], y + flow[..., 1]
    kept = hole & (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    if not kept.any():
        return math.nan
    warped = cv2.remap(following.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return float(np.abs(output[kept] - warped[kept]).mean())


def inpainted(source: Picture, hole: Mask, radius: int, *, navier_stokes: bool = False) -> Picture:
    """The baseline of Telea (2004), or of Bertalmio et al. (2001), with the true hole grown by a pixel, so that it cannot lose by what it misses."""
    how = cv2.INPAINT_NS if navier_stokes else cv2.INPAINT_TELEA
    return np.asarray(cv2.inpaint(source, _grown(hole), radius, how), np.uint8)


def plate_of(frames: Sequence[Picture]) -> Picture:
    """The baseline of a plate: the temporal median."""
    return np.asarray(np.floor(np.median(np.stack(frames), axis=0) + 0.5), np.uint8)


def pasted(source: Picture, plate: Picture, hole: Mask) -> Picture:
    """A plate under the true hole grown by a pixel."""
    return np.where(_grown(hole)[..., None] > 0, plate, source)


def _recall(truth: Picture, source: Picture, output: Picture, visible: Mask, hidden: Mask | None) -> Recall:
    to_truth, to_source = _apart(truth, output), _apart(source, output)
    gone = (to_truth < to_source) | (to_truth <= NEAR)
    if hidden is not None:
        gone |= hidden
    return Recall(int(visible.sum()), int((visible & ~gone).sum()))


def _apart(a: Picture, b: Picture) -> NDArray[np.uint8]:
    return np.asarray(cv2.absdiff(a, b).max(axis=2), np.uint8)


def _grown(hole: Mask) -> NDArray[np.uint8]:
    return np.asarray(cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)), np.uint8)


def _smooth(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cv2.GaussianBlur(picture, (11, 11), 1.5, borderType=cv2.BORDER_REFLECT_101), np.float64)
