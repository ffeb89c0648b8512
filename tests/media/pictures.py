"""Pictures to test with, as planes and as files of other people's making (Pillow, byte for byte)."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from velatura.media.frame import Frame, PixelForm
from velatura.media.reader import Facts
from velatura.media.sink import create

RGB, RGBA, GREY, GREY_ALPHA = PixelForm("rgb"), PixelForm("rgb", alpha=True), PixelForm("grey"), PixelForm("grey", alpha=True)
GREY16 = PixelForm("grey", bits=16)


def noise(form: PixelForm, width: int, height: int, seed: int = 0) -> Frame:
    """Random samples; colours under alpha 0 are 0, as every reader of ours hands them over."""
    rng = np.random.default_rng(seed)
    planes = [rng.integers(0, form.peak + 1, shape).astype(form.dtype) for shape in form.shapes(width, height)]
    if form.alpha:
        planes[-1] = np.where(planes[-1] < 90, 0, planes[-1]).astype(form.dtype)
        planes[:-1] = [np.where(planes[-1] == 0, 0, plane).astype(form.dtype) for plane in planes[:-1]]
    return Frame(planes, form)


def photo(width: int = 61, height: int = 47) -> Image.Image:
    """Smooth colours without symmetry."""
    y, x = np.mgrid[0:height, 0:width]
    bands = [(x * 255 // width), (y * 255 // height), ((x + 2 * y) * 255 // (width + 2 * height))]
    return Image.fromarray(np.stack(bands, -1).astype(np.uint8))


def saved(path: Path, picture: Image.Image, name: str, **options: Any) -> Path:
    picture.save(path, name, **options)
    return path


def raw(picture: Image.Image, name: str, **options: Any) -> bytes:
    store = io.BytesIO()
    picture.save(store, name, **options)
    return store.getvalue()


def animation(form: PixelForm, width: int, height: int, durations: list[Fraction], loop: int = 0) -> tuple[Facts, list[Frame]]:
    frames, time = [], Fraction(0)
    for index, duration in enumerate(durations):
        frame = noise(form, width, height, seed=index)
        frame.time, frame.duration, frame.index = time, duration, index
        time += duration
        frames.append(frame)
    return Facts("animation", "gif", width, height, form, frames=len(frames), loop=loop), frames


def still(frame: Frame) -> Facts:
    return Facts("picture", "png", *frame.size, frame.form, frames=1)


def write(path: Path, facts: Facts, frames: list[Frame], **options: Any) -> Path:
    with create(path, facts, **options) as writer:
        for frame in frames:
            writer.write(frame)
        writer.finish()
    return path


def same(one: Frame, other: Frame) -> bool:
    return len(one.planes) == len(other.planes) and all(np.array_equal(a, b) for a, b in zip(one.planes, other.planes, strict=True))
