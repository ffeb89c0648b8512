"""Clips as a fixed camera gives them, made anew: photographs of buildings, sensor noise, faces that pass by in lanes; one key frame in two seconds.

Faces are large enough (a ninth of the width) for every way of making a picture small, so that whoever counts them counts the same. Backgrounds:
Urban100 (research set); faces: the ORL set, credit AT&T Laboratories Cambridge. Nothing of it is written to the documents.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.material import shared

__all__ = ["FULL", "RATE", "SUB", "camera_clip"]

FULL, SUB = (1920, 1080), (640, 360)
RATE = 25
LANES = ((0.04, 3.1, 0), (0.36, 2.3, 1), (0.68, 2.7, 2))
"""Of faces: upper edge (share of the height), seconds for the way through the picture, which of the faces comes first."""
FACE_SHARE = 1 / 9
GOP = 50

Pixels = NDArray[np.uint8]


def camera_clip(path: Path, size: tuple[int, int], *, seconds: float) -> Path:
    """H.264 of about 4 Mbit/s at 1080p, less by area below; no B frames, as cameras have none."""
    width, height = size
    ground, faces, rng = _ground(size), _faces(width), np.random.default_rng(7)
    noise = [rng.normal(0, 2.5, (height, width, 1)).astype(np.int8) for _ in range(4)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "bf": "0", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = int(4e6 * width * height / (1920 * 1080) + 2e5)
        stream.codec_context.gop_size, stream.codec_context.time_base = GOP, Fraction(1, RATE)
        for index in range(round(seconds * RATE)):
            picture = ground.copy()
            for top, way_s, first in LANES:
                _pass(picture, faces, top, index / RATE / way_s, first)
            flicker = int(2 * np.sin(index / 7))
            picture = np.clip(picture.astype(np.int16) + noise[index % 4] + flicker, 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def _ground(size: tuple[int, int]) -> Pixels:
    import cv2

    names = sorted((shared() / "data" / "urban100").glob("*.png"))[:2]
    halves = [cv2.resize(cv2.imread(str(name)), (size[0] // 2, size[1]), interpolation=cv2.INTER_AREA) for name in names]
    return np.asarray(np.hstack(halves), np.uint8)


def _faces(width: int) -> list[Pixels]:
    import cv2

    wide = round(width * FACE_SHARE)
    names = [shared() / "data" / "orl" / f"s{number}" / "1.pgm" for number in range(1, 41)]
    return [cv2.resize(cv2.imread(str(name)), (wide, wide * 112 // 92), interpolation=cv2.INTER_CUBIC) for name in names]


def _pass(picture: Pixels, faces: list[Pixels], top: float, ways: float, first: int) -> None:
    """The face that is on its way through a lane, after so many ways."""
    face = faces[(first + len(LANES) * int(ways)) % len(faces)]
    high, wide = face.shape[:2]
    room = picture.shape[1] + 2 * wide
    x, y = round(ways % 1 * room) - wide, round(top * picture.shape[0])
    left, right = max(x, 0), min(x + wide, picture.shape[1])
    if left < right:
        rows = min(high, picture.shape[0] - y)
        picture[y : y + rows, left:right] = face[:rows, left - x : right - x]
