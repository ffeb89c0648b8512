"""A real guest, warmed for real, whose `serve` belongs to an attacker: what a decoder is once its input has taken it over."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from velatura.sandbox.escapes.listed import all_probes
from velatura.sandbox.escapes.probe import Probe, attempt, invoke
from velatura.sandbox.escapes.targets import Targets
from velatura.sandbox.guest import Guest, Inbox, Outbox

__all__ = ["CONTROL", "Intruder"]

CONTROL = -1
"""Number of the control inside: a call that every guest may make, made as the probes make theirs. Where it is denied, denials prove nothing."""
_PAGE = Probe("mem", "private memory", lambda: invoke("mmap", 0, 4096, 3, 0x22, -1, 0))


class Intruder:
    """Answers the number of a probe with its outcome. One child a probe: one that succeeds may change the next.

    Args:
        guest, settings: of the real guest.
        targets: as JSON.
    """

    def __init__(self, guest: str, settings: Mapping[str, Any], targets: Mapping[str, Any]) -> None:
        module, _, name = guest.partition(":")
        self._guest: Guest = getattr(importlib.import_module(module), name)(**settings)
        self._targets = Targets.from_json(targets)
        self._probes: list[Probe] = []

    def warm(self) -> None:
        """The real guest's own warming, and the list."""
        self._guest.warm()
        self._probes = all_probes(self._targets)

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        """Until the parent has gone."""
        while (number := inbox.get()) is not None:
            probe = _PAGE if int(number) == CONTROL else self._probes[int(number)]
            outbox.put(attempt(probe).encode())
