"""What a person asked for, checked: everything that changes an output of a removal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from velatura.errors import BadSpec, nearest
from velatura.media.clip_encoding import PRESETS
from velatura.media.frame import Box, Frame
from velatura.removal.targets import Targets

if TYPE_CHECKING:
    from velatura.removal.inpainting import Inpainter

__all__ = ["CAMERAS", "FALLBACKS", "Fallback", "Pick", "Wanted"]

CAMERAS = ("auto", "static", "moving")
FALLBACKS = ("fill", "blur", "fail")

Fallback = Callable[[Frame, Sequence[Box]], None]
"""Covers upright boxes of a frame in place, or raises Withheld `remove.in-doubt`; `compose` hands it in, since rooms do not import each other."""


@dataclass(frozen=True, slots=True)
class Pick:
    """The one thing that is at (x, y), pixels of the upright picture, at that time."""

    time_s: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """Options, checked.

    Attributes:
        targets: what goes.
        fallback: covers what is in doubt; `fallback_name`: as a person writes it.
        camera: "auto", or a word that ends the doubt.
        mask: masks that a person gave instead of anything that is searched.
        whole_object: a plate takes its vehicle, a face its person.
        pick: only what is there.
        from_s, to_s: frames before and after stay as they are.
        masks_out: a folder for the masks.
        dilate: margin around a detection, as a share of its size, on each side.
        every: look at each K-th frame.
        recheck: search the finished file again.
        inpainter: of the user, for what no other frame shows; `inpainter_name` for the report.
        keep_audio, preset, force: as in `obfuscate`.
        seed: of grain and texture.

    Raises:
        BadSpec: `remove.camera`, `remove.fallback`, `remove.every`, `remove.dilate`, `remove.span`, `remove.preset`, `remove.masks-out`.
    """

    targets: Targets
    fallback: Fallback
    fallback_name: str = "fill"
    camera: str = "auto"
    mask: Path | None = None
    whole_object: bool = False
    pick: Pick | None = None
    from_s: float | None = None
    to_s: float | None = None
    masks_out: Path | None = None
    dilate: float = 0.12
    every: int = 1
    recheck: bool = True
    inpainter: Inpainter | None = field(default=None, compare=False)
    inpainter_name: str = ""
    keep_audio: bool = False
    preset: str = "veryfast"
    force: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        _one_of("camera", self.camera, CAMERAS)
        _one_of("fallback", self.fallback_name, FALLBACKS)
        _one_of("preset", self.preset, PRESETS)
        if self.every < 1:
            raise BadSpec("remove.every", f"every {self.every}: must be 1 or more", hint="1 looks at each frame, 5 at every fifth")
        if not (isfinite(self.dilate) and 0 <= self.dilate <= 2):
            raise BadSpec("remove.dilate", f"a dilation of {self.dilate} is not possible", hint="a number from 0 to 2; .12 is usual")
        if self.seed < 0:
            raise BadSpec("remove.seed", f"a seed of {self.seed} is not possible", hint="a whole number from 0")
        for name, value in (("from", self.from_s), ("to", self.to_s)):
            if value is not None and not (isfinite(value) and value >= 0):
                raise BadSpec("remove.span", f"--{name} {value}: is not a time", hint="seconds from the clip's start")
        if self.from_s is not None and self.to_s is not None and self.from_s >= self.to_s:
            raise BadSpec("remove.span", f"--from {self.from_s:g} is not before --to {self.to_s:g}", hint="seconds from the clip's start")
        if self.pick is not None and not all(isfinite(value) and value >= 0 for value in (self.pick.time_s, self.pick.x, self.pick.y)):
            told = f"{self.pick.time_s:g},{self.pick.x:g},{self.pick.y:g}"
            raise BadSpec("remove.pick", f"--pick {told}: is not a time and a place", hint="seconds from the clip's start, and pixels of the picture")
        if self.pick is not None and not (self.from_s or 0.0) <= self.pick.time_s < (self.to_s if self.to_s is not None else inf):
            raise BadSpec("remove.pick", f"--pick {self.pick.time_s:g}: lies outside of --from and --to", hint="a moment within them")
        if self.mask is not None and self.pick is not None:
            raise BadSpec("remove.pick", "--mask says already what goes", hint="give --mask, or --pick")

    def is_inside(self, frame: Frame) -> bool:
        """Whether something may be taken out of this frame."""
        time_s = float(frame.time)
        return (self.from_s is None or time_s >= self.from_s) and (self.to_s is None or time_s < self.to_s)

    def in_words(self) -> str:
        """All of it in one text; other words mean another output."""
        told = (self.targets, self.fallback_name, self.camera, str(self.mask), self.whole_object, self.pick, self.from_s, self.to_s)
        return repr((*told, self.dilate, self.every, self.recheck, self.inpainter_name, self.keep_audio, self.preset, self.seed))


def _one_of(name: str, word: str, valid: tuple[str, ...]) -> None:
    if word not in valid:
        raise BadSpec(f"remove.{name}", f"there is no {name} {word!r}", hint=nearest(word, valid))
