"""Small pictures of the people in a file, from its original, for the sheet that a person looks through. They are secret.

One a track, at its best score; a clip keeps the first few hundred, the rest is listed without. Encoded in memory; nothing is written here.
"""

from __future__ import annotations

import base64
from math import ceil, floor

import cv2
import numpy as np

from velatura.detect.region import Region
from velatura.errors import VelaturaError
from velatura.media.frame import Box, Frame
from velatura.media.view import InputForm, view

__all__ = ["Thumbnails", "thumbnail"]

SIDE = 96
CONTEXT = 0.35  # of the region's size on each side: a face alone is hard to judge
BETTER = 1.05  # a picture is taken again only for a score that is so much better: a clip would encode one a frame
MOST = 400


class Thumbnails:
    """Of one file. `pictures`: track -> JPEG as base64."""

    def __init__(self) -> None:
        self._best: dict[int, float] = {}
        self.pictures: dict[int, str] = {}

    def see(self, frame: Frame, regions: list[Region]) -> None:
        """Before the regions go."""
        for region in regions:
            track = region.track
            if track is None or (track not in self._best and len(self._best) >= MOST) or region.score < BETTER * self._best.get(track, -1.0):
                continue
            picture = thumbnail(frame, region.box)
            if picture:
                self._best[track], self.pictures[track] = region.score, picture


def thumbnail(frame: Frame, box: Box) -> str:
    """A part of a frame with some context, at most 96 pixels a side, as JPEG in base64; "" if the box lies outside."""
    width, height = frame.size
    x0, y0, x1, y1 = box
    dx, dy = CONTEXT * (x1 - x0), CONTEXT * (y1 - y0)
    crop = (max(floor(x0 - dx), 0), max(floor(y0 - dy), 0), min(ceil(x1 + dx), width), min(ceil(y1 + dy), height))
    across, down = crop[2] - crop[0], crop[3] - crop[1]
    if across < 1 or down < 1:
        return ""
    scale = min(SIDE / max(across, down), 4.0)
    size = (max(round(across * scale), 1), max(round(down * scale), 1))
    x = view(frame, InputForm(order="BGR", size=size, multiple=1), crop=crop).x
    done, jpeg = cv2.imencode(".jpg", np.clip(np.rint(x.transpose(1, 2, 0)), 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not done:
        raise VelaturaError("obfuscate.thumbnail", f"a picture of {size[0]}x{size[1]} pixels for the review sheet could not be made")
    return base64.b64encode(jpeg.tobytes()).decode("ascii")
