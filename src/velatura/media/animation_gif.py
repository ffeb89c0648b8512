"""GIF, frame by frame: whole frames with a palette each. Pictures of at most 256 colours are kept exactly, others are reduced.

Alpha is on or off in GIF: what is at least half opaque stays. A frame with holes is taken off before the next one is shown.
Source: GIF89a specification, CompuServe 1990; the block of Netscape 2.0 for repetition.
"""

from __future__ import annotations

import struct
from typing import Any, Protocol

import numpy as np
from PIL import GifImagePlugin, Image

from velatura.media.animation_clock import Clock
from velatura.media.frame import Frame
from velatura.media.reader import Facts

__all__ = ["GifAnimation"]

_KEEP, _TAKE_OFF = 1, 2
_LONGEST = 65_535


class _File(Protocol):
    def write(self, raw: bytes) -> int: ...


class GifAnimation:
    """A still is an animation of one frame."""

    def __init__(self, file: _File, facts: Facts) -> None:
        self._file, self._clock = file, Clock(100)
        self._still = facts.kind == "picture"
        file.write(b"GIF89a" + struct.pack("<HHBBB", facts.width, facts.height, 0x70, 0, 0))
        if not self._still and facts.loop != 1:
            repeats = facts.loop - 1 if facts.loop else 0
            file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", repeats, 0))

    def add(self, image: Image.Image, frame: Frame) -> None:
        flat, hole = _palette(image)
        length = 0 if self._still else min(self._clock.units(frame), _LONGEST)
        options: dict[str, Any] = {"include_color_table": True, "duration": length * 10, "disposal": _KEEP if hole is None else _TAKE_OFF}
        if hole is not None:
            options["transparency"] = hole
        for part in GifImagePlugin.getdata(flat, **options):
            self._file.write(part)

    def finish(self) -> None:
        self._file.write(b";")

    def close(self) -> None: ...


def _palette(image: Image.Image) -> tuple[Image.Image, int | None]:
    """The picture with a palette, and the entry that means transparent."""
    holes = None
    if image.mode in ("LA", "RGBA"):
        opaque = np.asarray(image.getchannel("A")) >= 128
        holes = None if opaque.all() else ~opaque
    colour = image.convert("RGB")
    if holes is not None:  # a colour that nobody sees must not take an entry
        colour.paste((0, 0, 0), mask=Image.fromarray(holes))
    flat = _reduced(colour, 256 if holes is None else 255)
    if holes is None:
        return flat, None
    entries = len(flat.getpalette() or ()) // 3
    indices = np.asarray(flat).copy()
    indices[holes] = entries
    with_hole = Image.fromarray(indices, "P")
    with_hole.putpalette([*(flat.getpalette() or ()), 0, 0, 0])
    return with_hole, entries


def _reduced(colour: Image.Image, most: int) -> Image.Image:
    found = colour.getcolors(most)
    if found is None:
        return colour.quantize(most, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    table = sorted(value for _, value in found)
    keys = np.array([r << 16 | g << 8 | b for r, g, b in table])  # type: ignore[misc]  # values of an RGB picture are triples
    samples = np.asarray(colour).astype(np.int32)
    packed = samples[..., 0] << 16 | samples[..., 1] << 8 | samples[..., 2]
    flat = Image.fromarray(np.searchsorted(keys, packed).astype(np.uint8), "P")
    flat.putpalette([sample for value in table for sample in value])  # type: ignore[union-attr]
    return flat
