"""Cut-out people with a cast shadow, pasted into clean frames along seeded ways: composites whose truth is known to the grey level.

A cut-out stands with its feet on a point; its shadow lies flat to the right of them, soft, and keeps .55 of the light. Object: alpha above .06.
Shadow: what takes 6 levels and more from the clean frame, outside of all objects; one person's shadow on another is object.
Limits: people do not grow as they walk towards the camera, one light for all, and halting people freeze in one posture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["KINDS", "Actor", "Made", "Mask", "Picture", "actors", "paste", "strip"]

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Strip = Sequence[NDArray[np.uint8]]

KINDS = ("walk", "stopgo", "frozen", "crowd", "never")
OBJECT_ALPHA = 0.06
DARKENED = 6
"""Grey levels."""
SHADOW_GAIN = 0.55
CROWD = 6


@dataclass(frozen=True, slots=True)
class Made:
    """One frame: without and with people, RGB uint8 (height, width, 3); masks are bool (height, width) and disjoint."""

    clean: Picture
    composite: Picture
    object: Mask
    shadow: Mask


@dataclass(frozen=True, slots=True)
class Actor:
    """A person.

    Attributes:
        strip: RGBA postures of a walk to the right; (height, width, 4) each.
        x: of the feet for each frame, pixels; may lie outside of the picture.
        y, height: of the feet, and of the person, pixels.
        anchored: x and y belong to the scene (first frame), not to the screen.
    """

    strip: Strip
    x: Floats
    y: float
    height: float
    anchored: bool

    def posture(self, index: int) -> NDArray[np.uint8]:
        """RGBA of a frame: a step every second frame while walking; mirrored when walking to the left."""
        step = float(self.x[index] - self.x[max(index - 1, 0)])
        walked = int(np.count_nonzero(np.abs(np.diff(self.x[: index + 1])) > 0.05))
        picture = self.strip[walked // 2 % len(self.strip)]
        return np.ascontiguousarray(picture[:, ::-1]) if step < 0 else picture


def strip(path: Path) -> Strip:
    """The postures of a PNG of RGBA pictures side by side; how many, its name says (NAME_nK.png). Channels R, G, B, A."""
    read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if read is None or read.ndim != 3 or read.shape[2] != 4:
        raise ValueError(f"{path}: is not a strip of RGBA pictures")
    rgba = np.asarray(cv2.cvtColor(read, cv2.COLOR_BGRA2RGBA), np.uint8)
    parts = [_without_ground(part) for part in np.split(rgba, int(path.stem.rpartition("_n")[2]), axis=1)]
    lowest = max(int(np.nonzero((part[..., 3] > 128).any(axis=1))[0][-1]) for part in parts)
    return [np.ascontiguousarray(part[: lowest + 1]) for part in parts]


def actors(
    kind: str, strips: Sequence[Strip], size: tuple[int, int], count: int, rng: Generator, *, ground: float, height: float, stand: float, moves: bool
) -> list[Actor]:
    """Who is in a clip of `count` frames, the farthest first.

    Args:
        size: (width, height) of the picture.
        ground, height: of the feet, and of a person, as shares of the picture's height.
        stand: share of the clip that somebody "frozen" stands for.
        moves: the camera does; walkers then are tied to the screen (it follows them), those who stand to the scene.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r}: is none of {', '.join(KINDS)}")
    width, high = size
    found = []
    for number in range(CROWD if kind == "crowd" else 1):
        x, y, tall = _way(kind, count, width, rng, stand), ground, height
        if kind == "crowd":
            x = np.roll(x, int(rng.integers(count)))
            x = x if number % 2 else width - x
            y, tall = y + rng.uniform(-0.1, 0.1), tall * rng.uniform(0.8, 1.1)
        found.append(Actor(strips[number % len(strips)], x, y * high, tall * high, anchored=not moves or kind in ("frozen", "never")))
    return sorted(found, key=lambda actor: actor.y)


def paste(clean: Picture, people: Sequence[Actor], index: int, *, moved: Floats | None = None, gain: float = 1.0) -> Made:
    """Frame `index` with everybody in it.

    Args:
        clean: RGB uint8.
        moved: 3x3, from the first frame's pixels to this one's.
        gain: of the exposure; people get it too.
    """
    canvas = clean.astype(np.float32)
    light = np.ones(clean.shape[:2], np.float32)
    solid = np.zeros(clean.shape[:2], np.bool_)
    size = (clean.shape[1], clean.shape[0])
    for actor in people:
        x, y = _foot(actor, index, moved)
        if not -actor.height < x < size[0] + actor.height:
            continue
        alpha, colour, shade = _layers(actor.posture(index), (x, y), actor.height, size)
        shade = 1 - (1 - SHADOW_GAIN) * shade
        light *= shade
        canvas = canvas * shade[..., None] * (1 - alpha[..., None]) + colour * gain
        solid |= alpha > OBJECT_ALPHA
    composite = np.clip(canvas + 0.5, 0, 255).astype(np.uint8)
    return Made(clean, composite, solid, (clean.max(axis=2) * (1 - light) >= DARKENED) & ~solid)


def _without_ground(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A cut-out without the patch of its own clip's ground (pale grey paving, brown boards) that came with its legs and feet."""
    colour = rgba[..., :3].astype(np.int16)
    rows = np.arange(rgba.shape[0])[:, None] / rgba.shape[0]
    paving = (colour.min(axis=2) > 95) & (np.ptp(colour, axis=2) < 24) & (rows > 0.55)
    paving &= float(paving[-len(rows) // 8 :].mean()) > 0.1  # else the grey is cloth
    boards = (colour[..., 0] - colour[..., 2] > 30) & (rows > 0.82)
    legs = (rgba[..., 3] > 0) & ~paving & ~boards
    _, labels, facts, _ = cv2.connectedComponentsWithStats(legs.astype(np.uint8))
    # The rim of the patch is darker than paving; it hangs on the legs by a pixel or two.
    body = (labels == 1 + int(np.argmax(facts[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    opened = cv2.morphologyEx(body, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    kept = rgba.copy()
    kept[..., 3] = np.where((rows < 0.55) | (opened > 0), rgba[..., 3], 0)
    return kept


def _foot(actor: Actor, index: int, moved: Floats | None) -> tuple[float, float]:
    x, y = float(actor.x[index]), actor.y
    if moved is None or not actor.anchored:
        return x, y
    u, v, w = moved @ np.array([x, y, 1.0])
    return float(u / w), float(v / w)


def _layers(
    posture: NDArray[np.uint8], foot: tuple[float, float], height: float, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Alpha, colour times alpha, and shadow (0..1), each of the picture's size."""
    scale = height / posture.shape[0]
    # Colour is multiplied before it is made smaller: what lies under alpha 0 must not bleed into the rim.
    layers = posture.astype(np.float32)
    layers[..., :3] *= layers[..., 3:] / 255
    small = cv2.resize(layers, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    h, w = small.shape[:2]
    left = foot[0] - w / 2
    upright = np.array([[1, 0, left], [0, 1, foot[1] - h]], np.float32)
    placed = np.asarray(cv2.warpAffine(small, upright, size, flags=cv2.INTER_LINEAR), np.float32)
    lean, flat = 0.315, 0.1225  # a shadow of .35 of the height, thrown to the right
    lying = np.array([[1, -lean, left + lean * h], [0, -flat, foot[1] - 1 + flat * h]], np.float32)
    shade = cv2.GaussianBlur(cv2.warpAffine(np.ascontiguousarray(small[..., 3]) / 255, lying, size), (0, 0), max(1.0, h / 40))
    return placed[..., 3] / np.float32(255), placed[..., :3], np.asarray(shade, np.float32)


def _way(kind: str, count: int, width: int, rng: Generator, stand: float) -> Floats:
    """x of the feet for each frame."""
    t = np.arange(count, dtype=np.float64)
    if kind in ("walk", "crowd"):
        return width * (1.3 * t / count - 0.15)
    stop = width * rng.uniform(0.35, 0.6)
    if kind == "never":
        return np.full(count, stop)
    if kind == "frozen":
        return stop + np.maximum(t - stand * count, 0) * width / 45
    return np.interp(t, [0, 0.35 * count, 0.62 * count, count], [-0.1 * width, stop, stop, 1.15 * width])
