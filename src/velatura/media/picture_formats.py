"""The picture formats that are written: what each can hold, and how well it is told to code.

| name | pictures | loss | figures for 2560x1920 on one core of a 2025 server |
|---|---|---|---|
| .jpg | 1 | quality 95, 4:4:4 | .02 s |
| .png .apng | animation | none; 16 bits of grey | .75 s (level 6: .92 s for the same size) |
| .webp | animation | quality 90, or none | .15 s; .54 s |
| .avif | animation | quality 85, speed 8 | .58 s (speed 6: 1.6 s for 4 % less) |
| .bmp | 1 | none | |
| .tif | pages | none; 16 bits of grey | .13 s |
| .gif | animation | 256 colours, alpha on or off | |

HEIC is read and never written: its coder is encumbered, and every reader of HEIC knows one of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal

from velatura.errors import BadSpec, Unsupported, nearest
from velatura.media.reader import Facts

__all__ = ["OUTPUTS", "Format", "format_for", "losses", "not_lossless", "unknown"]

Several = Literal["", "animation", "pages"]


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        name: Pillow's.
        several: what more than one picture means in it; "" where it holds one.
        alpha, deep: it holds alpha; it holds 16 bits of grey.
        side: the longest side it can hold.
        options, lossless: for Pillow's `save`; `lossless` None where there is no such mode.
    """

    name: str
    several: Several = ""
    alpha: bool = False
    deep: bool = False
    side: int = 65_535
    options: Mapping[str, Any] = field(default_factory=dict)
    lossless: Mapping[str, Any] | None = None


_PNG = {"compress_level": 4}
_TIFF = {"compression": "tiff_lzw", "tiffinfo": {317: 2}}
_JPEG = Format("JPEG", side=65_500, options={"quality": 95, "subsampling": 0})
_WEBP_LOSSLESS = {"lossless": True, "quality": 20, "method": 1, "exact": True}
_PICTURE_PNG = Format("PNG", "animation", alpha=True, deep=True, side=1 << 20, options=_PNG, lossless=_PNG)
_PICTURE_TIFF = Format("TIFF", "pages", alpha=True, deep=True, side=1 << 20, options=_TIFF, lossless=_TIFF)

OUTPUTS = {
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".jpe": _JPEG,
    ".jfif": _JPEG,
    ".png": _PICTURE_PNG,
    ".apng": _PICTURE_PNG,
    ".webp": Format("WEBP", "animation", alpha=True, side=16_383, options={"quality": 90, "method": 2}, lossless=_WEBP_LOSSLESS),
    ".avif": Format("AVIF", "animation", alpha=True, options={"quality": 85, "speed": 8, "max_threads": 1}),
    ".bmp": Format("BMP", lossless={}),
    ".tif": _PICTURE_TIFF,
    ".tiff": _PICTURE_TIFF,
    ".gif": Format("GIF", "animation", alpha=True),
}
"""Names of pictures that can be written."""

_HEIC = (".heic", ".heif", ".hif", ".heics", ".heifs")


def format_for(name: str, facts: Facts, *, lossless: bool = False) -> Format:
    """The format that an output's name asks for, if it can hold what the source has.

    Raises:
        BadSpec: `media.unknown-output`, `media.wrong-output`, `media.not-lossless`.
        Unsupported: `media.would-drop-frames`, `media.too-wide`.
    """
    suffix = PurePath(name).suffix.lower()
    chosen = OUTPUTS.get(suffix)
    if chosen is None:
        raise unknown(name, "picture", OUTPUTS)
    if facts.kind == "clip":
        raise BadSpec("media.wrong-output", f"{name}: a clip does not fit into a picture", hint="name it .mp4, .mkv or .webm")
    if facts.kind != "picture" and chosen.several != facts.kind:
        raise _several(name, suffix, facts, chosen)
    if lossless and chosen.lossless is None:
        raise not_lossless(name)
    if max(facts.width, facts.height) > chosen.side:
        raise Unsupported("media.too-wide", f"{name}: {chosen.name} holds {chosen.side} pixels a side", hint="name it .png or .tif")
    return chosen


def unknown(name: str, what: str, valid: Iterable[str]) -> BadSpec:
    """That nothing is written under such a name."""
    suffix = PurePath(name).suffix.lower()
    if suffix in _HEIC:
        return BadSpec("media.unknown-output", f"{name}: HEIC is read but not written", hint="name it .jpg, .png or .avif")
    return BadSpec("media.unknown-output", f"{name}: no {what} is written as {suffix or 'a name without suffix'}", hint=nearest(suffix, valid))


def not_lossless(name: str) -> BadSpec:
    """That a format loses what must not be lost."""
    sentence = f"{name}: {OUTPUTS[PurePath(name).suffix.lower()].name} loses detail"
    return BadSpec("media.not-lossless", sentence, hint="name it .png, .tif or .webp, a clip .mkv")


def losses(facts: Facts, chosen: Format) -> tuple[str, ...]:
    """What the format cannot hold of the source, in words."""
    form, told = facts.form, []
    if form.alpha and not chosen.alpha:
        told.append("transparency (laid over black)")
    if form.bits > 8 and not (chosen.deep and form.colour == "grey" and not form.alpha):
        told.append(f"samples beyond 8 bits (of {form.bits})")
    if chosen.name == "GIF" and facts.container != "gif":
        told.append("colours beyond 256 a frame, and alpha between clear and opaque")
    if chosen.name == "AVIF" and facts.kind == "animation" and facts.loop:
        told.append(f"how often it is played ({facts.loop} times becomes for ever)")
    return tuple(told)


def _several(name: str, suffix: str, facts: Facts, chosen: Format) -> Unsupported:
    told = "pages" if facts.kind == "pages" else "frames"
    number = f"{facts.frames} {told}" if facts.frames else f"several {told}"
    why = (
        "which would lose their times" if chosen.several == "pages" else "which have no times" if chosen.several else "and all but one would be lost"
    )
    hint = "name it .tif" if facts.kind == "pages" else "name it .png, .webp, .gif or .avif"
    return Unsupported("media.would-drop-frames", f"{name}: the input has {number}, {why} in a {suffix}", hint=hint)
