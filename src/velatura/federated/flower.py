"""A job as Flower's own two objects, for `flwr run`, a SuperLink, a simulation: whatever takes a `ServerApp` and a `ClientApp`.

Flower looks for the two names in the syntax tree of a module, so that each needs an assignment of its own:

    apps = load_job(Path(__file__).with_name("job.toml")).to_flower(base=Path(__file__).parent)
    server = apps.server
    client = apps.client

The run config may hold `run` (the run's folder on the server's machine; default: none is kept) and `resume`.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flwr.app import Context, Message
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

from velatura.federated.serving import serve_job
from velatura.federated.site import client_app

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob

__all__ = ["Client", "FlowerApps", "apps", "server_app"]


@dataclass(frozen=True, slots=True)
class FlowerApps:
    """Both ends."""

    server: ServerApp
    client: ClientApp


def apps(job: FederatedJob, base: Path) -> FlowerApps:
    """A job's two ends. base: what relative paths in it are relative to, on each machine."""
    return FlowerApps(server_app(job, base.resolve()), _Travelling(Client(job, base.resolve())))


def server_app(job: FederatedJob, base: Path) -> ServerApp:
    """Rounds, guards, privacy and checkpoints exactly as `velatura fl run` has them."""
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        kept, resume = str(context.run_config.get("run", "")), bool(context.run_config.get("resume", False))
        if kept:
            Path(kept).mkdir(mode=0o700, parents=True, exist_ok=True)
            serve_job(job, grid, Path(kept), base, resume=resume)
            return
        with tempfile.TemporaryDirectory() as nowhere:
            serve_job(job, grid, Path(nowhere), base)

    return app


@dataclass(frozen=True, slots=True)
class Client:
    """Gives a job's client app; travels to other processes, where tables and modules are made once."""

    job: FederatedJob
    base: Path
    folder: Path | None = None

    def __call__(self) -> ClientApp:
        key = self.job.digest, self.base, self.folder
        if key not in _MADE:
            _MADE[key] = client_app(self.job, self.base, self.folder)
        return _MADE[key]


class _Travelling(ClientApp):
    """A client app that can be pickled: Flower's simulation sends it with each message, and the process that gets it keeps its tables and modules."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client

    def __call__(self, message: Message, context: Context) -> Message:
        return self._client()(message, context)

    def __reduce__(self) -> tuple[type[_Travelling], tuple[Client]]:
        return _Travelling, (self._client,)


_MADE: dict[tuple[str, Path, Path | None], ClientApp] = {}
