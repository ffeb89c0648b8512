"""Words of edge's command line that stand for something else: sizes, files of labels, numbers that are some."""

from __future__ import annotations

import math
from pathlib import Path

import typer

from velatura.errors import BadSpec

__all__ = ["finite", "lines_of", "size_of"]

MOST_LABELS = 1 << 16  # bytes


def finite(value: float) -> float:
    """A callback of options. "nan" lies in every range that click checks, and no clock ever comes to it. Raises click's usage error."""
    if not math.isfinite(value):
        raise typer.BadParameter(f"{value} is no finite number.")
    return value


def size_of(word: str) -> tuple[int, int]:
    """(width, height) of `WxH`. Raises BadSpec `edge.size`."""
    width, _, height = word.partition("x")
    if not (width.isdecimal() and height.isdecimal() and all(32 <= int(side) <= 2048 for side in (width, height))):
        raise BadSpec("edge.size", f"--size {word}: is no WIDTHxHEIGHT of 32 to 2048 pixels", hint="--size 320x320")
    return int(width), int(height)


def lines_of(path: Path) -> tuple[str, ...]:
    """Labels, a line each; empty lines are none. Raises BadSpec `edge.model-labels`."""
    from velatura.files import open_regular

    try:
        with open_regular(path) as stream:
            raw = stream.read(MOST_LABELS + 1)
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSpec("edge.model-labels", f"{path}: cannot be read as labels", hint="a text file, a label a line") from error
    if len(raw) > MOST_LABELS:
        raise BadSpec("edge.model-labels", f"{path}: is too long to be a list of labels", hint="a text file, a label a line")
    return tuple(line.strip() for line in text.splitlines() if line.strip())
