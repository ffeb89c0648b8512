"""What removal costs: CPU seconds a frame of the whole command at the sizes of the issue, and the peak memory of a long clip.

CPU is user and system time of the process and its confined decoder, start of Python, detector and check included, one thread. Memory is the peak of
the proportional set size (PSS) summed over the process tree, sampled every quarter of a second. The long clip is a composite whose packets are
repeated: no frame is coded anew, and every repetition begins with a key frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import av

from benchmarks.measure import cpu_of, peak_pss_mib
from benchmarks.removal_files import write
from benchmarks.removal_pasting import Made
from benchmarks.removal_runs import VELATURA
from benchmarks.removal_scenes import Scene, moving, static

__all__ = ["COSTS", "cost_scene", "cpu_s_frame", "cropped", "longer", "peak_mib"]

COSTS = {"static, 640x360": 0.04, "moving, 640x360": 0.10, "moving, 1280x720": 0.4}
"""Case -> the most CPU seconds a frame."""


def cropped(scene: Scene, height: int) -> Scene:
    """The lower part of a scene, where people are.

    Raises:
        ValueError: it is not as high.
    """
    top = scene.size[1] - height
    if top < 0:
        raise ValueError(f"{scene.name} is {scene.size[1]} pixels high, not {height}")

    def frames() -> Iterator[Made]:
        for made in scene.frames():
            yield Made(made.clean[top:], made.composite[top:], made.object[top:], made.shadow[top:])

    return replace(scene, size=(scene.size[0], height), frames=frames)


def cost_scene(case: str, *, count: int) -> Scene:
    """The clip of a case of `COSTS`; at 720p a quarter of the frames."""
    if case.endswith("1280x720"):
        return cropped(moving("walk", "walk", count=max(count // 4, 1), width=1280), 720)
    scene = moving("walk", "walk", count=count) if case.startswith("moving") else static("indoor", "walk", count=count)
    return cropped(scene, 360)


def cpu_s_frame(scene: Scene, folder: Path, env: Mapping[str, str]) -> float:
    """CPU seconds a frame of the command on a scene, which is written into the folder."""
    clip = write(scene, folder).composite
    return cpu_of(_command(clip, folder / "out.mp4"), env=env) / scene.count


def peak_mib(folder: Path, env: Mapping[str, str], *, frames: int) -> float:
    """MiB at most, of `frames` of 1280x720 before a camera that stands, somebody walking through every 10 seconds."""
    scene = cropped(static("indoor", "walk", count=min(frames, 250), width=1280, enlarge=True), 720)
    short = write(scene, folder / "short").composite
    long = longer(short, folder / "long.mp4", times=-(-frames // scene.count))
    return peak_pss_mib(_command(long, folder / "out.mp4"), env=env, every_s=0.25)


def longer(clip: Path, out: Path, *, times: int) -> Path:
    """A clip over and over, packet by packet; all packets last as long as the first."""
    with av.open(str(out), "w") as target:
        stream, start = None, 0
        for _ in range(times):
            with av.open(str(clip)) as source:
                stream = stream or target.add_stream_from_template(source.streams.video[0])
                count, step = 0, 0
                for packet in source.demux(video=0):
                    if packet.dts is None or packet.pts is None:
                        continue
                    step = step or packet.duration or 1
                    packet.pts, packet.dts, packet.stream = packet.pts + start, packet.dts + start, stream
                    target.mux(packet)
                    count += 1
                start += count * step
    return out


def _command(clip: Path, out: Path) -> Sequence[str]:
    return [str(VELATURA), "remove", str(clip), "-o", str(out), "--force", "--quiet"]
