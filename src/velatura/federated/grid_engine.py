"""An engine whose server runs in this process, over a grid that stands for the clients."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from flwr.app import Context, RecordDict
from flwr.clientapp import ClientApp

from velatura.errors import VelaturaError
from velatura.federated.engines import PlainApp, PlainRan
from velatura.federated.flower import Client
from velatura.federated.flower_task import Run
from velatura.federated.guarded_grid import GuardedGrid, Rules
from velatura.federated.serving import serve_job
from velatura.federated.site import pooled, split

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob
    from velatura.federated.server import Outcome
    from velatura.progress import Progress

__all__ = ["GridEngine", "Opened"]


class Opened(Protocol):
    """A grid of nodes 1 to n, partitions 0 to n - 1, that can be closed."""

    @property
    def run(self) -> Run: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class GridEngine:
    """grid: opened with (what gives the client app, how many nodes, run config)."""

    name: str
    grid: Callable[[Callable[[], ClientApp], int, Mapping[str, Any]], Any]

    def run(self, job: FederatedJob, folder: Path, base: Path, *, resume: bool, progress: Progress) -> Outcome:
        """See `engines.Engine`. Raises BadSpec `federated.partition`: the rows cannot be dealt, which each site would say in words of its own."""
        split(job, pooled(job, base)[0])
        grid = self.grid(Client(job, base.resolve(), folder.resolve() / "sites"), job.data.sites, {})
        try:
            return serve_job(job, grid, folder, base, resume=resume, progress=progress)
        finally:
            grid.close()

    def run_plain(self, app: PlainApp) -> PlainRan:
        """See `engines.Engine`."""
        inner = self.grid(app.client, app.nodes, app.run_config)
        grid = GuardedGrid(inner, Rules(nodes=app.nodes, deadline_s=app.round_timeout), places={node: node - 1 for node in range(1, app.nodes + 1)})
        random.seed(app.seed)
        try:
            app.server(grid, Context(inner.run.run_id, 0, {}, RecordDict(), dict(app.run_config)))
        except VelaturaError:
            raise
        except Exception as error:
            last = f"; the last reply that was left out: {grid.refused[-1].why}" if grid.refused else ""
            sentence = f"{app.name}: its server raised {type(error).__name__}: {error}{last}"
            raise VelaturaError("federated.app", sentence, hint="--debug shows where") from error
        finally:
            inner.close()
        return PlainRan(app.name, self.name, app.nodes, dict(grid.counts()), grid.refused)
