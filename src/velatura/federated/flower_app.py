"""A plain Flower app of somebody else's, unchanged: run in this process, its replies guarded and in a fixed order.

What its `ServerApp` does (strategy, evaluation, saving) is its own. The guards stand in the grid, so that any strategy benefits; cohorts, which
Flower draws with the global `random`, are drawn from a seed. Limit: resuming is the app's own affair.
"""

from __future__ import annotations

import importlib
import random
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from velatura.errors import BadSpec, VelaturaError
from velatura.federated.quiet import switch_off
from velatura.files import private_folder

if TYPE_CHECKING:
    from flwr.clientapp import ClientApp
    from flwr.serverapp import ServerApp

    from velatura.federated.guarded_grid import Refused

__all__ = ["FlowerRan", "is_app", "run_flower", "run_folder"]

NAMES = ("serverapp", "clientapp")


@dataclass(frozen=True, slots=True)
class FlowerRan:
    """app: its name; refused: replies that were not believed or did not come, by reason."""

    app: str
    nodes: int
    refused: dict[str, int]
    replies: list[Refused] = field(default_factory=list)


def run_flower(
    *,
    server_app: ServerApp,
    client_app: ClientApp,
    nodes: int,
    run_config: Mapping[str, Any] | None = None,
    round_timeout: float | None = None,
    seed: int = 0,
    name: str = "app",
) -> FlowerRan:
    """Run both ends in this process; `quiet.switch_off` comes before Flower is imported.

    Args:
        nodes: how many clients.
        run_config: what `context.run_config` holds on both ends.
        round_timeout: seconds; None: what the app says.

    Raises:
        VelaturaError: `federated.app`: the server app raised.
    """
    from flwr.app import Context, RecordDict

    from velatura.federated.guarded_grid import GuardedGrid, Rules
    from velatura.federated.local_grid import LocalGrid

    local = LocalGrid(client_app, nodes, run_config)
    grid = GuardedGrid(local, Rules(nodes=nodes, deadline_s=round_timeout), places={node: node - 1 for node in range(1, nodes + 1)})
    random.seed(seed)
    try:
        server_app(grid, Context(local.run.run_id, 0, {}, RecordDict(), dict(run_config or {})))
    except VelaturaError:
        raise
    except Exception as error:
        raise VelaturaError("federated.app", f"{name}: its server raised {type(error).__name__}: {error}", hint="--debug shows where") from error
    finally:
        local.close()
    return FlowerRan(name, nodes, dict(grid.counts()), grid.refused)


def is_app(path: Path) -> bool:
    """Whether it is a folder with a Flower app."""
    return (path / "pyproject.toml").is_file()


def run_folder(
    folder: Path, *, nodes: int, run_config: Mapping[str, Any] | None = None, round_timeout: float | None = None, seed: int = 0
) -> FlowerRan:
    """An app by its folder, as `flwr run` takes it: components and defaults stand in its pyproject.toml.

    Raises:
        BadSpec: `federated.app`: it names no components, or they cannot be imported.
    """
    described = _described(folder)
    with ExitStack() as stack:
        switch_off(stack.enter_context(private_folder()))
        stack.enter_context(_importable(folder))
        server, client = (_component(folder, described["components"], one) for one in NAMES)
        config = {**_flat(described.get("config", {})), **(run_config or {})}
        return run_flower(
            server_app=server, client_app=client, nodes=nodes, run_config=config, round_timeout=round_timeout, seed=seed, name=folder.resolve().name
        )


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


def _component(folder: Path, components: Mapping[str, str], name: str) -> Any:
    module, _, attribute = components[name].partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # code of a stranger, at import
        raise BadSpec("federated.app", f"{folder}: {components[name]} cannot be imported: {type(error).__name__}: {error}") from error


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
