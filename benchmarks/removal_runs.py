"""Scenes through the installed `velatura remove`, from file to file, and through the fills that it is held against."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.material import shared
from benchmarks.removal_files import Files, holes, write
from benchmarks.removal_inside import Near, background, near, plate_leak
from benchmarks.removal_judging import Judged, judge
from benchmarks.removal_peers import TELEA, Made, Peer, plates
from benchmarks.removal_peers import peers as all_peers
from benchmarks.removal_scenes import Scene
from velatura.detect.finder import Finder
from velatura.models.store import ModelStore

__all__ = ["VELATURA", "Measure", "Ran", "Tried", "Way", "detecting", "dropped", "remove", "tried"]

VELATURA = Path(sys.executable).parent / "velatura"
REFUSED = 3


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the command line.

    Attributes:
        status: the exit status.
        told: what it printed of the file (`result.items[0]`); empty where there is no output.
        warnings: what it said beside.
        cpu_s: user and system time of it and its children, start of Python included.
        out, masks: the clip, and the folder of what was replaced; None where there is none.
    """

    status: int
    told: dict[str, Any]
    warnings: tuple[str, ...]
    cpu_s: float
    out: Path | None
    masks: Path | None

    @property
    def refused(self) -> bool:
        """Nothing was released, because something was in doubt."""
        return self.status == REFUSED

    def flagged(self, frame: int) -> bool:
        """The run was refused, or the check names the frame."""
        return self.refused or any(place["frame"] == frame for place in self.told.get("shows", ()))


@dataclass(frozen=True, slots=True)
class Tried:
    """A scene, and what came of it.

    Attributes:
        ours: None: nothing was released.
        peers: with the true masks, coded alike, by name; empty where none was run.
        backgrounds: of a camera that stands, by name, ours under "ours"; empty where none was looked at.
        leak: `removal_inside.plate_leak`, where it was looked at.
    """

    scene: Scene
    ran: Ran
    ours: Judged | None
    peers: Mapping[str, Peer] = field(default_factory=dict)
    backgrounds: Mapping[str, Near] = field(default_factory=dict)
    leak: tuple[float, float] | None = None

    @property
    def over_telea(self) -> float:
        """dB; NaN where nothing was released, or Telea was not run."""
        return self.ours.psnr - self.peers[TELEA].psnr if self.ours is not None and TELEA in self.peers else float("nan")

    @property
    def cpu_s_frame(self) -> float:
        return self.ran.cpu_s / self.scene.count

    def flagged(self, frame: int) -> bool:
        """A person is told that this frame may be wrong: the run was refused, the check names the frame, or something in it is covered."""
        return self.ran.flagged(frame) or (self.ours is not None and frame in self.ours.covered)


@dataclass(frozen=True, slots=True)
class Way:
    """One way through a scene. group: of the page's tables; options: of the command line; mask: the true holes are given."""

    group: str
    options: tuple[str, ...] = ()
    mask: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured beside the ways through a scene: peers, backgrounds, and what of somebody who stands is in ours without a detector."""

    peers: bool = False
    background: bool = False
    leak: bool = False


def detecting(home: Path) -> dict[str, str]:
    """The environment of a person who has the detector of people (FastestDet) and no other; threads off, so that CPU time is comparable."""
    ModelStore(home).add(shared() / "data" / "weights" / "fastestdet" / "FastestDet.onnx", "fastestdet")
    return {**os.environ, "VELATURA_HOME": str(home), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}


def remove(clip: Path, folder: Path, options: Sequence[str] = (), *, env: Mapping[str, str]) -> Ran:
    """`velatura remove CLIP -o FOLDER/out.mp4 --json`, with the masks beside; what an earlier run left in the folder goes.

    Raises:
        RuntimeError: it failed (any status but 0 and 3).
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    out, masks = folder / "out.mp4", folder / "masks"
    command = [str(VELATURA), "remove", str(clip), "-o", str(out), "--masks-out", str(masks), "--json", "--quiet", *options]
    before = _children_s()
    done = subprocess.run(command, env=dict(env), capture_output=True, text=True, check=False)
    spent = _children_s() - before
    if done.returncode not in (0, REFUSED):
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {(done.stderr or done.stdout)[-600:]}")
    document = json.loads(done.stdout)
    items = (document.get("result") or {}).get("items") or [{}]
    there = out.exists()
    return Ran(done.returncode, items[0], tuple(document["warnings"]), spent, out if there else None, masks if there and masks.is_dir() else None)


def tried(scene: Scene, folder: Path, ways: Sequence[Way], *, env: Mapping[str, str], search: Finder, beside: Measure) -> dict[str, Tried]:
    """Write a scene once, take everybody out in several ways, and judge. The folder is emptied afterwards; search: for our background."""
    files = write(scene, folder)
    made = plates(files.composite) if beside.background else {}
    rivals = all_peers(files, scene, folder, made) if beside.peers else {}
    near = backgrounds(files, made, search) if beside.background else {}
    leak = plate_leak(files) if beside.leak else None
    found = {}
    for way in ways:
        ran = remove(files.composite, folder / "ours", [*way.options, *(("--mask", str(files.holes)) if way.mask else ())], env=env)
        ours = None if ran.out is None else judge(files, ran.out, masks=ran.masks, covers=bool(ran.told.get("covered")))
        found[way.group] = Tried(scene, ran, ours, rivals, near, leak)
    shutil.rmtree(folder)
    return found


def backgrounds(files: Files, made: Mapping[str, Made], search: Finder) -> dict[str, Near]:
    """Of the plates and of ours, if it has one."""
    pictures = {name: plate.picture for name, plate in made.items()}
    ours = background(files.composite, search)
    if ours is not None:
        pictures["ours"] = ours.picture
    return dict(zip(pictures, near(files, list(pictures.values())), strict=True))


def dropped(files: Files, folder: Path, *, length: int, rng: np.random.Generator) -> range:
    """A copy of the true masks in which a run of `length` frames, in which somebody is well in the picture, is empty; the frames that are.

    Raises:
        ValueError: nobody is there for so long.
    """
    shutil.copytree(files.holes, folder)
    areas = np.array([int((body | shade).sum()) for body, shade in holes(files)])
    seen = areas > 0.5 * areas.max()
    starts = [first for first in range(1, len(areas) - length) if seen[first : first + length].all()]
    if not starts:
        raise ValueError(f"nobody is in the picture for {length} frames")
    first = int(rng.choice(starts))
    gone = range(first, first + length)
    for path in _masks(folder, gone):
        cv2.imwrite(str(path), np.zeros_like(np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))))
    return gone


def _masks(folder: Path, frames: range) -> Iterator[Path]:
    for frame in frames:
        yield folder / f"{frame:06d}.png"


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
