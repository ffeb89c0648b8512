"""Pictures of people for an audit: a folder with a folder for each person, read through the confined decoder.

Pictures that lie directly in the named folder, or a single named picture, are each somebody else: that is enough for inversion, not for
re-identification. What cannot be read is left out and named; it does not stop the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from velatura.attacks.attack import Photo, Picture
from velatura.audit.obfuscation.arms import picture_of
from velatura.detect.finder import Finder
from velatura.errors import BadInput, VelaturaError
from velatura.media.batch import sources
from velatura.media.frame import Box, Frame
from velatura.media.source import Decoder
from velatura.obfuscation.mask import aligned
from velatura.obfuscation.policy import Covering

__all__ = ["NOBODY", "People", "fingerprint", "read_people"]

MOST_PICTURES = 100_000
MOST_BYTES = 4 << 30
NOBODY: Box = (0.0, 0.0, 0.0, 0.0)
"""The box of a picture in which the detector found nobody: nothing of it is covered."""


@dataclass(slots=True)
class People:
    """What was read.

    Attributes:
        photos: whole pictures, each with its person and box.
        names: of the people, in the order of their numbers.
        files: of the photos.
        left_out: "file: why", of what could not be read.
        unfound: files in which the detector found nobody.
    """

    photos: list[Photo] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    unfound: list[str] = field(default_factory=list)

    def crops(self, covering: Covering) -> list[Photo]:
        """What is covered of each picture, cut out, as photos that are covered all over; pictures with nobody found are not among them."""
        return [_cropped(photo, covering) for photo in self.photos if photo.box != NOBODY]


def read_people(place: Path, *, region: str | Box, decoder: Decoder, finder: Finder | None = None) -> People:
    """Read a folder of people, or pictures.

    Args:
        region: "whole", "detect" (needs `finder`; the largest face of a picture), or a box for every picture.

    Raises:
        BadInput: `audit.no-people`: nothing could be read; `media.missing`.
    """
    people, held = People(), 0
    for person, (name, files) in enumerate(_folders(place)):
        people.names.append(name)
        for file in files:
            try:
                frame = _first(decoder, file)
            except VelaturaError as error:
                people.left_out.append(f"{file.name}: {error.sentence.removeprefix(f'{file}: ')}")
                continue
            box = _box(frame, region, finder)
            if box == NOBODY:
                people.unfound.append(file.name)
            picture = picture_of(frame)
            held += picture.nbytes
            if held > MOST_BYTES:
                raise BadInput("audit.too-many", f"{place}: the pictures do not fit into {MOST_BYTES >> 30} GiB", hint="take smaller ones, or fewer")
            people.photos.append(Photo(picture, person, box=box))
            people.files.append(file)
    if not people.photos:
        why = f": {people.left_out[0]}" if people.left_out else ""
        raise BadInput("audit.no-people", f"{place}: no picture could be read{why}", hint="a folder with a folder of pictures for each person")
    return people


def fingerprint(pictures: Sequence[Photo]) -> str:
    """sha256 of pictures, people, boxes and texts, hex."""
    digest = hashlib.sha256()
    for photo in pictures:
        digest.update(repr((photo.picture.shape, photo.person, photo.text, photo.box)).encode())
        digest.update(photo.picture.tobytes())
    return digest.hexdigest()


def _folders(place: Path) -> list[tuple[str, list[Path]]]:
    """(person, files) in the order of their names."""
    if not place.exists():
        raise BadInput("media.missing", f"{place}: there is no such file or folder", hint="check the path; in a spec it is relative to the spec")
    folders = sorted((path for path in place.iterdir() if path.is_dir()), key=_natural) if place.is_dir() else []
    inside = [(folder.name, _pictures(folder)) for folder in folders]
    inside = [(name, files) for name, files in inside if files]
    alone = [(file.name, [file]) for file in (_pictures(place) if place.is_dir() else [place])]
    return (inside or alone)[:MOST_PICTURES]


def _pictures(folder: Path) -> list[Path]:
    try:
        found, _ = sources([folder])
    except BadInput:  # nothing in it that is a picture or a clip
        return []
    return sorted(found, key=_natural)


def _natural(path: Path) -> tuple[int, str]:
    """2.pgm before 10.pgm."""
    digits = "".join(c for c in path.stem if c.isdigit())
    return (int(digits[:18]) if digits else -1, path.name)


def _first(decoder: Decoder, file: Path) -> Frame:
    with decoder.open(file) as reader:
        if reader.facts.kind == "clip":
            raise BadInput("audit.not-a-picture", f"{file}: is a clip; pictures are needed here", hint="take frames out of it first")
        frames = list(islice(reader, 1))
    if not frames or frames[0].corrupt:
        raise BadInput("audit.not-a-picture", f"{file}: holds no whole picture")
    return frames[0]


def _box(frame: Frame, region: str | Box, finder: Finder | None) -> Box | None:
    if not isinstance(region, str):
        return region
    if region == "whole":
        return None
    assert finder is not None, "a search needs a finder"
    faces = finder(frame, low=False)
    return max((found.box for found in faces), key=lambda box: (box[2] - box[0]) * (box[3] - box[1]), default=NOBODY)


def _cropped(photo: Photo, covering: Covering) -> Photo:
    if photo.box is None:
        return photo
    from velatura.detect.region import Region

    height, width = photo.picture.shape[:2]
    cut = aligned(covering.grown(Region(photo.box, "face", 1.0, 0.0)), (width, height), covering.block)
    if cut is None:
        raise BadInput("audit.region", f"the region {photo.box} lies outside of a picture of {width}x{height}", hint="(x0, y0, x1, y1) in pixels")
    return replace(photo, picture=_part(photo.picture, cut), box=None)


def _part(picture: Picture, box: tuple[int, int, int, int]) -> Picture:
    x0, y0, x1, y1 = box
    return picture[y0:y1, x0:x1].copy()
