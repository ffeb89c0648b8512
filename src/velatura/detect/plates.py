"""Plates without a plate detector: text of a plate's shape, judged by the vehicles around it.

A text region as wide as a plate keeps its score inside or near a vehicle, and where no vehicle was found at all (a plate from close by); away
from every vehicle it is doubted. Measured on dashcam pictures (49 plates): .96 found with .8 false alarms a picture, which are other text.
Limit: a plate whose text the detector does not see is missed: dirty, slanted, under 10 pixels high.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from velatura.detect.region import Detector, Region, Scores

__all__ = ["FAINT_VEHICLE", "Plates", "plates"]

ASPECT = (1.2, 9.0)  # of the grown box: square and motorcycle plates to long ones
NEAR = 0.15  # of a vehicle's size on each side
DOUBT = 0.6  # what a score is worth away from vehicles
FAINT_VEHICLE = 0.25  # a vehicle so faint still vouches for a plate


class Plates:
    """Text and vehicles together; `search.find` runs both on the frame and hands their regions to `plates`."""

    labels = frozenset({"plate"})
    scores = Scores(low=0.3, high=0.45, sure=0.8)

    def __init__(self, text: Detector, vehicles: Detector) -> None:
        self.text, self.vehicles = text, vehicles
        self.name, self.form = f"{text.name} + {vehicles.name}", text.form

    def detect(self, x: NDArray[np.float32], *, threshold: float) -> Sequence[Region]:
        """From the text alone, as `Detector` asks; `search.find` knows better."""
        return plates(self.text.detect(x, threshold=threshold), ())


def plates(text: Sequence[Region], others: Sequence[Region]) -> list[Region]:
    """Those regions of text that look like plates; score lowered where the vehicles among `others` are elsewhere."""
    around = np.array([_with_margin(other.box) for other in others if other.label == "vehicle"], np.float64).reshape(-1, 4)
    found = []
    for region in text:
        x0, y0, x1, y1 = region.box
        if not ASPECT[0] <= (x1 - x0) / max(y1 - y0, 1e-9) <= ASPECT[1]:
            continue
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        inside = ((around[:, :2] <= (x, y)) & ((x, y) <= around[:, 2:])).all(axis=1).any()
        worth = 1.0 if inside or not len(around) else DOUBT
        found.append(Region(region.box, "plate", region.score * worth, region.time_s))
    return found


def _with_margin(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = box
    dx, dy = NEAR * (x1 - x0), NEAR * (y1 - y0)
    return (x0 - dx, y0 - dy, x1 + dx, y1 + dy)
