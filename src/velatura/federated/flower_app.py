"""A plain Flower app of somebody else's, unchanged, on any engine: its replies guarded and in a fixed order.

What its `ServerApp` does (strategy, evaluation, saving) is its own. The guards stand in the grid, so that any strategy benefits; cohorts, which
Flower draws with the global `random`, are drawn from a seed. Limit: resuming is the app's own affair.
"""

from __future__ import annotations

import importlib
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from velatura.errors import BadSpec
from velatura.federated.engines import PlainApp, PlainRan, engine_of, refuse_engine
from velatura.federated.quiet import switch_off
from velatura.files import atomic_output, private_folder

if TYPE_CHECKING:
    from flwr.clientapp import ClientApp
    from flwr.serverapp import ServerApp

    from velatura.federated.guarded_grid import Refused

__all__ = ["is_app", "replies_told", "run_flower", "run_folder"]

NAMES = ("serverapp", "clientapp")


def run_flower(
    *,
    server_app: ServerApp,
    client_app: ClientApp,
    nodes: int,
    engine: str = "local",
    run_config: Mapping[str, Any] | None = None,
    round_timeout: float | None = None,
    seed: int = 0,
    name: str = "app",
) -> PlainRan:
    """Run both ends of an app that is here as Flower's two objects.

    Args:
        nodes: how many clients.
        engine: "local" or "ray"; the engine of processes takes an app by its folder: `run_folder`.
        run_config: what `context.run_config` holds on both ends.
        round_timeout: seconds; None: what the app says.
        seed: of Flower's own draws.

    Raises:
        BadSpec: `federated.engine`. Missing: `extra.*`. VelaturaError: `federated.app`: the server app raised.
    """
    refuse_engine(engine)
    with private_folder() as home:
        switch_off(home)
        app = PlainApp(name, server_app, lambda: client_app, nodes, None, dict(run_config or {}), round_timeout, seed)
        return engine_of(engine).run_plain(app)


def is_app(path: Path) -> bool:
    """Whether it is a folder with a Flower app."""
    return (path / "pyproject.toml").is_file()


def run_folder(
    folder: Path,
    *,
    nodes: int,
    engine: str = "local",
    run_config: Mapping[str, Any] | None = None,
    round_timeout: float | None = None,
    seed: int = 0,
) -> PlainRan:
    """An app by its folder, as `flwr run` takes it: components and defaults stand in its pyproject.toml.

    Raises:
        BadSpec: `federated.app`: it names no components, or they cannot be imported; `federated.engine`.
    """
    refuse_engine(engine)
    described = _described(folder)
    with ExitStack() as stack:
        switch_off(stack.enter_context(private_folder()))
        stack.enter_context(_importable(folder))
        components = described["components"]
        server, client = _component(folder, components["serverapp"]), _FolderClient(folder, components["clientapp"])
        client()  # at once: what cannot be imported is no client's fault later
        config = {**_flat(described.get("config", {})), **(run_config or {})}
        app = PlainApp(folder.resolve().name, server, client, nodes, folder.resolve(), config, round_timeout, seed)
        return engine_of(engine).run_plain(app)


def replies_told(folder: Path, refused: Sequence[Refused]) -> None:
    """Write down which replies were left out, into a new folder."""
    folder.mkdir(mode=0o700, parents=True)
    with atomic_output(folder / "history.json") as part:
        part.write_text(json.dumps({"refused": [asdict(one) for one in refused]}, indent=1) + "\n")


@dataclass(frozen=True, slots=True)
class _FolderClient:
    """Gives the client app of a folder; in another process, by its name."""

    folder: Path
    component: str

    def __call__(self) -> ClientApp:
        app: ClientApp = _component(self.folder, self.component)
        return app


def _described(folder: Path) -> dict[str, Any]:
    path = folder / "pyproject.toml"
    try:
        described = tomllib.loads(path.read_text(encoding="utf-8"))["tool"]["flwr"]["app"]
        if not all(isinstance(described["components"][name], str) and ":" in described["components"][name] for name in NAMES):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "[tool.flwr.app.components] with serverapp and clientapp, each module:object"
        raise BadSpec("federated.app", f"{path}: describes no Flower app", hint=hint) from error
    return dict(described)


def _component(folder: Path, name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # code of a stranger, at import
        raise BadSpec("federated.app", f"{folder}: {name} cannot be imported: {type(error).__name__}: {error}") from error


def _flat(config: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested tables by "a.b", as Flower has them."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return flat


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder.resolve()))
    try:
        yield
    finally:
        sys.path.remove(str(folder.resolve()))
