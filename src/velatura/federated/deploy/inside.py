"""What runs inside Flower's processes: the two ends of a job by its text, and a plain app's server behind our guards.

Called by the few lines that `bundle.py` writes.
"""

from __future__ import annotations

import os
import random
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from flwr.app import Context
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

from velatura.errors import BadSpec
from velatura.federated.deploy.tickets import Ticket, found
from velatura.federated.guarded_grid import GuardedGrid, Rules
from velatura.federated.job import FederatedJob, check
from velatura.federated.serving import serve_job
from velatura.federated.site import client_app
from velatura.files import alone
from velatura.specs import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SERVING", "TICKETS", "client", "guarded", "server"]

SERVING = "serving"  # in a run's folder: held by the process that writes there
TICKETS = "VELATURA_TICKETS"  # in the environment of the federation's processes: a folder


def client(job: str, ticket: str) -> ClientApp:
    """A site's end. Where the ticket is not (another machine), relative paths are relative to the site's own folder."""
    folder = Path(os.environ.get(TICKETS, "/nowhere")) / ticket
    base = Path(Ticket(folder).order.base) if (folder / "order").is_file() else Path()
    return client_app(_read(job), base)


def server(job: str, ticket: str) -> ServerApp:
    """The server's end: it writes into the run's folder that the ticket names."""
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        held = found(Path(os.environ[TICKETS]), ticket)
        order = held.order
        with held.refusing(), _alone(Path(order.folder)):
            serve_job(_read(job), grid, Path(order.folder), Path(order.base), resume=order.resume, progress=_Told(held))

    return app


def guarded(component: str, ticket: str) -> ServerApp:
    """Somebody's `module:object`, unchanged, over a grid in which only good replies arrive, in the order of partitions."""
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        held = found(Path(os.environ[TICKETS]), ticket)
        order = held.order
        inner = GuardedGrid(grid, Rules(nodes=order.nodes, deadline_s=order.deadline_s), places=dict(order.places))
        random.seed(order.seed)
        with held.refusing():
            module, _, attribute = component.partition(":")
            try:
                getattr(import_module(module), attribute)(inner, context)
            finally:
                held.tell_replies(inner.refused)

    return app


class _Told:
    """Progress that another process reads."""

    def __init__(self, ticket: Ticket) -> None:
        self._ticket, self._done, self._words = ticket, 0.0, ""

    def start(self, what: str, total: float | None, unit: str) -> None: ...

    def advance(self, by: float = 1) -> None:
        self._done += by
        self._ticket.tell_progress(self._done, self._words)

    def standing(self, words: str) -> None:
        self._words = words
        self._ticket.tell_progress(self._done, words)

    def note(self, sentence: str) -> None: ...

    def finish(self) -> None: ...


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Against a server that goes on after the command that started it was killed."""
    lock = os.open(folder / SERVING, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            alone(lock)
        except OSError as error:
            sentence = f"{folder}: an earlier server still runs it"
            raise BadSpec("federated.busy", sentence, hint="wait for its end, or velatura fl down and up") from error
        yield
    finally:
        os.close(lock)


def _read(told: str) -> FederatedJob:
    """What the server sends is checked at each end: a site trains nothing that no job file could say."""
    job = read_json(told.encode(), FederatedJob, where="the job")
    check(job, where="the job")
    return job
