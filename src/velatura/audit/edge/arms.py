"""Both arms of the edge room: a hostile post-processor in the real vision behind the real gateway, and the same one as a plain process.

What a receiver gets of the confined one is what a sink is handed: signed lines, as they come out of the outbox. What he gets of the free one is
what it writes. Listeners for forbidden ways stand outside of both.
A policy whose ticks are minutes is played faster where the clock matters (`quickened`): ticks and rate alike, so that a record costs as many ticks.
"""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from numpy.random import Generator

from velatura import __version__
from velatura.attacks.errand import Errand, Haul, Told
from velatura.attacks.listeners import Listeners
from velatura.audit.edge.faces_clip import write_clip
from velatura.audit.edge.hostile import fields_of
from velatura.crypto.keys import Signer
from velatura.detect.region import Scores
from velatura.edge.events import Link, follow
from velatura.edge.gateway import Gateway
from velatura.edge.network import Network
from velatura.edge.outbox import Outbox
from velatura.edge.pair import Ingest, Seeing, settings_of
from velatura.edge.policy import Camera, capacity
from velatura.edge.schema import schema_of
from velatura.edge.sinks.sink import Feeder
from velatura.edge.sources import Source
from velatura.edge.tally import read
from velatura.media.input_form import InputForm

__all__ = ["CameraArm", "quickened"]

_NO_NETWORK = Network("none", "yunet-n", InputForm("BGR", max_side=64), Scores(0.5, 0.5, 0.5))
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
GUEST = "velatura.audit.edge.hostile:Hostile"
PATIENCE_S = 90.0
CLOSE_S = 3.0  # between frames of a clip at most: a step of `timeline.JUMP_S` is no time
CLIP_S, FRAME_S = 30.0, 0.2  # of a live source
_HEAD = struct.Struct("<I")


def quickened(camera: Camera, tick_s: float) -> Camera:
    """The same records at the same share of ticks, at a faster clock."""
    egress = camera.egress
    rate = egress.bits_per_hour * egress.tick_s / tick_s
    return replace(camera, egress=replace(egress, tick_s=tick_s, bits_per_hour=rate, burst_bits=capacity(camera)))


@dataclass(frozen=True, slots=True)
class CameraArm:
    """Errand -> haul.

    Attributes:
        confined: as `edge run` would run it; False is the unprotected arm.
        camera: what may leave.
        ticks: of the run in which numbers go out; its time is the clip's own.
        periods: of each run against the clock.
        period_s: seconds of each; the quickened tick.
        gateway: another one, to see whether an attack sees what is wrong with it.
    """

    confined: bool
    camera: Camera
    ticks: int = 60
    periods: int = 40
    period_s: float = 0.25
    gateway: type[Gateway] = Gateway

    def __call__(self, errand: Errand, rng: Generator, /) -> Haul:
        """Raises Missing: vision cannot be locked here."""
        live = errand.way not in ("values", "paths")
        tick_s = self.period_s if live else min(self.camera.egress.tick_s, CLOSE_S)
        camera = quickened(self.camera, tick_s)
        with tempfile.TemporaryDirectory(prefix="velatura-audit-edge-") as folder, Listeners() as listeners:
            run = _Run(camera, errand, Path(folder), listeners, self.periods if live else 0, self.period_s, self.ticks)
            return run.confined(self.gateway, rng) if self.confined else run.free()


@dataclass(slots=True)
class _Run:
    """periods: 0: of a file."""

    camera: Camera
    errand: Errand
    folder: Path
    listeners: Listeners
    periods: int
    period_s: float
    ticks: int
    _began_s: float = 0.0
    _told: list[Told] = field(default_factory=list)
    _exits: list[tuple[float, int]] = field(default_factory=list)

    def confined(self, gateway: type[Gateway], rng: Generator) -> Haul:
        """Through everything that stands between vision and a receiver."""
        source, seeing = self._prepared()
        signer = Signer.new(os.urandom)
        outbox = Outbox(self.folder / "state" / "outbox.sqlite")
        receiver = _Receiver(signer)
        feeder = Feeder(receiver, outbox)
        made = gateway(
            self.camera, source, seeing, signer, outbox, os.urandom(8).hex(), int(time.time()), __version__, feeder.wake, os.urandom,
            random.Random(int(rng.integers(1 << 31))),
        )  # fmt: skip
        try:
            made.run(lambda: self._over(receiver.told))
        finally:
            feeder.close()
            outbox.close()
        return self._haul(receiver.told, len(receiver.told), raw=False)

    def free(self) -> Haul:
        """As a plain process, started again as often as it ends."""
        source, seeing = self._prepared()
        settings = json.dumps(settings_of(self.camera, seeing, live=source.live)).encode()
        while not self._over(self._told):
            status = self._once(source, settings)
            if not source.live:
                break
            if not self._over(self._told):
                self._exits.append((time.monotonic(), status))
        return self._haul(self._told, -(-len(self.errand.faces) // self._each), raw=True)

    def _once(self, source: Source, settings: bytes) -> int:
        """One life of the process; its exit status."""
        its, inbox = os.pipe()
        command = [sys.executable, "-m", "velatura.audit.edge.hostile"]
        process = subprocess.Popen(command, stdin=its, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **_ONE_THREAD})
        os.close(its)
        os.write(inbox, _HEAD.pack(len(settings)) + settings)  # less than a pipe holds
        self.listeners.error_output(process.stderr)
        ingest = Ingest(source)
        ingest.begin(inbox)
        hearing = threading.Thread(target=self._hear, args=(process.stdout,), daemon=True)
        hearing.start()
        try:
            while process.poll() is None and not self._over(self._told):
                time.sleep(0.01)
        finally:
            process.kill()
            process.wait()
            ingest.close()
            hearing.join(5)
        return process.returncode

    def _hear(self, stream: Any) -> None:
        """Each message as it comes, whatever its length."""
        schema = schema_of(self.camera)
        while len(head := stream.read(_HEAD.size)) == _HEAD.size:
            raw = stream.read(*_HEAD.unpack(head))
            tally = read(raw, schema)
            values = None if tally is None else dict(zip((one.name for one in schema.fields), tally.values, strict=True))
            self._told.append(Told(time.monotonic(), len(raw), values))

    def _over(self, told: Sequence[Told]) -> bool:
        """Of a live run: so many periods after the first word."""
        now_s = time.monotonic()
        if not self.periods:
            return now_s > self._began_s + 10 * PATIENCE_S
        return now_s > (told[0].at_s + self.periods * self.period_s if told else self._began_s + PATIENCE_S)

    def _prepared(self) -> tuple[Source, Seeing]:
        """The clip and the poisoned model, on disk."""
        clip, model = self.folder / "faces.mkv", self.folder / "model.onnx"
        faces, times_s = self._frames()
        write_clip(clip, faces, times_s)
        self._began_s = time.monotonic()
        told = {"way": self.errand.way, "key": self.errand.key, "places": self.listeners.places}
        model.write_text(json.dumps({**told, "began_s": self._began_s, "period_s": self.period_s}))
        return Source("file", str(clip), live=bool(self.periods)), Seeing(model, _NO_NETWORK, guest=GUEST)

    def _frames(self) -> tuple[list[bytes], list[float]]:
        """Of a live run the first face, again and again; else each face once, the same number in each tick."""
        if self.periods:
            count = int(CLIP_S / FRAME_S)
            return [self.errand.faces[0]] * count, [number * FRAME_S for number in range(count)]
        step_s = self.camera.egress.tick_s / self._each
        return list(self.errand.faces), [number * step_s + (number > 0) * step_s / 4 for number in range(len(self.errand.faces))]

    @property
    def _each(self) -> int:
        """Faces a tick."""
        return -(-len(self.errand.faces) // self.ticks)

    def _haul(self, told: Sequence[Told], ticks: int, *, raw: bool) -> Haul:
        egress = self.camera.egress
        seconds = self.periods * self.period_s if self.periods else ticks * egress.tick_s
        if self.errand.way == "paths":
            seconds = time.monotonic() - self._began_s
        bound = egress.bits_per_hour * seconds / 3600 + capacity(self.camera)
        return Haul(
            self.listeners.heard() if self.errand.way == "paths" else {},
            tuple(told),
            tuple(self._exits),
            bound,
            fields_of(schema_of(self.camera)),
            egress.k,
            self._began_s,
            self.period_s,
            raw,
        )


class _Receiver:
    """A `Sink`: whoever is told. Lines are checked as a receiver would, and noted with the time they came at."""

    def __init__(self, signer: Signer) -> None:
        self.name = "receiver"
        self.told: list[Told] = []
        self._verifier, self._link, self._last = signer.verifier, Link(), -1

    def offer(self, lines: Sequence[tuple[int, bytes]]) -> int:
        for seq, line in lines:
            if seq > self._last:
                event, self._link = follow(line, self._link, self._verifier)
                self._last = seq
                if event.kind == "record":
                    numbers = (event.seq, event.tick, *(event.record or {}).values())
                    self.told.append(Told(time.monotonic(), len(line) - sum(len(str(number)) for number in numbers), event.record))
        return self._last

    def forgot(self) -> bool:
        return False

    def close(self) -> None: ...
