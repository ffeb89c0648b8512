"""Programs that some tests need: the installed `velatura`, and Debian packages that a newcomer may not have."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

VELATURA = Path(sys.executable).parent / "velatura"


def needs(program: str, package: str) -> str:
    """The path of a program. Without it the test is skipped by name; on the machine that guards `main` (VELATURA_CI) it fails."""
    found = shutil.which(program)
    if found:
        return found
    message = f"{program}: is not installed (Debian package {package})"
    if os.environ.get("VELATURA_CI"):
        pytest.fail(message)
    pytest.skip(message)


def bare_environment(home: Path, **more: str) -> dict[str, str]:
    """What `env -i` leaves, with a home of its own."""
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **more}


def velatura(
    *words: str | Path, env: Mapping[str, str], cwd: Path | None = None, timeout_s: float = 240, **more: object
) -> subprocess.CompletedProcess[str]:
    """Run the installed command line as a person would; never raises on a non-zero exit."""
    assert VELATURA.exists(), f"{VELATURA} is not there: install the package into this environment (make test does)"
    command: Sequence[str] = [str(VELATURA), *(str(word) for word in words)]
    options: dict[str, object] = {
        "capture_output": True,
        "text": True,
        "timeout": timeout_s,
        "stdin": subprocess.DEVNULL,
        "errors": "replace",
        **more,
    }
    return subprocess.run(command, env=dict(env), cwd=cwd, check=False, **options)  # type: ignore[call-overload,no-any-return]
