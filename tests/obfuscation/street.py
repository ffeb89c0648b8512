"""A small world for whole runs: files with a green card that a search of our own finds, in whatever planes they come back.

The card stands for a face: `Cards` fires where there is enough pure green. It can be made blind for its first looks, as a detector is that
misses a face on the source and finds it on the output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from velatura.detect.document import Item, RegionsDocument, Result, Row
from velatura.detect.region import Region, Scores
from velatura.media.frame import Frame, PixelForm
from velatura.media.reader import Facts
from velatura.media.sink import create

RGB, YUV = PixelForm("rgb"), PixelForm("yuv", 8, 1, 1, full_range=False, matrix="bt709")
GREEN = {"rgb": (0, 255, 0), "yuv": (172, 42, 26)}
SCALE = Scores(low=0.3, high=0.5, sure=0.8)


class Cards:
    """A `detection.Search`.

    Args:
        blind: so many looks find nothing.
        score: of what is found.
        haunted: a hit that it reports on every look, in a new place each time: what no pass can cover.
    """

    scores: Mapping[str, Scores] = {"face": SCALE}

    def __init__(self, *, blind: int = 0, score: float = 0.9, haunted: bool = False) -> None:
        self.blind, self.score, self.haunted, self.looks = blind, score, haunted, 0

    def __call__(self, frame: Frame, *, low: bool) -> Sequence[Region]:
        self.looks += 1
        if self.looks <= self.blind:
            return []
        found = [] if self.score < (SCALE.low if low else SCALE.high) else _green(frame, self.score)
        if self.haunted:
            x = 7.0 * self.looks % (frame.size[0] - 8)
            found.append(Region((x, 0.0, x + 6, 6.0), "face", 0.9))
        return found


def _green(frame: Frame, score: float) -> list[Region]:
    first, second, third = (plane.astype(int) for plane in frame.planes[:3])
    green = (second > 180) & (first < 80) & (third < 80) if frame.form.colour == "rgb" else (second < 90) & (third < 80)
    scale = 1 << frame.form.shift_x
    count, _, stats, _ = cv2.connectedComponentsWithStats(green.astype(np.uint8))
    boxes = [tuple(float(v) * scale for v in (x, y, x + w, y + h)) for x, y, w, h, area in stats[1:count] if area * scale * scale >= 36]
    return [Region(box, "face", score) for box in boxes]


def noise(seed: int, form: PixelForm, size: tuple[int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(100, 160, shape).astype(form.dtype) for shape in form.shapes(*size)]


def with_card(planes: list[np.ndarray], form: PixelForm, box: tuple[int, int, int, int]) -> list[np.ndarray]:
    x0, y0, x1, y1 = box
    for i, (plane, value) in enumerate(zip(planes, GREEN[form.colour], strict=True)):
        sx, sy = form.subsampled(i)
        plane[y0 >> sy : y1 >> sy, x0 >> sx : x1 >> sx] = value
    return planes


def picture(path: Path, box: tuple[int, int, int, int] | None = (16, 8, 32, 32), *, size: tuple[int, int] = (64, 48), seed: int = 0) -> Path:
    """A lossless picture."""
    planes = noise(seed, RGB, size)
    frame = Frame(with_card(planes, RGB, box) if box else planes, RGB)
    with create(path, Facts("picture", "png", *size, RGB), lossless=True) as writer:
        writer.write(frame)
        writer.finish()
    return path


def several(path: Path, boxes: Sequence[tuple[int, int, int, int] | None], *, size: tuple[int, int] = (64, 48), kind: str = "clip") -> Path:
    """A clip, an animation or pages with the card at a place for each frame, or without it; ten frames a second."""
    form = YUV if kind == "clip" else RGB
    facts = Facts(kind, "", *size, form, rate=10.0, time_base=Fraction(1, 1000), colour=(1, 1, 1), frames=len(boxes))
    with create(path, facts, lossless=path.suffix in (".mkv", ".png", ".tif")) as writer:
        for i, box in enumerate(boxes):
            planes = noise(1, form, size) if kind == "clip" else noise(i, form, size)
            frame = Frame(with_card(planes, form, box) if box else planes, form, index=i, time=Fraction(i, 10), duration=Fraction(1, 10))
            writer.write(frame)
        writer.finish()
    return path


def document(path: Path, rows: Sequence[Row], *, clear: tuple[int, ...] = (), size: tuple[int, int] = (64, 48)) -> RegionsDocument:
    return RegionsDocument("velatura/1", Result((Item(str(path), *size, tuple(rows), clear),)))
