"""Pixels under alpha 0: a viewer shows nothing there, and the file still holds the picture.

One colour under all transparent pixels of a frame is no picture. Frames are decoded one at a time, inside the confined decoder; of an animation
of thousands the first 500 are. Clips with alpha are not decoded here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from velatura.errors import BadInput
from velatura.media.feed import Feed
from velatura.media.leaks.trace import Trace, counted
from velatura.media.picture_open import check_pixels, open_picture, translated
from velatura.media.wire import Open

__all__ = ["hidden_pixels"]

_WITH_ALPHA = frozenset({"png", "webp", "tiff", "avif", "heic", "gif"})
_MOST_FRAMES = 500


def hidden_pixels(file: Feed, kind: str, trace: Trace, limits: Open) -> None:
    """Tell of frames that hide colours.

    Args:
        kind: a picture format of `velatura.media.kinds`; those without alpha are not opened.

    Raises:
        BadInput: `media.too-large`. Pixels that cannot be decoded are told of: the rest of the scan stands.
    """
    if kind not in _WITH_ALPHA:
        return
    file.seek(0)
    try:
        with translated():
            hidden = _hiding_frames(open_picture(file, kind, limits), limits)
    except BadInput as error:
        if error.code == "media.too-large":
            raise
        trace.tell("L13", "alpha", "the pixels cannot be decoded: whether any hide under alpha 0 is not known")
        return
    if hidden:
        trace.tell("L13", "alpha", f"pixels under alpha 0 in {counted(hidden, 'frame')}")


def _hiding_frames(picture: Image.Image, limits: Open) -> int:
    hidden = 0
    for number, frame in enumerate(ImageSequence.Iterator(picture)):
        check_pixels(frame, limits)
        if number >= _MOST_FRAMES or not frame.has_transparency_data:
            break
        hidden += _hides(np.asarray(frame.convert("RGBA")))
    return hidden


def _hides(rgba: NDArray[np.uint8]) -> bool:
    under = rgba[rgba[..., 3] == 0][:, :3]
    return bool(len(under)) and bool((under != under[0]).any())
