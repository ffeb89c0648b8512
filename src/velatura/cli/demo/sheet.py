"""A before/after sheet: the same moment of two files, side by side, as a JPEG."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from velatura.files import atomic_output
from velatura.media.source import Decoder
from velatura.media.view import InputForm, view

__all__ = ["write_sheet"]

_SIDE = 720
_GAP = 8


def write_sheet(before: Path, after: Path, sheet: Path, *, second: float) -> None:
    """Write `sheet`: the frame at or after `second` of both files."""
    with Decoder() as decoder:
        pictures = [_moment(decoder, path, second) for path in (before, after)]
    height = max(picture.shape[0] for picture in pictures)
    gap = np.full((height, _GAP, 3), 255, np.uint8)
    ok, raw = cv2.imencode(".jpg", np.hstack([pictures[0], gap, pictures[1]]), [cv2.IMWRITE_JPEG_QUALITY, 90])
    assert ok, "OpenCV writes JPEG"
    with atomic_output(sheet, force=True) as part:
        part.write_bytes(raw.tobytes())


def _moment(decoder: Decoder, path: Path, second: float) -> NDArray[np.uint8]:
    """BGR, at most `_SIDE` pixels wide or high."""
    found = None
    with decoder.open(path) as reader:
        for frame in reader:
            found = view(frame, InputForm(order="BGR", multiple=1, max_side=_SIDE))
            if float(frame.time) >= second:
                break
    assert found is not None, "a file that was protected has a frame"
    return np.clip(found.x, 0, 255).round().astype(np.uint8).transpose(1, 2, 0)
