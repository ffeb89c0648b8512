"""Runs every escape probe inside a real guest, one child a probe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from velatura.errors import BadInput
from velatura.sandbox import Confinement, Warm
from velatura.sandbox.escapes import all_probes, targets
from velatura.sandbox.namespaces import SCRATCH


def break_in(guest: str, settings: Mapping[str, Any], may: Confinement, *, packages: Path) -> dict[str, Any]:
    """{"held": layer -> word, "outcomes": probe -> outcome}. As root only with every layer: the caller requires them."""
    with targets() as at:
        told = {**at.to_json(), "memory_mb": may.memory_mb, "scratch": str(SCRATCH) if may.scratch_mb else ""}
        intruder = {"guest": guest, "settings": dict(settings), "targets": told}
        path = [Path(__file__).parent, packages]
        outcomes = {}
        with Warm("velatura.sandbox.escapes.intruder:Intruder", intruder, may, path=path) as warm:
            for number, probe in enumerate(all_probes(at)):
                child, held = warm.fork()
                with child:
                    outcomes[probe.name] = _outcome(child, number)
    return {"held": dict(held), "outcomes": outcomes}


def _outcome(child: Any, number: int) -> str:
    try:
        return str(child.ask(b"%d" % number, deadline_s=10, limit=100).decode())
    except BadInput as error:
        return error.code
