"""Releases of mixed sizes and channels -> one array, a picture a row.

The common size is the median of the heights and of the widths, reduced so that the longer side has at most 128 pixels; pictures shrink by the mean of
areas and grow by linear interpolation. If one picture has colours, all are given three channels.
Limit: what the size of a release says about its owner is lost here; a protection's report states that size and place stay visible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from velatura.attacks.attack import Picture
from velatura.errors import BadInput

__all__ = ["LONGEST_PX", "Form", "common_form", "fitted", "rows"]

LONGEST_PX = 128


@dataclass(frozen=True, slots=True)
class Form:
    """The size that pictures are brought to, in pixels, and whether they have three channels or one."""

    height: int
    width: int
    colour: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one picture: (height, width) or (height, width, 3)."""
        return (self.height, self.width, 3) if self.colour else (self.height, self.width)

    def within(self, longest_px: int, *, least_px: int = 1) -> Form:
        """The same aspect with a longer side of at most `longest_px`, no side below `least_px`."""
        scale = min(1.0, longest_px / max(self.height, self.width))
        return Form(max(least_px, round(self.height * scale)), max(least_px, round(self.width * scale)), self.colour)


def common_form(pictures: Sequence[Picture], *, longest_px: int = LONGEST_PX) -> Form:
    """The form that suits all of them.

    Raises:
        BadInput: `attack.picture`: there is none, or one is no 8-bit picture with an area.
    """
    if not pictures:
        raise BadInput("attack.picture", "there is no picture to attack", hint="hand in at least one")
    for picture in pictures:
        _check(picture)
    height, width = (round(float(np.median([picture.shape[axis] for picture in pictures]))) for axis in (0, 1))
    return Form(height, width, any(picture.ndim == 3 for picture in pictures)).within(longest_px)


def fitted(picture: Picture, form: Form) -> Picture:
    """One picture in that form; itself if it has it. Raises BadInput `attack.picture`."""
    _check(picture)
    if picture.ndim == 3 and not form.colour:
        picture = np.rint(picture @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    height, width = picture.shape[:2]
    if (height, width) != (form.height, form.width):
        import cv2

        shrinks = form.height <= height and form.width <= width
        way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        picture = np.asarray(cv2.resize(picture, (form.width, form.height), interpolation=way), np.uint8)
    return np.repeat(picture[..., None], 3, 2) if form.colour and picture.ndim == 2 else picture


def rows(pictures: Sequence[Picture], form: Form | None = None) -> NDArray[np.uint8]:
    """(n, d): the pictures in their common form (or in `form`), flattened; 8 bits, so that products of them can be exact.

    Raises:
        BadInput: `attack.picture`.
    """
    form = form or common_form(pictures)
    return np.stack([fitted(picture, form).reshape(-1) for picture in pictures])


def _check(picture: Picture) -> None:
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or 0 in picture.shape or picture.shape[2:] not in ((), (3,)):
        told = f"an array of {picture.dtype} and shape {picture.shape} is no 8-bit grey or RGB picture"
        raise BadInput("attack.picture", told, hint="uint8, (height, width) or (height, width, 3)")
