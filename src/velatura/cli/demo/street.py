"""A street that we render ourselves: people and cars with plates moving before brick, glass and asphalt.

Bodies, cars and plates are drawn; the heads are a real portrait, so that real detectors find what they would find on a real street.
Nothing here is random but the texture, which comes from a fixed seed: the clip is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["FRAMES", "PASSAGE_FRAMES", "RATE", "SIZE", "passage", "render"]

SIZE = (960, 540)
RATE = 25
FRAMES = 150
PASSAGE_FRAMES = 80
Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]
Head = tuple[Picture, NDArray[np.float32]]

HEAD = (146, 10, 308, 196)  # hair to chin in the 512x512 portrait
PAVEMENT = 400  # y where the feet of the farthest walker stand


@dataclass(frozen=True, slots=True)
class Walker:
    """Somebody on the pavement: where at t = 0, how fast (pixels a second), how tall the head is, which clothes."""

    x: float
    speed: float
    head: int
    feet: int
    coat: Colour
    trousers: Colour
    tint: tuple[float, float, float]
    phase: float


@dataclass(frozen=True, slots=True)
class Car:
    """A car on the road, with the text of its plate."""

    x: float
    speed: float
    y: int
    length: int
    paint: Colour
    plate: str


WALKERS = (
    Walker(700, -42, 62, 452, (96, 62, 50), (52, 56, 70), (0.92, 0.86, 0.8), 1.7),
    Walker(120, 58, 72, 478, (46, 84, 120), (38, 40, 52), (1.0, 1.0, 1.0), 0.0),
    Walker(470, 24, 84, 500, (140, 126, 60), (70, 64, 58), (0.8, 0.78, 0.82), 3.1),
)
PASSER_BY = Walker(20, 372, 78, 478, (62, 92, 74), (44, 46, 60), (1.0, 1.0, 1.0), 0.4)  # in from the left, out on the right, a street in between
CARS = (Car(-330, 240, 486, 300, (150, 40, 44), "VL 2041"), Car(1060, -190, 520, 340, (60, 96, 120), "TU 7716"))


def render(portrait: Picture) -> Iterator[Picture]:
    """Yield FRAMES pictures, (540, 960, 3) uint8 RGB.

    Args:
        portrait: the 512x512 RGB portrait of scikit-image (public domain).
    """
    return _film(portrait, WALKERS, CARS, FRAMES)


def passage(portrait: Picture) -> Iterator[Picture]:
    """Yield PASSAGE_FRAMES pictures as `render` does: one person walks through the street, and nothing else moves."""
    return _film(portrait, (PASSER_BY,), (), PASSAGE_FRAMES)


def _film(portrait: Picture, walkers: Sequence[Walker], cars: Sequence[Car], frames: int) -> Iterator[Picture]:
    street = _background(np.random.default_rng(7))
    cast = [(walker, _head(portrait, walker)) for walker in walkers]
    for index in range(frames):
        yield _frame(street.copy(), cast, cars, index / RATE)


def _frame(canvas: Picture, cast: Sequence[tuple[Walker, Head]], cars: Sequence[Car], t: float) -> Picture:
    for car in cars[:1]:  # behind everybody
        _draw_car(canvas, car, t)
    for walker, head in cast:
        _draw_walker(canvas, walker, head, t)
    for car in cars[1:]:
        _draw_car(canvas, car, t)
    return cv2.GaussianBlur(canvas, (3, 3), 0.6).astype(np.uint8)


def _background(rng: np.random.Generator) -> Picture:
    width, height = SIZE
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[:300] = (146, 98, 82)
    for row in range(0, 300, 12):  # courses of brick
        cv2.line(canvas, (0, row), (width, row), (168, 130, 116), 1)
        for x in range((row // 12 % 2) * 16, width, 32):
            cv2.line(canvas, (x, row), (x, row + 12), (168, 130, 116), 1)
    for x in range(60, width, 180):  # windows
        cv2.rectangle(canvas, (x, 50), (x + 90, 200), (214, 208, 196), -1)
        cv2.rectangle(canvas, (x + 8, 58), (x + 82, 192), (66, 84, 104), -1)
        cv2.line(canvas, (x + 45, 58), (x + 45, 192), (214, 208, 196), 4)
    canvas[300:PAVEMENT] = (122, 118, 112)
    canvas[PAVEMENT:440] = (160, 156, 150)
    canvas[440:] = (84, 86, 90)
    for x in range(0, width, 120):
        cv2.rectangle(canvas, (x, 506), (x + 60, 512), (196, 196, 186), -1)
    grain = rng.normal(0, 9, (height, width, 1)) + cv2.resize(rng.normal(0, 12, (height // 8, width // 8)), SIZE)[..., None]
    return np.clip(canvas + grain, 0, 255).astype(np.uint8)


def _head(portrait: Picture, walker: Walker) -> Head:
    """The portrait's head at the walker's size and tint, and a soft outline that leaves out the collar."""
    x0, y0, x1, y1 = HEAD
    crop = portrait[y0:y1, x0:x1].astype(np.float32) * np.array(walker.tint, np.float32)
    height = round(walker.head * 1.35)
    width = round(height * (x1 - x0) / (y1 - y0))
    outline = np.zeros((y1 - y0, x1 - x0), np.float32)
    cv2.ellipse(outline, (81, 76), (72, 68), 0, 0, 360, 1.0, -1)  # hair
    cv2.ellipse(outline, (80, 112), (50, 72), 0, 0, 360, 1.0, -1)  # face down to the chin
    small = cv2.resize(np.clip(crop, 0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    soft = cv2.resize(cv2.GaussianBlur(outline, (9, 9), 3), (width, height), interpolation=cv2.INTER_AREA)
    if walker.speed < 0:
        small, soft = small[:, ::-1], soft[:, ::-1]
    return small, soft.astype(np.float32)[..., None]


def _draw_walker(canvas: Picture, walker: Walker, head: Head, t: float) -> None:
    unit = walker.head
    x = round((walker.x + walker.speed * t) % (SIZE[0] + 200) - 100)
    swing = np.sin(2 * np.pi * 0.9 * t + walker.phase)
    bob = round(unit * 0.04 * abs(swing))
    feet, hip, neck = walker.feet + unit // 2, walker.feet - round(unit * 1.7), walker.feet - round(unit * 3.9) - bob
    for side in (-1, 1):  # legs, arms
        foot = (round(x + side * swing * unit * 0.7), feet)
        cv2.line(canvas, (x + side * unit // 8, hip), foot, walker.trousers, max(4, round(unit * 0.34)), cv2.LINE_AA)
        hand = (round(x - side * swing * unit * 0.6), hip - unit // 6)
        cv2.line(canvas, (x + side * unit // 2, neck + unit // 2), hand, walker.coat, max(4, round(unit * 0.26)), cv2.LINE_AA)
    body = np.array([(x - unit * 0.6, neck + unit * 0.3), (x + unit * 0.6, neck + unit * 0.3), (x + unit * 0.5, hip), (x - unit * 0.5, hip)])
    cv2.fillConvexPoly(canvas, body.astype(np.int32), walker.coat, cv2.LINE_AA)
    _paste(canvas, head, x - head[0].shape[1] // 2, neck - round(unit * 1.0))


def _paste(canvas: Picture, head: Head, x: int, y: int) -> None:
    colour, alpha = head
    h, w = colour.shape[:2]
    left, top = max(0, -x), max(0, -y)
    right, bottom = min(w, canvas.shape[1] - x), min(h, canvas.shape[0] - y)
    if right <= left or bottom <= top:
        return
    under = canvas[y + top : y + bottom, x + left : x + right]
    share = alpha[top:bottom, left:right]
    under[...] = (under * (1 - share) + colour[top:bottom, left:right] * share).astype(np.uint8)


def _draw_car(canvas: Picture, car: Car, t: float) -> None:
    x, y, length = round(car.x + car.speed * t), car.y, car.length
    height = length // 4
    cabin = np.array([(0.2, -1.0), (0.32, -1.75), (0.68, -1.75), (0.84, -1.0)]) * (length, height) + (x, y)
    cv2.fillConvexPoly(canvas, cabin.astype(np.int32), (52, 64, 76), cv2.LINE_AA)
    cv2.rectangle(canvas, (x, y - height), (x + length, y), car.paint, -1)
    for at in (0.2, 0.8):
        cv2.circle(canvas, (x + round(length * at), y), length // 11, (24, 24, 26), -1, cv2.LINE_AA)
        cv2.circle(canvas, (x + round(length * at), y), length // 22, (150, 150, 154), -1, cv2.LINE_AA)
    width, tall = round(length * 0.3), round(length * 0.075)
    left, top = x + round(length * 0.36), y - round(height * 0.62)
    cv2.rectangle(canvas, (left, top), (left + width, top + tall), (240, 240, 236), -1)
    cv2.rectangle(canvas, (left, top), (left + width, top + tall), (30, 30, 30), 1)
    (text_width, text_height), _ = cv2.getTextSize(car.plate, cv2.FONT_HERSHEY_DUPLEX, 1.0, 1)
    scale = min(0.86 * width / text_width, 0.66 * tall / text_height)
    corner = (left + round((width - scale * text_width) / 2), top + round((tall + scale * text_height) / 2))
    cv2.putText(canvas, car.plate, corner, cv2.FONT_HERSHEY_DUPLEX, scale, (20, 20, 24), 1, cv2.LINE_AA)
