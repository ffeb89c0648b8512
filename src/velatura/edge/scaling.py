"""A decoded frame straight to the size of a network's input: no full-size RGB picture is ever made.

swscale, averaging over areas (what is quicker aliases: of 43 tracks of a 1080p clip 31 are left), one thread; colours as the frame's own tags say.
Limit: frames are taken as they are stored; a camera that is mounted turned is not turned back.
"""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from velatura.detect.region import Region
from velatura.media.frame import Box
from velatura.media.input_form import InputForm

__all__ = ["Scaler", "input_size"]


def input_size(size: tuple[int, int], form: InputForm, side: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """(width, height) of the picture in a network's input, and of the input.

    Args:
        size: of the frame.
        side: the longer side that is wanted, where the network leaves it free; pixels.
    """
    if form.size is not None:
        return form.size, form.size
    zoom = min(1.0, side / max(size), form.max_side / max(size))
    content = max(1, round(size[0] * zoom)), max(1, round(size[1] * zoom))
    up = -(-content[0] // form.multiple) * form.multiple, -(-content[1] // form.multiple) * form.multiple
    return (up, up) if form.fit == "resize" else (content, up)


class Scaler:
    """For one network. Args: side: as of `input_size`."""

    def __init__(self, form: InputForm, side: int) -> None:
        self.form, self.side = form, side
        self._reformatter = VideoReformatter()
        self._x: NDArray[np.float32] = np.zeros((3, 0, 0), np.float32)
        self._name = "bgr24" if form.order == "BGR" else "rgb24"
        self._channels = [self._name[:3].upper().index(letter) for letter in form.order]
        self._mean = np.array(form.mean, np.float32)[:, None, None]
        self._scale = np.array(form.scale, np.float32)[:, None, None]

    def input_of(self, frame: av.VideoFrame) -> NDArray[np.float32]:
        """(3, height, width) float32, what is not picture 0; the same memory each time."""
        (width, height), whole = input_size((frame.width, frame.height), self.form, self.side)
        if self._x.shape != (3, whole[1], whole[0]):
            self._x = np.zeros((3, whole[1], whole[0]), np.float32)
        small = self._reformatter.reformat(frame, width, height, self._name, interpolation=Interpolation.AREA, threads=1)
        plane = small.planes[0]
        pixels = _rows(plane)[:, : 3 * width].reshape(height, width, 3)
        x = self._x[:, :height, :width]
        for channel, source in enumerate(self._channels):
            x[channel] = pixels[:, :, source]
        if self.form.mean != (0.0, 0.0, 0.0):
            x -= self._mean
        if self.form.scale != (1.0, 1.0, 1.0):
            x *= self._scale
        return self._x

    def to_picture(self, region: Region, size: tuple[int, int]) -> Region:
        """A region in pixels of the input, in pixels of the frame."""
        (width, height), _ = input_size(size, self.form, self.side)
        sx, sy = size[0] / width, size[1] / height
        x0, y0, x1, y1 = region.box
        box: Box = (x0 * sx, y0 * sy, x1 * sx, y1 * sy)
        return Region(box, region.label, region.score)


def _rows(plane: Any) -> NDArray[np.uint8]:
    """(height, bytes of a line)."""
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
