"""What a job reads beside itself, by digest: files of a network of yours, and rows that the server's machine holds. A run goes on with the same.

RUN/inputs.json   written before round 1

Rows that lie at sites are not here: a site's own ledger knows them (`site_privacy.py`). Of an installed network its one module counts; of one beside
the job also what it imports from there.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from velatura.errors import BadInput, BadSpec
from velatura.federated import checkpoint
from velatura.federated.networks import OURS
from velatura.federated.own_network import look_in
from velatura.files import atomic_output
from velatura.specs import Spec, dump_json

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob
    from velatura.federated.table import Table

__all__ = ["NAME", "Inputs", "hold", "inputs_of", "network_files", "refuse_changed"]

NAME = "inputs.json"  # in a run's folder


class Rows(Spec, frozen=True):
    """A table. values: SHA-256 of rows and labels, in their order."""

    rows: int
    shape: tuple[int, ...]
    classes: int
    values: str


class Inputs(Spec, frozen=True):
    """network: SHA-256 of each file, by its name; empty: it is one of ours. data: None: the server has no rows."""

    network: dict[str, str]
    data: Rows | None = None


def inputs_of(job: FederatedJob, base: Path, table: Table | None) -> Inputs:
    """table: all rows that the job's source has on this machine."""
    return Inputs(network_files(job, base), None if table is None else _rows(table))


def hold(folder: Path, inputs: Inputs, *, resume: bool) -> None:
    """Write them down, or, where a run goes on, compare.

    Raises:
        BadSpec: `federated.changed`, with the difference. BadInput: `federated.checkpoint`: what the run read is not known.
    """
    if resume and (folder / checkpoint.NAME).exists():
        if (before := _read(folder)) is None:
            sentence = f"{folder / NAME}: is gone, and whether network and rows are as they were is not known"
            raise BadInput("federated.checkpoint", sentence, hint="restore it from a copy; or a new run")
        _refuse(folder, before, inputs, hint="another folder, or all as it was")
        return
    with atomic_output(folder / NAME, force=True) as part:
        part.write_bytes(dump_json(inputs))


def refuse_changed(folder: Path, inputs: Inputs) -> None:
    """For whoever uses a finished run: nothing where it did not say what it read, or no rows are here now.

    Raises:
        BadSpec: `federated.changed`. BadInput: `federated.checkpoint`.
    """
    if (before := _read(folder)) is not None:
        now = inputs if inputs.data else msgspec.structs.replace(inputs, data=before.data)
        _refuse(folder, before, now, hint="--base FOLDER of the job, with all as it was")


def network_files(job: FederatedJob, base: Path) -> dict[str, str]:
    """SHA-256 of the files that a network of the user's own is made of; empty where there is none, or it cannot be found: who imports it says why."""
    module, _, attribute = job.model.network.partition(":")
    if not attribute or module in OURS:
        return {}
    look_in(base)
    try:
        found = find_spec(module)
    except (ImportError, ValueError):
        return {}
    if found is None or found.origin is None or not Path(found.origin).is_file():
        return {}
    own, place = Path(found.origin).resolve(), base.resolve()
    if not own.is_relative_to(place):
        return {module: _digest(own)}
    return {str(file.relative_to(place)): _digest(file) for file in sorted(_with_imports(own, place))}


def _with_imports(file: Path, base: Path) -> set[Path]:
    """The file, what it imports from the folder, and what that does; read, not run."""
    found, left = set[Path](), [file]
    while left:
        if (one := left.pop()) not in found:
            found.add(one)
            left += (path for path in _imported(one, base) if path.is_relative_to(base))
    return found


def _imported(file: Path, base: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # whoever imports it says why
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (path for alias in node.names for path in _files(base, alias.name.split(".")))
        elif isinstance(node, ast.ImportFrom):
            root, parts = file.parents[min(node.level, len(file.parents)) - 1] if node.level else base, node.module.split(".") if node.module else []
            yield from (path for alias in node.names for path in _files(root, [*parts, alias.name]))


def _files(root: Path, parts: list[str]) -> Iterator[Path]:
    """Of a dotted name: modules and packages on its way."""
    for length in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:length])
        yield from (path.resolve() for path in (place.with_name(f"{place.name}.py"), place / "__init__.py") if path.is_file())


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _rows(table: Table) -> Rows:
    values = hashlib.sha256(np.ascontiguousarray(table.x).data)
    values.update(np.ascontiguousarray(table.y).data)
    return Rows(len(table), table.schema.shape, table.classes, values.hexdigest())


def _read(folder: Path) -> Inputs | None:
    try:
        return msgspec.json.decode((folder / NAME).read_bytes(), type=Inputs)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise BadInput("federated.checkpoint", f"{folder / NAME}: damaged", hint="restore it from a copy; or a new run") from error


def _refuse(folder: Path, before: Inputs, now: Inputs, *, hint: str) -> None:
    if difference := next(_differences(before, now), ""):
        raise BadSpec("federated.changed", f"{folder}: {difference}", hint=hint)


def _differences(before: Inputs, now: Inputs) -> Iterator[str]:
    for name in sorted(before.network.keys() | now.network.keys()):
        if before.network.get(name) != now.network.get(name):
            what = "is not there any more" if name not in now.network else "was not there" if name not in before.network else "has changed"
            yield f"the network's file {name} {what}, since the run began"
    old, new = before.data, now.data
    if old is None or new is None:
        if old != new:
            yield f"the server {'had no rows' if old is None else 'has no rows any more, and had some'}, when the run began"
        return
    figures = [("rows", old.rows, new.rows), ("the shape of a row", old.shape, new.shape), ("classes", old.classes, new.classes)]
    yield from (f"the data has changed since the run began: {what}: {was} -> {now}" for what, was, now in figures if was != now)
    if old.values != new.values:
        yield "the data has changed since the run began: as many rows, with other values or in another order"
