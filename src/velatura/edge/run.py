"""`velatura edge run`, as a function: a policy and a model in, signed events out.

One thread a camera in this one process, which is the gateway of all of them. The key and what was not received yet live in a state folder; without
one both are made for this run, and the key's public half stands in the first event.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import asdict

from velatura import __version__
from velatura.crypto.keyfile import load_signer, save_private
from velatura.crypto.keys import Signer
from velatura.detect.region import Scores
from velatura.edge.gateway import Gateway
from velatura.edge.login import Login
from velatura.edge.outbox import Outbox
from velatura.edge.pair import Seeing
from velatura.edge.policy import Camera, Policy, check
from velatura.edge.promise import LIMITS, words
from velatura.edge.sinks.jsonl import JsonLines
from velatura.edge.sinks.sink import Feeder
from velatura.edge.sources import Source, source_of
from velatura.edge.spotting import HEADS, Network
from velatura.errors import BadSpec, VelaturaError, nearest
from velatura.media.input_form import InputForm
from velatura.models.store import ModelStore

__all__ = ["Ran", "RanCamera", "run", "seeing_of"]

KEY = "signer.key"


@dataclass(frozen=True, slots=True)
class RanCamera:
    """records told, withheld; restarts of both processes; bound: in words; state of its file at the end."""

    name: str
    records: int
    withheld: int
    restarts: int
    bound: str
    sink: str
    totals: dict[str, int]


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that came to its end."""

    device: str
    cameras: list[RanCamera]
    limits: str = LIMITS
    failed: list[VelaturaError] = field(default_factory=list)


def run(
    policy: Policy,
    out: Path,
    *,
    model: str,
    state: Path | None = None,
    live: bool = False,
    looks_per_s: float = 0.0,
    fast: bool = False,
    degraded: Collection[str] = (),
    force: bool = False,
    login: Login | None = None,
    store: ModelStore | None = None,
    ends: Callable[[], bool] = lambda: False,
) -> Ran:
    """Watch all cameras of a policy until their sources end, or `ends` says so.

    Args:
        policy: every camera with its source.
        out: a file of lines; of several cameras a folder, with a file for each.
        model: a name of the catalogue.
        state: folder of the key and of what was not received; made where it is missing (0700).
        live: files are played as a camera would.
        looks_per_s: at most; 0: every frame.
        fast: less exact decoding, see `latest.Stream`.
        degraded: layers of the confinement that may be absent; said in every event.
        login: of the cameras, where they ask for one.

    Raises:
        BadSpec: `edge.policy`, `edge.model`, `edge.source`, `files.exists` ...
        Missing: `models.missing`, `sandbox.no-<layer>`.
        BadInput: of the only camera, where there is one.
    """
    check(policy, where="the policy")
    sources = [source_of(camera.source, live=live, login=login) for camera in policy.cameras]
    seeing = seeing_of(model, policy, store or ModelStore(), looks_per_s=looks_per_s, fast=fast, degraded=degraded)
    with ExitStack() as stack:
        folder = state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="velatura-edge-")))
        signer = _signer(folder)
        several = len(policy.cameras) > 1
        if several:
            out.mkdir(parents=True, exist_ok=True)
        watches = [
            _Watch(camera, source, seeing, signer, folder, out / f"{camera.name}.jsonl" if several else out, force=force, ends=ends)
            for camera, source in zip(policy.cameras, sources, strict=True)
        ]
        threads = [threading.Thread(target=watch.run, name=watch.camera.name) for watch in watches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    failed = [watch.error for watch in watches if watch.error is not None]
    if len(failed) == len(watches):
        raise failed[0]
    return Ran(signer.verifier.id, [watch.told() for watch in watches if watch.error is None], failed=failed)


class _Watch:
    """One camera in its thread; an error is kept for who waits."""

    def __init__(
        self, camera: Camera, source: Source, seeing: Seeing, signer: Signer, folder: Path, out: Path, *, force: bool, ends: Callable[[], bool]
    ) -> None:
        self.camera, self._ends = camera, ends
        self.error: VelaturaError | None = None
        self._outbox = Outbox(folder / camera.name / "outbox.sqlite")
        try:
            sink = JsonLines(out, device=signer.verifier.id, camera=camera.name, force=force)
        except BaseException:
            self._outbox.close()
            raise
        self._feeder = Feeder(sink, self._outbox)
        self._gateway = Gateway(
            camera, source, seeing, signer, self._outbox, os.urandom(8).hex(), int(time.time()), __version__, self._feeder.wake, os.urandom
        )
        self._sink = ""

    def run(self) -> None:
        try:
            self._gateway.run(self._ends)
        except VelaturaError as error:
            self.error = error
        finally:
            whole = self._feeder.close()
            self._sink = "ok" if whole else self._feeder.state
            self._outbox.close()

    def told(self) -> RanCamera:
        gate = self._gateway
        return RanCamera(self.camera.name, gate.records, gate.withheld, gate.restarts, words(self.camera), self._sink, gate.totals)


def _signer(folder: Path) -> Signer:
    """The device's key, made at the first start."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / KEY
    if not path.exists():
        save_private(Signer.new(os.urandom), path)
    return load_signer(path)


def seeing_of(
    name: str, policy: Policy, store: ModelStore, *, looks_per_s: float = 0.0, fast: bool = False, degraded: Collection[str] = ()
) -> Seeing:
    """What vision is made of, by the name of a model. Raises BadSpec `edge.model`; Missing, BadInput: of the store."""
    entry = store.entry(name)
    like = entry.like or name
    if like not in HEADS or entry.scores is None:
        raise BadSpec("edge.model", f"{name} is no model that edge can read the outputs of", hint=nearest(name, HEADS))
    store.load(name)  # whole and unchanged, or it says so
    for camera in policy.cameras:
        if missing := [label for label in camera.labels if label not in entry.labels]:
            sentence = f"camera {camera.name} counts {missing[0]!r}, which {name} does not find"
            raise BadSpec("edge.model", sentence, hint=f"labels of {name}: {', '.join(entry.labels)}")
    network = Network(name, like, InputForm(**asdict(entry.input)), Scores(**asdict(entry.scores)), tuple(entry.outputs), bool(entry.free))
    return Seeing(store.path(name), network, looks_per_s, fast, tuple(degraded))
