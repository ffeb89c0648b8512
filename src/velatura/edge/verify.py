"""`velatura edge verify`: every way out that we know of, tried inside the real vision, and by rogues in its place at the real gateway.

A denial proves nothing unless the same attempt works outside: each probe has its control, in throw-away namespaces. Run by root the probes are tried
twice, for root's vision and for an ordinary user's is locked by another path. The list is what we know of; it proves no absence of others.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from velatura.edge.confinement import vision_confinement
from velatura.edge.pair import Seeing, settings_of
from velatura.edge.policy import Camera
from velatura.edge.verify_cell import DENIALS
from velatura.edge.verify_gateway import GateProbe, probe_gateway
from velatura.errors import Missing, one_line
from velatura.sandbox.confinement import Confinement
from velatura.sandbox.escapes import OPEN, all_probes
from velatura.sandbox.escapes.targets import Targets
from velatura.sandbox.privileges import NOBODY

__all__ = ["LEAST_PROVEN", "Tried", "Verified", "verify"]

LEAST_PROVEN = 60
_PATIENCE_S = 300
_BOOT = (
    "import sys; sys.path[:0] = [p for p in sys.argv[2:] if p not in sys.path]; "
    "from runpy import run_module; run_module(sys.argv[1], run_name='__main__')"
)


@dataclass(frozen=True, slots=True)
class Tried:
    """One probe. outside: "OPEN" where it works unconfined, else how it failed; inside: column -> the outcome, the worse of alone and locked."""

    group: str
    name: str
    outside: str
    inside: Mapping[str, str]

    @property
    def open_in(self) -> list[str]:
        """Columns in which it is not denied."""
        return [column for column, word in self.inside.items() if word not in DENIALS]


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found.

    Attributes:
        layers: column ("root", "user") -> layer -> "kernel", "self" or why it is absent.
        not_run: column -> why.
        threads: of the locked process, by column.
        unproven: probes that do not work outside either, here.
        leaks: probes that are open, and what rogues got out; empty: all is denied.
    """

    probes: list[Tried]
    gateway: list[GateProbe]
    layers: Mapping[str, Mapping[str, str]]
    threads: Mapping[str, int | None]
    not_run: Mapping[str, str]
    proven: int
    unproven: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)


def verify(camera: Camera, seeing: Seeing) -> Verified:
    """Try them all; takes up to a minute, and two processes more.

    Raises:
        BadSpec: `edge.layer`.
        Missing: `sandbox.no-<layer>`, `edge.no-controls`: too few probes can be shown to work outside.
    """
    controls = _json([sys.executable, *_boot("velatura.sandbox.escapes.control")], {})
    proven = sum(outcome == OPEN for outcome in controls.values())
    if proven < LEAST_PROVEN:
        sentence = f"{proven} probes can be shown to work outside of vision on this machine; a verification needs {LEAST_PROVEN}"
        raise Missing("edge.no-controls", sentence, hint="controls need user namespaces: verify on the host, or allow them for this container")
    columns, not_run = _columns(camera, seeing)
    groups = {probe.name: probe.group for probe in all_probes(_NOWHERE)}
    probes = [
        Tried(group, name, controls.get(name, "was not tried"), {column: _worse(told, name) for column, told in columns.items()})
        for name, group in groups.items()
    ]
    gateway = probe_gateway(camera, seeing)
    return Verified(
        probes,
        gateway,
        {column: told["held"] for column, told in columns.items()},
        {column: told["threads"] for column, told in columns.items()},
        not_run,
        proven,
        [one.name for one in probes if one.outside != OPEN],
        _leaks(probes, gateway, columns),
    )


_NOWHERE = Targets("", "", "", 0, 0, 0, 0)


def _leaks(probes: list[Tried], gateway: list[GateProbe], columns: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = [f"{one.name} ({column}: {one.inside[column]})" for one in probes for column in one.open_in]
    found += [f"{one.name} ({one.leak or 'could not be tried'})" for one in gateway if one.leak or not one.did]
    return found + [f"threads ({column}: {told['threads']})" for column, told in columns.items() if told["threads"] not in (1, None)]


def _worse(told: Mapping[str, Any], name: str) -> str:
    """Of alone and locked: what is no denial, if one is none."""
    words = [told[way].get(name, "was not tried") for way in ("alone", "locked") if told["locked"] or way == "alone"]
    return str(next((word for word in words if word not in DENIALS), words[0]))


def _columns(camera: Camera, seeing: Seeing) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """({column: what the cell told}, {column: why it was not run})."""
    if os.getuid() != 0:
        return {"user": _tried(camera, seeing, sys.executable)}, {"root": "verify was not run by root"}
    columns, not_run = {"root": _tried(camera, seeing, sys.executable)}, {}
    interpreter = _interpreter_for_nobody()
    if interpreter is None:
        not_run["user"] = f"uid {NOBODY} may start no Python {sys.version_info.major}.{sys.version_info.minor}; run verify as an ordinary user too"
    else:
        with tempfile.TemporaryDirectory(prefix="velatura-verify-") as folder:
            Path(folder).chmod(0o755)
            copy = Path(folder, "model")
            shutil.copyfile(seeing.model, copy)
            copy.chmod(0o644)
            columns["user"] = _tried(camera, _with_model(seeing, copy), interpreter, uid=NOBODY)
    return columns, not_run


def _with_model(seeing: Seeing, model: Path) -> Seeing:
    from dataclasses import replace

    return replace(seeing, model=model)


def _tried(camera: Camera, seeing: Seeing, interpreter: str, *, uid: int | None = None) -> dict[str, Any]:
    """What one cell told. Raises Missing where its vision cannot be locked."""
    may: Confinement = vision_confinement(model=seeing.model, degraded=seeing.degraded)
    order = {"guest": seeing.guest, "settings": settings_of(camera, seeing, live=True), "may": may.to_json(), "path": _packages()}
    told = _json([interpreter, *_boot("velatura.edge.verify_cell")], order, uid=uid)
    if refused := told.get("refused"):
        raise Missing(refused["code"], refused["sentence"], hint=refused["hint"])
    if "held" not in told:
        who = "an ordinary user" if uid is not None or os.getuid() != 0 else "root"
        sentence = f"the process that tries the probes as {who} ended before it had told anything: {one_line(told.get('ended', ''), 200)}"
        raise Missing("edge.verify-ended", sentence, hint="velatura doctor")
    return told


def _json(command: list[str], order: Mapping[str, Any], *, uid: int | None = None) -> dict[str, Any]:
    who: dict[str, Any] = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
    environment = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "HOME": "/"}
    done = subprocess.run(
        command, input=json.dumps(order), capture_output=True, text=True, cwd="/", env=environment, check=False, timeout=_PATIENCE_S, **who
    )
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"ended": (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]}
    return told


def _boot(module: str) -> list[str]:
    return ["-I", "-B", "-c", _BOOT, module, *_packages()]


def _packages() -> list[str]:
    """Where velatura and what vision imports lie; another interpreter of this version finds them there."""
    specs = [find_spec(name) for name in ("velatura", "numpy", "av", "onnxruntime", "msgspec")]
    return list(dict.fromkeys(str(Path(spec.origin).parents[1]) for spec in specs if spec is not None and spec.origin))


def _interpreter_for_nobody() -> str | None:
    """Ours, or the system's of the same version: ours may lie below a home that only root enters."""
    wanted = sys.implementation.cache_tag
    for candidate in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        ask = [candidate, "-I", "-B", "-c", "import sys; sys.stdout.write(sys.implementation.cache_tag)"]
        try:
            done = subprocess.run(ask, cwd="/", user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, check=False)
        except OSError:
            continue
        if done.stdout == wanted:
            return candidate
    return None
