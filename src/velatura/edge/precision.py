"""How well a network finds: average precision at an overlap of .5, against labels or against another network's boxes.

Boxes too small for the network's input neither count nor hurt, nor does who finds them. Precision is interpolated at every recall.
Source: Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective", IJCV 2015, section 4.1 (the whole area under the curve).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from velatura.detect.nms import iou
from velatura.detect.region import Region

__all__ = ["SMALLEST_PX", "Truth", "average_precision"]

SMALLEST_PX = 8.0
"""Shorter side in the network's input."""
SAME = 0.5


@dataclass(frozen=True, slots=True)
class Truth:
    """What is in one input. boxes: (n, 4) corners in its pixels; counts: (n,), those that are asked for."""

    labels: tuple[str, ...]
    boxes: NDArray[np.float64]
    counts: NDArray[np.bool_]

    @classmethod
    def of(cls, regions: Iterable[tuple[str, Sequence[float]]]) -> Truth:
        """Labels and boxes; those under `SMALLEST_PX` do not count."""
        given = list(regions)
        boxes = np.array([box for _, box in given], np.float64).reshape(-1, 4)
        return cls(tuple(label for label, _ in given), boxes, np.minimum(*(boxes[:, 2:] - boxes[:, :2]).T) >= SMALLEST_PX)


def average_precision(found: Sequence[Sequence[Region]], truths: Sequence[Truth]) -> tuple[float, int]:
    """Per cent, mean over the labels that are there; and how many objects counted.

    Args:
        found: of each input, down to a score well below any that is used.
    """
    labels = sorted({label for truth in truths for label in truth.labels})
    each = [_of_label(label, found, truths) for label in labels]
    asked = [(value, count) for value, count in each if count]
    return (sum(value for value, _ in asked) / len(asked) if asked else 0.0), sum(count for _, count in asked)


def _of_label(label: str, found: Sequence[Sequence[Region]], truths: Sequence[Truth]) -> tuple[float, int]:
    rows: list[tuple[float, bool]] = []
    count = 0
    for regions, truth in zip(found, truths, strict=True):
        mine = np.array([name == label for name in truth.labels], np.bool_)
        boxes, counts = truth.boxes[mine], truth.counts[mine]
        count += int(counts.sum())
        rows += _judged([region for region in regions if region.label == label], boxes, counts)
    rows.sort(key=lambda row: -row[0])
    right = np.cumsum([is_right for _, is_right in rows])
    if not count or not len(right):
        return 0.0, count
    precision = np.maximum.accumulate((right / np.arange(1, len(right) + 1))[::-1])[::-1]
    recall = np.concatenate([[0.0], right / count])
    return 100 * float(np.sum(np.diff(recall) * precision)), count


def _judged(regions: Sequence[Region], boxes: NDArray[np.float64], counts: NDArray[np.bool_]) -> list[tuple[float, bool]]:
    """Scores, and whether each is right; the best take first, a box is taken once."""
    rows: list[tuple[float, bool]] = []
    taken = np.zeros(len(boxes), np.bool_)
    overlaps = iou(np.array([region.box for region in regions], np.float64).reshape(-1, 4), boxes)
    for k in np.argsort([-region.score for region in regions], kind="stable"):
        nearest = int(overlaps[k].argmax()) if len(boxes) else -1
        if nearest < 0 or overlaps[k, nearest] < SAME:
            rows.append((regions[k].score, False))
        elif counts[nearest]:
            rows.append((regions[k].score, not taken[nearest]))
            taken[nearest] = True
    return rows
