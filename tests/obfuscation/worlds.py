"""Frames, regions and patches for tests of masks and methods."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from tests.obfuscation.sealing import FORMS, random_frame

from velatura.detect.region import Region
from velatura.media.frame import Frame, PixelForm
from velatura.obfuscation.mask import patches
from velatura.obfuscation.method import Patch
from velatura.obfuscation.policy import Covering

EVERYTHING = Covering(dilate=0.0)
ALL_FORMS = [*FORMS, PixelForm("rgb", alpha=True), PixelForm("grey", alpha=True), PixelForm("yuv", 8, 2, 0), PixelForm("yuv", 8, 0, 1)]
forms = st.sampled_from(ALL_FORMS)
sizes = st.tuples(st.integers(1, 70), st.integers(1, 70))
orientations = st.integers(1, 8)


@st.composite
def boxes(draw: st.DrawFn, reach: float = 90.0) -> tuple[float, float, float, float]:
    """Boxes in, over and beyond a small picture, down to a part of a pixel."""
    corner = st.floats(-20.0, reach, allow_nan=False, width=32)
    side = st.floats(1 / 64, reach, allow_nan=False, width=32)
    x0, y0, w, h = draw(corner), draw(corner), draw(side), draw(side)
    return (x0, y0, x0 + w, y0 + h)


def face(box: tuple[float, float, float, float], track: int = 1) -> Region:
    return Region(box, "face", 0.9, track=track)


def patch_over(frame: Frame, box: tuple[float, float, float, float], covering: Covering = EVERYTHING) -> Patch:
    return next(patches(frame, [face(box)], covering))


def whole_patch(rng: np.random.Generator, form: PixelForm, size: tuple[int, int]) -> tuple[Frame, Patch]:
    """A random frame and one patch that covers all of it."""
    frame = random_frame(rng, form, size)
    return frame, patch_over(frame, (0.0, 0.0, *map(float, frame.size)))


def planes_of(frame: Frame) -> list[np.ndarray]:
    return [plane.copy() for plane in frame.planes]
