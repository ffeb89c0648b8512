"""The targets of removal: what was asked, what the runs of `benchmarks/removal.py` gave, and whether that is enough."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.page import Row
from benchmarks.removal_judging import least, mean
from benchmarks.removal_runs import Tried

__all__ = ["FLAT", "TEXTURED", "Drop", "Results", "rows"]

TEXTURED, FLAT = ("indoor", "plaza"), ("roadtop",)
Results = dict[str, list[Tried]]
"""Group -> its scenes."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Masks taken away from a run of frames: how many frames, how many of them were found, and how many other frames were flagged of how many."""

    length: int
    found: int
    false: int
    others: int


def rows(results: Results, dropped_masks: Sequence[Drop], cost: Mapping[str, Any]) -> list[Row]:
    """The targets; a group of which nothing was run has no row."""
    found = [*_static_rows(results), *_standing_rows(results), *_moving_rows(results)]
    if dropped_masks:
        all_frames, caught = sum(one.length for one in dropped_masks), sum(one.found for one in dropped_masks)
        false, others = sum(one.false for one in dropped_masks), sum(one.others for one in dropped_masks)
        told = f"{caught} of {all_frames}; {false} of {others}"
        found.append(
            _row(
                "masks dropped for 1 to 5 frames: found; false flags", ">= 99 %; <= .5 %", told, caught >= 0.99 * all_frames, false <= 0.005 * others
            )
        )
    for name, target in (("static, 640x360", 0.04), ("moving, 640 wide", 0.10), ("moving, 1280 wide", 0.4)):
        if name in cost:
            found.append(_row(f"cost with detector and check, {name}", f"<= {target:g} CPU s/frame", str(cost[name]), cost[name].median <= target))
    if "memory" in cost:
        found.append(_row("memory, 10 minutes of 720p", "<= 1.2 GB", f"{cost['memory']:.0f} MiB", cost["memory"] * 2**20 <= 1.2e9))
    return found


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
    if flat:
        rows.append(_row("static: hole PSNR over Telea, flat, worst scene", ">= -.5 dB", f"{least(flat):+.1f} dB", least(flat) >= -0.5))
    return rows


def _standing_rows(results: Results) -> list[Row]:
    found = []
    if frozen := results.get("frozen"):
        quiet = sum(not run.ran.flagged(frame) for run in frozen if run.ours is not None for frame in run.ours.leaking)
        refused = sum(run.ran.refused for run in frozen)
        told = f"{quiet} leaking frames pass unflagged; {refused} of {len(frozen)} scenes refused"
        found.append(_row("frozen person, 20-70 % of the clip, --fallback fail", "no leak, or flagged", told, quiet == 0))
    if blind := [run.ours for run in results.get("frozen, motion only", []) if run.ours is not None]:
        leak = max(1 - one.recall for one in blind)
        found.append(_row("frozen person, no detector: share of him that shows, worst scene", "<= 3 %", f"{leak:.1%}", leak <= 0.03))
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


def _row(what: str, target: str, measured: str, *holds: bool) -> Row:
    return Row(what, target, measured, all(holds))
