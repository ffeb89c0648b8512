"""A finished clip against its scene: every figure of `benchmarks/removal_metrics.py`, over all frames, one frame of each clip held at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from benchmarks import removal_metrics as metrics
from benchmarks.removal_files import Files, holes, pictures
from benchmarks.removal_pasting import Mask, Picture

__all__ = ["Judged", "Tally", "judge", "leaking", "least", "masks_in", "mean"]

LEAKS = 0.05
"""Share of an object's visible pixels that show: a frame leaks with more. Rims that the coder smears stay under it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One output. NaN: there was nothing to measure.

    Attributes:
        recall, recall_worst: of objects, mean over frames and worst frame; `shadow`, `shadow_worst`: the same of shadows.
        area: masked pixels of the whole clip over those of objects and shadows.
        leaked: object pixels that show, in all frames; `leaking`: the frames that leak. What was covered is gone.
        covered: frames of which something was covered; `covered_area`: of all pixels of the clip.
        psnr, psnr_worst, ssim: of holes, covers counted as they look.
        outside: PSNR of everything outside of the holes, mean over frames: what the coder and masks that are too wide cost.
        warping: error of the output; `truth_warping`: of the truth.
    """

    frames: int
    recall: float
    recall_worst: float
    shadow: float
    shadow_worst: float
    area: float
    leaked: int
    leaking: tuple[int, ...]
    covered: tuple[int, ...]
    covered_area: float
    psnr: float
    psnr_worst: float
    ssim: float
    outside: float
    warping: float
    truth_warping: float


@dataclass(slots=True)
class Tally:
    """What was measured of the frames so far; see `Judged`."""

    recall: list[float] = field(default_factory=list)
    shadow: list[float] = field(default_factory=list)
    psnr: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    outside: list[float] = field(default_factory=list)
    warping: list[float] = field(default_factory=list)
    truth_warping: list[float] = field(default_factory=list)
    leaked: int = 0
    masked: int = 0
    holes: int = 0
    covered: list[float] = field(default_factory=list)
    _before: tuple[Picture, Picture, Mask] | None = None

    def add(
        self, truth: Picture, source: Picture, output: Picture, body: Mask, shade: Mask, masked: Mask | None = None, *, covers: bool = False
    ) -> None:
        """The next frame; `masked`: None takes what was changed; `covers`: the report says that something was covered."""
        hole = body | shade
        hidden = metrics.covered(source, output) if covers else None
        self.covered.append(0.0 if hidden is None else float(hidden.mean()))
        gone = metrics.object_recall(truth, source, output, body, hidden)
        self.recall.append(gone.share)
        self.leaked += gone.leaked
        self.shadow.append(metrics.shadow_recall(truth, source, output, shade, hidden).share)
        self.masked += int((metrics.changed(source, output) if masked is None else masked).sum())
        self.holes += int(hole.sum())
        self.psnr.append(metrics.hole_psnr(truth, output, hole))
        self.ssim.append(metrics.hole_ssim(truth, output, hole))
        self.outside.append(metrics.hole_psnr(truth, output, ~hole))
        self._warp(truth, output)
        self._before = (truth, output, hole)

    def judged(self) -> Judged:
        area = self.masked / self.holes if self.holes else math.nan
        return Judged(
            len(self.recall),
            mean(self.recall),
            least(self.recall),
            mean(self.shadow),
            least(self.shadow),
            area,
            self.leaked,
            leaking(self.recall),
            tuple(index for index, share in enumerate(self.covered) if share),
            mean(self.covered),
            mean(self.psnr),
            least(self.psnr),
            mean(self.ssim),
            mean(self.outside),
            mean(self.warping),
            mean(self.truth_warping),
        )

    def _warp(self, truth: Picture, output: Picture) -> None:
        if self._before is None or not self._before[2].any():
            return
        true_before, before, hole = self._before
        flow = metrics.truth_flow(true_before, truth)
        self.warping.append(metrics.warping_error(before, output, flow, hole))
        self.truth_warping.append(metrics.warping_error(true_before, truth, flow, hole))


def judge(files: Files, output: Path, *, masks: Path | None = None, covers: bool = False) -> Judged:
    """A finished clip; `masks`: the folder of `--masks-out`, else area is what was changed; `covers`: its report says that something was covered.

    Raises:
        ValueError: the clips differ in their number of frames.
    """
    tally = Tally()
    truth, source, made = (pictures(clip) for clip in (files.clean, files.composite, output))
    masked: Iterator[Mask | None] = iter(masks_in(masks)) if masks is not None else _nothing()
    for clean, shown, out, (body, shade) in zip(truth, source, made, holes(files), strict=True):
        tally.add(clean, shown, out, body, shade, next(masked), covers=covers)
    return tally.judged()


def leaking(shares: Sequence[float]) -> tuple[int, ...]:
    """Frames whose object shows by more than 5 % of its visible pixels, from each frame's recall."""
    return tuple(index for index, share in enumerate(shares) if share < 1 - LEAKS)


def masks_in(folder: Path) -> Iterator[Mask]:
    """The masks of a folder in the order of their names; 128 and above is masked."""
    for path in sorted(folder.glob("*.png")):
        yield np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) >= 128


def _nothing() -> Iterator[Mask | None]:
    while True:
        yield None


def mean(values: Iterable[float]) -> float:
    """Of what is a number; NaN where nothing is."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def least(values: Iterable[float]) -> float:
    """Of what is a number; NaN where nothing is."""
    return min((value for value in values if not math.isnan(value)), default=math.nan)
