"""Scenes as files, and back: the composite and the clean clip through the product's own coder, masks as PNG.

Colours go to the planes of a clip (4:2:0, BT.601, studio range) by the exact reverse of what `velatura.media.view` makes of planes, so that what is
read back differs from what was made by rounding, the chroma's size and the coder only.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from benchmarks.removal_pasting import Mask, Picture
from benchmarks.removal_scenes import Scene
from velatura.media.frame import Frame, PixelForm
from velatura.media.reader import Facts, Writer
from velatura.media.sink import create
from velatura.media.source import Decoder
from velatura.media.view import InputForm, view

__all__ = ["FORM", "Files", "clip", "decoder", "holes", "pictures", "to_frame", "to_rgb", "write"]

FORM = PixelForm("yuv", shift_x=1, shift_y=1, full_range=False, matrix="bt601")
QUALITY = 12
"""CRF of x264: what it loses is under what any step of removal does."""
OBJECT, SHADOW = 1, 2
_RGB = InputForm("RGB", multiple=1, max_side=1 << 16)


@dataclass(frozen=True, slots=True)
class Files:
    """A scene on disk.

    Attributes:
        composite, clean: clips with and without people.
        holes: a folder of 000000.png ...: 255 where an object or its shadow is; what `velatura remove --mask` takes.
        parts: a folder of the same: 1 object, 2 shadow.
    """

    composite: Path
    clean: Path
    holes: Path
    parts: Path


def write(scene: Scene, folder: Path, *, suffix: str = ".mp4", quality: int = QUALITY) -> Files:
    """Play a scene into a folder, which is made; one frame is held at a time."""
    files = Files(folder / f"composite{suffix}", folder / f"clean{suffix}", folder / "holes", folder / "parts")
    for place in (files.holes, files.parts):
        place.mkdir(parents=True, exist_ok=True)
    facts = _facts(scene.size, scene.rate)
    with create(files.composite, facts, quality=quality) as composite, create(files.clean, facts, quality=quality) as clean:
        for index, made in enumerate(scene.frames()):
            composite.write(to_frame(made.composite, index, scene.rate))
            clean.write(to_frame(made.clean, index, scene.rate))
            hole = (made.object | made.shadow).astype(np.uint8) * 255
            cv2.imwrite(str(files.holes / f"{index:06d}.png"), hole)
            cv2.imwrite(str(files.parts / f"{index:06d}.png"), (made.object * OBJECT + made.shadow * SHADOW).astype(np.uint8))
        composite.finish()
        clean.finish()
    return files


def clip(path: Path, *, size: tuple[int, int], rate: int, quality: int = 23) -> Writer:
    """A clip of `size` (width, height) to write `to_frame` frames into: by the same coder, and with the default quality as `velatura remove` does."""
    return create(path, _facts(size, rate), quality=quality)


def pictures(path: Path) -> Iterator[Picture]:
    """The upright RGB frames of a clip, as the product reads them."""
    with decoder().open(path) as reader:
        for frame in reader:
            yield to_rgb(frame)


@lru_cache(maxsize=1)
def decoder() -> Decoder:
    """The product's, warm, for all clips of a run: its CPU time is in no figure."""
    made = Decoder()
    atexit.register(made.close)
    return made


def holes(files: Files) -> Iterator[tuple[Mask, Mask]]:
    """Object and shadow of each frame."""
    for path in sorted(files.parts.iterdir()):
        parts = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        yield parts == OBJECT, parts == SHADOW


def to_rgb(frame: Frame) -> Picture:
    """RGB uint8 (height, width, 3), upright, of a frame of any form."""
    seen = view(frame, _RGB).x
    return np.ascontiguousarray(np.moveaxis(np.clip(np.rint(seen), 0, 255).astype(np.uint8), 0, 2))


def to_frame(picture: Picture, index: int = 0, rate: int = 25) -> Frame:
    """A frame of a clip (`FORM`) from RGB uint8 with even sides; chroma is the mean of its four pixels (ITU-R BT.601)."""
    height, width = picture.shape[:2]
    if height % 2 or width % 2:
        raise ValueError(f"{width}x{height}: both sides of a clip of 4:2:0 are even")
    red, green, blue = (picture[..., channel].astype(np.float32) for channel in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    u, v = (cv2.resize(share, (width // 2, height // 2), interpolation=cv2.INTER_AREA) for share in ((blue - luma) / 1.772, (red - luma) / 1.402))
    planes = [_bytes(16 + luma * (219 / 255)), _bytes(128 + u * (224 / 255)), _bytes(128 + v * (224 / 255))]
    return Frame(planes, FORM, index=index, time=Fraction(index, rate), duration=Fraction(1, rate))


def _facts(size: tuple[int, int], rate: int) -> Facts:
    return Facts("clip", "mov,mp4", *size, FORM, rate=float(rate), time_base=Fraction(1, rate))


def _bytes(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Picture:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
