"""Peers, each in a virtual environment of its own under a cache folder, so that theirs and ours never mix."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CACHE = Path(os.environ.get("VELATURA_BENCH_CACHE", Path.home() / ".cache" / "velatura-benchmarks"))
DEFACE = ("deface==1.5.0",)
DEFACE_ONNXRUNTIME = ("deface==1.5.0", "onnx", "onnxruntime")


def environment(packages: Sequence[str]) -> Path:
    """The folder of an environment with these packages, made once; its programs lie in `bin`."""
    name = packages[0].partition("=")[0] + "-" + hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    folder = CACHE / name
    if not (folder / ".complete").exists():
        print(f"making an environment with {' '.join(packages)} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages], check=True)
        (folder / ".complete").touch()
    return folder


def version_in(folder: Path, package: str) -> str:
    """The version of a package in a peer's environment."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([str(folder / "bin" / "python"), "-c", code], capture_output=True, text=True, check=True).stdout.strip()
