"""`velatura edge run`, as a function: a policy and a model in, signed events out.

One thread a camera in this one process, which is the gateway of all of them. The key and what was not received yet live in a state folder; without
one both are made for this run, and the key's public half stands in the first event.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from velatura.crypto.keys import Verifier
from velatura.edge import remarks
from velatura.edge.board import Board, CameraStates
from velatura.edge.destinations import ToPrometheus
from velatura.edge.faults import Faults
from velatura.edge.login import Login
from velatura.edge.memory import remembered
from velatura.edge.policy import Policy, check
from velatura.edge.promise import LIMITS, words
from velatura.edge.seeing import seeing_of
from velatura.edge.sinks.prometheus import Page
from velatura.edge.state_folder import held
from velatura.edge.watch import Shared, Watch
from velatura.errors import BadSpec, VelaturaError
from velatura.models.store import ModelStore

__all__ = ["Failed", "Ran", "RanCamera", "run", "seeing_of"]

_WORST = (1, 2, 4, 5, 3)  # rising


@dataclass(frozen=True, slots=True)
class RanCamera:
    """records told, withheld; restarts of both processes; bound: in words; sinks: state of each at the end.

    missed: what could not be read whole, notes: what else a person should know; a sentence each.
    """

    name: str
    records: int
    withheld: int
    restarts: int
    bound: str
    sinks: dict[str, str]
    totals: dict[str, int]
    missed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Failed:
    """A camera that ended with an error, while others did not."""

    camera: str
    code: str
    sentence: str
    hint: str
    exit: int


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that came to its end."""

    device: str
    cameras: list[RanCamera]
    limits: str = LIMITS
    failed: list[Failed] = field(default_factory=list)


def run(
    policy: Policy,
    out: Path | None,
    *,
    model: str,
    verifier: Verifier | None = None,
    backend: str = "",
    state: Path | None = None,
    live: bool = False,
    looks_per_s: float = 0.0,
    fast: bool = False,
    degraded: Collection[str] = (),
    force: bool = False,
    login: Login | None = None,
    ca: str = "",
    store: ModelStore | None = None,
    ends: Callable[[], bool] = lambda: False,
    failed: Callable[[str, VelaturaError], None] | None = None,
    tell: Callable[[str], None] = lambda sentence: None,
) -> Ran:
    """Watch all cameras of a policy until their sources end, or `ends` says so.

    Args:
        policy: every camera with its source, and where events go beside `out`.
        out: a file of lines; of several cameras a folder, with a file for each; None: none.
        model: a name of the catalogue, or a bundle.
        verifier, backend: as of `seeing.seeing_of`.
        state: folder of the key, of what was not received, and of `status.json`; made where it is missing (0700).
        live: files are played as a camera would.
        looks_per_s: at most; 0: every frame.
        fast: less exact decoding, see `latest.Stream`.
        degraded: layers of the confinement that may be absent; said in every event.
        login, ca: of the cameras that name none of their own.
        failed: of several cameras, told at once of one that ends with an error; the others go on.
        tell: told of a fault of a camera, its outbox or a sink when it begins, in a sentence.

    Raises:
        BadSpec: `edge.policy`, `edge.model`, `edge.source`, `edge.state-busy`, `files.exists` ...
        Missing: `models.missing`, `sandbox.no-<layer>`.
        VelaturaError: the worst one, where every camera ended with one.
    """
    check(policy, where="the policy")
    named = partial(seeing_of, verifier=verifier, backend=backend, looks_per_s=looks_per_s, fast=fast, degraded=degraded)
    seeing = partial(named, model, policy, store or ModelStore())
    with ExitStack() as stack:
        folder = state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="velatura-edge-")))
        signer = stack.enter_context(held(folder))
        several = len(policy.cameras) > 1
        if several and out is not None:
            _make(out)
        shared = Shared(seeing, signer, folder, policy.sinks, live, login, ca, force, ends, remembered(folder, signer.verifier.id))
        watches = [
            Watch(camera, out / f"{camera.name}.jsonl" if several and out is not None else out, shared, failed if several else None)
            for camera in policy.cameras
        ]
        for to in policy.sinks:
            if isinstance(to, ToPrometheus):
                stack.callback(Page(to.port, lambda: {watch.camera.name: watch.numbers() for watch in watches}).close)
        faults = Faults(tell)

        def states() -> list[CameraStates]:
            faults.look([(watch.states(), watch.source.shown) for watch in watches if watch.source is not None and watch.source.live])
            return [watch.states() for watch in watches]

        stack.enter_context(Board(folder, signer.verifier.id, states))
        _together(watches)
    errors = [(watch.camera.name, watch.error) for watch in watches if watch.error is not None]
    if len(errors) == len(watches):
        raise max((error for _, error in errors), key=lambda error: _WORST.index(error.exit_status))
    told = [Failed(name, error.code, error.sentence, error.hint, error.exit_status) for name, error in errors]
    return Ran(signer.verifier.id, [_ran(watch) for watch in watches if watch.error is None], failed=told)


def _make(folder: Path) -> None:
    """Of several cameras' files. Raises BadSpec `files.no-folder`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sentence = f"{folder}: of several cameras the output is a folder, and this cannot be made one: {error.strerror}"
        raise BadSpec("files.no-folder", sentence, hint="name another folder") from error


def _together(watches: Sequence[Watch]) -> None:
    """All of them, each in its thread, to their ends."""
    threads = [threading.Thread(target=watch.run, name=watch.camera.name) for watch in watches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _ran(watch: Watch) -> RanCamera:
    gate = watch.gateway
    assert gate is not None, "it came to its end without an error"
    name, told = watch.camera.name, (gate.records, gate.withheld, gate.restarts)
    notes = [*watch.notes, *remarks.notes(gate.source, gate.counts)]
    return RanCamera(name, *told, words(watch.camera), watch.sinks, gate.totals, remarks.missed(gate.source, gate.faults), notes)
