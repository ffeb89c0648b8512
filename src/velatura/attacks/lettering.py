"""Lettering: strings drawn glyph by glyph onto a plate, as plates are made and as whoever attacks them draws his guesses.

Each glyph is a coverage map that is as high as the plate; a text is its glyphs side by side, so that a glyph's pixels depend on nothing but
its letter and its position. The only font is the one that Pillow carries (Aileron), made wider, narrower or bolder by arithmetic: the same
pictures come out on every machine with the same Pillow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Photo, Picture
from velatura.errors import BadSpec

__all__ = ["ALPHABET", "MARGIN_PX", "PHASES_PX", "Lettering", "rendered_plates"]

ALPHABET = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
"""Of rendered plates: without I, O and Q, as most countries have it."""

MARGIN_PX = 8
PHASES_PX = range(6)
"""Where a rendered plate's text begins: the margin and a phase, which is drawn."""

SIZE = 5 / 6
_DRAWS = 1000

Coverage = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Lettering:
    """How glyphs look and stand.

    Attributes:
        height: of the plate, pixels.
        size: of the font, as a share of that height; a capital letter is .7 of it.
        stretch: width of a glyph over what the font has.
        middle: where the middle of capital letters stands, as a share of the plate's height.
        weight: 0: as the font is; 1: strokes a twentieth of the size wider.
        ink, paper: grey levels.
    """

    height: int
    size: float = SIZE
    stretch: float = 1.0
    middle: float = 0.5
    weight: float = 0.0
    ink: int = 25
    paper: int = 235

    def glyph(self, letter: str) -> Coverage:
        """(height, width) in 0..1: how much ink; its width is what the next glyph stands off."""
        return _glyph(letter, self.height, self.size, self.stretch, self.middle, self.weight)

    def advance(self, text: str) -> int:
        """How wide a text is, pixels."""
        return sum(self.glyph(letter).shape[1] for letter in text)

    def drawn(self, text: str, x_px: int, width: int) -> Picture:
        """(height, width) grey: a text that begins at x_px; what does not fit is cut off."""
        page = np.zeros((self.height, width), np.float32)
        for letter in text:
            glyph = self.glyph(letter)
            first, last = max(x_px, 0), min(x_px + glyph.shape[1], width)
            if first < last:
                page[:, first:last] = glyph[:, first - x_px : last - x_px]
            x_px += glyph.shape[1]
        return np.rint(self.paper + (self.ink - self.paper) * page).astype(np.uint8)


def rendered_plates(count: int, rng: Generator, *, length: int = 7, height: int = 48, width: int = 240) -> list[Photo]:
    """Plates with texts of `length` letters, every letter as likely as every other, that begin at the margin and a random phase.

    A text that does not fit is drawn again.

    Returns:
        Photos of (height, width) grey; `person` is the plate's number.

    Raises:
        BadSpec: `attack.plate-size`, texts of that length do not fit.
    """
    lettering = Lettering(height)
    return [_plate(number, lettering, rng, length, width) for number in range(count)]


def _plate(number: int, lettering: Lettering, rng: Generator, length: int, width: int) -> Photo:
    for _ in range(_DRAWS):
        text = "".join(rng.choice(list(ALPHABET), length))
        x = MARGIN_PX + int(rng.choice(PHASES_PX))
        if x + lettering.advance(text) <= width:
            return Photo(lettering.drawn(text, x, width), number, text)
    hint = "shorter texts, or plates that are wider for their height"
    raise BadSpec("attack.plate-size", f"{length} letters do not fit on a plate of {width}x{lettering.height}", hint=hint)


@lru_cache(maxsize=128)
def _glyph(letter: str, height: int, size: float, stretch: float, middle: float, weight: float) -> Coverage:
    from PIL import Image, ImageDraw, ImageFont

    big = 4  # drawn four times as large and reduced, so that stretching costs no sharpness
    font = ImageFont.load_default(size=max(big * size * height, 1.0))
    advance = font.getlength(letter)
    stroke = round(weight * big * size * height / 40)
    width = max(round(advance * stretch / big), 1)
    page = Image.new("L", (max(round(width * big / stretch), 1), height * big), 0)
    capitals = font.getbbox("H", anchor="ls")
    base = middle * height * big - (capitals[1] + capitals[3]) / 2
    left = (page.width - advance) / 2
    ImageDraw.Draw(page).text((left, base), letter, 255, font, anchor="ls", stroke_width=stroke)
    small = page.resize((width, height), Image.Resampling.BOX)
    coverage = np.asarray(small, np.float32) / np.float32(255)
    coverage.flags.writeable = False
    return coverage
