"""The list of escape probes, its controls, and the intruder that runs it inside a real guest.

150 on x86-64: net 17, file 34, proc 13, mem 15, task 25, kernel 22, ipc 4, fd 18, limit 2; fewer on aarch64, which lacks some calls.
"""

from __future__ import annotations

from velatura.sandbox.escapes.listed import all_probes
from velatura.sandbox.escapes.probe import OPEN, Probe, attempt
from velatura.sandbox.escapes.targets import Targets, targets

__all__ = ["OPEN", "Probe", "Targets", "all_probes", "attempt", "targets"]
