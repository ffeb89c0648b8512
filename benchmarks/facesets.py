"""Pictures with labelled faces, and what counts as found: pure functions, held by tests/test_benchmarks_faces.py.

A face counts if its shorter side is 20 pixels or more and its label is valid; others are neither asked for nor held against who finds them. From the
best score down, a detection takes the free counting face that it overlaps most (IoU .4 and more); one that takes none is false, whatever its size,
unless it overlaps a face that does not count. Many "false" ones are real faces without a label.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from velatura.detect.nms import iou

SMALLEST = 20
SAME = 0.4

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Truth:
    """A picture with its faces: `boxes` (n, 4) corners in pixels; `counts` (n,): they are asked for."""

    file: Path
    boxes: Floats
    counts: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Judged:
    """Detections of one picture that are right or false: scores, rights, and how many faces there were."""

    scores: Floats
    right: NDArray[np.bool_]
    faces: int


@dataclass(frozen=True, slots=True)
class Held:
    """Recall and precision on pictures that the thresholds were not chosen on; `thresholds`: of the two halves."""

    recall: float
    precision: float
    thresholds: tuple[float, float]


def load(folder: Path) -> list[Truth]:
    """A folder with `boxes.json` and `images`, by name."""
    found = []
    for name, about in sorted(json.loads((folder / "boxes.json").read_text("utf-8")).items()):
        boxes = np.array([face["box"] for face in about["faces"]], np.float64).reshape(-1, 4)
        valid = np.array([not face.get("invalid", 0) for face in about["faces"]], np.bool_)
        counts = valid & (boxes[:, 2:].min(axis=1, initial=np.inf) >= SMALLEST)
        found.append(Truth(folder / "images" / name, np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1), counts))
    return found


def judge(found: Floats, truth: Truth) -> Judged:
    """Which detections (n, 5: corners and score) are right; those of faces that do not count are left out."""
    found = found[np.argsort(-found[:, 4], kind="stable")]
    overlap, free = iou(found[:, :4], truth.boxes), truth.counts.copy()
    scores, right = [], []
    for k in range(len(found)):
        taken = _best(np.where(free, overlap[k], -1.0))
        if taken is not None:
            free[taken] = False
        elif _best(np.where(truth.counts, -1.0, overlap[k])) is not None:
            continue
        scores.append(found[k, 4])
        right.append(taken is not None)
    return Judged(np.array(scores, np.float64), np.array(right, np.bool_), int(truth.counts.sum()))


def _best(overlap: Floats) -> int | None:
    if not len(overlap) or overlap.max() < SAME:
        return None
    return int(overlap.argmax())


def recall_precision(judged: Sequence[Judged], threshold: float) -> tuple[float, float]:
    """Over all pictures, of detections with that score and more. Nothing found is precise."""
    right, told, faces = _counts(judged, threshold)
    return right / max(faces, 1), right / told if told else 1.0


def threshold_for(judged: Sequence[Judged], precision: float) -> float:
    """The lowest score from which detections are so precise; infinite where none is. Equal scores stand or fall together."""
    scores = np.concatenate([one.scores for one in judged])
    right = np.concatenate([one.right for one in judged])
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order], right[order]
    precise = right.cumsum() / np.arange(1, len(right) + 1) >= precision
    last_of_equals = np.append(scores[:-1] != scores[1:], np.ones(min(len(scores), 1), np.bool_))
    good = scores[precise & last_of_equals]
    return float(good.min()) if len(good) else float("inf")


def held_out(judged: Sequence[Judged], precision: float) -> Held:
    """Thresholds chosen on even pictures, measured on odd ones, and swapped; both halves counted together."""
    halves = (list(judged[::2]), list(judged[1::2]))
    thresholds = (threshold_for(halves[0], precision), threshold_for(halves[1], precision))
    both = [_counts(half, threshold) for half, threshold in zip(halves, reversed(thresholds), strict=True)]
    right, told, faces = (sum(counts) for counts in zip(*both, strict=True))
    return Held(right / max(faces, 1), right / told if told else 1.0, thresholds)


def _counts(judged: Iterable[Judged], threshold: float) -> tuple[int, int, int]:
    """Right ones, all, and faces."""
    right = told = faces = 0
    for one in judged:
        strong = one.scores >= threshold
        right, told, faces = right + int(one.right[strong].sum()), told + int(strong.sum()), faces + one.faces
    return right, told, faces


def covered(mask: NDArray[np.bool_], truth: Truth, share: float = 0.9) -> int:
    """How many counting faces have that share of their box, as far as it lies in the picture, inside a mask (height, width)."""
    height, width = mask.shape
    count = 0
    for x0, y0, x1, y1 in np.rint(truth.boxes[truth.counts]).astype(int):
        part = mask[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
        count += bool(part.size) and bool(part.mean() >= share)
    return count
