"""Detectors on a frame: which views each of them gets, and how what they say becomes one list.

Usually one view a detector, in tiles where the picture is too large for the memory that one pass may take. Thorough: two sizes, each also
mirrored, and several detectors; what they see is fused: boxes that overlap form a cluster, its score is the mean over all views of the best in
each view (0 where a view has none), its box the mean weighted by score. The maximum instead of the mean would raise false alarms with every view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from velatura.detect.fuse import Seen, fused
from velatura.detect.nms import suppress
from velatura.detect.plates import Plates, plates
from velatura.detect.region import Detector, Region, Scores
from velatura.detect.tiles import Tile, tiles
from velatura.media.frame import Frame
from velatura.media.view import InputForm, view

__all__ = ["Only", "find", "scores_of"]

SAME = 0.45  # overlap of two views' boxes of one thing


class Only:
    """A detector of which some labels are wanted."""

    def __init__(self, detector: Detector, labels: frozenset[str]) -> None:
        self.detector, self.labels = detector, labels
        self.name, self.form, self.scores = detector.name, detector.form, detector.scores

    name: str
    form: InputForm
    scores: Scores

    def detect(self, x: NDArray[np.float32], *, threshold: float) -> Sequence[Region]:
        return [region for region in self.detector.detect(x, threshold=threshold) if region.label in self.labels]


def find(frame: Frame, detectors: Sequence[Detector], *, threshold: Literal["low", "high"] = "high", thorough: bool = False) -> list[Region]:
    """Regions of a frame, in pixels of the upright picture, best first for each label.

    Args:
        detectors: as `registry.choose` gives them.
        threshold: down to the scale's `low` (clips, second looks) or to its `high` (still pictures).
        thorough: several views, fused.
    """
    scales = scores_of(detectors, thorough=thorough)
    looked = _Looked(frame, thorough=thorough)
    found: list[Region] = []
    for label in scales:
        mine = [detector for detector in detectors if label in detector.labels]
        seen = looked.together(label, mine)
        least = getattr(scales[label], threshold)
        found += [region for region in seen if region.score >= least]
    return found


def scores_of(detectors: Sequence[Detector], *, thorough: bool = False) -> dict[str, Scores]:
    """The scale of each label's scores, as `find` gives them."""
    scales: dict[str, Scores] = {}
    for detector in detectors:
        for label in sorted(detector.labels):
            scales.setdefault(label, detector.scores)
    if thorough and "face" in scales:
        scales["face"] = FUSED
    return scales


FUSED = Scores(low=0.2, high=0.35, sure=0.7, faint_hits=5)
"""Of faces that several views were fused to."""


class _Looked:
    """What detectors saw on one frame; each looks once."""

    def __init__(self, frame: Frame, *, thorough: bool) -> None:
        self._frame, self._thorough = frame, thorough
        self._seen: dict[int, list[Region]] = {}

    def together(self, label: str, detectors: Sequence[Detector]) -> list[Region]:
        if self._thorough and label == "face":
            return self._fused(detectors)
        regions = [region for detector in detectors for region in self._by(detector) if region.label == label]
        return regions if len(detectors) == 1 else _distinct(regions)

    def _by(self, detector: Detector) -> list[Region]:
        if isinstance(detector, Only):
            return self._by(detector.detector)
        if isinstance(detector, Plates):
            return plates(self._by(detector.text), [region for region in self._by(detector.vehicles) if region.label == "vehicle"])
        if id(detector) not in self._seen:
            self._seen[id(detector)] = seen_by(detector, self._frame)
        return self._seen[id(detector)]

    def _fused(self, detectors: Sequence[Detector]) -> list[Region]:
        views = []
        for detector in detectors:
            for zoom in (1.0, 2.0):
                for flip in (False, True):
                    views.append(Seen(seen_by(detector, self._frame, zoom=zoom, flip=flip), 1.0))
        return fused(views, "face", float(self._frame.time), same=SAME)


def seen_by(detector: Detector, frame: Frame, *, zoom: float = 1.0, flip: bool = False, threshold: float | None = None) -> list[Region]:
    """Regions that one detector sees, in pixels of the upright picture, from one view or its tiles."""
    least = detector.scores.low if threshold is None else threshold
    found: list[Region] = []
    parts = tiles(frame.size, detector.form, getattr(detector, "pass_pixels", 1 << 21), zoom=zoom)
    for part in parts:
        found += _on_tile(detector, frame, part, flip=flip, least=least)
    return found if len(parts) == 1 else _distinct(found)


def _on_tile(detector: Detector, frame: Frame, part: Tile, *, flip: bool, least: float) -> list[Region]:
    seen = view(frame, detector.form, crop=part.crop, zoom=part.zoom, flip=flip)
    width, height = seen.content
    found = []
    for region in detector.detect(seen.x, threshold=least):
        x0, y0, x1, y1 = region.box
        inside = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))  # padding holds nothing
        if inside[0] < inside[2] and inside[1] < inside[3]:
            found.append(Region(seen.to_picture(inside), region.label, region.score, float(frame.time)))
    return found


def _distinct(regions: Sequence[Region]) -> list[Region]:
    """Without duplicates, label by label, best first."""
    by_label: Mapping[str, list[Region]] = {label: [r for r in regions if r.label == label] for label in sorted({r.label for r in regions})}
    kept: list[Region] = []
    for mine in by_label.values():
        boxes = np.array([region.box for region in mine], np.float64).reshape(-1, 4)
        kept += [mine[k] for k in suppress(boxes, np.array([region.score for region in mine]), overlap=SAME)]
    return kept
