"""Detectors on a frame: which views each of them gets, and how what they say becomes one list.

Usually one view a detector. Thorough: faces are looked for at three sizes, mirrored, and with several detectors, and what all views say is fused
(see `fuse`); everything else is looked for in the whole and in its quarters. Detectors of one label that a person named together are united.
Limit: what no detector knows stays: a face from behind, a plate without text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from velatura.detect.fuse import fused
from velatura.detect.looking import distinct, seen
from velatura.detect.plates import FAINT_VEHICLE, Plates, plates
from velatura.detect.region import Detector, Region, Scores
from velatura.detect.way import Way
from velatura.media.frame import Frame

__all__ = ["Only", "find", "scores_of"]

FUSED = 0.72  # a mean over views, some of which miss, is lower than one view's score
SAME_FUSED = 0.5  # overlap of two views' boxes of one face
FAINTEST = 0.4  # of a detector's lowest bound: what a view may add to a mean


class Only:
    """A detector of which some labels are wanted."""

    def __init__(self, detector: Detector, labels: frozenset[str]) -> None:
        self.detector, self.labels = detector, labels
        self.name, self.form, self.scores = detector.name, detector.form, detector.scores

    def detect(self, x: NDArray[np.float32], *, threshold: float) -> Sequence[Region]:
        return [region for region in self.detector.detect(x, threshold=threshold) if region.label in self.labels]


def find(frame: Frame, detectors: Sequence[Detector], *, threshold: Literal["low", "still"] = "still", thorough: bool = False) -> list[Region]:
    """Regions of a frame, in pixels of the upright picture, without duplicates.

    Args:
        detectors: as `registry.choose` gives them.
        threshold: which bound of the scale counts: `low` where time will tell (clips, second looks), `still` where a picture is alone.
        thorough: more views, fused: slower, finds more.
    """
    looked = _Looked(frame, thorough=thorough)
    found: list[Region] = []
    for label, scale in scores_of(detectors, thorough=thorough).items():
        least = scale.low if threshold == "low" else scale.still or scale.high
        found += [region for region in looked.of(label, detectors) if region.score >= least]
    return found


def scores_of(detectors: Sequence[Detector], *, thorough: bool = False) -> dict[str, Scores]:
    """The scale of each label's scores, as `find` gives them; of several detectors that are united the lowest bounds, so that none is ignored."""
    scales: dict[str, Scores] = {}
    for label in dict.fromkeys(label for detector in detectors for label in sorted(detector.labels)):
        mine = [detector.scores for detector in detectors if label in detector.labels]
        faint = max(scores.faint_hits for scores in mine)
        bounds = np.array([(s.low, s.high, s.sure, s.still or s.high) for s in mine], np.float64)
        of_all = bounds.mean(axis=0) * FUSED if thorough and label == "face" else bounds.min(axis=0)
        low, high, sure, still = (float(bound) for bound in of_all)
        scales[label] = Scores(low, high, sure, faint, still)
    return scales


class _Looked:
    """What detectors saw on one frame; each looks once."""

    def __init__(self, frame: Frame, *, thorough: bool) -> None:
        self._frame, self._thorough = frame, thorough
        self._seen: dict[tuple[int, float], list[Region]] = {}

    def of(self, label: str, detectors: Sequence[Detector]) -> list[Region]:
        mine = [detector for detector in detectors if label in detector.labels]
        if self._thorough and label == "face":
            return self._fused(mine, label)
        regions = [region for detector in mine for region in self._by(detector) if region.label == label]
        return regions if len(mine) == 1 else distinct(regions)

    def _fused(self, detectors: Sequence[Detector], label: str) -> list[Region]:
        ways = [(detector, way) for detector in detectors for way in _ways(detector, alone=len(detectors) == 1)]
        views = [seen(detector, self._frame, way, least=_least(detector.scores) * FAINTEST) for detector, way in ways]
        return fused(views, label, float(self._frame.time), weights=[way.weight for _, way in ways], same=SAME_FUSED)

    def _by(self, detector: Detector, *, least: float = 0.0) -> list[Region]:
        if isinstance(detector, Only):
            return self._by(detector.detector)
        if isinstance(detector, Plates):
            return plates(self._by(detector.text), self._by(detector.vehicles, least=FAINT_VEHICLE))
        least = least or _least(detector.scores)
        if (id(detector), least) not in self._seen:
            self._seen[id(detector), least] = self._look(detector, least)
        return self._seen[id(detector), least]

    def _look(self, detector: Detector, least: float) -> list[Region]:
        """Thorough: small things too, for networks that see little of a large picture."""
        whole = seen(detector, self._frame, least=least)
        return distinct([*whole, *seen(detector, self._frame, Way(zoom=2.0), least=least)]) if self._thorough else whole


def _ways(detector: Detector, *, alone: bool) -> tuple[Way, ...]:
    """How a thorough search looks with one detector of faces; alone it has to make up for the others."""
    ways: tuple[Way, ...] = getattr(detector, "ways", (Way(), Way(flip=True)))
    return tuple(dict.fromkeys((*ways, *(replace(way, flip=not way.flip) for way in ways)))) if alone else ways


def _least(scores: Scores) -> float:
    return min(scores.low, scores.still or scores.high)
