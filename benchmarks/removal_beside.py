"""Steps of the benchmark of removal beside its scenes: the fill before any coder, masks dropped, people put back, and costs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.measure import Spread
from benchmarks.removal_costs import cost_scene, cpu_s_frame
from benchmarks.removal_files import write
from benchmarks.removal_inside import put_back, raw_gain
from benchmarks.removal_judging import judge
from benchmarks.removal_rows import Beside, Drop, Results
from benchmarks.removal_runs import dropped, remove
from benchmarks.removal_scenes import Scene
from velatura.detect.finder import Finder

__all__ = ["Bench", "back", "cost", "drop", "raw"]


@dataclass(slots=True)
class Bench:
    """A run: where it works, with what, and what was found so far."""

    folder: Path
    env: Mapping[str, str]
    search: Finder
    results: Results = field(default_factory=dict)
    beside: Beside = field(default_factory=Beside)


def raw(make: Callable[[], Scene]) -> Callable[[Bench], None]:
    """Ours and Telea without a coder."""

    def step(bench: Bench) -> None:
        scene = make()
        bench.beside.raw[scene.name] = raw_gain(scene, bench.search)

    return step


def drop(make: Callable[[], Scene], length: int, seed: int) -> Callable[[Bench], None]:
    """Masks given, but empty for some frames. A frame is found if the check names it, something in it is covered, or nobody shows in it."""

    def step(bench: Bench) -> None:
        scene, place = make(), bench.folder / "drops"
        files, masks = write(scene, place), place / "dropped"
        gone = dropped(files, masks, length=length, rng=np.random.default_rng((seed, length)))
        ran = remove(files.composite, place / "ours", ["--mask", str(masks)], env=bench.env)
        ours = None if ran.out is None else judge(files, ran.out, covers=bool(ran.told.get("covered")))
        covered, leaking = (set(ours.covered), set(ours.leaking)) if ours is not None else (set(), set())
        flagged = {frame for frame in range(scene.count) if ran.flagged(frame) or frame in covered}
        caught = sum(frame in flagged or frame not in leaking for frame in gone)
        bench.beside.drops.append(Drop(length, caught, len(flagged - set(gone)), scene.count - length))
        shutil.rmtree(place)

    return step


def back(make: Callable[[], Scene], seed: int) -> Callable[[Bench], None]:
    """People put back into a finished output, for the check to find."""

    def step(bench: Bench) -> None:
        scene = make()
        files = write(scene, bench.folder / "back")
        found = put_back(files, bench.folder, bench.search, np.random.default_rng((seed, len(bench.beside.back))))
        bench.beside.back.append((scene.name, found))
        shutil.rmtree(bench.folder / "back")

    return step


def cost(case: str, *, count: int) -> Callable[[Bench], None]:
    """A case of `COSTS`, one run."""

    def step(bench: Bench) -> None:
        scene = cost_scene(case, count=count)
        bench.beside.cost[case] = Spread.of([cpu_s_frame(scene, bench.folder / "cost", bench.env)])
        shutil.rmtree(bench.folder / "cost")

    return step
