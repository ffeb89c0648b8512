"""The targets of removal: what was asked, what the runs of `benchmarks/removal.py` gave, and whether that is enough."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from benchmarks.measure import Spread
from benchmarks.page import Row
from benchmarks.removal_costs import COSTS
from benchmarks.removal_inside import PutBack
from benchmarks.removal_judging import least, mean
from benchmarks.removal_runs import Tried

__all__ = ["FLAT", "TEXTURED", "Beside", "Drop", "Results", "rows"]

TEXTURED, FLAT = ("indoor", "plaza"), ("roadtop",)
Results = dict[str, list[Tried]]
"""Group -> its scenes."""
AGE_ROOM = 0.02


@dataclass(frozen=True, slots=True)
class Drop:
    """Masks taken away from a run of frames: how many frames, how many of them were found, and how many other frames were flagged of how many."""

    length: int
    found: int
    false: int
    others: int


@dataclass(slots=True)
class Beside:
    """What was measured beside the scenes, as it comes.

    Attributes:
        raw: scene -> hole PSNR of ours and of Telea, dB, without a coder.
        drops: masks dropped; back: scene, and people put back into its output.
        cost: case -> CPU seconds a frame.
        memory: rows of the page on memory.
    """

    raw: dict[str, tuple[float, float]] = field(default_factory=dict)
    drops: list[Drop] = field(default_factory=list)
    back: list[tuple[str, PutBack]] = field(default_factory=list)
    cost: dict[str, Spread] = field(default_factory=dict)
    memory: list[Row] = field(default_factory=list)


def rows(results: Results, beside: Beside) -> list[Row]:
    """The targets; a group of which nothing was run has no row."""
    return [
        *_static_rows(results),
        *_raw_rows(beside),
        *_background_rows(results),
        *_standing_rows(results),
        *_moving_rows(results),
        *_check_rows(beside),
        *_cost_rows(beside),
        *beside.memory,
    ]


def _static_rows(results: Results) -> list[Row]:
    runs = results.get("static", [])
    done = [run.ours for run in runs if run.ours is not None]
    if not runs:
        return []
    recall, worst = mean(one.recall for one in done), least(one.recall_worst for one in done)
    area, shadow = max((one.area for one in done), default=math.nan), mean(one.shadow for one in done)
    textured, flat = ([run.over_telea for run in runs if run.scene.name.split()[0] in plates] for plates in (TEXTURED, FLAT))
    rows = [
        _row("static: all scenes released", "all", f"{len(done)} of {len(runs)}", len(done) == len(runs)),
        _row("static: object recall, mean; worst frame", ">= .995; >= .95", f"{recall:.4f}; {worst:.3f}", recall >= 0.995, worst >= 0.95),
        _row("static: mask area over truth, largest of a scene", "<= 1.8", f"{area:.2f}", area <= 1.8),
        _row("static: visible shadow recall", ">= .98", f"{shadow:.3f}", shadow >= 0.98),
        _row("static: hole PSNR over Telea, textured, mean", ">= +10 dB", f"{mean(textured):+.1f} dB", mean(textured) >= 10),
    ]
    told = f"{least(flat):+.1f} dB" if flat else "not run"
    rows.append(_row("static: hole PSNR over Telea, flat, worst scene", ">= -.5 dB", told, bool(flat) and least(flat) >= -0.5))
    return rows


def _raw_rows(beside: Beside) -> list[Row]:
    gains = [ours - telea for ours, telea in beside.raw.values()]
    if not gains:
        return []
    told = f"{mean(gains):+.1f} dB ({least(gains):+.1f} at worst)"
    return [_row("static: hole PSNR over Telea, textured, before any coder, mean", ">= +12 dB", told, mean(gains) >= 12)]


def _background_rows(results: Results) -> list[Row]:
    """Ours against the better of both plates, on each composite of a camera that stands."""
    looked = [run for group in ("static", "frozen") for run in results.get(group, []) if run.backgrounds]
    if not looked:
        return []
    over = [_over({name: one.told.age for name, one in run.backgrounds.items()}) for run in looked]
    lit = [_over({name: one.age_in_light for name, one in run.backgrounds.items()}) for run in looked]
    good, good_lit = (sum(one <= AGE_ROOM for one in ages) for ages in (over, lit))
    told = f"{good} of {len(over)} composites, worst {max(over):+.2f}; flicker taken out of all three: {good_lit}, worst {max(lit):+.2f}"
    return [_row("background: AGE over the better of median and LaBGen-P", "<= +.02 on each", told, good == len(over))]


def _over(ages: dict[str, float]) -> float:
    """Grey levels; infinite where ours is missing."""
    return ages.pop("ours", math.inf) - min(ages.values())


def _standing_rows(results: Results) -> list[Row]:
    found = []
    if frozen := results.get("frozen"):
        leaks = [(run, frame) for run in frozen if run.ours is not None for frame in run.ours.leaking]
        quiet = sum(not run.flagged(frame) for run, frame in leaks)
        covered = sum(len(run.ours.covered) for run in frozen if run.ours is not None)
        frames = sum(run.scene.count for run in frozen)
        told = f"{len(leaks)} of {frames} frames leak, {quiet} of them unflagged; {covered} are covered"
        found.append(_row("frozen person, 20-70 % of the clip", "no leak, or flagged", told, quiet == 0))
    if blind := [run.leak for run in results.get("frozen", []) if run.leak is not None]:
        leak, doubt = (max(one[at] for one in blind) for at in (0, 1))
        told = f"{leak:.1%} (in doubt and so covered: up to {doubt:.0%})"
        found.append(_row("frozen person, no detector: share of him in the background, worst scene", "<= 3 %", told, leak <= 0.03))
    if never := results.get("never"):
        told = f"{sum(run.ran.refused for run in never)} of {len(never)} refused"
        found.append(_row("never revealed, --fallback fail", "all refused", told, all(run.ran.refused for run in never)))
    swaying = [run for run in results.get("swaying camera", []) if run.ours is not None]
    alike = {run.scene.name.split()[0] + " walk" for run in swaying}
    still = [run.ours.psnr for run in results.get("static", []) if run.ours is not None and run.scene.name in alike]
    if still and swaying:
        lost = mean(still) - mean(run.ours.psnr for run in swaying if run.ours)
        found.append(_row("sway of 2 px and exposure of +-6 %: lost against the still camera", "<= 4 dB", f"{lost:.1f} dB", lost <= 4))
    return found


def _moving_rows(results: Results) -> list[Row]:
    found = []
    if given := [run for run in results.get("moving, masks given", []) if run.ours is not None]:
        gains = [run.over_telea for run in given]
        told = f"{mean(gains):+.1f} dB; {least(gains):+.1f} dB"
        found.append(_row("masks given, moving: hole PSNR over Telea, mean; worst", ">= +10; >= +8 dB", told, mean(gains) >= 10, least(gains) >= 8))
        warp = max(run.ours.warping / run.ours.truth_warping for run in given if run.ours)
        found.append(_row("masks given, moving: warping error over the truth's own, worst", "<= 1.15", f"{warp:.2f}", warp <= 1.15))
    runs = results.get("moving", [])
    if runs:
        done = [run.ours for run in runs if run.ours is not None]
        recall, worst = mean(one.recall for one in done), least(one.recall_worst for one in done)
        area, shadow = max((one.area for one in done), default=math.nan), mean(one.shadow for one in done)
        found.append(_row("moving: object recall, mean; worst frame", ">= .97; >= .90", f"{recall:.3f}; {worst:.3f}", recall >= 0.97, worst >= 0.9))
        found.append(_row("moving: mask area over truth, largest", "<= 3", f"{area:.2f}", area <= 3))
        found.append(_row("moving: visible shadow recall", ">= .80", f"{shadow:.3f}", shadow >= 0.8))
    return found


def _check_rows(beside: Beside) -> list[Row]:
    found = []
    if drops := beside.drops:
        frames, caught = sum(one.length for one in drops), sum(one.found for one in drops)
        false, others = sum(one.false for one in drops), sum(one.others for one in drops)
        told = f"{caught} of {frames}; {false} of {others}"
        what = "masks given, empty for 1 to 5 frames: found; other frames flagged"
        found.append(_row(what, ">= 99 %; <= .5 %", told, caught >= 0.99 * frames, false <= 0.005 * others))
    if back := [one for _, one in beside.back]:
        frames, caught = sum(one.frames for one in back), sum(one.found for one in back)
        false, others = sum(one.false for one in back), sum(one.others for one in back)
        told = f"{caught} of {frames}; {false} of {others}"
        what = "object back in an output for 1 to 5 frames: found by the check; other frames flagged"
        found.append(_row(what, ">= 99 %; <= .5 %", told, caught >= 0.99 * frames, false <= 0.005 * others))
    return found


def _cost_rows(beside: Beside) -> list[Row]:
    return [
        _row(f"cost with detector and check, {name}", f"<= {COSTS[name]:g} CPU s/frame", str(cpu), cpu.median <= COSTS[name])
        for name, cpu in beside.cost.items()
    ]


def _row(what: str, target: str, measured: str, *holds: bool) -> Row:
    return Row(what, target, measured, all(holds))
