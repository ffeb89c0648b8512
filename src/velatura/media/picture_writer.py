"""Writes pictures: the planes that we give it and nothing else, one frame after the other in bounded memory.

A still goes through Pillow at once. Animations and pages go to the coder of their format frame by frame (`animation_png` and its kin): Pillow's
own ways of saving several pictures hold all of them. The same frames give the same bytes; no metadata, no profile, no thumbnail is written.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self, cast

from PIL import Image

from velatura.errors import Unsupported
from velatura.media.animation_avif import AvifAnimation
from velatura.media.animation_gif import GifAnimation
from velatura.media.animation_png import PngAnimation
from velatura.media.animation_webp import WebpAnimation
from velatura.media.frame import Frame
from velatura.media.picture_formats import Format, format_for, losses
from velatura.media.picture_image import to_image
from velatura.media.plain_file import PlainFile
from velatura.media.reader import Facts
from velatura.media.tiff_pages import TiffPages

__all__ = ["PictureWriter"]


class _Coder(Protocol):
    def add(self, image: Image.Image, frame: Frame) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


class PictureWriter:
    """A `Writer` of pictures.

    Args:
        path: the file to fill; what it held is lost.
        facts: of the source: one picture, pages or an animation, its size, how often it plays.
        name: what the finished file will be called, where `path` is a temporary name.
        lossless: every sample as given.

    Attributes:
        notes: what the format could not hold, in words.

    Raises:
        BadSpec, Unsupported: see `picture_formats.format_for`.
    """

    def __init__(self, path: Path, facts: Facts, *, name: str = "", lossless: bool = False) -> None:
        name = name or path.name
        self.format = format_for(name, facts, lossless=lossless)
        self.notes = losses(facts, self.format)
        self._name, self._path, self._facts = name, path, facts
        self._finished = False
        self._count = 0
        self._raw = path.open("w+b")
        self._file = PlainFile(self._raw)
        self._coder = _coder(self.format, self._file, facts, path, lossless=lossless)

    def write(self, frame: Frame) -> None:
        if self._facts.kind == "picture" and self._count:
            raise Unsupported("media.would-drop-frames", f"{self._name}: a second frame came where one was announced", hint="report this")
        if self._facts.kind == "animation" and frame.size != (self._facts.width, self._facts.height):
            raise ValueError("frames of an animation are of one size")
        self._count += 1
        self._coder.add(to_image(frame, alpha=self.format.alpha, deep=self.format.deep), frame)

    def finish(self) -> None:
        if not self._count:
            raise ValueError("a picture without a frame")
        self._coder.finish()
        self._coder.close()
        self._raw.close()
        self._finished = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._finished:
            self._coder.close()
            self._raw.close()
            self._path.unlink(missing_ok=True)


class _Still:
    """One picture, written when it comes."""

    def __init__(self, file: PlainFile, chosen: Format, *, lossless: bool) -> None:
        self._file, self._name = file, chosen.name
        self._options = (chosen.lossless if lossless else None) or chosen.options

    def add(self, image: Image.Image, frame: Frame) -> None:
        image.save(cast(IO[bytes], self._file), self._name, **self._options)

    def finish(self) -> None: ...

    def close(self) -> None: ...


def _coder(chosen: Format, file: PlainFile, facts: Facts, path: Path, *, lossless: bool) -> _Coder:
    options = (chosen.lossless if lossless else None) or chosen.options
    if facts.kind == "pages":
        return TiffPages(file, options)
    if chosen.name == "GIF":  # a still too: Pillow would let a picture of few colours keep unused ones
        return GifAnimation(file, facts)
    if facts.kind == "picture":
        return _Still(file, chosen, lossless=lossless)
    if chosen.name == "AVIF":
        return AvifAnimation(file, facts, options, path.parent)
    return WebpAnimation(file, facts, options) if chosen.name == "WEBP" else PngAnimation(file, facts, options)
