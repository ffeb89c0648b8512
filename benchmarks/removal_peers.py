"""What removal is held against, with the true holes: Telea, Navier-Stokes, a temporal median and LaBGen-P, each coded as ours is.

A plate is made of all frames of the composite, nothing masked, as published; then it is pasted under the true hole grown by a pixel. LaBGen-P is
`velatura.removal.motion_median`, written from its description. CPU seconds a frame are those of the fill, or of plate and paste, without the coder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.removal_files import Files, clip, decoder, holes, pictures, to_frame, to_rgb
from benchmarks.removal_judging import mean
from benchmarks.removal_metrics import hole_psnr, inpainted, pasted, plate_of
from benchmarks.removal_pasting import Mask, Picture
from benchmarks.removal_scenes import Scene
from velatura.media.frame import Frame
from velatura.removal.motion_median import motion_median
from velatura.removal.planes import copied

__all__ = ["LABGEN", "MEDIAN", "NAVIER_STOKES", "TELEA", "Peer", "peers", "plates"]

TELEA, NAVIER_STOKES, MEDIAN, LABGEN = "Telea", "Navier-Stokes", "median", "LaBGen-P"
RADIUS = 3
Fill = Callable[[Picture, Mask], Picture]


@dataclass(frozen=True, slots=True)
class Peer:
    """psnr: of holes, dB, mean over frames, as coded; cpu_s_frame: CPU seconds a frame, without the coder."""

    psnr: float
    cpu_s_frame: float


@dataclass(frozen=True, slots=True)
class Made:
    """A plate, RGB, and the CPU seconds that it took."""

    picture: Picture
    cpu_s: float


def plates(composite: Path) -> dict[str, Made]:
    """Both plates of a clip. Memory: eleven bytes a pixel and frame."""
    with decoder().open(composite) as reader:
        frames = [Frame(copied(frame.planes), frame.form, frame.orientation) for frame in reader]
    shown = [to_rgb(frame) for frame in frames]
    start = time.process_time()
    median = plate_of(shown)
    middle = time.process_time()
    calm = motion_median([frame.planes for frame in frames], frames[0].form, [None] * len(frames))
    end = time.process_time()
    return {MEDIAN: Made(median, middle - start), LABGEN: Made(to_rgb(Frame(calm, frames[0].form)), end - middle)}


def peers(files: Files, scene: Scene, folder: Path, made: Mapping[str, Made]) -> dict[str, Peer]:
    """Every peer on one scene; `made`: the plates of a camera that stands, else empty."""
    fills: dict[str, tuple[Fill, float]] = {
        TELEA: (lambda source, hole: inpainted(source, hole, RADIUS), 0.0),
        NAVIER_STOKES: (lambda source, hole: inpainted(source, hole, RADIUS, navier_stokes=True), 0.0),
    }
    for name, plate in made.items():
        fills[name] = (_paste(plate.picture), plate.cpu_s)
    spent = _filled(files, folder, scene, {name: fill for name, (fill, _) in fills.items()})
    read = {name: pictures(folder / f"{name}.mp4") for name in fills}
    psnr: dict[str, list[float]] = {name: [] for name in fills}
    for truth, (body, shade), *made_frames in zip(pictures(files.clean), holes(files), *read.values(), strict=True):
        for name, frame in zip(fills, made_frames, strict=True):
            psnr[name].append(hole_psnr(truth, frame, body | shade))
    return {name: Peer(mean(psnr[name]), (before_s + spent[name]) / scene.count) for name, (_, before_s) in fills.items()}


def _filled(files: Files, folder: Path, scene: Scene, fills: Mapping[str, Fill]) -> dict[str, float]:
    """Every fill as a clip of its name, side by side, coded as ours; the CPU seconds of the fills alone."""
    spent = dict.fromkeys(fills, 0.0)
    with ExitStack() as stack:
        clips = {name: stack.enter_context(clip(folder / f"{name}.mp4", size=scene.size, rate=scene.rate)) for name in fills}
        for index, (source, (body, shade)) in enumerate(zip(pictures(files.composite), holes(files), strict=True)):
            for name, fill in fills.items():
                start = time.process_time()
                made = fill(source, body | shade)
                spent[name] += time.process_time() - start
                clips[name].write(to_frame(made, index, scene.rate))
        for made_clip in clips.values():
            made_clip.finish()
    return spent


def _paste(plate: Picture) -> Fill:
    return lambda source, hole: pasted(source, plate, hole)
