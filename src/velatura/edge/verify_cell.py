"""Every escape probe inside the real vision, twice: each alone in a fork of the warm process, and one after the other in the process itself.

It runs in a process of its own, as whoever started it: an order as JSON on stdin, outcomes as JSON on stdout. Alone, because a probe that gets out
may change the next; in the process itself, locked as `edge run` locks it, because that one sees frames and keeps a descriptor more than a fork.
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
from velatura.sandbox.held import threads_of
from velatura.sandbox.warm import Warm

__all__ = ["DENIALS", "main"]

INTRUDER = "velatura.sandbox.escapes.intruder:Intruder"
DENIALS = frozenset({"EPERM", "EACCES", "ENOENT", "EBADF", "ENOMEM", "EFBIG", "RuntimeError", "MemoryError"})
"""The forms of a denial. Anything else, an end of the process without an answer too, counts as open."""
_ANSWER_S, _ANSWER_BYTES = 10.0, 100


def break_in(order: Mapping[str, Any]) -> dict[str, Any]:
    """{"held": layer -> word, "threads", "alone" and "locked": probe -> outcome}. Raises what `Warm` raises, and Missing `edge.no-controls`."""
    may = Confinement.from_json(order["may"])
    with targets() as at:
        told = {**at.to_json(), "memory_mb": may.memory_mb}
        intruder = {"guest": order["guest"], "settings": order["settings"], "targets": told}
        names = [probe.name for probe in all_probes(at)]
        with Warm(INTRUDER, intruder, may, path=[Path(folder) for folder in order["path"]]) as warm:
            if (word := _alone(warm, CONTROL)) != OPEN:
                raise Missing("edge.no-controls", f"a call that vision may make fails when a probe makes it ({word}): denials would prove nothing")
            alone = {name: _alone(warm, number) for number, name in enumerate(names)}
            child, held = warm.lock()
            with child:
                threads = threads_of(child.pid)
                sound = all(word in DENIALS for word in alone.values())
                locked = _in_turn(child, names) if sound else {}
    return {"held": dict(held), "threads": threads, "alone": alone, "locked": locked}


def _alone(warm: Warm, number: int) -> str:
    child, _ = warm.fork()
    with child:
        return _outcome(child, number)


def _in_turn(child: Child, names: list[str]) -> dict[str, str]:
    """After one that ends the process none is tried, and none counts as denied."""
    return {name: _outcome(child, number) for number, name in enumerate(names)}


def _outcome(child: Child, number: int) -> str:
    try:
        return child.ask(b"%d" % number, deadline_s=_ANSWER_S, limit=_ANSWER_BYTES).decode("ascii", "replace")
    except BadInput as error:
        return error.code


def main() -> None:
    """Entry point of the process."""
    try:
        told = break_in(json.load(sys.stdin))
    except VelaturaError as error:
        told = {"refused": {"code": error.code, "sentence": error.sentence, "hint": error.hint}}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
