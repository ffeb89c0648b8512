"""The engine `superlink`: a job, or a plain app, sent to the federation that `fl up` started.

The server's end runs in a process of the SuperLink, on this machine, and writes into the run's folder; this process waits for its end and reads it.
Train and evaluate travel in one message, as each message starts a process on each site (2 to 3 s of imports).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from velatura.errors import BadSpec, Missing, VelaturaError
from velatura.federated.deploy.bundle import bundle_of_app, bundle_of_job
from velatura.federated.deploy.control import Control, Registered, RunState
from velatura.federated.deploy.folder import Folder, opened
from velatura.federated.deploy.inside import SERVING
from velatura.federated.deploy.tickets import Order, Ticket, issue
from velatura.federated.engines import DEPLOYED, PlainApp, PlainRan
from velatura.federated.guarded_grid import counted
from velatura.federated.serving import finished
from velatura.files import alone
from velatura.models.store import home
from velatura.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from velatura.federated.job import FederatedJob
    from velatura.federated.server import Outcome

__all__ = ["SUPERLINK", "SuperLinkEngine", "default_folder"]

POLL_S = 0.5
LOST_S = 30.0  # without an answer of the server
START_S = 120.0  # of processes, beyond what the job's own deadlines allow
PLAIN_WAIT_S = 60.0
STOP_S = 10.0


def default_folder() -> Path:
    """Of the federation where none is named."""
    return home() / "federation"


@dataclass(frozen=True, slots=True)
class SuperLinkEngine:
    """folder: of `fl up`; None: the default one."""

    folder: Path | None = None

    def at(self, folder: Path) -> SuperLinkEngine:
        """The same, of another federation."""
        return SuperLinkEngine(folder)

    def run(self, job: FederatedJob, folder: Path, base: Path, *, resume: bool, progress: Progress) -> Outcome:
        """See `engines.Engine`.

        Raises:
            Missing: `federated.no-federation`, `federated.superlink`, `federated.nodes`.
            VelaturaError: `federated.stopped`, `federated.overdue`, `federated.app`; and what the server's process refused with.
        """
        place = self._place()
        ticket = issue(place.path / "tickets", Order(str(folder.resolve()), str(base.resolve()), resume))
        rounds = job.rounds
        until_s = time.monotonic() + rounds.wait_s * 2 + rounds.count * (rounds.deadline_s + START_S) + START_S
        try:
            with Control(place) as control:
                _gathered(control, place, job.data.sites, rounds.wait_s)
                number = control.submit(bundle_of_job(job, ticket.name, base), {})
                _followed(control, number, ticket, until_s, rounds.count, progress)
        except BaseException:
            _let_go(folder)
            raise
        finally:
            shutil.rmtree(ticket.path, ignore_errors=True)
        return finished(folder)

    def run_plain(self, app: PlainApp) -> PlainRan:
        """See `engines.Engine`. Its code must be importable on each site; its folder travels, its dependencies do not."""
        if app.folder is None:
            raise BadSpec("federated.app", f"{app.name}: the engine superlink takes an app's folder", hint="velatura fl run FOLDER, or engine local")
        place = self._place()
        with Control(place) as control:
            nodes = _gathered(control, place, app.nodes or max(1, len(control.nodes())), PLAIN_WAIT_S)
            wanted = app.nodes or len(nodes)
            order = Order(nodes=wanted, deadline_s=app.round_timeout, seed=app.seed, places=dict(_places(nodes, place)))
            ticket = issue(place.path / "tickets", order)
            try:
                number = control.submit(bundle_of_app(app.folder, ticket.name), app.run_config)
                _followed(control, number, ticket, float("inf"), 0, SILENT)
                replies = ticket.replies()
            finally:
                shutil.rmtree(ticket.path, ignore_errors=True)
        return PlainRan(app.name, DEPLOYED, wanted, counted(replies), replies)

    def _place(self) -> Folder:
        place = opened(self.folder or default_folder())
        if not place.serves:
            sentence = f"{place.path} is the folder of one site; its server is at {place.told.address}"
            raise BadSpec("federated.no-server", sentence, hint="run the job on the server's machine")
        return place


def _gathered(control: Control, place: Folder, wanted: int, wait_s: float) -> list[Registered]:
    """Sites that are there, when enough are. Raises Missing `federated.nodes`, which names the others."""
    until_s = time.monotonic() + wait_s
    while True:
        known = control.nodes()
        if len(there := [node for node in known if node.online]) >= wanted:
            return there
        if time.monotonic() > until_s:
            away = ", ".join(node.name or str(node.id) for node in known if not node.online) or "not registered"
            sentence = f"{len(there)} of {wanted} nodes after {wait_s:g} s; missing: {away}"
            raise Missing("federated.nodes", sentence, hint=f"velatura fl status --state {place.path}")
        time.sleep(POLL_S)


def _places(nodes: list[Registered], place: Folder) -> Mapping[int, int]:
    """Partition of each node id: as the folder says for sites of this machine, in the order of names for others."""
    own = {node.name: node.partition for node in place.told.nodes}
    others = sorted(node.name for node in nodes if node.name not in own)
    return {node.id: own.get(node.name, len(own) + (others.index(node.name) if node.name in others else 0)) for node in nodes}


def _followed(control: Control, number: int, ticket: Ticket, until_s: float, rounds: int, progress: Progress) -> None:
    """Wait for a run's end; an interrupt of this process ends the run, too."""
    try:
        progress.start("rounds", rounds or None, "rounds")
        state = _finished(control, number, ticket, until_s, progress)
        progress.finish()
    except BaseException:
        _stopped(control, number)
        raise
    ticket.raise_refusal()
    if state.outcome == "stopped":
        raise VelaturaError("federated.stopped", f"run {number} was stopped by somebody else", hint="--resume goes on with it")
    if state.outcome != "completed":
        raise VelaturaError("federated.app", f"run {number}: {state.details}", hint="the superlink's log, in the federation's folder, says more")


def _finished(control: Control, number: int, ticket: Ticket, until_s: float, progress: Progress) -> RunState:
    told, answered_s = 0.0, time.monotonic()
    while True:
        try:
            state, answered_s = control.run(number), time.monotonic()
            if state.finished:
                return state
        except Missing:
            if time.monotonic() - answered_s > LOST_S:
                raise
        done, words = ticket.progress()
        if words:
            progress.standing(words)
        if done > told:
            progress.advance(done - told)
            told = done
        if time.monotonic() > until_s:
            raise VelaturaError("federated.overdue", f"run {number} is not at its end at its deadline", hint="velatura fl status; --resume")
        time.sleep(POLL_S)


def _stopped(control: Control, number: int) -> None:
    """End a run, where the server still answers."""
    with contextlib.suppress(VelaturaError):
        control.stop(number)


def _let_go(folder: Path) -> None:
    """Until the server's process, which hears late that its run is over, has let go of the run's folder; or for a while."""
    until_s = time.monotonic() + STOP_S
    lock = os.open(folder / SERVING, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while time.monotonic() < until_s:
            with contextlib.suppress(OSError):
                alone(lock)
                return
            time.sleep(POLL_S)
    finally:
        os.close(lock)


SUPERLINK = SuperLinkEngine()
