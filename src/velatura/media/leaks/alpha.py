"""Pixels under alpha 0: a viewer shows nothing there, and the file still holds the picture.

One colour under all transparent pixels of a frame is no picture. Coders that lose detail let what is shown ring into what is not, so theirs are
looked at 16 pixels away from anything shown, and shades of a few levels are taken as one. Frames are decoded one at a time, inside the confined
decoder; of an animation of thousands the first 500 are. Clips with alpha are not decoded here.
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

_EXACT, _LOSSY = frozenset({"png", "tiff", "gif"}), frozenset({"webp", "avif", "heic"})
_BLOCK = 16
_LEVELS = 8  # black beside white, at quality 80: 2 levels of WebP and none of AVIF are left 8 pixels away
_MOST_FRAMES = 500


def hidden_pixels(file: Feed, kind: str, trace: Trace, limits: Open) -> None:
    """Tell of frames that hide colours.

    Args:
        kind: a picture format of `velatura.media.kinds`; those without alpha are not opened.

    Raises:
        BadInput: `media.too-large`. Pixels that cannot be decoded are told of: the rest of the scan stands.
    """
    if kind not in _EXACT | _LOSSY:
        return
    file.seek(0)
    try:
        with translated():
            hidden = _hiding_frames(open_picture(file, kind, limits), limits, exact=kind in _EXACT)
    except BadInput as error:
        if error.code == "media.too-large":
            raise
        trace.tell("L13", "alpha", "the pixels cannot be decoded: whether any hide under alpha 0 is not known")
        return
    if hidden:
        trace.tell("L13", "alpha", f"pixels under alpha 0 in {counted(hidden, 'frame')}")


def _hiding_frames(picture: Image.Image, limits: Open, *, exact: bool) -> int:
    hidden = 0
    for number, frame in enumerate(ImageSequence.Iterator(picture)):
        check_pixels(frame, limits)
        if number >= _MOST_FRAMES or not frame.has_transparency_data:
            break
        rgba = np.asarray(frame.convert("RGBA"))
        hidden += _differs(rgba[rgba[..., 3] == 0], 0) if exact else _differs(_far_from_shown(rgba), _LEVELS)
    return hidden


def _differs(under: NDArray[np.uint8], levels: int) -> bool:
    """More than one colour, (n, 4)."""
    return bool(len(under)) and bool((np.ptp(under[:, :3], axis=0) > levels).any())


def _far_from_shown(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels of blocks that are transparent as all of their neighbours are, (n, 4)."""
    height, width = (side // _BLOCK * _BLOCK for side in rgba.shape[:2])
    blocks = rgba[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK, 4)
    clear = np.pad((blocks[..., 3] == 0).all(axis=(1, 3)), 1, constant_values=True)
    rows = clear[:-2] & clear[1:-1] & clear[2:]
    inner = rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
    far: NDArray[np.uint8] = blocks.transpose(0, 2, 1, 3, 4)[inner].reshape(-1, 4)
    return far
