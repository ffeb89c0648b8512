"""The whole job on a clip against deface: decode, detect, track, fill, encode; every frame and every fifth. The re-detection is shown apart.

Both run as whole processes through their command lines, interleaved, CPU seconds of all their processes. The clip is the demo's street at
960x540 (three real faces, 150 frames). The encoder's preset is x264 `veryfast` for ours and
what deface takes (imageio's default, `medium`) for the peer; once more with ours at `medium`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from benchmarks import material, peers
from benchmarks.measure import Spread, cpu_of, interleaved
from benchmarks.page import Row, table, write

RUNS = 3
VELATURA = Path(sys.executable).parent / "velatura"


def ours(clip: Path, out: Path, *options: str, env: dict[str, str]) -> float:
    return cpu_of([str(VELATURA), "obfuscate", str(clip), "-o", str(out), "--force", "--quiet", *options], env=env)


def theirs(folder: Path, clip: Path, out: Path) -> float:
    return cpu_of([str(folder / "bin" / "deface"), str(clip), "-o", str(out), "--replacewith", "solid"])


def ratio(peer: Spread, mine: Spread) -> str:
    return f"{peer.median / mine.median:.2f}x"


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        env = {**os.environ, "VELATURA_HOME": str(material.models(folder))}
        clip = material.street(folder)
        plain, onnx = peers.environment(peers.DEFACE), peers.environment(peers.DEFACE_ONNXRUNTIME)
        cases = {
            "deface": lambda: theirs(plain, clip, folder / "d.mp4"),
            "deface with onnxruntime": lambda: theirs(onnx, clip, folder / "do.mp4"),
            "ours, every frame": lambda: ours(clip, folder / "o1.mp4", "--no-recheck", env=env),
            "ours, every 5th": lambda: ours(clip, folder / "o5.mp4", "--every", "5", "--no-recheck", env=env),
            "ours, every frame, preset medium": lambda: ours(clip, folder / "om.mp4", "--preset", "medium", "--no-recheck", env=env),
            "ours, every 5th, preset medium": lambda: ours(clip, folder / "om5.mp4", "--preset", "medium", "--every", "5", "--no-recheck", env=env),
            "ours, every frame, with re-detection (the default)": lambda: ours(clip, folder / "or.mp4", env=env),
            "ours, every 5th, with re-detection": lambda: ours(clip, folder / "or5.mp4", "--every", "5", env=env),
        }
        found = interleaved(cases, runs=RUNS)
        outputs = {"deface": "d.mp4", "ours, every frame": "o1.mp4", "ours, preset medium": "om.mp4"}
        sizes = {name: (folder / file).stat().st_size // 1024 for name, file in outputs.items()}
        opencv = peers.version_in(plain, "opencv-python")
    targets = {"ours, every frame": 4.0, "ours, every 5th": 8.0}
    rows, aims = [], []
    for name, spread in found.items():
        against = found["deface"].median / spread.median
        verdict = "" if name not in targets else f"target >= {targets[name]:g}x: {'reached' if against >= targets[name] else 'missed'}"
        if name in targets:
            measured = f"{against:.2f}x ({spread.median:.2f} against {found['deface'].median:.2f} s)"
            aims.append(
                Row(f"the whole job on a clip, re-detection apart: {name}", f">= {targets[name]:g}x less CPU", measured, against >= targets[name])
            )
        rows.append([name, f"{spread} s", f"{against:.2f}x", f"{found['deface with onnxruntime'].median / spread.median:.2f}x", verdict])
    head = ["what", "CPU, median [min..max]", "deface (cv2.dnn) / this", "deface (onnxruntime) / this", ""]
    files = ", ".join(f"{name} {size} KiB" for name, size in sizes.items())
    body = f"{__doc__}\n{RUNS} runs each; deface 1.5.0 with OpenCV {opencv}. Sizes of the outputs: {files}.\n\n{table(head, rows)}"
    write("jobs", "The whole job on a clip", body, {name: vars_of(spread) for name, spread in found.items()}, aims)


def vars_of(spread: Spread) -> dict[str, float]:
    return {"median_s": spread.median, "low_s": spread.low, "high_s": spread.high, "runs": spread.runs}


if __name__ == "__main__":
    main()
