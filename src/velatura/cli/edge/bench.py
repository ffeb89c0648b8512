"""`velatura edge bench`: what a camera costs on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.edge.app import EPILOG, app
from velatura.cli.edge.words import finite
from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.edge.bench import Bench

__all__ = ["bench"]


@app.command("bench", epilog=EPILOG)
def bench(
    clip: Annotated[Path, typer.Argument(metavar="CLIP", help="as the camera gives it: its codec, size and rate decide; a few seconds")],
    model: Annotated[str, typer.Option(metavar="NAME", help="of `velatura models list`: yunet-n, yunet-s, centerface, fastestdet")] = "yunet-n",
    looks_per_s: Annotated[float, typer.Option("--looks-per-s", min=0.1, callback=finite, help="of the cameras that are counted for a core")] = 5.0,
    frames: Annotated[int, typer.Option(metavar="N", min=75, help="at most so many of the clip")] = 300,
    fast_decode: Annotated[bool, typer.Option("--fast-decode", help="leave the deblocking filter out, as of `edge run`")] = False,
    allow_degraded: Annotated[list[str] | None, typer.Option(metavar="LAYER", help="of the confinement, may be absent, as of `edge run`")] = None,
    json: Json = False,
) -> None:
    """Measure what a camera costs: CPU by process, frames a second, cameras a core, what the lock costs, memory, time to the first result."""
    from velatura.cli.output import emit as told
    from velatura.edge.bench import bench as measure
    from velatura.edge.network import head_class
    from velatura.edge.policy import Camera, Egress, Policy, single
    from velatura.edge.run import seeing_of
    from velatura.edge.sources import source_of
    from velatura.models.store import ModelStore

    source_of(str(clip))
    seeing = seeing_of(model, Policy((Camera("bench", labels=()),)), ModelStore(), fast=fast_decode, degraded=allow_degraded or ())
    camera = Camera("bench", labels=tuple(sorted(head_class(seeing.network.like).labels)), egress=Egress(tick_s=1.0, bits_per_hour=1e6))
    single(camera)
    found = measure(clip, camera, seeing, looks_per_s=looks_per_s, frames=frames)
    told("edge bench", found, json=json, text=_benched(found))


def _benched(found: Bench) -> str:
    ms, memory = found.ms_a_frame, found.memory_mib
    low, high = found.spread
    parts = ", ".join(f"{name} {ms[name]:.2f}" for name in ("ingest", "vision", "gateway"))
    return "\n".join(
        [
            f"{found.clip}: {found.size[0]}x{found.size[1]} at {found.rate:g} frames/s, {found.frames} frames; {found.model}",
            f"every frame looked at: {ms['all']:.2f} ms of CPU a frame ({parts}): {found.frames_per_s:.0f} frames/s a core",
            f"{found.looks_per_s:g} looks a second: {found.cameras_a_core:.1f} such cameras a core",
            f"confinement: {found.confinement_percent:+.1f} % a frame (half of all groups of pictures within {low:+.1f} to {high:+.1f}), "
            f"{found.entering_ms:.0f} ms at the start",
            f"memory ({found.memory_kind}): {sum(memory.values()):.0f} MiB (vision {memory['vision']:.0f}, ingest {memory['ingest']:.0f})",
            f"first result {found.first_result_s:.2f} s after both processes are started",
        ]
    )
