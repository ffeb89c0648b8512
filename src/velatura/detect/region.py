"""A region: where something is that must not be seen. Its detector, and one look at a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import Box, Frame
from velatura.media.input_form import InputForm

__all__ = ["Detector", "Look", "Region", "Scores"]


@dataclass(frozen=True, slots=True)
class Region:
    """Half-open box (x0, y0, x1, y1) in pixels of the upright picture; score in [0, 1]; `track` None until a tracker has named it.

    `label` is one of face, plate, person, vehicle, text, or a user's own word. `clear`: a person decided to leave it as it is.
    """

    box: Box
    label: str
    score: float
    time_s: float = 0.0
    track: int | None = None
    clear: bool = False


@dataclass(frozen=True, slots=True)
class Scores:
    """A detector's own scale. low: continues a track; high: starts one; sure: confirms one by itself; still: finds in a picture that is alone."""

    low: float
    high: float
    sure: float
    faint_hits: int = 0  # so many low hits in a row begin a track too; 0: never
    still: float = 0.0  # 0: as high


class Detector(Protocol):
    """A network that finds regions. After one warm call it opens no file and starts no thread."""

    name: str
    form: InputForm
    labels: frozenset[str]
    scores: Scores

    def detect(self, x: NDArray[np.float32], *, threshold: float) -> Sequence[Region]:
        """Regions of score >= threshold in x (3, height, width); boxes in pixels of x, duplicates already suppressed."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """One frame on its way through `cover`.

    Attributes:
        frame: the frame itself, or anything that stands for it; `cover` only hands it on.
        time_s: seconds.
        found: None: not looked at (--every K); (): looked, nothing there. Regions carry scores down to the detector's `low`.
        shot_starts: nothing is carried over from the frame before.
        shift_px: the camera's motion since the last frame, in pixels of the upright picture.
    """

    frame: Frame
    time_s: float
    found: Sequence[Region] | None
    shot_starts: bool = False
    shift_px: tuple[float, float] = (0.0, 0.0)
