"""Pictures and clips as a network's inputs: for the ranges of integers, and for the gate of precision. Decoded in media's confined child.

Of a clip some frames, spread over its length, are taken. Labels: `boxes.json`, picture name -> faces: [{box: [x, y, width, height], invalid}] in
pixels, as those of WIDER FACE; a face may name its `label`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from velatura.edge.precision import Truth
from velatura.errors import BadInput, BadSpec
from velatura.files import is_folder, open_regular
from velatura.media.input_form import InputForm
from velatura.media.source import Decoder
from velatura.media.view import view
from velatura.specs import Spec, read_json

__all__ = ["Face", "Shown", "labels_of", "shown", "spread", "thinned", "truth_of"]

T = TypeVar("T")

OF_A_CLIP = 8
MOST_LABELS = 1 << 26  # bytes of the file
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".mp4", ".mkv", ".mov", ".avi", ".webm"}


class Face(Spec, frozen=True, forbid_unknown_fields=False):
    """WIDER's further marks (blur, occlusion ...) are not read. invalid: neither asked for nor held against who finds it."""

    box: tuple[float, float, float, float]
    label: str = ""
    invalid: int = 0


class _Picture(Spec, frozen=True, forbid_unknown_fields=False):
    faces: tuple[Face, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as an input: x (3, height, width); scale: pixels of the input for one of the picture, across and down."""

    name: str
    x: NDArray[np.float32]
    scale: tuple[float, float]


def spread(folder: Path, most: int) -> list[Path]:
    """Up to `most` files of a folder and what is in it, evenly from all by name. Raises BadSpec `edge.calibration`."""
    if not is_folder(folder):
        raise BadSpec("edge.calibration", f"{folder}: is no folder", hint="give a folder of pictures or clips such as the camera sees")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise BadSpec("edge.calibration", f"{folder}: has no pictures or clips", hint="give a folder of pictures or clips such as the camera sees")
    return thinned(files, most)


def thinned(every: list[T], most: int) -> list[T]:
    """At most so many, evenly from all."""
    return every if len(every) <= most else [every[int(k * len(every) / most)] for k in range(most)]


def shown(files: list[Path], form: InputForm, side: int) -> Iterator[Shown]:
    """Each picture once, of each clip some frames. Raises BadInput: of `media`."""
    fitting = replace(form, max_side=min(form.max_side, side)) if form.size is None else form
    with Decoder() as decoder:
        for path in files:
            with decoder.open(path) as reader:
                step = max(1, round((reader.facts.frames or 1) / OF_A_CLIP)) if reader.facts.kind == "clip" else 1
                for number, frame in enumerate(reader):
                    if number % step == 0:
                        seen = view(frame, fitting)
                        yield Shown(path.name, seen.x, (1 / seen.step[0], 1 / seen.step[1]))


def labels_of(path: Path, labels: frozenset[str]) -> dict[str, tuple[Face, ...]]:
    """Boxes by picture, each under one of `labels`: for a network of one label every box is of it, for others a box of another label is left out.

    Raises:
        BadSpec: `edge.labels`: it cannot be read; `spec.*`.
        BadInput: `spec.too-large`.
    """
    from msgspec.structs import replace as changed

    try:
        with open_regular(path) as stream:
            raw = stream.read(MOST_LABELS + 1)
    except OSError as error:
        raise BadSpec("edge.labels", f"{path}: cannot be read: {error.strerror}", hint="a boxes.json as of WIDER FACE") from error
    if len(raw) > MOST_LABELS:
        raise BadInput("spec.too-large", f"{path}: larger than {MOST_LABELS} bytes")
    read = read_json(raw, dict[str, _Picture], where=str(path))
    if len(labels) == 1:
        return {name: tuple(changed(face, label=min(labels)) for face in picture.faces) for name, picture in read.items()}
    return {name: tuple(face for face in picture.faces if face.label in labels) for name, picture in read.items()}


def truth_of(one: Shown, faces: tuple[Face, ...]) -> Truth:
    """Of a picture that has labels, in pixels of its input."""
    across, down = one.scale
    corners = [(x * across, y * down, (x + width) * across, (y + height) * down) for x, y, width, height in (face.box for face in faces)]
    truth = Truth.of((face.label, box) for face, box in zip(faces, corners, strict=True))
    return replace(truth, counts=truth.counts & np.array([not face.invalid for face in faces], np.bool_))
