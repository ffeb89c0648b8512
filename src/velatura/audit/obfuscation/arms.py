"""The two arms of the obfuscation room: its own treatment of a picture, a track or a file, with a method and without one.

The treatment is the very code that `velatura obfuscate` runs on decoded planes (`obfuscation.treat`), with chance from the trial's generator
instead of the operating system, so that an audit can be repeated. A release is what a lossless output decodes to (tests hold the two equal).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from numpy.random import Generator

from velatura.attacks.attack import Photo, Picture
from velatura.crypto.keys import Identity
from velatura.detect.document import Item, RegionsDocument, Result, Row
from velatura.detect.region import Region
from velatura.media.frame import Frame, PixelForm
from velatura.obfuscation.method import Method
from velatura.obfuscation.obfuscate import obfuscate
from velatura.obfuscation.parameters import chosen
from velatura.obfuscation.policy import Covering
from velatura.obfuscation.treat import Treatments

__all__ = ["ALL_OF_IT", "FileArm", "PictureArm", "TrackArm", "frame_of", "picture_of", "plain_arm", "protected_arm"]

ALL_OF_IT = Covering(dilate=0.0, block=1)
"""For regions that are all of a picture."""

_FRAMES_A_SECOND = 25


@dataclass(frozen=True, slots=True)
class PictureArm:
    """Photo -> picture.

    Attributes:
        method: None: the unprotected arm.
        covering: how much around a photo's box is covered.
    """

    method: Method | None
    covering: Covering = ALL_OF_IT

    def __call__(self, photo: Photo, rng: Generator, /) -> Picture:
        return TrackArm(self.method, self.covering)([photo], rng)[0]


@dataclass(frozen=True, slots=True)
class TrackArm:
    """Photos of one person, frame after frame -> pictures. What the method pays once a track is paid once."""

    method: Method | None
    covering: Covering = ALL_OF_IT

    def __call__(self, track: Sequence[Photo], rng: Generator, /) -> list[Picture]:
        treatments = None if self.method is None else Treatments(self.method, self.covering, entropy=rng.bytes)
        released = []
        for index, photo in enumerate(track):
            frame = frame_of(photo.picture, index)
            if treatments is not None:
                treatments.cover(frame, _regions(photo, index))
            released.append(picture_of(frame))
        return released


@dataclass(frozen=True, slots=True)
class FileArm:
    """File -> file, through the verb itself; a picture's regions are given (all of it), so that no detector is needed.

    Attributes:
        method: as after `--method`; None: the file is copied.
        folder: where the outputs go, each into a folder of its own.
    """

    method: str | None
    folder: Path

    def __call__(self, source: Path, rng: Generator, /) -> Path:
        out = Path(mkdtemp(dir=self.folder)) / f"out{source.suffix}"
        if self.method is None:
            shutil.copyfile(source, out)
        else:
            key = Identity.new(rng.bytes).recipient if self.method == "seal" else None  # nobody keeps the other half
            obfuscate([source], out, method=self.method, regions=_all_of(source), recipient=key, recheck=False, entropy=rng.bytes)
        return out


def plain_arm() -> PictureArm:
    """The room without protection."""
    return PictureArm(None)


def protected_arm(method: str, covering: Covering = ALL_OF_IT) -> PictureArm:
    """The room with `--method METHOD`. Raises BadSpec as the command line does."""
    return PictureArm(chosen(method), covering)


def frame_of(picture: Picture, index: int = 0) -> Frame:
    """A frame with planes of its own."""
    planes = [picture.copy()] if picture.ndim == 2 else [np.ascontiguousarray(picture[..., channel]) for channel in range(3)]
    return Frame(planes, PixelForm("grey" if picture.ndim == 2 else "rgb"), index=index)


def picture_of(frame: Frame) -> Picture:
    """A frame of grey or R, G, B planes as a picture of 8 bits; alpha is left out."""
    count, deep = frame.form.planes - frame.form.alpha, frame.form.bits - 8
    planes = [(plane >> deep).astype(np.uint8) if deep else plane for plane in frame.planes[:count]]
    return np.asarray(planes[0] if count == 1 else np.stack(planes, axis=-1))


def _regions(photo: Photo, index: int) -> list[Region]:
    """The photo's box, all of it, or, for a box without area, nothing: nobody was found there."""
    height, width = photo.picture.shape[:2]
    box = photo.box or (0.0, 0.0, float(width), float(height))
    if box[0] >= box[2] or box[1] >= box[3]:
        return []
    return [Region(box, "face", 1.0, index / _FRAMES_A_SECOND, track=1)]


def _all_of(source: Path) -> RegionsDocument:
    from velatura.media.source import open_media

    with open_media(source) as reader:
        width, height = reader.facts.width, reader.facts.height
    row = Row((0.0, 0.0, float(width), float(height)), track=1)
    return RegionsDocument("velatura/1", Result((Item(str(source), width, height, (row,)),)))
