"""Peak memory of the whole job against deface: a photograph of 2560x1920 and one minute of 1080p, through both command lines.

Memory is the peak of the proportional set size (PSS) summed over the process tree, sampled every 20 ms: pages that several processes share count
once, our confined decoder and deface's ffmpeg children are in. Ours runs as a person gets it: default options, second look included.
The photograph is a collage of twelve real pictures with faces; the clip is the demo's street, enlarged, played forwards and backwards in turn.
deface would need a quarter of an hour for the minute, so it gets the first frames of the same clip, twice as many the second time: what it holds
no longer grows once its coder's look-ahead is full.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import material, peers
from benchmarks.measure import Spread, interleaved, peak_pss_mib
from benchmarks.page import Row, table, write

RUNS = 3
SECONDS = 60
BEGINNINGS = (100, 200)
VELATURA = Path(sys.executable).parent / "velatura"
TARGETS = {"photograph": 0.30, "minute": 0.60}
Case = Callable[[], float]


def ours(source: Path, env: dict[str, str], *options: str) -> Case:
    out = source.with_name(f"ours{source.suffix}")
    return lambda: peak_pss_mib([str(VELATURA), "obfuscate", str(source), "-o", str(out), "--force", "--quiet", *options], env=env)


def theirs(environment: Path, source: Path) -> Case:
    out = source.with_name(f"theirs{source.suffix}")
    return lambda: peak_pss_mib([str(environment / "bin" / "deface"), str(source), "-o", str(out), "--replacewith", "solid"])


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        env = {**os.environ, "VELATURA_HOME": str(material.models(folder))}
        peer = {"deface": peers.environment(peers.DEFACE), "deface with onnxruntime": peers.environment(peers.DEFACE_ONNXRUNTIME)}
        opencv = peers.version_in(peer["deface"], "opencv-python")
        photograph = material.crowd(folder)
        minute = material.street_1080p(material.street(folder), folder, seconds=SECONDS)
        stills = {"ours": ours(photograph, env), **{name: theirs(place, photograph) for name, place in peer.items()}}
        found = {f"photograph: {name}": spread for name, spread in interleaved(stills, runs=RUNS).items()}
        clips = {"ours, every frame": ours(minute, env), "ours, every 5th": ours(minute, env, "--every", "5")}
        for count in BEGINNINGS:
            beginning = material.first_frames(minute, count)
            clips |= {f"{name}, first {count} frames": theirs(place, beginning) for name, place in peer.items()}
        found |= {f"minute: {name}": Spread.of([measure()]) for name, measure in clips.items()}
    told, aims = report(found)
    head = ["what", "peak, MiB, median [min..max]", "runs", "of deface's"]
    body = f"{__doc__}\ndeface 1.5.0 with OpenCV {opencv}.\n\n{table(head, told)}"
    write(
        "memory",
        "Peak memory",
        body,
        {name: {"median_mib": s.median, "low": s.low, "high": s.high, "runs": s.runs} for name, s in found.items()},
        aims,
    )


def report(found: dict[str, Spread]) -> tuple[list[list[str]], list[Row]]:
    """Lines of the table, and the two targets. The peer's smaller figure of both lengths counts: ours must hold against its best."""
    peer = {
        "photograph": found["photograph: deface"].median,
        "minute": min(found[f"minute: deface, first {count} frames"].median for count in BEGINNINGS),
    }
    told = [
        [name, f"{spread.median:.0f} [{spread.low:.0f}..{spread.high:.0f}]", str(spread.runs), f"{spread.median / peer[name.partition(':')[0]]:.0%}"]
        for name, spread in found.items()
    ]
    aims = []
    for what, name in (("photograph", "photograph: ours"), ("minute", "minute: ours, every frame")):
        share = found[name].median / peer[what]
        words = {"photograph": "a picture of 2560x1920", "minute": "a minute of 1080p"}[what]
        measured = f"{share:.0%} ({found[name].median:.0f} of {peer[what]:.0f} MiB)"
        aims.append(Row(f"peak memory (PSS of all processes), {words}", f"<= {TARGETS[what]:.0%} of deface", measured, share <= TARGETS[what]))
    return told, aims


if __name__ == "__main__":
    main()
