"""Where a job runs: engines by name. An engine is a file of its own and a line here; it is imported when it is asked for.

Whatever the engine, the same job ends in the same weights, bit by bit: replies are taken in the order of partitions, and every seed comes from job,
round and partition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from velatura.errors import BadSpec, nearest

if TYPE_CHECKING:
    from flwr.clientapp import ClientApp
    from flwr.serverapp import ServerApp

    from velatura.federated.guarded_grid import Refused
    from velatura.federated.job import FederatedJob
    from velatura.federated.server import Outcome
    from velatura.progress import Progress

__all__ = ["DEPLOYED", "ENGINES", "EVERY", "Engine", "PlainApp", "PlainRan", "engine_of", "refuse_engine"]

ENGINES = {
    "local": "velatura.federated.local_engine:LOCAL",
    "ray": "velatura.federated.ray_engine:RAY",
    "superlink": "velatura.federated.deploy.engine:SUPERLINK",
}
"""Name -> module:object, an `Engine`."""

DEPLOYED = "superlink"
EVERY = 0
"""Of nodes: all that a federation has (`DEPLOYED` alone)."""


@dataclass(frozen=True, slots=True)
class PlainApp:
    """Somebody's plain Flower app, and how it is to run.

    Attributes:
        client: gives the client app; called where clients run, perhaps in another process.
        folder: with its pyproject.toml; None: it is no folder, and cannot run where processes take an app by its folder.
        nodes: how many clients; `EVERY`.
        round_timeout: seconds; None: what the app says.
        seed: of Flower's own draws.
    """

    name: str
    server: ServerApp
    client: Callable[[], ClientApp]
    nodes: int
    folder: Path | None = None
    run_config: Mapping[str, Any] = field(default_factory=dict)
    round_timeout: float | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PlainRan:
    """app: its name; refused: replies that were not believed or did not come, by reason."""

    app: str
    engine: str
    nodes: int
    refused: dict[str, int]
    replies: list[Refused] = field(default_factory=list)


class Engine(Protocol):
    """Runs both ends of a job, or of a plain app, from start to end; leaves no process behind."""

    def run(self, job: FederatedJob, folder: Path, base: Path, *, resume: bool, progress: Progress) -> Outcome:
        """Run a job's rounds.

        Args:
            folder: of the run, opened for this process alone; `folder/flower` is Flower's home.
            base: what relative paths in the job are relative to.

        Raises:
            Missing: `extra.*`, `federated.nodes`; what `server.serve` raises.
        """
        ...

    def run_plain(self, app: PlainApp) -> PlainRan:
        """Run a plain Flower app, unchanged.

        Raises:
            VelaturaError: `federated.app`: its server raised.
        """
        ...


def engine_of(name: str) -> Engine:
    """The engine of that name; "superlink:FOLDER" is that of the federation in FOLDER (`fl up --state`).

    Raises:
        BadSpec: `federated.engine`. Missing: `extra.*`.
    """
    refuse_engine(name)
    word, _, folder = name.partition(":")
    module, _, attribute = ENGINES[word].partition(":")
    engine = getattr(import_module(module), attribute)
    found: Engine = engine.at(Path(folder)) if folder else engine
    return found


def refuse_engine(name: str) -> None:
    """Raises BadSpec `federated.engine`: there is none of that name."""
    word, _, folder = name.partition(":")
    if word not in ENGINES:
        raise BadSpec("federated.engine", f"there is no engine {word!r}", hint=nearest(word, ENGINES))
    if folder and word != DEPLOYED:
        raise BadSpec("federated.engine", f"the engine {word} has no federation's folder", hint="--engine superlink --state FOLDER")
