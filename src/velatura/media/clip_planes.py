"""A decoder's frame as planes of a form that we keep.

Planes of a kept format are read where they lie, without their padding. Others go through swscale once. A clip's transparency is composited
over black: its colours under alpha 0 are hidden from a viewer of the original, so no output may show them.
Source: Porter and Duff 1984, "over" with a black ground.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from velatura.media.frame import PixelForm, Plane
from velatura.media.pixel_formats import form_of, kept_as, matrix_of

__all__ = ["Colours", "colours_of", "opaque", "planes_of"]

_FULL = 2  # AVCOL_RANGE_JPEG
_SWSCALE = {"bt709": 1, "bt601": 5, "bt2020": 9}
# Codecs whose grey is 0..255 where nothing is stated; H.264 and its kin default to the studio range.
_STUDIO_GREY = frozenset({"h264", "hevc", "av1", "vvc", "mpeg2video"})


@dataclass(frozen=True, slots=True)
class Colours:
    """How the frames of one clip are handed over: `name` of the format, the form of the planes, whether swscale is needed for it."""

    name: str
    form: PixelForm
    converted: bool
    tags: tuple[int, int, int]  # primaries, transfer, matrix (ITU-T H.273)


def colours_of(frame: av.VideoFrame, codec: str) -> Colours:
    """Decide from the first frame; the others of the clip are held to it."""
    parts = frame.format.components
    name = kept_as(
        frame.format.name,
        bits=max(part.bits for part in parts),
        alpha=frame.format.has_palette or any(part.is_alpha for part in parts),
        even=not (frame.width % 2 or frame.height % 2),
    )
    converted = name != frame.format.name
    from_rgb = frame.format.is_rgb or frame.format.has_palette
    matrix = matrix_of(0 if from_rgb else frame.colorspace, frame.height)
    form = form_of(name, full_range=frame.color_range == _FULL and not from_rgb, matrix=matrix)
    assert form is not None, f"kept_as named {name}, which has no form"
    tags = (frame.color_primaries, frame.color_trc, {"bt709": 1, "bt601": 6, "bt2020": 9}[matrix] if from_rgb else frame.colorspace)
    if form.colour == "grey" and frame.color_range != _FULL and codec in _STUDIO_GREY:
        form = replace(form, colour="yuv", shift_x=1, shift_y=1, full_range=False, matrix=matrix)
    return Colours(name, form, converted, tags)


def planes_of(frame: av.VideoFrame, colours: Colours) -> list[Plane]:
    """The frame's planes; valid as long as the frame (they may be views of it)."""
    shown = _converted(frame, colours) if colours.converted else frame
    planes = [_view(plane, colours.form) for plane in shown.planes]
    if colours.form.colour == "yuv" and len(planes) == 1:
        planes += [np.full(shape, 1 << (colours.form.bits - 1), planes[0].dtype) for shape in colours.form.shapes(frame.width, frame.height)[1:]]
    return _over_black(planes, colours.form) if colours.form.alpha else planes


def opaque(form: PixelForm) -> PixelForm:
    """The form of what `planes_of` returns."""
    return replace(form, alpha=False)


def _converted(frame: av.VideoFrame, colours: Colours) -> av.VideoFrame:
    matrix = _SWSCALE[colours.form.matrix]
    span = _FULL if colours.form.full_range else 1
    same = not (frame.format.is_rgb or frame.format.has_palette)
    return frame.reformat(
        format=colours.name,
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=span if same else _FULL,
        dst_color_range=span,
        threads=1,
    )


def _view(plane: Any, form: PixelForm) -> Plane:
    if plane.line_size <= 0:
        raise ValueError("planes stored from the bottom up")
    rows: NDArray[Any] = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows.view(form.dtype)[:, : plane.width]


def _over_black(planes: list[Plane], form: PixelForm) -> list[Plane]:
    """Each sample moved towards black as far as its alpha says; chroma by the least alpha of the luma samples it serves."""
    alpha: NDArray[np.float32] = np.divide(planes[-1], form.peak, dtype=np.float32)
    blacks = form.black()
    result = []
    for index, plane in enumerate(planes[:-1]):
        share: NDArray[np.float32] = _reduced(alpha, *form.subsampled(index))
        ground = np.float32(blacks[index])
        result.append(np.rint(ground + (plane.astype(np.float32) - ground) * share).astype(plane.dtype))
    return result


def _reduced(alpha: NDArray[np.float32], shift_x: int, shift_y: int) -> NDArray[np.float32]:
    step_x, step_y = 1 << shift_x, 1 << shift_y
    height, width = alpha.shape
    padded = np.pad(alpha, ((0, -height % step_y), (0, -width % step_x)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // step_y, step_y, padded.shape[1] // step_x, step_x)
    least: NDArray[np.float32] = blocks.min(axis=(1, 3))
    return least
