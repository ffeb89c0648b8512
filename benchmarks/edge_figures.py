"""What the edge benchmark has measured, and the rows of the issue's table: asked, measured, reached. A step that failed is a row that says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import Spread
from benchmarks.page import Row

__all__ = ["Figures", "rows", "step"]


@dataclass(slots=True)
class Figures:
    """folder: of clips and scratch; env: of the commands that are measured; found: name of a step -> its figures; failed: name -> why."""

    folder: Path
    env: dict[str, str]
    found: dict[str, Any] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def step(figures: Figures, name: str, measure: Callable[[Figures], Any]) -> None:
    """Measure one thing; what goes wrong with it is told, and ends nothing else."""
    print(f"-- {name}", flush=True)
    try:
        figures.found[name] = measure(figures)
        print(figures.found[name], flush=True)
    except (Exception, SystemExit) as error:  # a row that says so, whatever it was
        figures.failed[name] = f"not run: {type(error).__name__}: {error}"[:300].replace("\n", " ").replace("|", "/")
        print(figures.failed[name], flush=True)


def rows(figures: Figures) -> list[Row]:
    """In the order of the issue's table."""
    made = []
    for what, target, name, judge in ROWS:
        if name in figures.found:
            measured, reached = judge(figures.found[name])
            made.append(Row(what, target, measured, bool(reached)))
        else:
            made.append(Row(what, target, figures.failed.get(name, "not run"), False))
    return made


Judged = tuple[str, bool]


def _ratio(case: str, least: float) -> Callable[[Mapping[str, Any]], Judged]:
    def judge(found: Mapping[str, Any]) -> Judged:
        ours, bare, tracks = found["ms"][case], found["ms"]["bare loop"], found["tracks"]
        ratio, near = bare.median / ours.median, abs(tracks[case] - tracks["bare loop"]) <= 0.05 * tracks["bare loop"]
        same = f"tracks {tracks[case]} against {tracks['bare loop']}"
        return f"{ratio:.2f}x ({ours.median:.2f} against {bare.median:.2f} ms; {same})", ratio >= least and near

    return judge


def _frames(found: Mapping[str, Any]) -> Judged:
    rate = 1000 / found["ms"]["edge run"].median
    return f"{rate:.0f} frames/s a core", rate >= 100


def _cameras(found: Mapping[str, Spread]) -> Judged:
    from benchmarks.edge_clips import RATE

    ours, bare = (1000 / (found[name].median * RATE) for name in ("edge run", "bare loop"))
    return f"{ours:.1f} cameras a core (bare loop {bare:.1f})", ours >= 25


def _peer(found: Mapping[str, Any]) -> Judged:
    ours, theirs, tracks = found["ms"]["edge run"], found["ms"]["supervision + trackers"], found["tracks"]
    ratio = theirs.median / ours.median
    return f"{ratio:.2f}x ({ours.median:.2f} against {theirs.median:.2f} ms; tracks {tracks['edge run']} and {tracks['peer']})", ratio > 1


def _suite(found: Mapping[str, Any]) -> Judged:
    return f"ours {found['ours']} of {found['cases']}, theirs {found['theirs']}", found["ours"] == found["cases"] > found["theirs"]


def _lock(found: Any) -> Judged:
    low, high = found.quartiles
    measured = f"{found.percent:+.1f} % (quartiles {low:+.1f} to {high:+.1f}, {len(found.shares)} groups), {found.entering_ms:.0f} ms"
    return measured, found.percent <= 2 and found.entering_ms <= 50


def _age(found: Mapping[str, float]) -> Judged:
    measured = (
        f"{found['overload']:.1f}x: median {found['median_ms']:.0f}, p95 {found['p95_ms']:.0f} ms; p95 of the first half {found['first_ms']:.0f}, "
        f"of the second {found['second_ms']:.0f}; {found['looks']:.0f} of {found['possible']:.0f} looks ({found['share']:.0%})"
    )
    flat = found["second_ms"] <= 1.25 * found["first_ms"] + 5
    return measured, found["p95_ms"] <= 60 and flat and found["share"] >= 0.9 and found["overload"] >= 5.5


def _memory(found: Mapping[str, Any]) -> Judged:
    parts = ", ".join(f"{name} {size:.0f}" for name, size in found["mib"].items())
    return f"{sum(found['mib'].values()):.0f} MiB {found['kind']} ({parts})", found["kind"] == "PSS" and sum(found["mib"].values()) <= 120 / 1.048576


def _first(found: Spread) -> Judged:
    return f"{found} s from the command's start to the first signed record on disk", found.median <= 1


def _stall(found: Mapping[str, float]) -> Judged:
    return f"found after {found['stall_s']:.1f} s (camera stopped by SIGSTOP)", found["stall_s"] <= 5


def _broker(found: Mapping[str, str]) -> Judged:
    return "; ".join(f"persistence {name}: {told}" for name, told in found.items()), all(told.startswith("0 lost") for told in found.values())


def _undeclared(found: Mapping[str, Any]) -> Judged:
    calls = f"{found['calls']} opens and sockets seen"
    return f"{len(found['undeclared'])} in {found['seconds']:.0f} s ({calls}){': ' + found['undeclared'][0] if found['undeclared'] else ''}", (
        not found["undeclared"] and found["seconds"] >= 600
    )


def _told(found: Mapping[str, Any]) -> Judged:
    return str(found["measured"]), bool(found["reached"])


def _part(found: Any) -> Judged:
    """A file of its own measured it, and brings its rows."""
    return "; ".join(row.measured for row in found.rows), all(row.reached for row in found.rows)


PIPELINE = "whole pipeline with confinement, tracking and signing, 1080p, against a bare cv2 + ONNX Runtime loop"
ROWS: list[tuple[str, str, str, Callable[[Any], Judged]]] = [
    (PIPELINE, ">= 1.12x less CPU, tracks within 5 %", "pipeline", _ratio("edge run", 1.12)),
    (f"{PIPELINE}, `--fast-decode`", ">= 1.2x (stretch 1.3x)", "pipeline", _ratio("edge run --fast-decode", 1.2)),
    ("against supervision + trackers doing the same job", "reported, ahead", "peer", _peer),
    ("lines and zones: cases that are right", "all of ours", "suite", _suite),
    ("confinement against none, a frame; entering it", "<= 2 %, <= 50 ms", "lock", _lock),
    ("int8 against float32 on this machine", "its own rows", "int8", _part),
    ("1080p, every frame looked at", ">= 100 frames/s a core (stretch 130)", "pipeline", _frames),
    ("360p sub-stream, 5 looks a second", ">= 25 cameras a core", "sub-stream", _cameras),
    ("age of the frame being looked at under overload, one minute", "6x: p95 <= 60 ms, flat; >= 90 % of the possible looks", "age", _age),
    ("memory of a 1080p camera, gateway apart", "<= 120 MB", "memory", _memory),
    ("first result after start", "<= 1 s", "first", _first),
    ("stalled camera", "<= 5 s", "stall", _stall),
    ("broker killed twice, restarted empty, with receipts", "0 lost, 0 twice, any persistence", "broker", _broker),
    ("undeclared sockets or files under `env -i` and strace, ten minutes", "0", "undeclared", _undeclared),
    ("escape probes inside the real vision process", ">= 60, all denied", "escapes", _told),
    ("exfiltration: bits recovered through every allowed channel", "<= the published bound; > 100x above it unconfined", "exfiltration", _part),
]
"""What, target, name of the step, who judges its figures."""
