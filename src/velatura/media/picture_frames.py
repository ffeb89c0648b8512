"""The pictures within one picture file: which of them are shown, in which order, for how long.

GIF, APNG, WebP and AVIF hold an animation, TIFF holds pages. A JPEG or HEIC file may hold further pictures (previews, a second eye, gain maps,
depth): only the main one is shown by a viewer, so only that is kept, and the others are named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from PIL import Image

from velatura.errors import BadInput
from velatura.media.wire import Open

__all__ = ["Plan", "each", "plan"]

_ANIMATED = frozenset({"gif", "png", "webp", "avif"})


@dataclass(frozen=True, slots=True)
class Plan:
    """Which pictures of a file are handed over: `count` from number `first` on.

    Attributes:
        plays: how often an animation is played; 0 for ever.
        left: pictures that are not handed over, in words.
    """

    what: Literal["picture", "pages", "animation"]
    first: int = 0
    count: int = 1
    plays: int = 1
    left: tuple[str, ...] = ()


def plan(image: Image.Image, kind: str, limits: Open) -> Plan:
    """Look at an opened file; TIFF directories and GIF blocks are walked, nothing is decoded.

    Raises:
        BadInput: `media.too-large`: more pictures than the limit.
    """
    if kind == "tiff":
        return _pages(image, limits)
    count = int(getattr(image, "n_frames", 1))
    if count > limits.pages:
        raise BadInput("media.too-large", f"{count} pictures in one file; the limit is {limits.pages}")
    if kind not in _ANIMATED or count == 1:
        left = (f"{count - 1} further pictures in the file",) if count > 1 else ()
        return Plan("picture", first=image.tell(), left=left)
    if image.info.get("default_image"):
        left = ("still picture for viewers without animation",)
        return Plan("animation", first=1, count=count - 1, plays=_plays(image, kind), left=left)
    return Plan("animation", count=count, plays=_plays(image, kind))


def each(image: Image.Image, kind: str, chosen: Plan) -> Iterator[tuple[Fraction, Fraction | None]]:
    """Seek to each picture and load it; yields its time and its duration, in seconds."""
    time = Fraction(0)
    for number in range(chosen.first, chosen.first + chosen.count):
        image.seek(number)
        image.load()
        if chosen.what != "animation":
            yield Fraction(0), None
            continue
        duration = _duration(image)
        yield time, duration
        time += duration


def _pages(image: Image.Image, limits: Open) -> Plan:
    count = 1
    while count <= limits.pages:
        try:
            image.seek(count)
        except EOFError:
            break
        count += 1
    if count > limits.pages:
        raise BadInput("media.too-large", f"more than {limits.pages} pages")
    image.seek(0)
    return Plan("pages", count=count) if count > 1 else Plan("picture")


def _plays(image: Image.Image, kind: str) -> int:
    """GIF counts repetitions and, without the block that counts them, plays once; the others count plays."""
    loop = image.info.get("loop")
    if not isinstance(loop, int) or not 0 <= loop <= 65_534:
        return 1 if kind == "gif" else 0
    return loop + 1 if kind == "gif" and loop else loop


def _duration(image: Image.Image) -> Fraction:
    """Milliseconds, which APNG gives as a quotient of two 16-bit numbers."""
    milliseconds = image.info.get("duration", 0)
    if not isinstance(milliseconds, int | float) or not 0 <= milliseconds < 1e9:
        return Fraction(0)
    return Fraction(milliseconds).limit_denominator(65_535) / 1000
