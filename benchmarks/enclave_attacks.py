"""The step of the enclave's benchmark that plays the other attacks: ways out of a job's process, tampered sessions, a word of the data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from velatura.attacks.enclave.data_canary import DataCanary
from velatura.attacks.enclave.session_tampering import WAYS, SessionTampering
from velatura.audit.enclave.escaping import Probing
from velatura.audit.enclave.jobs import LeakArm
from velatura.audit.enclave.material import CODE, small_job
from velatura.audit.enclave.sessions import SessionArm, Stage
from velatura.sandbox.privileges import NOBODY

__all__ = ["attacks", "probes"]

WORDS = 9


def attacks() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    with ExitStack() as stack:
        served = SessionTampering().play(SessionArm(Stage(stack), binding=True), list(WAYS), rng, budget_s=60).success
    words = DataCanary(WORDS).play(LeakArm(confined=True), (), rng, budget_s=600).success
    plain = DataCanary(3).play(LeakArm(confined=False), (), rng, budget_s=600).success
    told = {"ways": len(WAYS), "ways_served": int(served.sum()), "words": WORDS, "words_found": int(words.sum()), "plain": float(plain.mean())}
    if os.getuid() != 0:
        return {**told, "root": None, "user": probes()}
    return {**told, "root": probes(), "user": _as_nobody()}


def probes() -> dict[str, int]:
    """As whoever runs this."""
    with tempfile.TemporaryDirectory() as folder:
        probing = Probing(small_job(Path(folder), code=CODE, data=b"nothing"))
        outside, inside = probing.outside, probing.inside
    return {"inside": len(inside), "open": sum(inside.values()), "controls": len(outside & inside.keys())}


def _as_nobody() -> dict[str, int] | None:
    """By the system's Python of our version, in an environment that sees none of the system's packages; None: there is no such Python."""
    system = Path("/usr/bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    if not system.exists():
        return None
    root = Path(__file__).parents[1]
    path = [str(root), str(root / "src"), *(one for one in sys.path if one.endswith("-packages"))]
    order = f"import sys, json; sys.path[:0] = {path!r}; from benchmarks.enclave_attacks import probes; print(json.dumps(probes()))"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        Path(folder, "bin").mkdir()
        Path(folder, "bin", "python3").symlink_to(system)
        Path(folder, "pyvenv.cfg").write_text(f"home = {system.parent}\ninclude-system-site-packages = false\n")
        command = [str(Path(folder, "bin", "python3")), "-B", "-c", order]
        environment = {"PATH": "/usr/bin:/bin", "HOME": "/", "PYTHONPATH": os.pathsep.join(path)}
        done = subprocess.run(
            command, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", env=environment, capture_output=True, text=True, check=True
        )
    found: dict[str, int] = json.loads(done.stdout)
    return found
