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

from velatura.attacks.enclave.data_canary import CORE, DataCanary
from velatura.attacks.enclave.sealed_tampering import WAYS as SEALED
from velatura.attacks.enclave.sealed_tampering import SealedTampering
from velatura.attacks.enclave.session_tampering import WAYS, SessionTampering
from velatura.audit.enclave import places
from velatura.audit.enclave.escaping import Probing
from velatura.audit.enclave.jobs import LeakArm
from velatura.audit.enclave.material import CODE, small_job
from velatura.audit.enclave.sealed import SealedArm, SealedStage
from velatura.audit.enclave.sessions import SessionArm, Stage
from velatura.sandbox.privileges import NOBODY

__all__ = ["attacks", "probes"]

WORDS = 9


def attacks() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    with ExitStack() as stack:
        opened = SealedTampering().play(SealedArm(SealedStage(stack), whole=True), list(SEALED), rng, budget_s=60).success
        served = SessionTampering().play(SessionArm(Stage(stack), binding=True), list(WAYS), rng, budget_s=60).success
    words = DataCanary(WORDS).play(LeakArm(confined=True), (), rng, budget_s=600).success
    plain = DataCanary(3).play(LeakArm(confined=False), (), rng, budget_s=600).success
    told = {"ways": len(WAYS), "ways_served": int(served.sum()), "words": WORDS, "words_found": int(words.sum()), "plain": float(plain.mean())}
    told |= {"sealed": len(SEALED), "opened": int(opened.sum()), "places": looked()}
    if os.getuid() != 0:
        return {**told, "root": None, "user": probes()}
    return {**told, "root": probes(), "user": _as_nobody()}


def probes() -> dict[str, Any]:
    """As whoever runs this."""
    with tempfile.TemporaryDirectory() as folder:
        probing = Probing(small_job(Path(folder), code=CODE, data=b"nothing"))
        outside, inside = probing.outside, probing.inside
        unproven = list(probing.unproven)
    return {"inside": len(inside), "open": sum(inside.values()), "controls": len(outside & inside.keys()), "unproven": unproven}


def looked() -> dict[str, tuple[int, int]]:
    """Place -> words that are found of a plain process, and of a confined one; of one each. Swap is left out: nothing is promised of it."""
    ways = {"packets": places.packets, "a core dump": places.core, "memory": places.memory, "areas of keys": places.secret_area}
    return {name: (_one(place, confined=False), _one(place, confined=True)) for name, place in ways.items()}


def _one(place: places.Place, *, confined: bool) -> int:
    attack = DataCanary(1, (CORE,)) if place is places.core else DataCanary(1)
    return int(attack.play(LeakArm(confined, place), (), np.random.default_rng(0), budget_s=60).success.sum())


def _as_nobody() -> dict[str, Any] | None:
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
    found: dict[str, Any] = json.loads(done.stdout)
    return found
