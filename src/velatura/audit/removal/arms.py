"""The two arms of the removal room: a clip in which somebody walks through a scene, with him, and with him taken out.

The treatment is the very code that `velatura remove` runs on decoded planes (`removal.survey`, then the painter of each shot), with motion alone
saying what goes. The attacker sees the place of the frame in which he stands in its middle. Noise is drawn for each frame from the trial's generator.
Limit: no coder lies between; a coder adds noise of its own, which can only hide more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.attack import Photo, Picture
from velatura.attacks.taken_out import NOWHERE
from velatura.media.frame import Box, Frame, PixelForm
from velatura.removal.painted import Wider
from velatura.removal.shot import Shot
from velatura.removal.standing import Standing
from velatura.removal.survey import survey
from velatura.removal.targets import Targets
from velatura.removal.wanted import Wanted

__all__ = ["ClipArm", "made_scene"]

Floats = NDArray[np.float64]

WIDER, HIGHER = 4.0, 1.5  # scene against picture
NOISE = 2.0  # grey levels, of a frame's own
RATE = 25
BEYOND = 0.15  # of the clip at each end that nobody is in it


@dataclass(frozen=True, slots=True, eq=False)
class ClipArm:
    """Photo -> picture: the place where the photo's person stands in the middle frame of a clip. An empty box: nobody walks.

    Attributes:
        removing: take him out; False is the unprotected arm.
        scene: (height, width) or (height, width, 3), larger than every photo; None: a made wall.
        frames: of the clip.
        stands: share of the clip for which he halts, in its middle.
    """

    removing: bool
    scene: Picture | None = None
    frames: int = 30
    stands: float = 0.0

    def __call__(self, photo: Photo, rng: Generator, /) -> Picture:
        clip = list(self._clip(photo, rng))
        if self.removing:
            clip = _removed(clip, int(rng.integers(2**31)))
        y, x = _corner(clip[0].planes[0].shape, photo.picture.shape[:2], 0.0)
        height, width = photo.picture.shape[:2]
        planes = [plane[y : y + height, x : x + width] for plane in clip[self.frames // 2].planes]
        return np.ascontiguousarray(planes[0] if len(planes) == 1 else np.stack(planes, axis=-1))

    def _clip(self, photo: Photo, rng: Generator) -> Iterator[Frame]:
        """Frames of the clip, with fresh noise each."""
        person = photo.picture
        scene = _around(self.scene, person) if self.scene is not None else made_scene(person.shape)
        layers = scene[..., None] if scene.ndim == 2 else scene
        form = PixelForm("grey" if person.ndim == 2 else "rgb")
        for index in range(self.frames):
            picture = layers.astype(np.float64)
            if photo.box != NOWHERE:
                _paste(picture, person, self._way(index))
            picture += rng.normal(0.0, NOISE, picture.shape)
            planes = [np.clip(np.rint(picture[..., at]), 0, 255).astype(np.uint8) for at in range(picture.shape[2])]
            yield Frame(planes, form, index=index, time=Fraction(index, RATE), duration=Fraction(1, RATE))

    def _way(self, index: int) -> float:
        """Where he is, -1 (out on the left) to 1 (out on the right); 0 in the middle."""
        middle = self.frames // 2
        at = (index - middle) / middle
        walked = max(abs(at) - self.stands, 0.0) / max(1 - self.stands - 2 * BEYOND, 1e-6)
        return float(np.sign(at) * walked)


def made_scene(shape: tuple[int, ...]) -> Picture:
    """A wall with structure at all sizes, for a picture of `shape`; the same for every clip of that size, so that only he differs."""
    size = (round(shape[0] * HIGHER), round(shape[1] * WIDER), *shape[2:])
    own = np.random.default_rng([7, *size])
    wall = np.full(size, 128.0)
    for step in (4, 8, 16, 32):
        coarse = own.normal(0.0, 12.0, (-(-size[0] // step) + 1, -(-size[1] // step) + 1, *size[2:]))
        wall += coarse.repeat(step, 0).repeat(step, 1)[: size[0], : size[1]]
    return np.asarray(np.clip(np.rint(wall), 0, 255), np.uint8)


def _around(scene: Picture, person: Picture) -> Picture:
    """The scene with as many channels as the person's picture."""
    if scene.ndim == person.ndim:
        return scene
    if person.ndim == 2:
        return np.asarray(np.clip(np.rint(scene @ np.array([0.299, 0.587, 0.114])), 0, 255), np.uint8)
    return np.repeat(scene[..., None], 3, axis=2)


def _corner(scene: tuple[int, ...], person: tuple[int, ...], way: float) -> tuple[int, int]:
    """Top and left of where he stands."""
    middle = (scene[1] - person[1]) / 2
    return max(scene[0] - person[0], 0) // 2, round(middle + way * (scene[1] + person[1]) / 2)


def _paste(picture: Floats, person: Picture, way: float) -> None:
    top, left = _corner(picture.shape, person.shape, way)
    x0, x1 = max(left, 0), min(left + person.shape[1], picture.shape[1])
    if x0 < x1:
        part = person[:, x0 - left : x1 - left].astype(np.float64)
        picture[top : top + person.shape[0], x0:x1] = part[..., None] if part.ndim == 2 else part


def _removed(clip: list[Frame], seed: int) -> list[Frame]:
    """The clip as the room paints it; what is in doubt is black, as the fallback makes it."""
    wanted = Wanted(Targets(motion=True), _black, camera="static", seed=seed)
    shots = survey(iter(clip), wanted, None, warn=lambda sentence: None)
    painted: list[Frame] = []
    for shot in shots:
        painted += _painted(clip[shot.first : shot.last + 1], shot, wanted, seed)
        if shot.ground is not None:
            shot.ground.close()
    return painted


def _painted(frames: list[Frame], shot: Shot, wanted: Wanted, seed: int) -> Iterator[Frame]:
    if shot.ground is None:  # cut into pieces too short for a background, in which motion alone takes nothing out: as the verb does
        yield from frames
        return
    for done in Standing(shot, wanted, np.random.default_rng(seed), Wider()).paint((frame, None) for frame in frames):
        if done.doubt:
            _black(done.frame, done.doubt)
        yield done.frame


def _black(frame: Frame, boxes: Sequence[Box]) -> None:
    """The fallback `fill`, without its margin."""
    for x0, y0, x1, y1 in boxes:
        for plane, value in zip(frame.planes, frame.form.black(), strict=True):
            plane[int(max(y0, 0)) : int(y1) + 1, int(max(x0, 0)) : int(x1) + 1] = value
