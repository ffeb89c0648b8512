"""Masks that a person made: read in step with the frames, and written for him to mend.

White (128 and above of 255 in any colour) goes. One picture is for all frames, a clip has a mask for each, a folder has pictures in the order of
their names, numbers by value. Everything is in the upright picture of the output; nothing is resized: a mask of another size is another file's mask.
Memory: one mask. Limits: an index mask whose colours lie below 128 is refused, not guessed, and so is a photograph; a page of text looks like a mask.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count, repeat
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from velatura.errors import BadInput
from velatura.media.frame import Frame, Plane
from velatura.media.kinds import is_picture_name
from velatura.media.source import Decoder
from velatura.removal.mask_folder import MaskFolder
from velatura.removal.planes import Mask, colours
from velatura.removal.upright import upright_mask

__all__ = ["GivenMasks", "MaskFolder", "Walk"]

HALF = 128
GREY = (40, 215)  # between them a sample is neither black nor white
MOST_GREY = 0.02  # share of a mask; the edges of a coded one stay below it
NO_MASK = 0.25  # edges blurred by 3 % of the height reach .12 around somebody who fills the picture; the least grey of 186 photographs has .41
MOST_MASKED = 0.7


class GivenMasks:
    """All masks of one file or folder; `with` it, and iterate, as often as needed.

    Args:
        path: picture, clip or folder; None: nobody gave one, and nothing is iterated.
        decoder: reads them, confined.
        size: (width, height) of the upright output.
        warn: told once what looks wrong with them.

    Raises:
        BadInput: `remove.mask-empty`: a folder without pictures; `remove.mask-count`: a number is skipped; `media.missing` and those of the decoder.
    """

    def __init__(self, path: Path | None, decoder: Decoder, size: tuple[int, int], *, warn: Callable[[str], None] | None = None) -> None:
        self._path, self._decoder, self._size, self._warn = path, decoder, size, warn
        self._told: set[str] = set()
        self._open = ExitStack()
        self._files = _pictures(path) if path is not None and path.is_dir() else None

    @property
    def given(self) -> bool:
        return self._path is not None

    def __iter__(self) -> Walk:
        self._open.close()
        if self._path is None:
            return Walk("", iter(()), endless=True)
        if self._files is not None:
            return Walk(f"{self._path}", self._of_folder(self._files), len(self._files))
        reader = self._open.enter_context(self._decoder.open(self._path))
        if reader.facts.kind == "picture":
            return Walk(f"{self._path}", repeat(self._mask(next(iter(reader)), self._path)), endless=True)
        return Walk(f"{self._path}", (self._mask(frame, self._path, coded=reader.facts.kind == "clip") for frame in reader))

    def check_end(self, walk: Walk) -> None:
        """After the last frame. Raises BadInput `remove.mask-count` where masks are left."""
        walk.check_end()

    def close(self) -> None:
        """End the decoder's child. Harmless twice."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _of_folder(self, files: list[Path]) -> Iterator[Mask]:
        for file in files:
            with self._decoder.open(file) as reader:
                yield self._mask(next(iter(reader)), file)

    def _mask(self, frame: Frame, path: Path, *, coded: bool = False) -> Mask:
        """Args: coded: black is not quite black there."""
        if frame.size != self._size:
            (width, height), (wanted, high) = frame.size, self._size
            sentence = f"{path}: the mask is {width}x{height}, the picture {wanted}x{high}"
            raise BadInput("remove.mask-size", sentence, hint="make it as large as the upright picture; masks are not resized")
        level = _level(frame)
        brightest = int(level.max())
        if GREY[0] * coded < brightest < HALF:
            sentence = f"{path}: nothing in the mask is white; its brightest sample is {brightest} of 255"
            raise BadInput("remove.mask-values", sentence, hint="white, 255, marks what goes; black stays")
        grey = float(((level > GREY[0]) & (level < GREY[1])).mean())
        if grey > NO_MASK:
            sentence = f"{path}: is no mask: {grey:.0%} of it is neither black nor white"
            raise BadInput("remove.mask-values", sentence, hint="white, 255, marks what goes, black, 0, stays; make it of two values first")
        if grey > MOST_GREY:
            self._tell("grey", f"{path}: {grey:.0%} of the mask is neither black nor white; from {HALF} of 255 on it counts as masked")
        mask = np.asarray(level >= HALF)
        if mask.mean() > MOST_MASKED:
            self._tell("most", f"{path}: {mask.mean():.0%} is masked; white goes, black stays: is it inverted?")
        return upright_mask(mask, frame.orientation)

    def _tell(self, what: str, sentence: str) -> None:
        if what not in self._told and self._warn is not None:
            self._told.add(what)
            self._warn(sentence)


class Walk(Iterator[Mask]):
    """One way through all masks, upright, bool (height, width).

    Args:
        name: for messages.
        masks: in order.
        total: how many, where that is known.
        endless: has a mask for every frame that may come.

    Raises:
        BadInput: `remove.mask-count`: asked for more than there are; `remove.mask-size`, `remove.mask-values`, and those of the decoder.
    """

    def __init__(self, name: str, masks: Iterator[Mask], total: int | None = None, *, endless: bool = False) -> None:
        self._name, self._masks, self._total, self._endless = name, masks, total, endless
        self._number = 0

    def __next__(self) -> Mask:
        mask = next(self._masks, None)
        if mask is None and self._endless:
            raise StopIteration
        self._number += 1
        if mask is None:
            raise self._miscounted(self._number - 1, f"at least {self._number}")
        return mask

    def check_end(self) -> None:
        """Raises BadInput `remove.mask-count` where masks are left; a clip of masks is read to its end for it."""
        if self._endless:
            return
        total = self._total
        if total is None:
            total = self._number + sum(1 for _ in self._masks)
        if total > self._number:
            raise self._miscounted(total, str(self._number))

    def _miscounted(self, masks: int, frames: str) -> BadInput:
        return BadInput(
            "remove.mask-count", f"{self._name}: {masks} masks, and {frames} frames", hint="give one mask a frame, or one picture for all"
        )


def _pictures(folder: Path) -> list[Path]:
    """A folder's pictures in the order of their names; hidden files are none."""
    try:
        names = [path for path in folder.iterdir() if is_picture_name(path.name) and not path.name.startswith(".")]
    except OSError as error:
        raise BadInput("media.unreadable", f"{folder}: may not be read: {error.strerror}", hint="check its permissions") from error
    if not names:
        raise BadInput("remove.mask-empty", f"{folder}: there is no picture in it", hint="one picture for each frame: 000000.png, 000001.png ...")
    ordered = sorted(names, key=lambda path: _by_number(path.name))
    _refuse_gap(folder, ordered)
    return ordered


def _refuse_gap(folder: Path, ordered: list[Path]) -> None:
    """A number that is skipped among evenly numbered names: every mask after it would be another frame's."""
    numbers = [re.findall(r"\d+", path.stem) for path in ordered]
    if len(ordered) < 3 or any(len(found) != 1 for found in numbers):
        return
    steps = np.diff([int(found[0]) for found in numbers])
    usual = np.bincount(np.minimum(steps, 1000)).argmax()
    if (steps != usual).any():
        at = int(np.argmax(steps != usual))
        sentence = f"{folder}: after {ordered[at].name} comes {ordered[at + 1].name}, and a mask for each frame is needed"
        raise BadInput("remove.mask-count", sentence, hint="an all-black picture where nothing goes; numbers without gaps")


def _by_number(name: str) -> tuple[list[tuple[int, str]], str]:
    """2.png before 10.png, as people count."""
    parts = re.split(r"(\d+)", name.lower())
    return [(int(part), "") if number % 2 else (0, part) for number, part in zip(count(), parts, strict=False)], name


def _level(frame: Frame) -> Plane:
    """The brightest colour of each pixel, 0 to 255, stored; what is transparent is 0."""
    form = frame.form
    shown = frame.planes[:1] if form.colour == "yuv" else [frame.planes[index] for index in colours(form)]
    level = np.maximum.reduce(shown)
    level = level if form.bits == 8 else (level >> (form.bits - 8)).astype(np.uint8)
    if form.colour == "yuv" and not form.full_range:
        level = cv2.convertScaleAbs(cv2.subtract(level, np.full_like(level, 16)), alpha=255 / 219)
    if form.alpha:
        level = np.where(frame.planes[-1] > form.peak // 2, level, 0)
    return np.asarray(level, np.uint8)
