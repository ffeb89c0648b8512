"""Pictures with a known face, and detectors whose every answer is known, for tests of search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.detect.region import Region, Scores
from velatura.media.frame import Frame, PixelForm
from velatura.media.view import InputForm

Picture = NDArray[np.uint8]
FACE = (178, 62, 270, 177)  # in the portrait


def frame_of(rgb: Picture, orientation: int = 1) -> Frame:
    """A frame of R, G, B planes that is `rgb` once it is turned upright."""
    stored = {1: rgb, 6: rgb.transpose(1, 0, 2)[::-1], 8: rgb.transpose(1, 0, 2)[:, ::-1], 3: rgb[::-1, ::-1]}[orientation]
    return Frame([np.ascontiguousarray(stored[:, :, channel]) for channel in range(3)], PixelForm("rgb"), orientation)


def picture(path: Path) -> Picture:
    found = cv2.imread(str(path))
    assert found is not None, path
    return np.ascontiguousarray(found[:, :, ::-1])


def with_faces(portrait: Picture, size: tuple[int, int], faces: Sequence[tuple[int, int, int]]) -> Picture:
    """A dim room of `size` (width, height), with the portrait's head at each (x, y, height)."""
    room = np.full((size[1], size[0], 3), 90, np.uint8)
    head = portrait[10:196, 146:308]
    for x, y, height in faces:
        width = round(height * head.shape[1] / head.shape[0])
        room[y : y + height, x : x + width] = cv2.resize(head, (width, height), interpolation=cv2.INTER_AREA)
    return room


class Spots:
    """Finds bright spots: every white patch of x is a region of `label`, as sure as `score`. Keeps the shapes that it was shown."""

    name = "spots"
    pass_pixels = 1 << 20

    def __init__(self, label: str = "face", score: float = 0.9, form: InputForm | None = None) -> None:
        self.labels = frozenset({label})
        self.label, self.score = label, score
        self.form = form or InputForm(max_side=1920)
        self.scores = Scores(low=0.2, high=0.5, sure=0.8)
        self.shown: list[tuple[int, ...]] = []

    def detect(self, x: NDArray[np.float32], *, threshold: float) -> Sequence[Region]:
        self.shown.append(x.shape)
        count, _, stats, _ = cv2.connectedComponentsWithStats((x[0] > 200).astype(np.uint8))
        boxes = [tuple(float(v) for v in (s[0], s[1], s[0] + s[2], s[1] + s[3])) for s in stats[1:count]]
        return [Region(box, self.label, self.score) for box in boxes] if self.score >= threshold else []  # type: ignore[arg-type]
