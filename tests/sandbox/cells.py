"""What the sandbox's tests share: guests in this folder, and a run as another user or on a poorer machine."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from velatura.sandbox import Confinement, Layer, Warm

ROOT = Path(__file__).parents[2]
GUESTS = Path(__file__).parent
NOBODY = 65534
PACKAGES = str(Path(msgspec.__file__).parents[1])  # where what is installed here lies, for a Python that lies elsewhere
LEAST = frozenset({Layer.SECCOMP, Layer.RLIMITS})

linux = pytest.mark.skipif(sys.platform != "linux", reason="confinement: only Linux has these layers")


def warm(guest: str = "Odd", may: Confinement | None = None, **more: Any) -> Warm:
    """A guest of `sandbox_guests`; by default only what every Linux has is required."""
    deadline_s = more.pop("warm_deadline_s", 60.0)
    return Warm(f"sandbox_guests:{guest}", more, may or Confinement(required=LEAST), path=[GUESTS], warm_deadline_s=deadline_s)


def gone(pid: int, seconds: float) -> bool:
    """Whether a process ends within so many seconds; asked of the kernel, which wakes us."""
    import select

    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def busy(pid: int, ticks: int = 30) -> bool:
    """Wait until a process has used so much processor time: it is past its start and in the loop that it was given."""
    while True:
        try:
            used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return False
        if int(used[11]) + int(used[12]) >= ticks:
            return True


@functools.cache
def interpreter_for_nobody() -> str:
    """A Python like ours that uid 65534 can start, with what is installed here on its path; skips where there is none."""
    if os.getuid() != 0:
        return sys.executable
    for candidate in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        like_ours = f"assert sys.implementation.cache_tag == {sys.implementation.cache_tag!r}"
        probe = f"import sys; sys.path.append({PACKAGES!r}); {like_ours}; import msgspec, numpy"
        try:
            done = subprocess.run(
                [candidate, "-I", "-c", probe],
                cwd="/",
                user=NOBODY,
                group=NOBODY,
                extra_groups=[],
                capture_output=True,
                check=False,
                timeout=280,
            )
        except OSError:
            continue
        if done.returncode == 0:
            return candidate
    pytest.skip(f"uid {NOBODY}: no Python {sys.version_info.major}.{sys.version_info.minor} that it may start (is ours below a 0700 home?)")


def run(scenario: str, *arguments: str, nobody: bool = False, without: str = "") -> Any:
    """What `tests/sandbox/scenarios.py SCENARIO` prints as JSON, as uid 65534 or as ourselves, on a machine `without` some calls."""
    interpreter = interpreter_for_nobody() if nobody else sys.executable
    who: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if nobody and os.getuid() == 0 else {}
    done = subprocess.run(
        [interpreter, "-I", "-B", str(GUESTS / "scenarios.py"), PACKAGES, without or "-", scenario, *arguments],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **who,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
