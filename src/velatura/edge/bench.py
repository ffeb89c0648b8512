"""`velatura edge bench`: what a camera costs on this machine, measured on the processes that `edge run` starts.

A clip goes through ingest, locked vision and the gateway twice, the second time a part of it only: the difference is what its frames cost, without
the start. Confinement: the same packets to a locked and to an unlocked vision, a group of pictures to one and then to the other.
Limit: CPU is that of the processes; what the kernel does for them on another processor's account is not seen.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import av

from velatura import __version__
from velatura.crypto.keys import Signer
from velatura.edge.containers import header_of
from velatura.edge.gateway import Gateway
from velatura.edge.outbox import Outbox
from velatura.edge.pair import Pair, Seeing
from velatura.edge.policy import Camera
from velatura.edge.processes import cpu_s, memory_mib
from velatura.edge.schema import schema_of
from velatura.edge.sources import Source
from velatura.edge.tally import width
from velatura.edge.unlocked import Compared, compare
from velatura.errors import BadInput

__all__ = ["Bench", "Running", "bench", "first_frames", "passed", "running"]

LEAST, SHORT = 75, 25
ROUNDS = 3
LONGEST_S = 20.0
SETTLED = 40  # looks after which the decoder has the pictures that it will ever hold


@dataclass(frozen=True, slots=True)
class Running:
    """A camera that runs. memory_mib: of ingest and of vision; kind: "PSS" or "RSS"; first_s: from the start of both to the first message."""

    memory_mib: dict[str, float]
    kind: str
    first_s: float


@dataclass(frozen=True, slots=True)
class Bench:
    """Attributes:
    ms_a_frame: CPU milliseconds, every frame looked at: "ingest", "vision", "gateway", "all".
    frames_per_s: that one core takes.
    cameras_a_core: of this clip's rate, at `looks_per_s`.
    confinement_percent: CPU of locked vision over that of an unlocked one, less 100; within `spread`, of groups of pictures (quartiles).
    entering_ms: what starting it locked takes longer than starting it unlocked.
    memory_mib: of ingest and of vision; kind "PSS" (shared pages once), or "RSS" where the system does not tell.
    first_result_s: from the start of both processes to vision's first message.
    """

    clip: str
    model: str
    size: tuple[int, int]
    frames: int
    rate: float
    ms_a_frame: dict[str, float]
    frames_per_s: float
    looks_per_s: float
    cameras_a_core: float
    confinement_percent: float
    spread: tuple[float, float]
    entering_ms: float
    memory_mib: dict[str, float]
    memory_kind: str
    first_result_s: float


def bench(clip: Path, camera: Camera, seeing: Seeing, *, looks_per_s: float = 5.0, frames: int = 300) -> Bench:
    """Measure.

    Args:
        frames: at most so many of the clip.
        looks_per_s: of the cameras that are counted for one core.

    Raises:
        BadInput: `edge.no-video`; `edge.bench-short`: under 75 frames; `edge.bench-noisy`.
    """
    with tempfile.TemporaryDirectory(prefix="velatura-edge-") as folder:
        most = first_frames(clip, frames, Path(folder) / f"long{clip.suffix}")
        if most.frames < LEAST:
            raise BadInput("edge.bench-short", f"{clip}: has {most.frames} frames; {LEAST} are needed", hint="a clip of a few seconds")
        least = first_frames(clip, SHORT, Path(folder) / f"short{clip.suffix}")
        every = _ms_a_frame(most, least, camera, replace(seeing, looks_per_s=0.0))
        some = _ms_a_frame(most, least, camera, replace(seeing, looks_per_s=looks_per_s))
        locked, ran = compare(most.path, camera, seeing), running(most.path, camera, seeing)
    return _told(clip, seeing, most, every, some, locked, ran, looks_per_s)


@dataclass(frozen=True, slots=True)
class Cut:
    """The beginning of a clip."""

    path: Path
    frames: int
    rate: float
    size: tuple[int, int]


def first_frames(clip: Path, count: int, path: Path) -> Cut:
    """Copy the first packets of a clip's pictures. Raises BadInput `edge.no-video`."""
    try:
        with av.open(str(clip)) as source, av.open(str(path), "w") as target:
            stream = source.streams.video[0] if source.streams.video else None
            if stream is None or header_of(stream) is None:
                raise BadInput("edge.no-video", f"{clip}: no picture stream, or a codec that is not read")
            copy, taken = target.add_stream_from_template(stream), 0
            for packet in source.demux(stream):
                if taken == count or packet.dts is None:
                    break
                packet.stream = copy
                target.mux(packet)
                taken += 1
            return Cut(path, taken, float(stream.average_rate or 25), (stream.width, stream.height))
    except (av.error.FFmpegError, ValueError) as error:
        raise BadInput("edge.no-video", f"{clip}: cannot be read: {type(error).__name__}", hint="velatura scan") from error


def passed(clip: Path, camera: Camera, seeing: Seeing) -> dict[str, float]:
    """CPU seconds of "ingest", "vision" and "gateway", their start included: a clip goes through them as in `edge run`, signed, into an outbox."""
    with tempfile.TemporaryDirectory(prefix="velatura-edge-") as folder:
        outbox = Outbox(Path(folder) / "outbox.sqlite")
        try:
            gateway = _Clocked(
                camera=camera,
                source=Source("file", str(clip), live=False),
                seeing=seeing,
                signer=Signer.new(os.urandom),
                outbox=outbox,
                boot=os.urandom(8).hex(),
                began_s=int(time.time()),
                version=__version__,
                published=lambda: None,
                entropy=os.urandom,
                rng=random.Random(0),
            )
            begun_s = time.process_time()
            gateway.run(lambda: False)
            own_s = time.process_time() - begun_s
        finally:
            outbox.close()
    assert gateway.clocked is not None, "it has run"
    return {**gateway.clocked.cpu_s, "gateway": own_s}


def running(clip: Path, camera: Camera, seeing: Seeing) -> Running:
    """Play a clip as a camera would, for a few seconds."""
    limit = width(schema_of(camera))
    begun_s, heard, first_s = time.monotonic(), 0, 0.0
    with Pair(camera, Source("file", str(clip), live=True), replace(seeing, looks_per_s=0.0)) as pair:
        while heard < SETTLED and time.monotonic() < begun_s + LONGEST_S:
            heard += pair.hear(within_s=0.1, limit=limit) is not None
            first_s = first_s or (time.monotonic() - begun_s if heard else 0.0)
        told = {"ingest": memory_mib(pair.ingest.pid), "vision": memory_mib(pair.vision_pid)}
    kind = "PSS" if {kind for _, kind in told.values()} == {"PSS"} else "RSS"
    return Running({name: size for name, (size, _) in told.items()}, kind, first_s)


class _ClockedPair(Pair):
    """Reads clocks once vision has ended, before anybody waits for the processes."""

    def __init__(self, camera: Camera, source: Source, seeing: Seeing) -> None:
        super().__init__(camera, source, seeing)
        self.cpu_s: dict[str, float] = {}

    def hear(self, *, within_s: float, limit: int) -> bytes | None:
        try:
            return super().hear(within_s=within_s, limit=limit)
        except BadInput:
            self.cpu_s = {"ingest": cpu_s(self.ingest.pid), "vision": cpu_s(self.vision_pid)}
            raise


class _Clocked(Gateway):
    clocked: _ClockedPair | None = None

    def _paired(self) -> Pair:
        self.clocked = _ClockedPair(self.camera, self.source, self.seeing)
        return self.clocked


def _ms_a_frame(most: Cut, least: Cut, camera: Camera, seeing: Seeing) -> dict[str, float]:
    """CPU milliseconds by process, and "all"; medians of rounds: more of them where other work on the machine hides what a frame costs."""
    found: dict[str, list[float]] = {}
    for number in range(4 * ROUNDS):
        less, more = passed(least.path, camera, seeing), passed(most.path, camera, seeing)
        spent = {name: 1000 * (more[name] - less[name]) / (most.frames - least.frames) for name in more}
        for name, ms in {**spent, "all": sum(spent.values())}.items():
            found.setdefault(name, []).append(ms)
        medians = {name: statistics.median(values) for name, values in found.items()}
        if number + 1 >= ROUNDS and min(medians["vision"], medians["all"]) > 0:
            return medians
    raise BadInput("edge.bench-noisy", "other work on this machine hides what a frame costs", hint="a longer clip, or a quieter machine")


def _told(
    clip: Path, seeing: Seeing, cut: Cut, every: dict[str, float], some: dict[str, float], locked: Compared, ran: Running, looks_per_s: float
) -> Bench:
    return Bench(
        clip=str(clip),
        model=seeing.network.name,
        size=cut.size,
        frames=cut.frames,
        rate=cut.rate,
        ms_a_frame=every,
        frames_per_s=1000 / every["all"],
        looks_per_s=looks_per_s,
        cameras_a_core=1000 / (some["all"] * cut.rate),
        confinement_percent=locked.percent,
        spread=locked.quartiles,
        entering_ms=locked.entering_ms,
        memory_mib=ran.memory_mib,
        memory_kind=ran.kind,
        first_result_s=ran.first_s,
    )
