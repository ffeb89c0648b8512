"""A clip of variable frame rate through both command lines: is every frame still there, each at its own time?

The clip is 60 frames of the demo's street with steps of 1/60 s to 1/10 s, as a telephone records them in changing light: in MP4 with a clock of
90,000 ticks a second, and in Matroska, whose clock counts milliseconds. Times are read from the files, of source and output alike. The output of
ours goes into a file of the same kind; deface decides its own frame rate (its coder takes constant ones only).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from benchmarks import material, peers
from benchmarks.page import Row, table, write

FRAMES = 60
STEPS_MS = (17, 33, 33, 100, 40, 67, 17, 50, 83, 33)  # 2.8 s in all
VELATURA = Path(sys.executable).parent / "velatura"


@dataclass(frozen=True, slots=True)
class Clip:
    """`times` in seconds, in order; `length_s` as the container states it."""

    times: tuple[Fraction, ...]
    length_s: float


def made(street: Path, path: Path) -> Path:
    """The first frames of the street at the steps of STEPS_MS, with B frames."""
    with av.open(str(street)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=25, options={"preset": "veryfast", "crf": "20", "bf": "2"})
        pictures = source.streams.video[0]
        stream.width, stream.height, stream.pix_fmt = pictures.width, pictures.height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 90_000)
        ticks = 0
        for index, frame in zip(range(FRAMES), source.decode(video=0), strict=False):
            frame.pts, frame.time_base = ticks, Fraction(1, 90_000)
            ticks += 90 * STEPS_MS[index % len(STEPS_MS)]
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    return path


def read(path: Path) -> Clip:
    with av.open(str(path)) as source:
        length_s = (source.duration or 0) / 1_000_000
        return Clip(tuple(Fraction(frame.pts) * frame.time_base for frame in source.decode(video=0)), length_s)


def through(command: Sequence[str], out: Path, env: dict[str, str] | None = None) -> Clip:
    subprocess.run([*command, "-o", str(out)], check=True, capture_output=True, env=env)
    return read(out)


def line(name: str, clip: Clip, source: Clip) -> list[str]:
    if len(clip.times) != len(source.times):
        return [name, str(len(clip.times)), f"{clip.length_s:.2f} s", "-"]
    worst = max(abs(ours - theirs) for ours, theirs in zip(clip.times, source.times, strict=True))
    return [name, str(len(clip.times)), f"{clip.length_s:.2f} s", "same" if not worst else f"up to {float(worst) * 1000:.1f} ms off"]


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        env = {**os.environ, "VELATURA_HOME": str(material.models(folder))}
        street = material.street(folder)
        deface = peers.environment(peers.DEFACE) / "bin" / "deface"
        told, same = [], []
        for suffix in (".mp4", ".mkv"):
            path = made(street, folder / f"variable{suffix}")
            source = read(path)
            ours = through([str(VELATURA), "obfuscate", str(path), "--quiet"], folder / f"ours{suffix}", env)
            theirs = through([str(deface), str(path), "--replacewith", "solid"], folder / f"theirs{suffix}")
            told += [line(f"{suffix[1:]}: {name}", clip, source) for name, clip in (("source", source), ("ours", ours), ("deface", theirs))]
            same.append((ours.times == source.times, len(ours.times), len(theirs.times)))
    body = f"{__doc__}\n{table(['clip', 'frames', 'length', 'times against the source'], told)}"
    reached = all(kept for kept, _, _ in same)
    mine, peer = (" and ".join(str(counts[at]) for counts in same) for at in (1, 2))
    row = Row(
        "variable-frame-rate clip (mp4, mkv)",
        "every frame, same timestamps",
        f"{FRAMES} frames become {mine}, {'same' if reached else 'other'} timestamps (deface: {peer})",
        reached,
    )
    write("timing", "Variable frame rates", body, {"clips": told}, [row])


if __name__ == "__main__":
    main()
