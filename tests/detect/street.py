"""A street in memory: things that move on known paths, seen by a detector that can be told when to miss.

walk = Walker(x=100, y=80, height=40, speed=(60, 0))
looks = street([walk], frames=75, rate=25, misses={0: range(20, 30)})
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from velatura.detect.region import Look, Region
from velatura.media.frame import Box


@dataclass(frozen=True, slots=True)
class Mark:
    """Stands for a frame: `cover` only hands it on."""

    index: int
    size: tuple[int, int] = (1280, 720)


@dataclass(frozen=True, slots=True)
class Walker:
    """A face: centre at time 0, height, and speed and acceleration in pixels a second (squared)."""

    x: float = 100.0
    y: float = 100.0
    height: float = 40.0
    speed: tuple[float, float] = (60.0, 0.0)
    bend: tuple[float, float] = (0.0, 0.0)
    label: str = "face"
    score: float = 0.9

    def box(self, time_s: float) -> Box:
        x, y = (p + v * time_s + a * time_s * time_s / 2 for p, v, a in zip((self.x, self.y), self.speed, self.bend, strict=True))
        w, h = 0.8 * self.height / 2, self.height / 2
        return (x - w, y - h, x + w, y + h)

    def seen(self, time_s: float) -> Region:
        return Region(self.box(time_s), self.label, self.score, time_s)


def street(
    walkers: Sequence[Walker],
    *,
    frames: int = 75,
    rate: float = 25.0,
    every: int = 1,
    misses: Mapping[int, Collection[int]] | None = None,
    noise: float = 0.0,
    seed: int = 0,
    cuts: Collection[int] = (),
    pan: tuple[float, float] = (0.0, 0.0),
) -> list[Look]:
    """Looks at walkers; `misses`: of each walker, the frames on which the detector misses it; `pan`: the camera's motion in pixels a frame.

    `noise`: deviation of each side of a detected box, in heights.
    """
    rng = np.random.default_rng(seed)
    looks = []
    for index in range(frames):
        time_s = index / rate
        found = [_jittered(w.seen(time_s), noise, rng) for k, w in enumerate(walkers) if index not in (misses or {}).get(k, ())]
        found = [_moved(region, pan[0] * index, pan[1] * index) for region in found]
        looked = index % every == 0 or index in cuts
        shift = pan if index else (0.0, 0.0)
        looks.append(Look(Mark(index), time_s, found if looked else None, index in cuts, shift))  # type: ignore[arg-type]
    return looks


def covered_share(box: Box, regions: Sequence[Region], margin: float = 0.3) -> float:
    """Share of a box that lies in the union of regions, each grown by `margin` of its size on every side."""
    x, y = np.meshgrid(np.linspace(box[0], box[2], 21), np.linspace(box[1], box[3], 21))
    hit = np.zeros(x.shape, dtype=bool)
    for region in regions:
        x0, y0, x1, y1 = region.box
        dx, dy = margin * (x1 - x0), margin * (y1 - y0)
        hit |= (x >= x0 - dx) & (x <= x1 + dx) & (y >= y0 - dy) & (y <= y1 + dy)
    return float(hit.mean())


def _jittered(region: Region, noise: float, rng: np.random.Generator) -> Region:
    if not noise:
        return region
    sides = np.array(region.box) + rng.normal(size=4) * noise * (region.box[3] - region.box[1])
    return Region((float(sides[0]), float(sides[1]), float(sides[2]), float(sides[3])), region.label, region.score, region.time_s)


def _moved(region: Region, x: float, y: float) -> Region:
    x0, y0, x1, y1 = region.box
    return Region((x0 + x, y0 + y, x1 + x, y1 + y), region.label, region.score, region.time_s)
