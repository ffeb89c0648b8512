"""The seam of obfuscation: a method, what it is given (a patch), and what it does to a track (a treatment).

What is paid once a track (a privacy budget, a key, a noisy grid) is paid in `begin`; a still picture is a track of one frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from velatura.findings import Claim
from velatura.media.frame import PixelForm, Plane
from velatura.plugins import Registry

__all__ = ["METHODS", "Method", "Patch", "Treatment"]


@dataclass(frozen=True, slots=True)
class Patch:
    """One region of one frame, in stored orientation: writable plane views and the masks of what must go.

    Attributes:
        planes: a writable view (rows, columns) of the region's bounding box in each plane; chroma views are as much smaller as the form says.
        masks: for each plane, True where the sample must not survive. Chroma masks are the OR over the luma samples they colour.
        form: how to read the planes; alpha, if any, is the last one.
        box: (x0, y0, x1, y1) of the luma view in the stored picture, whole pixels, aligned to the chroma grid.
        frame: index of the frame.
        track: the track's number.
    """

    planes: tuple[Plane, ...]
    masks: tuple[NDArray[np.bool_], ...]
    form: PixelForm
    box: tuple[int, int, int, int]
    frame: int
    track: int


class Treatment(Protocol):
    """What is done to one track, frame after frame."""

    def apply(self, patch: Patch) -> bytes:
        """Overwrite in place, each frame of the track; return what only the key holder may see (b"" unless sealing)."""
        ...


class Method(Protocol):
    """A way to make regions unrecognisable.

    Attributes:
        limits: the sentence about what it does not protect, for README, help and report.
        claims: attack name -> promise; an attack that is not here is only stated.
        cosmetic: it can be reversed; everywhere it is offered says so.
    """

    @property
    def limits(self) -> str: ...
    @property
    def claims(self) -> Mapping[str, Claim]: ...
    @property
    def cosmetic(self) -> bool: ...

    def begin(self, first: Patch, *, entropy: Callable[[int], bytes]) -> Treatment:
        """Start a track on its first patch; `entropy(n)` gives n random bytes (from the operating system unless a test says otherwise)."""
        ...


METHODS = Registry(
    "velatura.methods",
    "method",
    {
        "fill": "velatura.obfuscation.fill:parse",
        "pixelate": "velatura.obfuscation.pixelate:parse",
        "blur": "velatura.obfuscation.blur:parse",
        "dp-pixelate": "velatura.obfuscation.dp_pixelate:parse",
        "seal": "velatura.obfuscation.seal:parse",
    },
)
"""name -> `parse(parameters: str) -> Method`; parameters are what follows the colon in `--method NAME:PARAMETERS`, "" if nothing does."""
