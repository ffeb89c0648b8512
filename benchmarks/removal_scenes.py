"""Scenes for removal: clean clips made of real footage, and the same clips with people pasted in (`benchmarks/removal_pasting.py`).

A static clip is endless: the plate of a real one, and on it the noise of a real frame chosen by the seed, people of the source left out. It may
sway and drift in exposure. A moving clip is a hand-held walk in which nothing moves, or a pan with roll over a static one (no parallax).
Every scene can be played again and again; same seed, same frames. Memory: four plates with 40 frames of noise each; moving clips are streamed.
Command: `python -m benchmarks.removal_scenes --show FOLDER` writes stills for a person to look at.
Footage: `data/clips/SOURCE.md` of the shared folder ("Intel, sample-videos", CC BY 4.0; OpenCV's vtest; bgslibrary; GoPro's gpmf-parser).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.material import shared
from benchmarks.removal_pasting import Floats, Made, Picture, Strip, actors, paste, strip

__all__ = ["MOVING", "PLATES", "Ground", "Scene", "Still", "moving", "residual_noise", "static", "swaying"]

PEOPLE = 14
"""Grey levels: noise that exceeds them is somebody in the source clip."""
NOISES = 40


@dataclass(frozen=True, slots=True)
class Plate:
    """A static clip: file, frames [first, last) that it is made from, the widest it may be; where feet stand and how tall people are, as shares."""

    file: str
    first: int
    last: int
    widest: int
    ground: float = 0.85
    height: float = 0.45


PLATES = {
    "indoor": Plate("onebyone.mp4", 455, 515, 768, 0.93, 0.55),
    "roadtop": Plate("road_top.avi", 0, 56, 640, 0.75, 0.3),
    "plaza": Plate("vtest_a.avi", 0, 250, 768, 0.85, 0.35),
    "tree": Plate("tree.avi", 0, 55, 320, 0.9, 0.4),
}
MOVING = ("walk", "pan")


@dataclass(frozen=True, slots=True)
class Ground:
    """A clean frame; `moved`: 3x3, from the first frame's pixels to this one's; `gain` of its exposure."""

    picture: Picture
    moved: Floats
    gain: float = 1.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A clip with known truth.

    Attributes:
        kind: of `removal_pasting.KINDS`.
        rate: frames a second.
        size: (width, height), both even.
        count: frames.
        frames: plays it from the start.
    """

    name: str
    kind: str
    rate: int
    size: tuple[int, int]
    count: int
    frames: Callable[[], Iterator[Made]]


@dataclass(frozen=True, slots=True)
class Still:
    """A plate, float32 RGB (height, width, 3), and the noise of real frames of it, int8 of the same shape."""

    plate: NDArray[np.float32]
    noise: tuple[NDArray[np.int8], ...]


def static(
    plate: str,
    kind: str,
    *,
    count: int = 100,
    width: int = 640,
    seed: int = 0,
    stand: float = 0.5,
    sway_px: float = 0.0,
    drift: float = 0.0,
    height: float | None = None,
    enlarge: bool = False,
) -> Scene:
    """A scene before a camera that stands, or sways by so many pixels; exposure drifts by that share up and down.

    Args:
        plate: of PLATES; a footage narrower than `width` keeps its own width, unless `enlarge`.
        stand: share of the clip that somebody "frozen" stands for.
        height: of a person, as a share of the picture's; None: what suits the plate.
    """
    place = PLATES[plate]
    wide = width if enlarge else min(width, place.widest)
    still = _still(place.file, place.first, place.last, wide)
    size = (still.plate.shape[1], still.plate.shape[0])
    tall = place.height if height is None else height

    def frames() -> Iterator[Made]:
        rng = np.random.default_rng(seed)
        people = actors(kind, _walkers(kind), size, count, rng, ground=place.ground, height=tall, stand=stand, moves=False)
        for index, ground in enumerate(islice(swaying(still, rng, sway_px=sway_px, drift=drift), count)):
            yield paste(ground.picture, people, index, moved=ground.moved, gain=ground.gain)

    extra = (f" sway {sway_px:g}px" if sway_px else "") + (f" drift {drift:g}" if drift else "") + (f" {stand:.0%}" if kind == "frozen" else "")
    return Scene(f"{plate} {kind}{extra}", kind, 25, size, count, frames)


def moving(clip: str, kind: str, *, count: int = 60, width: int = 640, seed: int = 0, stand: float = 0.5, height: float = 0.45) -> Scene:
    """A scene before a camera that moves: "walk" (hand-held, parallax; 315 frames at most) or "pan" (turning, no parallax)."""
    if clip not in MOVING:
        raise ValueError(f"{clip!r}: is none of {', '.join(MOVING)}")
    size = (width, _even(width * (480 / 848 if clip == "walk" else 432 / 640)))

    def frames() -> Iterator[Made]:
        rng = np.random.default_rng(seed)
        people = actors(kind, _walkers(kind), size, count, rng, ground=0.85, height=height, stand=stand, moves=True)
        grounds = _walked(size) if clip == "walk" else _panned(size, rng)
        for index, ground in enumerate(islice(grounds, count)):
            yield paste(ground.picture, people, index, moved=ground.moved)

    return Scene(f"{clip} {kind}", kind, 30 if clip == "walk" else 25, size, count, frames)


def swaying(still: Still, rng: np.random.Generator, *, sway_px: float = 0.0, drift: float = 0.0) -> Iterator[Ground]:
    """An endless clean clip. The noise stays with the sensor, the plate sways under it; the border is mirrored by as much as it sways."""
    size = (still.plate.shape[1], still.plate.shape[0])
    index = 0
    while True:
        noise = still.noise[int(rng.integers(len(still.noise)))]
        shift = np.array([math.sin(index / 17), 0.6 * math.sin(1.7 * index / 17 + 1)]) * sway_px + rng.normal(0, 1, 2) * sway_px / 8
        moved = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])
        seen = still.plate
        if sway_px:
            seen = np.asarray(cv2.warpAffine(seen, moved[:2], size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101), np.float32)
        gain = 1 + drift * math.sin(index / 23)
        yield Ground(np.clip(seen * gain + noise + 0.5, 0, 255).astype(np.uint8), moved, gain)
        index += 1


def residual_noise(frame: Picture, plate: NDArray[np.float32]) -> NDArray[np.int8]:
    """What a frame differs from the plate by, without people: places of large differences, and 4 pixels around them, are 0."""
    noise = frame.astype(np.float32) - plate
    people = cv2.dilate((np.abs(noise).max(axis=2) > PEOPLE).astype(np.uint8), np.ones((9, 9), np.uint8))
    noise[people > 0] = 0
    return np.asarray(np.rint(noise), np.int8)


@lru_cache(maxsize=4)
def _still(file: str, first: int, last: int, width: int) -> Still:
    step = max(1, (last - first) // 60)
    frames = list(islice(_decoded(file, width), first, last, step))
    plate = np.median(np.stack(frames), axis=0).astype(np.float32)
    chosen = np.linspace(0, len(frames) - 1, min(NOISES, len(frames))).astype(int)
    return Still(plate, tuple(residual_noise(frames[number], plate) for number in chosen))


def _decoded(file: str, width: int, height: int = 0) -> Iterator[Picture]:
    """RGB frames of a shared clip, made smaller (or a little larger) to that width; height: 0 keeps the aspect, even."""
    with av.open(str(shared() / "data" / "clips" / file)) as source:
        for frame in source.decode(video=0):
            picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            high = height or _even(picture.shape[0] * width / picture.shape[1])
            if picture.shape[:2] != (high, width):
                how = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_CUBIC
                picture = np.asarray(cv2.resize(picture, (width, high), interpolation=how), np.uint8)
            yield picture


def _walked(size: tuple[int, int]) -> Iterator[Ground]:
    """The hand-held walk, and the chain of homographies from its first frame."""
    moved, before = np.eye(3), None
    for picture in _decoded("walk_gopro.mp4", *size):
        grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
        if before is not None:
            moved = _homography(before, grey) @ moved
        before = grey
        yield Ground(picture, moved / moved[2, 2])


def _homography(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Floats:
    """3x3 from a to b; the identity where too little is seen."""
    corners = cv2.goodFeaturesToTrack(a, 600, 0.004, 7)
    if corners is None or len(corners) < 12:
        return np.eye(3)
    after, found, _ = cv2.calcOpticalFlowPyrLK(a, b, corners, None, winSize=(21, 21), maxLevel=4)  # type: ignore[call-overload]
    kept = found.ravel() > 0
    if kept.sum() < 12:
        return np.eye(3)
    matrix, _ = cv2.findHomography(corners[kept], after[kept], cv2.USAC_MAGSAC, 1.5, maxIters=2000)
    return np.eye(3) if matrix is None else np.asarray(matrix, np.float64)


def _panned(size: tuple[int, int], rng: np.random.Generator) -> Iterator[Ground]:
    """A window that wanders and rolls over the enlarged plaza; the noise wanders with the plate, as in footage that was stabilised."""
    still = _still("vtest_a.avi", 0, 250, 768)
    first, walk, zoom = None, np.zeros(3), 1.25 * size[0] / 640
    for index, ground in enumerate(swaying(still, rng)):
        walk += rng.normal(0, 0.6, 3)
        turn = np.vstack([cv2.getRotationMatrix2D((384, 288), 0.15 * float(walk[2]), zoom), [0, 0, 1]])
        turn[:2, 2] += [size[0] / 2 - 384 - 45 + 1.5 * min(index, 60) + walk[0], size[1] / 2 - 288 + walk[1]]
        first = turn if first is None else first
        picture = cv2.warpAffine(ground.picture, turn[:2], size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        yield Ground(np.asarray(picture, np.uint8), turn @ np.linalg.inv(first))


@lru_cache(maxsize=2)
def _walkers(kind: str) -> tuple[Strip, ...]:
    """Somebody who never leaves is cut from standing people; all others walk."""
    pattern = "woman_standing_*.png" if kind == "never" else "walker_*.png"
    return tuple(strip(path) for path in sorted((shared() / "data" / "clips" / "cutouts").glob(pattern)))


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)


def _show(scene: Scene, folder: Path) -> None:
    """Three moments of a scene in one PNG; below each its truth, objects red and shadows blue."""
    chosen, columns = {round(share * (scene.count - 1)) for share in (0.3, 0.5, 0.9)}, []
    for index, made in enumerate(scene.frames()):
        if index in chosen:
            told = made.composite.copy()
            told[made.object, 0] = 255
            told[made.shadow, 2] = 255
            columns.append(np.vstack([made.composite, told]))
    name = "".join(letter if letter.isalnum() else "-" for letter in scene.name)
    cv2.imwrite(str(folder / f"{name}.png"), cv2.cvtColor(np.hstack(columns), cv2.COLOR_RGB2BGR))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.removal_scenes")
    parser.add_argument("--show", type=Path, required=True, metavar="FOLDER", help="for the stills")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.show.mkdir(parents=True, exist_ok=True)
    for plate in PLATES:
        for kind in ("walk", "stopgo", "frozen", "crowd", "never"):
            _show(static(plate, kind, width=384, seed=given.seed), given.show)
    for clip in MOVING:
        for kind in ("walk", "stopgo", "frozen"):
            _show(moving(clip, kind, width=384, seed=given.seed), given.show)
    _show(static("plaza", "walk", width=384, seed=given.seed, sway_px=2, drift=0.06), given.show)


if __name__ == "__main__":
    main()
