"""A detector without weights: it finds the bright squares that these pictures and clips are made with.

search = Blobs(misses={3, 4})
search(frame, low=True)     # regions of bright squares, none on frames 3 and 4
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from velatura.detect.region import Region, Scores
from velatura.media.frame import Box, Frame

WIDTH, HEIGHT, SIDE = 160, 96, 20


class Blobs:
    """A `Search`. `asked`: the frames that it was shown."""

    def __init__(self, misses: Collection[int] = ()) -> None:
        self.misses, self.asked = misses, list[int]()

    @property
    def scores(self) -> Mapping[str, Scores]:
        return {"face": Scores(0.3, 0.45, 0.8)}

    def __call__(self, frame: Frame, *, low: bool) -> Sequence[Region]:
        self.asked.append(frame.index)
        if frame.index in self.misses:
            return []
        bright = (np.min(frame.planes[:1], axis=0) > 200).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(bright)
        boxes = [(float(x), float(y), float(x + w), float(y + h)) for x, y, w, h, area in stats[1:].tolist() if area > 60]
        return [Region(box, "face", 0.9) for box in boxes]


def place(index: int) -> Box:
    """Where the square is on a frame: two pixels further on each."""
    x, y = 10 + 2 * index, 40
    return (float(x), float(y), float(x + SIDE), float(y + SIDE))


def picture(index: int = 0, ground: int = 0) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) dark noise of a fixed seed with the square."""
    rough = np.random.default_rng(ground).integers(0, 180, (HEIGHT // 8, WIDTH // 8), dtype=np.uint8)
    grey = cv2.resize(rough, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    x0, y0, x1, y1 = (int(side) for side in place(index))
    grey[y0:y1, x0:x1] = 255
    return np.repeat(grey[..., None], 3, axis=2)


def write_clip(path: Path, frames: int = 40, rate: int = 25, grounds: Sequence[int] | None = None) -> Path:
    """A clip of the walking square; `grounds`: the background's seed of each frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate, options={"qscale": "2"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(frames):
            shown = picture(index, grounds[index] if grounds else 0)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_picture(path: Path) -> Path:
    Image.fromarray(picture()).save(path)
    return path
