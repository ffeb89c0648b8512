"""Clips with known face boxes: real faces moved over real pictures and footage on seeded paths.

A clip is one or two shots of 640x360 at 25 or 10 frames a second. Each shot has a background, a camera (still, pan, shake) and one to three faces,
each with a start, a speed, an acceleration, a change of size, motion blur, and at most two events: a bar that passes in front, turning away.
Some enter or leave; some cross. Truth: one row a face and frame (`Truth`).
Limit: a pasted head has no body; nobody turns the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.cutouts import Crop, Footage, H, Picture, W, paste

Floats = NDArray[np.float64]
COUNTED_PX = 12.0


@dataclass(frozen=True, slots=True)
class Truth:
    """A face on a frame. `seen`: share of its ellipse that is neither outside, nor behind a bar, nor behind a nearer face; `turned`: 0 to 1."""

    frame: int
    face: int
    box: Floats
    seen: float
    turned: float

    @property
    def height(self) -> float:
        return float(self.box[3] - self.box[1])

    @property
    def counts(self) -> bool:
        """Large enough, visible enough, and looking at us."""
        return self.height >= COUNTED_PX and self.seen >= 0.5 and self.turned < 0.5


@dataclass(frozen=True, slots=True)
class Clip:
    frames: list[Picture]
    truth: list[Truth]
    rate: float
    cuts: list[int]


@dataclass(frozen=True, slots=True)
class Way:
    """One face of a shot: for each frame its centre, height, motion and turn; and the bar (first frame, length)."""

    centre: Floats
    height: Floats
    speed: Floats
    motion: Floats
    turn: Floats
    bar: tuple[int, int] | None
    shutter: float


def clip(seed: int, faces: list[Crop], grounds: list[Picture | Footage]) -> Clip:
    """The clip of a seed; the same for ever."""
    rng = np.random.default_rng([20261125, seed])
    rate = float(rng.choice([25, 10], p=[0.7, 0.3]))
    count = 75 if rate == 25 else 50
    cut = int(rng.uniform(0.35, 0.65) * count) if rng.random() < 0.3 else count
    frames: list[Picture] = []
    truth: list[Truth] = []
    for number, (first, last) in enumerate(((0, cut), (cut, count))):
        if last > first:
            truth += _shot(rng, last - first, rate, faces, grounds, frames, first, 3 * number)
    return Clip(frames, truth, rate, [cut] if cut < count else [])


def encoded(made: Clip, path: Path, crf: int = 23) -> list[Picture]:
    """The frames as a viewer gets them: through H.264 and back."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=int(made.rate), options={"crf": str(crf), "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = W, H, "yuv420p"
        for frame in made.frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def ellipse(box: Floats, grid: int = 20) -> Floats:
    """(k, 2) points on a grid inside the ellipse of a box."""
    u = (np.arange(grid) + 0.5) / grid * 2 - 1
    points = np.stack(np.meshgrid(u, u), axis=-1).reshape(-1, 2)
    points = points[(points**2).sum(axis=1) <= 1]
    return (box[:2] + box[2:]) / 2 + points * (box[2:] - box[:2]) / 2


def _shot(
    rng: Generator, count: int, rate: float, faces: list[Crop], grounds: list[Picture | Footage], frames: list[Picture], first: int, face0: int
) -> list[Truth]:
    ground = grounds[int(rng.integers(len(grounds)))]
    t = np.arange(count) / rate
    still = not isinstance(ground, list)
    pan = rng.uniform(-1, 1, 2) * rng.choice([0, 60, 250], p=[0.45, 0.35, 0.2]) * np.array([1, 0.25]) * still
    camera = pan * (t - t.mean())[:, None] + _smooth(rng, count, rate, rng.uniform(1, 5)) * rng.choice([0, 2, 7], p=[0.4, 0.35, 0.25])
    number = int(rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2]))
    who = [faces[int(i)] for i in rng.choice(len(faces), number, replace=False)]
    paths: list[Way] = []
    for _ in range(number):
        paths.append(_path(rng, count, rate, paths[-1] if paths else None, camera))
    gain = rng.uniform(0.75, 1.1)
    truth = []
    for i in range(count):
        picture = ground if not isinstance(ground, list) else ground[i % len(ground)]
        canvas = _ground(picture, camera[i])
        boxes = [paste(canvas, crop, p.centre[i], p.height[i], p.motion[i] * p.shutter, p.turn[i]) for crop, p in zip(who, paths, strict=True)]
        bars = [_draw_bar(canvas, p, i) for p in paths if p.bar and p.bar[0] <= i < p.bar[0] + p.bar[1]]
        for k, box in enumerate(boxes):
            seen = _seen(box, bars, boxes[k + 1 :])
            if seen > 0:
                truth.append(Truth(first + i, face0 + k, box, seen, float(paths[k].turn[i])))
        frames.append((canvas * gain + rng.normal(size=(H, W, 1)) * 2.5).clip(0, 255).astype(np.uint8))
    return truth


def _ground(picture: Picture, camera: Floats) -> NDArray[np.float32]:
    matrix = np.array([[1, 0, camera[0] - (picture.shape[1] - W) / 2], [0, 1, camera[1] - (picture.shape[0] - H) / 2]], dtype=np.float32)
    return cv2.warpAffine(picture, matrix, (W, H), borderMode=cv2.BORDER_REFLECT).astype(np.float32)


def _draw_bar(canvas: NDArray[np.float32], path: Way, i: int) -> tuple[float, float]:
    """A bar of 1.3 face widths."""
    x, half = path.centre[i, 0], 0.65 * path.height[i]
    canvas[:, max(0, int(x - half)) : max(0, int(x + half))] = (70, 74, 80)
    return x - half, x + half


def _seen(box: Floats, bars: list[tuple[float, float]], nearer: list[Floats]) -> float:
    points = ellipse(box)
    free = (points >= 0).all(axis=1) & (points < [W, H]).all(axis=1)
    for left, right in bars:
        free &= (points[:, 0] < left) | (points[:, 0] >= right)
    for other in nearer:
        middle, half = (other[:2] + other[2:]) / 2, (other[2:] - other[:2]) / 2 * 1.3
        free &= (((points - middle) / half) ** 2).sum(axis=1) > 1
    return float(free.mean())


def _smooth(rng: Generator, count: int, rate: float, hertz: float) -> Floats:
    """(count, 2) noise of deviation 1, low-passed."""
    a = np.exp(-2 * np.pi * hertz / rate)
    x = np.zeros((count + 20, 2))
    for i in range(1, len(x)):
        x[i] = a * x[i - 1] + np.sqrt(1 - a * a) * rng.normal(size=2)
    return x[20:]


def _path(rng: Generator, count: int, rate: float, before: Way | None, camera: Floats) -> Way:
    """A face's way; with a face before it, half of the time it crosses that one in the middle of the shot."""
    t = np.arange(count) / rate
    h0 = float(np.exp(rng.uniform(np.log(12), np.log(200))))
    height = (h0 * np.exp(rng.choice([0, 1]) * rng.uniform(-0.5, 0.5) * (t - t.mean()))).clip(10, 210)
    length = h0 * rng.choice([0.3, 1.0, 2.0, 4.0], p=[0.3, 0.35, 0.25, 0.1]) * rng.uniform(0.5, 1.5)
    way = rng.uniform(0, 2 * np.pi)
    speed = np.array([np.cos(way), 0.35 * np.sin(way)]) * length
    bend = rng.choice([0, 1]) * rng.uniform(-1, 1, 2) * h0 * 1.5
    bob = rng.choice([0, 1]) * np.stack([0 * t, 0.12 * h0 * np.sin(2 * np.pi * rng.uniform(1, 2.2) * t + way)], axis=1)
    kind = str(rng.choice(["inside", "enter", "leave"], p=[0.5, 0.25, 0.25]))
    middle = np.array([rng.uniform(0.2, 0.8) * W, rng.uniform(0.25, 0.75) * H])
    if before is not None and rng.random() < 0.5:
        middle = before.centre[count // 2] - camera[count // 2] + rng.uniform(-0.2, 0.2, 2) * h0
        speed = -before.speed * rng.uniform(0.7, 1.3) + rng.normal(size=2) * 5
        kind = "inside"
    at_s = t[count // 2]
    if kind != "inside":  # at the border, half of the head outside, at this moment
        at_s = (rng.uniform(0.1, 0.4) if kind == "enter" else rng.uniform(0.6, 0.9)) * t[-1]
        speed = np.array([np.sign(speed[0] + 1e-9) * max(abs(speed[0]), h0), speed[1]])
        edge = (0 if speed[0] > 0 else W) if kind == "enter" else (W if speed[0] > 0 else 0)
        middle = np.array([edge, middle[1]])
    s = (t - at_s)[:, None]
    centre = middle + speed * s + 0.5 * bend * s * s + bob + camera
    bar, turn = _bar(rng, count), _turn(rng, count, rate)
    return Way(centre, height, speed, np.gradient(centre, axis=0), turn, bar, float(rng.choice([0.0, 0.3, 0.7])))


def _bar(rng: Generator, count: int) -> tuple[int, int] | None:
    if rng.random() >= 0.35:
        return None
    length = int(rng.integers(5, 21))
    return int(rng.integers(count // 4, max(count // 4 + 1, count - length - 4))), length


def _turn(rng: Generator, count: int, rate: float) -> Floats:
    if rng.random() >= 0.3:
        return np.zeros(count)
    first, length = int(rng.integers(count // 4, 3 * count // 4)), int(rng.uniform(0.5, 1.2) * rate)
    return np.clip(np.minimum(np.arange(count) - first, first + length - np.arange(count)) / (0.25 * rate), 0, 1)
