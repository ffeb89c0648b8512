"""An output held against the truth of a drawn scene: what of the people still shows, and what else was changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tests.removal.drawing import planes
from tests.removal.scenes import Made

from velatura.media.frame import Frame
from velatura.media.source import Decoder
from velatura.removal.planes import luma
from velatura.removal.upright import upright_plane

STANDS_OUT = 24  # grey levels after a blur; grain and coder stay below it, clothes and skin lie above


@dataclass(frozen=True)
class Judged:
    """Of a whole output.

    Attributes:
        leak: the largest share, of all frames, of people's pixels that still stand out from what was behind them.
        changed: mean over all frames of the share of other pixels that stand out.
        black: largest share of a frame that is black.
    """

    frames: int
    leak: float
    changed: float
    black: float


def judged(made: Made, out: Path, decoder: Decoder) -> Judged:
    """Compare an output of the scene, in brightness, upright."""
    frames = read(out, decoder)
    assert len(frames) == len(made.clean), "no frame is lost"
    leaks, changes, blacks = [], [], []
    for frame, clean, mask in zip(frames, made.clean, made.masks, strict=True):
        grey = upright(frame)
        truth = luma(planes(clean.astype(np.float32), frame.form, 1), frame.form)
        far = cv2.absdiff(cv2.blur(grey, (3, 3)), cv2.blur(truth, (3, 3))) > STANDS_OUT
        beside = ~cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(np.bool_)
        leaks.append(_share(far[mask] & (grey[mask] > 20)))  # black is covered, and shows nothing
        changes.append(_share(far[beside]))
        blacks.append(_share(grey <= 20))
    return Judged(len(frames), max(leaks), float(np.mean(changes)), max(blacks))


def read(path: Path, decoder: Decoder) -> list[Frame]:
    """All frames of a file."""
    with decoder.open(path) as reader:
        return list(reader)


def upright(frame: Frame) -> np.ndarray:
    """Brightness, 8 bits, (height, width)."""
    return upright_plane(luma(frame.planes, frame.form), frame.orientation)


def _share(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else 0.0
