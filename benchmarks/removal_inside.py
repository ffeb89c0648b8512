"""What the command line does not show, asked of the same code in this process: its background, what it paints before the coder, and its check.

- The background is the one of `velatura remove`: survey of the composite file with the same options and the same seed.
- Raw: the survey and the painter of a camera that stands on planes that no coder has seen, one round, no check; Telea on the same planes.
- Put back: a finished output of the whole verb, in which the objects stand again in runs of 1 to 5 frames, is given to the check alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.background_metrics import Nearness, nearness
from benchmarks.removal_files import Files, decoder, holes, pictures, to_frame, to_rgb
from benchmarks.removal_judging import mean
from benchmarks.removal_metrics import hole_psnr, inpainted, object_recall, plate_of
from benchmarks.removal_pasting import Mask, Picture
from benchmarks.removal_peers import RADIUS
from benchmarks.removal_scenes import Scene
from velatura.compose.removal_fallback import fallback
from velatura.detect.finder import Finder
from velatura.media.frame import Frame
from velatura.models.store import ModelStore
from velatura.progress import SILENT
from velatura.removal.checking import check
from velatura.removal.painted import Wider
from velatura.removal.passes import Passes
from velatura.removal.planes import put
from velatura.removal.shot import Shot
from velatura.removal.standing import Standing
from velatura.removal.survey import survey
from velatura.removal.targets import parse
from velatura.removal.wanted import Wanted

__all__ = ["Background", "Near", "PutBack", "background", "in_light_of", "near", "plate_leak", "put_back", "raw_gain", "searching", "spans"]

LENGTHS = (1, 2, 3, 4, 5)
APART = 4
"""Frames between two runs, at least."""


@dataclass(frozen=True, slots=True)
class Background:
    """Ours: RGB; None where the camera was taken for one that moves. doubt: what goes to the fallback instead."""

    picture: Picture
    doubt: Mask


@dataclass(frozen=True, slots=True)
class Near:
    """How near a background is to the true one; `age_in_light`: AGE in the truth's light (`in_light_of`).

    The footage flickers by up to four grey levels from frame to frame. Ours is in the light of one frame, on purpose: the painter brings it to the
    light of each. A median has the middle one, as the truth has.
    """

    told: Nearness
    age_in_light: float


@dataclass(frozen=True, slots=True)
class PutBack:
    """Runs of frames in which somebody stands again: frames, those that the check names; frames without, those that it names all the same."""

    frames: int
    found: int
    others: int
    false: int


def searching(home: Path) -> Finder:
    """FastestDet of a model folder."""
    return Finder.choose(("person",), store=ModelStore(home))


def background(clip: Path, search: Finder | None) -> Background | None:
    """Of the first shot; None: it has none, for the camera was taken for a moving one."""
    shot = _surveyed(clip, search)[0]
    if shot.ground is None:
        return None
    made = shot.ground.load()
    shot.ground.close()
    return Background(to_rgb(Frame(made.planes, made.form)), made.doubt)


def near(files: Files, made: Sequence[Picture]) -> list[Near]:
    """Backgrounds against the median of the clean clip."""
    truth = plate_of(list(pictures(files.clean)))
    return [Near(nearness(truth, picture), nearness(truth, in_light_of(truth, picture)).age) for picture in made]


def in_light_of(truth: Picture, picture: Picture) -> Picture:
    """A background with the median difference to the truth taken out of each colour, to whole grey levels."""
    off = np.rint(np.median(truth.astype(np.int16) - picture, axis=(0, 1))).astype(np.int16)
    return np.asarray(np.clip(picture + off, 0, 255), np.uint8)


def plate_leak(files: Files) -> tuple[float, float]:
    """Of somebody who stands in the first frame: shares of his visible pixels that the background shows without any detector, and that it doubts.

    What is in doubt is covered, and so does not leak. Without a background nothing is pasted: (0, 1).
    """
    made = background(files.composite, None)
    if made is None:
        return 0.0, 1.0
    truth, source = next(pictures(files.clean)), next(pictures(files.composite))
    body, _ = next(holes(files))
    whole = object_recall(truth, source, made.picture, body)
    shown = object_recall(truth, source, made.picture, body & ~made.doubt)
    visible = max(whole.visible, 1)
    return shown.leaked / visible, 1 - shown.visible / visible


def raw_gain(scene: Scene, search: Finder | None) -> tuple[float, float]:
    """Hole PSNR, dB, of ours and of Telea, without a coder on either side."""
    wanted = _wanted(search)
    shots = survey(_raw(scene), wanted, search, warn=_quiet)
    if len(shots) != 1 or shots[0].ground is None:
        raise ValueError(f"{scene.name}: is taken for {len(shots)} shots of a camera that is {shots[0].kind}")
    rng = np.random.default_rng([wanted.seed, 0, 1])
    painted = Standing(shots[0], wanted, rng, Wider()).paint((frame, None) for frame in _raw(scene))
    ours, telea = [], []
    for one, made in zip(painted, scene.frames(), strict=True):
        truth, hole = _coloured(made.clean), made.object | made.shadow
        ours.append(hole_psnr(truth, to_rgb(one.frame), hole))
        telea.append(hole_psnr(truth, inpainted(_coloured(made.composite), hole, RADIUS), hole))
    shots[0].ground.close()
    return mean(ours), mean(telea)


def put_back(files: Files, folder: Path, search: Finder | None, rng: np.random.Generator) -> PutBack:
    """Take everybody out, let them stand again for runs of frames, and ask the check."""
    out, wanted = folder / "whole.mp4", _wanted(search)
    written = Passes(files.composite, out, wanted, decoder=decoder(), search=search, progress=SILENT, warn=_quiet).run()
    back = {frame for span in spans(files, rng) for frame in span}
    shots = _surveyed(files.composite, search)
    frames = ((frame, None) for frame in _standing_again(files, out, back))
    named = {failure.frame for failure in check(frames, shots, wanted, search, written.shown, written.boxes, written.black_frames).failures}
    for shot in shots:
        if shot.ground is not None:
            shot.ground.close()
    written.shown.close()
    out.unlink()
    others = written.frames - len(back)
    return PutBack(len(back), len(back & named), others, len(named - back))


def spans(files: Files, rng: np.random.Generator) -> list[range]:
    """Runs of 1 to 5 frames, in that order and over again, apart from each other, in which somebody is well in the picture."""
    areas = np.array([int(body.sum()) for body, _ in holes(files)])
    found: list[range] = []
    seen, at = areas > 0.5 * areas.max(), 1
    while at < len(areas):
        length = LENGTHS[len(found) % len(LENGTHS)]
        if at + length <= len(areas) and seen[at : at + length].all():
            found.append(range(at, at + length))
            at += length + APART + int(rng.integers(4))
        else:
            at += 1
    return found


def _standing_again(files: Files, out: Path, back: set[int]) -> Iterator[Frame]:
    with decoder().open(out) as ours, decoder().open(files.composite) as theirs:
        for index, (frame, source, (body, _)) in enumerate(zip(ours, theirs, holes(files), strict=True)):
            if index in back:
                put(frame.planes, frame.form, source.planes, body)
            yield frame


def _surveyed(clip: Path, search: Finder | None) -> list[Shot]:
    with decoder().open(clip) as reader:
        return survey(reader, _wanted(search), search, warn=_quiet)


def _wanted(search: Finder | None) -> Wanted:
    """The defaults of the command line, with and without a detector."""
    return Wanted(parse("motion,person" if search is not None else "motion"), fallback("fill"))


def _raw(scene: Scene) -> Iterator[Frame]:
    for index, made in enumerate(scene.frames()):
        yield to_frame(made.composite, index, scene.rate)


def _coloured(picture: Picture) -> Picture:
    """As planes have it."""
    return to_rgb(to_frame(picture))


def _quiet(sentence: str) -> None:
    """What a person would be told."""
