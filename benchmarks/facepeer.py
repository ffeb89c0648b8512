"""deface, kept running in an environment of its own and asked through its standard input (benchmarks/peer_deface.py)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from benchmarks import peers

PROGRAM = Path(__file__).with_name("peer_deface.py")


@dataclass(frozen=True, slots=True)
class Painted:
    """What deface found in a picture (n, 5: corners and score, down to .05), and what it hides by default and as boxes."""

    faces: NDArray[np.float64]
    ellipse: NDArray[np.bool_]
    box: NDArray[np.bool_]


class Deface:
    """`with Deface(packages) as deface`: one process. `during_s`: as `detect_s` told last, without what was spun between the calls."""

    def __init__(self, packages: Sequence[str]) -> None:
        self.during_s = 0.0
        self.environment = peers.environment(packages)
        quiet = {**os.environ, "ORT_DISABLE_TELEMETRY": "1", "ORT_TELEMETRY_DISABLED": "1"}
        command = [str(self.environment / "bin" / "python"), str(PROGRAM)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=quiet)

    def open(self, picture: Path, backend: str) -> dict[str, Any]:
        """Get ready to time one picture; with "opencv" or "onnxrt"."""
        return self._ask({"open": str(picture), "backend": backend})

    def detect_s(self, times: int) -> float:
        """CPU seconds, of all threads, for one of so many detections in a row; what they spun before that is in it."""
        told = self._ask({"time": times})
        self.during_s = float(told["during_s"]) / times
        return float(told["cpu_s"]) / times

    def painted(self, picture: Path, folder: Path) -> Painted:
        file = folder / "painted.npz"
        self._ask({"masks": str(picture), "out": str(file)})
        with np.load(file) as arrays:
            return Painted(arrays["faces"].astype(np.float64), arrays["ellipse"], arrays["box"])

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None, "both are pipes"
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"deface ended with {self._process.wait()}")
        told: dict[str, Any] = json.loads(answer)
        return told

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
