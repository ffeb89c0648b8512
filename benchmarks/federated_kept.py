"""Results of the federated benchmark's steps, one file each: a step can be repeated by name, and the page is made of what is there.

docs/benchmarks/federated/STEP.json    figures, when and on which machine they were taken, or why the step failed
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import machine
from benchmarks.page import DOCS

__all__ = ["KEPT", "Kept", "keep", "kept"]

KEPT = DOCS / "federated"


@dataclass(frozen=True, slots=True)
class Kept:
    """figures: as JSON has them; failed: why there are none."""

    figures: Any
    failed: str
    day: str
    machine: dict[str, Any]


def kept(name: str, *, folder: Path = KEPT) -> Kept | None:
    """None: the step has not been run."""
    path = folder / f"{name}.json"
    return Kept(**json.loads(path.read_text("utf-8"))) if path.exists() else None


def keep(name: str, measure: Callable[[], Any], *, folder: Path = KEPT) -> Kept:
    """Measure and write. A step that fails is written as failed, unless there is a result from before."""
    print(f"-- {name}", flush=True)
    failed, figures = "", None
    try:
        figures = plain(measure())
    except (Exception, SystemExit) as error:  # told in the table, whatever it was; the other steps go on
        failed = f"{type(error).__name__}: {error}"[:300].replace("\n", " ").replace("|", "/")
    found = Kept(figures, failed, time.strftime("%Y-%m-%d", time.gmtime()), machine())
    print(failed or json.dumps(figures)[:600], flush=True)
    before = kept(name, folder=folder)
    if not failed or before is None or before.failed:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(asdict(found), indent=1, sort_keys=True) + "\n", "utf-8")
    return found


def plain(value: Any) -> Any:
    """What JSON can carry: dataclasses as objects with their properties left out."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value.item() if hasattr(value, "item") else value
