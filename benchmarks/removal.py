"""Removal from file to file: people taken out of clips whose truth is known, by the installed command line with its defaults.

Scenes are made from seeds: cut-out people with a cast shadow on real footage (`benchmarks/removal_scenes.py`), coded at CRF 12; what is judged is the
finished file, against the clean clip coded alike (`benchmarks/removal_metrics.py`). The detector is FastestDet. Telea gets the true mask, grown by a
pixel, and is coded as ours is. Textured: indoor and plaza; flat: roadtop (asphalt). A frame leaks when more than 5 % of the object's visible pixels
show. CPU is user and system time of the whole process, its start included, one thread. Rows with given masks stand apart and never for the others.
Footage: "Intel, sample-videos" (CC BY 4.0), OpenCV's vtest, bgslibrary, GoPro's gpmf-parser.
"""

from __future__ import annotations

import argparse
import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import cpu_of, interleaved, peak_pss_mib
from benchmarks.page import table, write
from benchmarks.removal_files import write as write_scene
from benchmarks.removal_judging import judge
from benchmarks.removal_rows import FLAT, TEXTURED, Drop, Results, rows
from benchmarks.removal_runs import VELATURA, Tried, detecting, dropped, remove, tried
from benchmarks.removal_scenes import Scene, moving, static

STANDS = (0.2, 0.3, 0.55, 0.7)
HEAD = ["scene", "object recall (worst)", "leaking frames", "shadow (worst)", "mask area", "hole PSNR, dB (worst)", "over Telea", "SSIM"]
HEAD += ["warping error (truth's own)", "covered frames", "CPU s/frame"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run; `quick` leaves out seeds, lengths and the two long measurements."""

    seeds: tuple[int, ...]
    count: int
    quick: bool = False


def scenes(plan: Plan) -> dict[str, list[tuple[Scene, tuple[str, ...], bool]]]:
    """Group -> scenes, with options of the command line, and whether the true masks are given."""
    found: dict[str, list[tuple[Scene, tuple[str, ...], bool]]] = {}
    plates = ("indoor",) if plan.quick else (*TEXTURED, *FLAT)
    stands = STANDS[2:3] if plan.quick else STANDS

    def add(group: str, scene: Scene, *options: str, mask: bool = False) -> None:
        found.setdefault(group, []).append((scene, options, mask))

    for seed in plan.seeds:
        for plate in plates:
            for kind in ("walk",) if plan.quick else ("walk", "stopgo", "crowd"):
                add("static", static(plate, kind, count=plan.count, seed=seed))
            for stand in stands:
                standing = static(plate, "frozen", count=plan.count, seed=seed, stand=stand)
                add("frozen", standing, "--fallback", "fail")
                add("frozen, motion only", standing, "--targets", "motion")
            add("never", static(plate, "never", count=plan.count, seed=seed), "--fallback", "fail")
        for plate in (plate for plate in plates if plate in TEXTURED):
            add("swaying camera", static(plate, "walk", count=plan.count, seed=seed, sway_px=2, drift=0.06))
        for clip in ("walk",) if plan.quick else ("walk", "pan"):
            for kind in ("walk",) if plan.quick else ("walk", "stopgo"):
                add("moving", moving(clip, kind, count=min(plan.count, 100), seed=seed))
                add("moving, masks given", moving(clip, kind, count=min(plan.count, 100), seed=seed), mask=True)
    return found


def drops(plan: Plan, folder: Path, env: Mapping[str, str]) -> list[Drop]:
    """Masks given, but empty for a few frames. A frame counts as found if the check names it, or the person is gone from it all the same."""
    found = []
    for seed in plan.seeds:
        files = write_scene(static("indoor", "walk", count=plan.count, seed=seed), folder)
        for length in (2,) if plan.quick else (1, 2, 3, 4, 5):
            masks = folder / "dropped"
            gone = dropped(files, masks, length=length, rng=np.random.default_rng((seed, length)))
            ran = remove(files.composite, folder / "ours", ["--mask", str(masks)], env=env)
            leaks = set() if ran.out is None else set(judge(files, ran.out).leaking)
            others = [frame for frame in range(plan.count) if frame not in gone]
            caught = sum(ran.flagged(frame) or frame not in leaks for frame in gone)
            found.append(Drop(length, caught, sum(ran.flagged(frame) for frame in others), len(others)))
            shutil.rmtree(masks)
        shutil.rmtree(folder)
    return found


def costs(plan: Plan, folder: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """CPU seconds a frame, spread over interleaved runs; MiB of a 10-minute clip."""
    count = 60 if plan.quick else 200
    clips = {
        "static, 640x360": static("indoor", "walk", count=count),
        "moving, 640 wide": moving("walk", "walk", count=count),
        "moving, 1280 wide": moving("walk", "walk", count=min(count, 100), width=1280),
    }
    cases = {}
    for number, (name, scene) in enumerate(clips.items()):
        files = write_scene(scene, folder / str(number))
        cases[name] = _cost(_command(files.composite, folder / f"{number}.mp4"), scene.count, env)
    found: dict[str, Any] = dict(interleaved(cases, runs=1 if plan.quick else 3))
    if not plan.quick:
        long = write_scene(static("indoor", "walk", count=15_000, width=1280, enlarge=True), folder / "long")
        found["memory"] = peak_pss_mib(_command(long.composite, folder / "long.mp4"), env=env)
    shutil.rmtree(folder)
    return found


def line(run: Tried) -> list[str]:
    """A scene in the page's table."""
    one = run.ours
    if one is None:
        return [run.scene.name, "refused (exit 3)", *["-"] * (len(HEAD) - 3), f"{run.cpu_s_frame:.3f}"]
    return [
        run.scene.name,
        f"{one.recall:.4f} ({one.recall_worst:.3f})",
        str(len(one.leaking)),
        f"{one.shadow:.3f} ({one.shadow_worst:.2f})",
        f"{one.area:.2f}",
        f"{one.psnr:.1f} ({one.psnr_worst:.1f})",
        f"{run.over_telea:+.1f}",
        f"{one.ssim:.3f}",
        f"{one.warping:.2f} ({one.truth_warping:.2f})",
        str(run.ran.told.get("covered", 0)),
        f"{run.cpu_s_frame:.3f}",
    ]


def plain(value: Any) -> Any:
    """For JSON: dataclasses as objects, NaN as null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Tried):
        return plain({"scene": value.scene.name, "status": value.ran.status, "ours": value.ours and asdict(value.ours), "telea": asdict(value.telea)})
    if hasattr(value, "__dataclass_fields__"):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.removal")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter scenes; the page is printed, not written")
    parser.add_argument("--seed", type=int, action="append", metavar="N", help="of the scenes; may be given several times  [default: 1 2]")
    given = parser.parse_args(words)
    plan = Plan(tuple(given.seed or ((1,) if given.quick else (1, 2))), 60 if given.quick else 120, given.quick)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        env = detecting(folder / "home")
        results: Results = {}
        for group, planned in scenes(plan).items():
            for scene, options, mask in planned:
                run = tried(scene, folder / "scene", options, env=env, mask=mask)
                print(" | ".join(line(run)), flush=True)
                results.setdefault(group, []).append(run)
        lost, cost = drops(plan, folder / "drops", env), costs(plan, folder / "costs", env)
    told = rows(results, lost, cost)
    parts = [table(["what", "target", "measured", ""], [row.cells for row in told])]
    parts += [f"## {group}\n\n{table(HEAD, [line(run) for run in runs])}" for group, runs in results.items()]
    body = "\n\n".join(
        [f"{__doc__}\nSeeds: {', '.join(map(str, plan.seeds))}; {plan.count} frames a scene, 100 at most where the camera moves.", *parts]
    )
    if given.quick:
        print(body)
    else:
        write("removal", "Removal of moving objects", body, plain({"scenes": results, "drops": lost, "cost": cost}), told)


def _command(clip: Path, out: Path) -> list[str]:
    return [str(VELATURA), "remove", str(clip), "-o", str(out), "--force", "--quiet"]


def _cost(command: Sequence[str], frames: int, env: Mapping[str, str]) -> Any:
    return lambda: cpu_of(command, env=env) / frames


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
