"""Drawn clips and pictures with known truth, small and seeded, easy and hostile: what removal is tried on from file to file.

`walker(folder, frames=40, seed=1)` draws a person who walks past a textured wall, writes the clip, and hands over what was behind and where the
person was. Each hard scene is such a function with one thing changed; every field of `Scene` can be given to each of them.
Truth is upright, without noise and before coding: a perfect removal still differs from it by both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tests.removal.drawing import Floats, planes, wall, waved

from velatura.media.frame import Frame, PixelForm
from velatura.media.reader import Facts
from velatura.media.sink import create
from velatura.media.sound import SoundQueue
from velatura.removal.planes import Mask

YUV = PixelForm("yuv", 8, 1, 1, full_range=False, matrix="bt709")
TEN_BIT = replace(YUV, bits=10)
RGB, GREY = PixelForm("rgb"), PixelForm("grey")

Picture = NDArray[np.uint8]

TONE_HZ, SOUND_RATE = 440, 48_000


@dataclass(frozen=True)
class Person:
    """Somebody who walks from `start` to `end` (shares of the width, of the body's middle), and is there from `first` to `last` (shares of the clip).

    `height` is a share of the picture's.
    """

    start: float = -0.15
    end: float = 1.15
    first: float = 0.0
    last: float = 1.0
    height: float = 0.6
    feet: float = 0.92
    colour: tuple[int, int, int] = (190, 60, 50)


@dataclass(frozen=True)
class Scene:
    """What is drawn, and how it is stored.

    Attributes:
        size: (width, height), upright.
        light: of the whole picture: "drift" is an auto-exposure that follows the person, "fade" ends in black.
        waving: pixels by which the wall's left half moves to and fro, as leaves do.
        cut: share of the clip after which it is another place.
        noise: of the sensor, grey levels.
        uneven: seconds between frames vary.
    """

    frames: int = 40
    size: tuple[int, int] = (160, 120)
    seed: int = 1
    rate: int = 25
    people: tuple[Person, ...] = (Person(),)
    light: Literal["steady", "drift", "flicker", "fade"] = "steady"
    waving: float = 0.0
    cut: float | None = None
    noise: float = 1.5
    form: PixelForm = YUV
    orientation: int = 1
    uneven: bool = False
    sound: bool = False
    suffix: str = ".mp4"


@dataclass(frozen=True)
class Made:
    """A file and its truth.

    Attributes:
        clean: (height, width, 3) RGB of each frame, upright, as it would be without anybody.
        masks: (height, width) of each frame, upright: somebody is there.
        times: seconds of each frame.
    """

    path: Path
    clean: list[Picture]
    masks: list[Mask]
    times: list[Fraction]


def clean(scene: Scene, index: int) -> Floats:
    """(height, width, 3) in 0..255: frame `index` without anybody, in its light."""
    place = int(scene.cut is not None and index >= round(scene.cut * scene.frames))
    ground = wall(scene.size, 1000 * place + scene.seed)[:: 1 - 2 * place]
    if scene.waving:
        ground = waved(ground, scene.waving, index)
    return np.asarray(np.clip(ground * _gain(scene, index), 0, 255), np.float32)


def mask(scene: Scene, index: int) -> Mask:
    """(height, width): where somebody is."""
    found = np.zeros(scene.size[::-1], np.bool_)
    for person in scene.people:
        for part in _parts(scene, person, index):
            found |= part
    return found


def frames(scene: Scene) -> Iterator[Frame]:
    """The clip, as a decoder would hand it over."""
    rng = np.random.default_rng(scene.seed)
    times = _times(scene)
    for index in range(scene.frames):
        picture = _peopled(scene, index)
        if scene.noise:
            picture = picture + rng.normal(0, scene.noise, picture.shape).astype(np.float32)
        stored = planes(picture, scene.form, scene.orientation)
        yield Frame(stored, scene.form, scene.orientation, index, times[index], times[index + 1] - times[index])


def make(path: Path, scene: Scene) -> Made:
    """Write a scene; a clip or, where the suffix is a picture's, its first frame."""
    width, height = scene.size
    still = path.suffix in (".png", ".tif", ".webp")
    facts = Facts(
        "picture" if still else "clip", path.suffix[1:], width, height, scene.form,
        orientation=scene.orientation, frames=scene.frames, rate=float(scene.rate), time_base=Fraction(1, 90_000), colour=(1, 1, 1),
    )  # fmt: skip
    sound = SoundQueue(SOUND_RATE, 1) if scene.sound else None
    with create(path, facts, lossless=still or path.suffix == ".mkv", quality=10, sound=sound) as writer:
        for frame in frames(scene):
            if sound is not None:
                sound.put(frame.time, _tone(frame))
            writer.write(frame)
        writer.finish()
    count = range(scene.frames)
    truth = [np.rint(clean(scene, index)).astype(np.uint8) for index in count]
    return Made(path, truth, [mask(scene, index) for index in count], _times(scene)[:-1])


STANDER = (Person(0.5, 0.5),)
CROWD = tuple(
    Person(x, x + 0.25, height=0.95, feet=1.0, colour=(60 + 30 * i, 50, 200 - 30 * i)) for i, x in enumerate((0.02, 0.17, 0.32, 0.47, 0.62))
)
ARRIVAL = (Person(-0.15, 0.5, last=0.3), Person(0.5, 0.5, first=0.3))
STOPPING = (*ARRIVAL[:1], Person(0.5, 0.5, first=0.3, last=0.7), Person(0.5, 1.15, first=0.7))

SCENES = {
    "walker": Scene(),
    "empty": Scene(people=()),
    "stander": Scene(people=STANDER),  # what is behind is never shown
    "arrival": Scene(people=ARRIVAL),
    "stopping": Scene(people=STOPPING),
    "crowd": Scene(people=CROWD),  # half of every frame and more
    "drift": Scene(light="drift"),
    "flicker": Scene(light="flicker"),
    "fade": Scene(light="fade"),
    "waving": Scene(waving=2.0),
    "cut": Scene(cut=0.5),
    "few": Scene(frames=4),
    "uneven": Scene(uneven=True),
    "rotated": Scene(orientation=6),
    "odd": Scene(size=(161, 121), suffix=".webm"),
    "ten_bit": Scene(form=TEN_BIT),
    "grey": Scene(form=GREY, suffix=".mkv"),
    "filled": Scene(people=(Person(0.5, 0.5, height=9.0, feet=5.0),)),  # all of every frame
    "sounding": Scene(sound=True),
    "photo": Scene(frames=1, people=STANDER, form=RGB, suffix=".png"),
}


def _named(name: str) -> Callable[..., Made]:
    def made(folder: Path, **options: object) -> Made:
        scene = replace(SCENES[name], **options)  # type: ignore[arg-type]
        return make(folder / (name + scene.suffix), scene)

    made.__name__, made.__doc__ = name, f"The scene {name!r} in a folder; options are fields of `Scene`."
    return made


walker, empty, stander, arrival, stopping, crowd = map(_named, ("walker", "empty", "stander", "arrival", "stopping", "crowd"))
drift, flicker, fade, waving, cut, few = map(_named, ("drift", "flicker", "fade", "waving", "cut", "few"))
uneven, rotated, odd, ten_bit, grey, filled = map(_named, ("uneven", "rotated", "odd", "ten_bit", "grey", "filled"))
sounding, photo = map(_named, ("sounding", "photo"))


def _gain(scene: Scene, index: int) -> float:
    share = index / max(scene.frames - 1, 1)
    if scene.light == "drift":
        return float(1 + 0.08 * np.sin(np.pi * share))
    if scene.light == "flicker":
        return float(1 + 0.05 * np.sin(2 * np.pi * index / 3.3))
    return max(0.0, 1 - max(0.0, share - 0.6) / 0.4) if scene.light == "fade" else 1.0


def _parts(scene: Scene, person: Person, index: int) -> list[Mask]:
    """Head, body and legs, where the person is in frame `index`; [] outside of his time."""
    share = index / max(scene.frames, 1)
    if not person.first <= share < person.last:
        return []
    width, height = scene.size
    way = (share - person.first) / (person.last - person.first)
    x, tall, feet = (person.start + (person.end - person.start) * way) * width, person.height * height, person.feet * height
    swing = 0.0 if person.start == person.end else 0.06 * tall * np.sin(0.9 * index)
    top, hip = feet - tall, feet - 0.45 * tall
    y_at, x_at = np.mgrid[:height, :width].astype(np.float32)
    head = (x_at - x) ** 2 + (y_at - top - 0.09 * tall) ** 2 <= (0.09 * tall) ** 2
    body = ((x_at - x) / (0.17 * tall)) ** 4 + ((y_at - (top + 0.36 * tall)) / (0.21 * tall)) ** 4 <= 1
    down = np.clip((y_at - hip) / (feet - hip), 0, 1)
    legs = np.zeros(head.shape, np.bool_)
    for side in (-1, 1):
        legs |= (np.abs(x_at - x - side * (0.05 * tall + swing * down)) <= 0.055 * tall) & (y_at >= hip) & (y_at <= feet)
    return [head, body, legs]


def _peopled(scene: Scene, index: int) -> Floats:
    """A frame with everybody in it, in its light; clothes have stripes that walk along."""
    picture, gain = clean(scene, index), _gain(scene, index)
    y = np.arange(scene.size[1], dtype=np.float32)[:, None]
    for person in scene.people:
        shades = ((214, 170, 140), person.colour, (40, 44, 70))
        for part, shade in zip(_parts(scene, person, index), shades, strict=False):
            stripes = np.broadcast_to(12 * np.sin(y / 2.5), part.shape)[..., None]
            picture = np.where(part[..., None], (np.asarray(shade, np.float32) + stripes) * gain, picture)
    return np.asarray(picture, np.float32)


def _times(scene: Scene) -> list[Fraction]:
    """Of each frame, and of the end."""
    steps = [(1, 3, 1, 2)[index % 4] if scene.uneven else 1 for index in range(scene.frames)]
    return [Fraction(sum(steps[:index]), scene.rate) for index in range(scene.frames + 1)]


def _tone(frame: Frame) -> bytes:
    """The frame's share of a steady tone, 16 bits."""
    first, last = round(frame.time * SOUND_RATE), round((frame.time + (frame.duration or 0)) * SOUND_RATE)
    return np.rint(8000 * np.sin(2 * np.pi * TONE_HZ * np.arange(first, last) / SOUND_RATE)).astype("<i2").tobytes()
