"""Plates with known texts for an audit: rendered ones, or a folder of pictures with a line of text beside each."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np

from velatura.attacks.attack import Photo
from velatura.attacks.lettering import rendered_plates
from velatura.audit.obfuscation.arms import picture_of
from velatura.errors import BadInput, BadSpec, VelaturaError
from velatura.media.batch import sources
from velatura.media.source import Decoder

__all__ = ["RENDERED", "read_plates"]

RENDERED = "rendered:"
MOST_RENDERED = 10_000
LINE_BYTES = 4096
_COLUMNS = 6


def read_plates(place: str, *, base: Path, decoder: Decoder, seed: int) -> tuple[list[Photo], list[str]]:
    """Plates, and "file: why" of what was left out.

    Args:
        place: "rendered:N", or a folder, relative to `base`: beside each picture NAME a file NAME.txt whose first line holds file, x, y,
            width, height and text of the plate, separated by tabs (as in the end-to-end sets of OpenALPR).

    Raises:
        BadSpec: `audit.plates`.
        BadInput: `audit.no-plates`.
    """
    if place.startswith(RENDERED):
        return _rendered(place.removeprefix(RENDERED), seed), []
    if not (base / place).exists():
        raise BadInput("media.missing", f"{place}: there is no such file or folder", hint=f"a folder, or {RENDERED}N")
    found: list[Photo] = []
    left_out: list[str] = []
    for file in sorted(sources([base / place])[0]):
        try:
            found.append(_plate(file, decoder, person=len(found)))
        except VelaturaError as error:
            left_out.append(f"{file.name}: {error.sentence.removeprefix(f'{file}: ')}")
    if not found:
        why = f": {left_out[0]}" if left_out else ""
        raise BadInput("audit.no-plates", f"{place}: no plate could be read{why}", hint="beside each picture a .txt: file, x, y, width, height, text")
    return found, left_out


def _rendered(count: str, seed: int) -> list[Photo]:
    if not (count.isascii() and count.isdigit() and 1 <= int(count) <= MOST_RENDERED):
        raise BadSpec("audit.plates", f"plates = {RENDERED + count!r} is not possible", hint=f"{RENDERED}N, N from 1 to {MOST_RENDERED}; or a folder")
    return rendered_plates(int(count), np.random.default_rng([seed, 1]))


def _plate(file: Path, decoder: Decoder, *, person: int) -> Photo:
    x, y, width, height, text = _line(file.with_suffix(".txt"))
    with decoder.open(file) as reader:
        frame = next(islice(reader, 1))
    picture = picture_of(frame)
    cut = picture[max(y, 0) : y + height, max(x, 0) : x + width].copy()
    if cut.size == 0:
        raise BadInput("audit.plates", f"{file}: its plate lies outside of the picture")
    return Photo(cut, person, text)


def _line(path: Path) -> tuple[int, int, int, int, str]:
    try:
        with path.open("rb") as stream:
            words = stream.readline(LINE_BYTES).decode("utf-8").strip().split("\t")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("audit.plates", f"{path.name} cannot be read: {type(error).__name__}") from error
    if len(words) < _COLUMNS or not all(word.isdigit() for word in words[1:5]) or not words[5]:
        raise BadInput("audit.plates", f"{path.name} is not: file, x, y, width, height, text, separated by tabs")
    x, y, width, height = (int(word) for word in words[1:5])
    return x, y, width, height, words[5]
