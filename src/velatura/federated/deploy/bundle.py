"""An app as Flower's bundle (FAB), made in this process: no `uv`, no build tool, nothing installed.

Flower looks for an app's two objects in the syntax tree of their modules, so that each is a plain assignment.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import tomli_w
from flwr.cli.build import build_fab_from_files
from flwr.cli.utils import collect_files

from velatura import __version__
from velatura.errors import BadSpec, one_line
from velatura.federated.networks import OURS

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob

__all__ = ["bundle_of_app", "bundle_of_job"]

END = """from velatura.federated.deploy.inside import {end}

app = {end}({what!r}, {ticket!r})
"""
GUARD = "velatura_guard"


def bundle_of_job(job: FederatedJob, ticket: str, base: Path) -> bytes:
    """Both ends of a job. Sites read the job in it; paths of this machine are not in it.

    Args:
        base: the job's folder; a module of its own network that lies there travels too, and no more of the folder.
    """
    text = msgspec.json.encode(job).decode()
    described = {
        "build-system": {"requires": ["hatchling"], "build-backend": "hatchling.build"},
        "project": {"name": "velatura-job", "version": _version(), "license": "Apache-2.0", "dependencies": []},
        "tool": {
            "flwr": {
                "app": {
                    "publisher": "velatura",
                    "components": {"serverapp": "velatura_job.server_app:app", "clientapp": "velatura_job.client_app:app"},
                    "config": {},
                }
            }
        },
    }
    files: dict[str, bytes | Path] = {
        "pyproject.toml": tomli_w.dumps(described).encode(),
        "velatura_job/__init__.py": b"",
        "velatura_job/server_app.py": END.format(end="server", what=text, ticket=ticket).encode(),
        "velatura_job/client_app.py": END.format(end="client", what=text, ticket=ticket).encode(),
    }
    return build_fab_from_files(files | _own_network(job, base))[0]


def bundle_of_app(folder: Path, ticket: str) -> bytes:
    """Somebody's app folder; its files are as they are, and its server is called by ours.

    Raises:
        BadSpec: `federated.app`: Flower takes no such folder.
    """
    try:
        files: dict[str, bytes | Path] = dict(collect_files(folder.resolve()))
        described = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        components = described["tool"]["flwr"]["app"]["components"]
        files[f"{GUARD}.py"] = END.format(end="guarded", what=components["serverapp"], ticket=ticket).encode()
        components["serverapp"] = f"{GUARD}:app"
        files["pyproject.toml"] = tomli_w.dumps(described).encode()
        return build_fab_from_files(files)[0]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSpec("federated.app", f"{folder}: {one_line(str(error))}", hint="what Flower's `flwr build` needs in pyproject.toml") from error


def _own_network(job: FederatedJob, base: Path) -> dict[str, bytes | Path]:
    module, _, attribute = job.model.network.partition(":")
    file = f"{module.replace('.', '/')}.py"
    return {file: base / file} if attribute and module not in OURS and (base / file).is_file() else {}


def _version() -> str:
    """Flower wants three numbers."""
    numbers = [part for part in __version__.split(".") if part.isdecimal()]
    return ".".join([*numbers, "0", "0", "0"][:3])
