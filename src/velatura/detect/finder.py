"""Detectors that work together on a frame, with the scale of scores of each label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

from velatura.detect.region import Detector, Region, Scores
from velatura.detect.search import find, scores_of
from velatura.media.frame import Frame

if TYPE_CHECKING:
    from velatura.models.store import ModelStore

__all__ = ["Finder"]


class Finder:
    """A `detection.Search`.

    Args:
        detectors: loaded ones.
        thorough: tiles, mirrored views, all detectors of a label together.
    """

    def __init__(self, detectors: Sequence[Detector], *, thorough: bool = False) -> None:
        self._detectors, self._thorough = tuple(detectors), thorough
        self._scores = scores_of(detectors, thorough=thorough)

    @classmethod
    def choose(cls, targets: Sequence[str], *, store: ModelStore | None = None, thorough: bool = False, detectors: Sequence[str] = ()) -> Self:
        """The detectors that are here for some targets, or those that are named. Raises BadSpec for an unknown name, Missing `models.none`."""
        from velatura.detect.registry import choose
        from velatura.models.store import ModelStore

        return cls(choose(targets, store or ModelStore(), thorough=thorough, detectors=detectors), thorough=thorough)

    @property
    def scores(self) -> Mapping[str, Scores]:
        return self._scores

    @property
    def names(self) -> tuple[str, ...]:
        """Of the detectors, for reports."""
        return tuple(detector.name for detector in self._detectors)

    def __call__(self, frame: Frame, *, low: bool) -> Sequence[Region]:
        """Regions down to the detectors' `low`, or to what counts in a picture that is alone; boxes in pixels of the upright picture."""
        return find(frame, self._detectors, threshold="low" if low else "still", thorough=self._thorough)
