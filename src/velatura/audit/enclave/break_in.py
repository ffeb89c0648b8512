"""Every escape probe inside the process of a real job, twice: each alone in a fork of the warm process, and one after the other in the locked one.

It runs in a process of its own: an order as JSON on stdin, outcomes as JSON on stdout. Alone, because a probe that gets out may change the next; in
the process itself, because that is what a job runs in. What the job's process is granted by name is left out: it is no way out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from velatura.errors import BadInput, Missing, VelaturaError
from velatura.sandbox.child import Child
from velatura.sandbox.confinement import Confinement
from velatura.sandbox.escapes import OPEN, all_probes, targets
from velatura.sandbox.escapes.intruder import CONTROL
from velatura.sandbox.warm import Warm

__all__ = ["DENIALS", "main"]

INTRUDER = "velatura.sandbox.escapes.intruder:Intruder"
DENIALS = frozenset({"EPERM", "EACCES", "ENOENT", "EBADF", "ENOMEM", "EFBIG", "RuntimeError", "MemoryError"})
"""The forms of a denial. Anything else, an end of the process without an answer too, counts as open."""
ANSWER_S, ANSWER_BYTES, WARM_S = 10.0, 100, 180.0


def break_in(order: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """{"alone", "locked": probe -> outcome}. Raises what `Warm` raises, and Missing `enclave.no-controls`."""
    may = Confinement.from_json(order["may"])
    with targets() as at:
        told = {**at.to_json(), "memory_mb": may.memory_mb}
        intruder = {"guest": order["guest"], "settings": order["settings"], "targets": told}
        names = {number: probe.name for number, probe in enumerate(all_probes(at)) if probe.name not in may.calls}
        with Warm(INTRUDER, intruder, may, warm_deadline_s=WARM_S, path=[Path(folder) for folder in order["path"]]) as warm:
            if (word := _alone(warm, CONTROL)) != OPEN:
                raise Missing("enclave.no-controls", f"a call that a job may make fails when a probe makes it ({word}): denials would prove nothing")
            alone = {name: _alone(warm, number) for number, name in names.items()}
            child, _ = warm.lock()
            with child:
                sound = all(word in DENIALS for word in alone.values())
                locked = {name: _outcome(child, number) for number, name in names.items()} if sound else {}
    return {"alone": alone, "locked": locked}


def _alone(warm: Warm, number: int) -> str:
    child, _ = warm.fork()
    with child:
        return _outcome(child, number)


def _outcome(child: Child, number: int) -> str:
    """After one that ends the process none is tried, and none counts as denied."""
    try:
        return child.ask(b"%d" % number, deadline_s=ANSWER_S, limit=ANSWER_BYTES).decode("ascii", "replace")
    except BadInput as error:
        return error.code


def main() -> None:
    """Entry point of the process."""
    told: dict[str, Any]
    try:
        told = break_in(json.load(sys.stdin))
    except VelaturaError as error:
        told = {"refused": {"code": error.code, "sentence": error.sentence, "hint": error.hint}}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
