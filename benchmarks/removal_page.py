"""The tables of the page on removal, from what `benchmarks/removal.py` ran; and all of it for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.background_metrics import Nearness
from benchmarks.page import table
from benchmarks.removal_rows import Beside, Results
from benchmarks.removal_runs import Tried

__all__ = ["HEAD", "line", "plain", "sections"]

HEAD = ["scene", "object recall (worst)", "leaking frames", "covered frames (area)", "shadow recall (worst)", "mask area", "hole PSNR, dB (worst)"]
HEAD += ["over Telea", "SSIM", "outside, dB", "warping error (truth's own)", "CPU s/frame"]
NEAR_HEAD = ["scene", "background", "AGE", "in the truth's light", "pEPs", "pCEPs", "MS-SSIM", "PSNR, dB", "CQM, dB"]


WHY = """## What is hard, and why

- **AGE.** A background is kept in the clip's own 8-bit YUV planes. On the indoor and plaza footage the per-pixel median of those very planes lies
  .04 to .09 above the median of the same frames in RGB, which the peers are given, before anything of ours is done to it: more than the +.02 asked.
- **Mask area where the camera pans.** A few signs and poles score as people; where the camera stands they are told apart by not moving at all,
  where it pans they are taken for people, and what is behind them, never seen, is covered.
- **Cost where the camera moves.** Masks are narrowed in a first look and filled in a second one, twice the work of one look: it is what brought area,
  covered frames and recall to where they are. Filling is the larger part; the detector costs .02.
- **Cost where it stands.** The start of the program, the second pass and the search of the finished file are in it."""


def sections(results: Results, beside: Beside) -> list[str]:
    """The page's tables below the targets, each with its heading."""
    parts = [f"## {group[0].upper()}{group[1:]}\n\n{table(HEAD, [line(run) for run in runs])}" for group, runs in results.items()]
    parts += [
        f"## Peers with the true masks, hole PSNR\n\n{peer_table(results)}",
        f"## Backgrounds\n\n{near_table(results)}\n\n{leak_table(results)}",
    ]
    return [WHY, *parts, *beside_tables(beside)]


def line(run: Tried) -> list[str]:
    """A scene in the page's table."""
    one = run.ours
    if one is None:
        return [run.scene.name, "refused (exit 3)", *["-"] * (len(HEAD) - 3), f"{run.cpu_s_frame:.3f}"]
    return [
        run.scene.name,
        f"{one.recall:.4f} ({one.recall_worst:.3f})",
        str(len(one.leaking)),
        f"{len(one.covered)} ({one.covered_area:.1%})",
        f"{one.shadow:.3f} ({one.shadow_worst:.2f})",
        f"{one.area:.2f}",
        f"{one.psnr:.1f} ({one.psnr_worst:.1f})",
        f"{run.over_telea:+.1f}" if run.peers else "-",
        f"{one.ssim:.3f}",
        f"{one.outside:.1f}",
        f"{one.warping:.2f} ({one.truth_warping:.2f})",
        f"{run.cpu_s_frame:.3f}",
    ]


def peer_table(results: Results) -> str:
    """Hole PSNR and CPU of every peer, scene by scene; ways of one scene share it."""
    names = list(dict.fromkeys(name for runs in results.values() for run in runs for name in run.peers))
    lines = {
        run.scene.name: [run.scene.name, *(f"{one.psnr:.1f} ({one.cpu_s_frame:.3f})" if (one := run.peers.get(name)) else "-" for name in names)]
        for runs in results.values()
        for run in runs
        if run.peers
    }
    return table(["scene", *(f"{name}, dB (CPU s/frame)" for name in names)], list(lines.values()))


def near_table(results: Results) -> str:
    """Every background, as the field counts."""
    lines = [
        [run.scene.name, name, f"{near.told.age:.2f}", f"{near.age_in_light:.2f}", *_near(near.told)]
        for runs in results.values()
        for run in runs
        for name, near in run.backgrounds.items()
    ]
    return table(NEAR_HEAD, lines)


def _near(one: Nearness) -> list[str]:
    return [f"{one.peps:.2%}", f"{one.pceps:.2%}", f"{one.ms_ssim:.4f}", f"{one.psnr:.1f}", f"{one.cqm:.1f}"]


def leak_table(results: Results) -> str:
    lines = [[run.scene.name, f"{run.leak[0]:.1%}", f"{run.leak[1]:.1%}"] for runs in results.values() for run in runs if run.leak is not None]
    return table(["scene, no detector", "of him in the background", "of him in doubt"], lines)


def beside_tables(beside: Beside) -> list[str]:
    """What was measured beside the scenes, as far as it was."""
    raw = [[name, f"{ours:.1f}", f"{telea:.1f}"] for name, (ours, telea) in beside.raw.items()]
    drops = [[one.length, one.found, one.false, one.others] for one in beside.drops]
    back = [[name, one.frames, one.found, one.false, one.others] for name, one in beside.back]
    cost = [[name, f"{cpu.median:.3f}"] for name, cpu in beside.cost.items()]
    parts: list[tuple[str, list[str], Sequence[Sequence[object]]]] = [
        ("Before any coder, hole PSNR", ["scene", "ours, dB", "Telea, dB"], raw),
        ("Masks given, but empty for some frames", ["frames", "found", "others flagged", "of"], drops),
        ("People put back into outputs", ["scene", "frames", "found by the check", "others named", "of"], back),
        ("Cost", ["case", "CPU s/frame"], cost),
    ]
    return [f"## {title}\n\n{table(head, lines)}" for title, head, lines in parts if lines]


def plain(value: Any) -> Any:
    """For JSON: dataclasses as objects, NaN as null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Tried):
        told = {"scene": value.scene.name, "status": value.ran.status, "warnings": value.ran.warnings, "cpu_s_frame": value.cpu_s_frame}
        return plain({**told, "ours": value.ours and asdict(value.ours), "peers": value.peers, "backgrounds": value.backgrounds, "leak": value.leak})
    if hasattr(value, "__dataclass_fields__"):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value
