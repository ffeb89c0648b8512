"""Removal from file to file: people taken out of clips whose truth is known, by the installed command line with its defaults.

Scenes are made from seeds: cut-out people with a cast shadow on real footage (`benchmarks/removal_scenes.py`), coded at CRF 12; what is judged is the
finished file, against the clean clip coded alike (`benchmarks/removal_metrics.py`: all definitions). The detector is FastestDet. Peers get the true
masks, grown by a pixel, and are coded as ours is (`benchmarks/removal_peers.py`). Textured: indoor and plaza; flat: roadtop (asphalt). A frame leaks
when more than 5 % of the object's visible pixels show. What the fallback covers (black) is no leak and no success: covered frames and their area have
a column of their own, and hole PSNR takes covers as they look. CPU is user and system time of the whole process tree, its start included, one thread.
Rows with given masks stand apart and never for the others. Three things no output shows, and they are asked of the same code in this process
(`benchmarks/removal_inside.py`): the background, the fill before any coder, and the check of outputs into which people were put back.
Footage: "Intel, sample-videos" (CC BY 4.0), OpenCV's vtest, bgslibrary, GoPro's gpmf-parser.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.overview import rows_of
from benchmarks.page import Row, table, write
from benchmarks.removal_costs import cpu_s_frame
from benchmarks.removal_files import write as write_scene
from benchmarks.removal_inside import PutBack, plate_leak, put_back, raw_gain, searching
from benchmarks.removal_judging import judge
from benchmarks.removal_page import line, plain, sections
from benchmarks.removal_rows import FLAT, TEXTURED, Beside, Drop, Results, rows
from benchmarks.removal_runs import Way, detecting, dropped, remove, tried
from benchmarks.removal_scenes import Scene, moving, static
from velatura.detect.finder import Finder

STANDS = (0.2, 0.45, 0.7)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run; `quick` leaves out scenes, lengths and the spread of costs."""

    seeds: tuple[int, ...]
    count: int
    quick: bool = False

    @property
    def plates(self) -> tuple[str, ...]:
        return ("indoor",) if self.quick else (*TEXTURED, *FLAT)


@dataclass(frozen=True, slots=True)
class Task:
    """A scene, in how many ways it is tried, and what is measured beside."""

    scene: Scene
    ways: tuple[Way, ...]
    peers: bool = False
    background: bool = False


def tasks(plan: Plan) -> list[Task]:
    """All scenes, those before a camera that stands first."""
    found: list[Task] = []
    for seed in plan.seeds:
        for plate in plan.plates:
            for kind in ("walk",) if plan.quick else ("walk", "stopgo", "crowd"):
                found.append(Task(static(plate, kind, count=plan.count, seed=seed), (Way("static"),), peers=True, background=True))
            for stand in STANDS[1:2] if plan.quick else STANDS:
                scene = static(plate, "frozen", count=plan.count, seed=seed, stand=stand)
                found.append(Task(scene, (Way("frozen"),), background=True))
            found.append(Task(static(plate, "never", count=plan.count, seed=seed), (Way("never", ("--fallback", "fail")),)))
            if plate in TEXTURED:
                found.append(Task(static(plate, "walk", count=plan.count, seed=seed, sway_px=2, drift=0.06), (Way("swaying camera"),)))
    ways = (Way("moving"), Way("moving, masks given", mask=True))
    for seed in plan.seeds:
        for clip in ("walk",) if plan.quick else ("walk", "pan"):
            for kind in ("walk",) if plan.quick else ("walk", "stopgo"):
                found.append(Task(moving(clip, kind, count=plan.count, seed=seed), ways, peers=True))
    return found


def leaks(plan: Plan, folder: Path) -> dict[str, tuple[float, float]]:
    """Of each scene in which somebody stands: what the background shows of him and doubts, without any detector."""
    found = {}
    for plate in plan.plates:
        for stand in STANDS[1:2] if plan.quick else STANDS:
            scene = static(plate, "frozen", count=plan.count, seed=plan.seeds[0], stand=stand)
            found[scene.name] = plate_leak(write_scene(scene, folder))
            shutil.rmtree(folder)
    return found


def drops(plan: Plan, folder: Path, env: Mapping[str, str]) -> list[Drop]:
    """Masks given, but empty for a few frames. A frame is found if the check names it, something in it is covered, or nobody shows in it."""
    found = []
    files = write_scene(static("indoor", "walk", count=plan.count, seed=plan.seeds[0]), folder)
    for length in (2,) if plan.quick else (1, 2, 3, 4, 5):
        masks = folder / "dropped"
        gone = dropped(files, masks, length=length, rng=np.random.default_rng((plan.seeds[0], length)))
        ran = remove(files.composite, folder / "ours", ["--mask", str(masks)], env=env)
        ours = None if ran.out is None else judge(files, ran.out, covers=bool(ran.told.get("covered")))
        covered, leaking = (set(ours.covered), set(ours.leaking)) if ours is not None else (set(), set())
        others = [frame for frame in range(plan.count) if frame not in gone]
        caught = sum(ran.flagged(frame) or frame in covered or frame not in leaking for frame in gone)
        found.append(Drop(length, caught, sum(ran.flagged(frame) or frame in covered for frame in others), len(others)))
        shutil.rmtree(masks)
    shutil.rmtree(folder)
    return found


def backs(plan: Plan, folder: Path, search: Finder) -> list[PutBack]:
    """People back in finished outputs, before cameras that stand and one that moves."""
    found = []
    scenes = [static(plate, "walk", count=plan.count, seed=plan.seeds[0]) for plate in plan.plates]
    for number, scene in enumerate([*scenes, moving("pan", "walk", count=plan.count, seed=plan.seeds[0])]):
        files = write_scene(scene, folder)
        found.append(put_back(files, folder, search, np.random.default_rng((plan.seeds[0], number))))
        shutil.rmtree(folder)
    return found


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.removal")
    parser.add_argument("--quick", action="store_true", help="one scene of each kind; the page is printed, not written")
    parser.add_argument("--seed", type=int, action="append", metavar="N", help="of the scenes; may be given several times  [default: 1]")
    parser.add_argument("--frames", type=int, metavar="N", help="of each scene  [default: 80; quick: 40]")
    given = parser.parse_args(words)
    plan = Plan(tuple(given.seed or (1,)), given.frames or (40 if given.quick else 80), given.quick)
    with tempfile.TemporaryDirectory() as temporary:
        results, beside = measured(plan, Path(temporary))
    told = rows(results, beside)
    body = page(plan, results, beside, told)
    if given.quick:
        print(body)
    else:
        write("removal", "Removal of moving objects", body, plain({"scenes": results, "beside": beside}), told)


def measured(plan: Plan, folder: Path) -> tuple[Results, Beside]:
    """Everything, told line by line as it comes."""
    env = detecting(folder / "home")
    search = searching(folder / "home")
    results: Results = {}
    for task in tasks(plan):
        found = tried(task.scene, folder / "scene", task.ways, env=env, peers=task.peers, search=search if task.background else None)
        for group, run in found.items():
            print(" | ".join([group, *line(run)]), flush=True)
            results.setdefault(group, []).append(run)
    textured = [static(plate, "walk", count=plan.count, seed=plan.seeds[0]) for plate in plan.plates if plate in TEXTURED]
    beside = Beside(
        {scene.name: raw_gain(scene, search) for scene in textured},
        leaks(plan, folder / "leaks"),
        drops(plan, folder / "drops", env),
        backs(plan, folder / "backs", search),
        cpu_s_frame(folder / "costs", env, count=40 if plan.quick else 250, runs=1),
        rows_of("removal_memory"),
    )
    return results, beside


def page(plan: Plan, results: Results, beside: Beside, told: Sequence[Row]) -> str:
    """The body, as Markdown."""
    seeds = ", ".join(map(str, plan.seeds))
    about = f"Seeds: {seeds}; {plan.count} frames a scene; costs: one run a case. Memory: [a page of its own](removal_memory.md)."
    return "\n\n".join([f"{__doc__}\n{about}", table(["what", "target", "measured", ""], [row.cells for row in told]), *sections(results, beside)])


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
