"""A detector of the red clothes that people of drawn scenes wear: it looks at pixels, so that it finds nobody in a clip from which they are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from velatura.detect.region import Region, Scores
from velatura.media.frame import Frame, to_upright

SCORES = Scores(low=0.3, high=0.45, sure=0.8)
RED = 30  # of a chroma plane, above grey
BODY = (0.15, 0.57)  # shares of a person's height
LEAST = 40


class Clothes:
    """A `detection.Search` for "person"."""

    names = ("clothes",)

    @property
    def scores(self) -> Mapping[str, Scores]:
        return {"person": SCORES}

    def __call__(self, frame: Frame, *, low: bool) -> Sequence[Region]:
        red = _redness(frame)
        count, _, stats, _ = cv2.connectedComponentsWithStats((red > RED).astype(np.uint8))
        scale = frame.stored_size[0] / red.shape[1]
        found = []
        for x, y, width, height, area in stats[1:count].tolist():
            if area >= LEAST:
                box = (x * scale, y * scale, (x + width) * scale, (y + height) * scale)
                found.append(Region(_whole(to_upright(box, frame.stored_size, frame.orientation)), "person", 0.9, float(frame.time)))
        return found


def _redness(frame: Frame) -> np.ndarray:
    planes = [plane.astype(np.int32) for plane in frame.planes]
    return planes[2] - 128 if frame.form.colour == "yuv" else (planes[0] - planes[2]) // 3


def _whole(body: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """From the body's box to the person's."""
    x0, y0, x1, y1 = body
    tall = (y1 - y0) / (BODY[1] - BODY[0])
    return x0 - 0.1 * (x1 - x0), max(y0 - BODY[0] * tall, 0), x1 + 0.1 * (x1 - x0), y1 + (1 - BODY[1]) * tall
