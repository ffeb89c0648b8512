"""Drawn pictures into an MP4, as a camera would have left them: 8-bit 4:2:0."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.cli.demo.street import RATE
from velatura.media.frame import Frame, PixelForm
from velatura.media.reader import Facts
from velatura.media.sink import create
from velatura.progress import Progress

__all__ = ["film", "heads"]

Picture = NDArray[np.uint8]


def heads(portrait: Path) -> Picture:
    """The portrait that lends its head, (height, width, 3) uint8 RGB."""
    return cv2.cvtColor(np.asarray(cv2.imread(str(portrait), cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB).astype(np.uint8)


def film(pictures: Iterable[Picture], target: Path, *, frames: int, size: tuple[int, int], progress: Progress) -> None:
    """Write pictures, RGB, into the file `target`.

    Args:
        frames: how many there are.
        size: (width, height) of the clip, even; pictures of another size are scaled down to it.
    """
    width, height = size
    form = PixelForm("yuv", 8, 1, 1, full_range=False, matrix="bt601")
    facts = Facts("clip", "mp4", width, height, form, frames=frames, rate=RATE, time_base=Fraction(1, RATE * 512))
    progress.start("drawing a street", frames, "frames")
    with create(target, facts, name="demo.mp4", quality=18) as writer:
        for index, picture in enumerate(pictures):
            writer.write(Frame(_planes(picture, size), form, index=index, time=Fraction(index, RATE), duration=Fraction(1, RATE)))
            progress.advance()
        writer.finish()
    progress.finish()


def _planes(picture: Picture, size: tuple[int, int]) -> list[Picture]:
    width, height = size
    if picture.shape[:2] != (height, width):
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    planar = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).astype(np.uint8)
    quarter = planar[height:].reshape(2, height // 2, width // 2)
    return [planar[:height], quarter[0], quarter[1]]
