"""One camera of a run: its outbox, its sinks and its gateway in a thread; what goes wrong stays with it, and has a name."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from velatura import __version__
from velatura.crypto.keys import Signer
from velatura.edge.board import CameraStates
from velatura.edge.destinations import Destination, ToPrometheus, shown
from velatura.edge.events import Link
from velatura.edge.gateway import Gateway
from velatura.edge.login import Login, login_of
from velatura.edge.memory import NOTHING, Remembered, resumed
from velatura.edge.outbox import Outbox
from velatura.edge.pair import Seeing
from velatura.edge.policy import Camera
from velatura.edge.remarks import left_alone
from velatura.edge.sinks.jsonl import JsonLines
from velatura.edge.sinks.opened import opened
from velatura.edge.sinks.sink import Feeder, Sink
from velatura.edge.sources import Source, source_of
from velatura.edge.states import AREAS
from velatura.errors import VelaturaError

__all__ = ["Shared", "Watch"]


@dataclass(frozen=True, slots=True)
class Shared:
    """What all cameras of a run have in common; see `run.run`. seeing: checks the model first; remembered: of the run before, by camera."""

    seeing: Callable[[], Seeing]
    signer: Signer
    folder: Path
    sinks: Collection[Destination]
    live: bool
    login: Login | None
    ca: str
    force: bool
    ends: Callable[[], bool]
    remembered: Mapping[str, Remembered] = field(default_factory=dict)


class Watch:
    """One camera.

    Args:
        out: its file of lines; None: there is none.
        failed: told of the error that ends it.

    Attributes:
        error: what ended it; None: nothing did.
        gateway: once it is ready.
        source: where it looks, once that is known.
        sinks: as shown to a person -> state, when it is over.
        notes: what a person should know of its start, a sentence each.
    """

    def __init__(self, camera: Camera, out: Path | None, shared: Shared, failed: Callable[[str, VelaturaError], None] | None) -> None:
        self.camera, self._out, self._shared, self._failed = camera, out, shared, failed
        self.error: VelaturaError | None = None
        self.gateway: Gateway | None = None
        self.source: Source | None = None
        self.sinks: dict[str, str] = {}
        self.notes: list[str] = []
        self._outbox: Outbox | None = None
        self._feeders: dict[str, Feeder] = {}
        self._before = shared.remembered.get(camera.name, NOTHING)
        self._over = False

    def run(self) -> None:
        """From start to end; never raises."""
        try:
            self._prepared().run(self._shared.ends)
        except VelaturaError as error:
            self._fail(error)
        except Exception as error:  # a fault of ours ends one camera, and must not look like its end
            self._fail(VelaturaError("edge.camera-failed", f"{self.camera.name}: {type(error).__name__}", hint="report it"))
        finally:
            self._close()

    def states(self) -> CameraStates:
        """As things are."""
        gate, error = self.gateway, self.error
        words = {"camera": "connecting", "vision": "starting", "health": "none", "outbox": "ok"}
        if gate is not None:
            vision = "degraded" if gate.vision == "running" and gate.degraded else gate.vision
            words = {"camera": gate.camera_word, "vision": vision, "health": gate.health, "outbox": self._outbox_word()}
        if self._over and error is None:
            words["vision"] = "ended"
        host = ""
        if error is not None:
            words.update({"vision": "ended", **_blamed(error, words)})
            host = error.code.removeprefix("sandbox.") if error.code.startswith("sandbox.") else ""
        sinks = {name: feeder.state for name, feeder in self._feeders.items()} if not self._over else dict(self.sinks)
        seq, head = gate.head if gate is not None and gate.head[0] >= 0 else (self._before.link.seq - 1, self._before.link.prev)
        return CameraStates(
            self.camera.name,
            words,
            sinks,
            gate.held if gate is not None else (),
            gate.degraded if gate is not None else (),
            gate.restarts if gate is not None else 0,
            seq,
            head,
            str(error) if error is not None else "",
            error.hint if error is not None else "",
            host if host in AREAS["host"] else "",
        )

    def numbers(self) -> dict[str, float]:
        """What was published of it, summed up."""
        gate = self.gateway
        return {**gate.totals, "records": gate.records, "withheld": gate.withheld} if gate is not None else {}

    def _prepared(self) -> Gateway:
        """Everything opened."""
        shared, camera = self._shared, self.camera
        seeing = shared.seeing()
        login = login_of(Path(camera.login)) if camera.login else shared.login
        source = self.source = source_of(camera.source, live=shared.live, login=login, ca=camera.ca or shared.ca)
        self.notes += left_alone(source)
        outbox = self._outbox = Outbox(shared.folder / camera.name / "outbox.sqlite")
        gate = Gateway(camera, source, seeing, shared.signer, outbox, os.urandom(8).hex(), int(time.time()), __version__, self._wake, os.urandom)
        device = shared.signer.verifier.id
        sinks: dict[str, Sink] = {}
        known = Link()
        if self._out is not None:
            lines = JsonLines(self._out, device=device, camera=camera.name, force=shared.force)
            sinks[f"file {self._out}"] = lines
            known = lines.link
        gate.resume = self._resumed(outbox, known)
        for to in shared.sinks:
            if not isinstance(to, ToPrometheus):
                sinks[shown(to)] = opened(to, outbox, device=device, camera=camera, totals=lambda: gate.totals)
        _forget(outbox, {sink.name for sink in sinks.values()})
        self.gateway = gate
        self._feeders = {name: Feeder(sink, outbox) for name, sink in sinks.items()}
        return gate

    def _resumed(self, outbox: Outbox, known: Link) -> Link:
        at = resumed(outbox, known, self._before, self.camera.egress.tick_s)
        if outbox.aside is not None:
            self.notes.append(f"its outbox was damaged, and is kept as {outbox.aside}; the chain goes on at event {at.seq} after a gap")
        return at

    def _wake(self) -> None:
        for feeder in self._feeders.values():
            feeder.wake()

    def _outbox_word(self) -> str:
        outbox = self._outbox
        if outbox is None or outbox.state != "ok":
            return outbox.state if outbox is not None else "ok"
        return "damaged" if outbox.aside is not None else "ok"

    def _close(self) -> None:
        """Offer what is left; then close."""
        for feeder in self._feeders.values():
            feeder.end()
        for name, feeder in self._feeders.items():
            whole = feeder.close()
            self.sinks[name] = feeder.state if not whole and feeder.state != "ok" else "ok"
        self._over = True
        if self._outbox is not None:
            self._outbox.close()

    def _fail(self, error: VelaturaError) -> None:
        self.error = error
        if self._failed is not None:
            self._failed(self.camera.name, error)


def _forget(outbox: Outbox, names: Collection[str]) -> None:
    """Sinks that nobody names any more get nothing kept; a file that is still there may be named again."""
    for name in outbox.sinks():
        if name not in names and not (name.startswith("file:") and Path(name.removeprefix("file:")).exists()):
            outbox.unsubscribe(name)


def _blamed(error: VelaturaError, words: dict[str, str]) -> dict[str, str]:
    """The states that an error's code stands for."""
    room, _, reason = error.code.partition(".")
    if room == "sandbox":
        return {"vision": "refused"}
    if room == "models" or reason.startswith(("model", "bundle", "self-test", "backend")):
        return {"vision": "model-refused"}
    if reason.startswith("outbox"):
        return {"outbox": reason.removeprefix("outbox").lstrip("-") or "failed", "camera": "failed"}
    if reason == "nothing-seen":
        return {"camera": words["camera"]}
    if reason == "no-video":
        return {"camera": words["camera"] if words["camera"] in AREAS["camera"] else "no-video"}
    return {"camera": "no-source" if reason in ("no-source", "no-clips") else "failed"}
