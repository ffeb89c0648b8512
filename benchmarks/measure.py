"""CPU seconds and memory of whole processes, interleaved, with the machine that they were taken on.

CPU is user + system time of the process and of all its waited-for children (RUSAGE of wait4). Memory is the peak of the sum of PSS over the
process tree, sampled from /proc/PID/smaps_rollup: shared pages count once.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, smallest, largest of several runs."""

    median: float
    low: float
    high: float
    runs: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values), len(values))

    def __str__(self) -> str:
        return f"{self.median:.3g} [{self.low:.3g}..{self.high:.3g}]"


def cpu_of(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None, check: bool = True, ok: Sequence[int] = (0,)
) -> float:
    """CPU seconds of a command and its children; `ok`: exit statuses that are no failure."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(list(command), env=dict(env) if env is not None else None, cwd=cwd, capture_output=True, check=False)
    if check and done.returncode not in ok:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-600:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def interleaved(cases: Mapping[str, Callable[[], float]], *, runs: int) -> dict[str, Spread]:
    """Each case once, in turn, `runs` times after one round that warms caches; what disturbs the machine disturbs all."""
    values: dict[str, list[float]] = {name: [] for name in cases}
    for run in range(runs + 1):
        for name, measure in cases.items():
            value = measure()
            if run:
                values[name].append(value)
    return {name: Spread.of(found) for name, found in values.items()}


def peak_pss_mib(command: Sequence[str], *, env: Mapping[str, str] | None = None, every_s: float = 0.02) -> float:
    """Peak of the summed PSS of a command's process tree, MiB."""
    process = subprocess.Popen(list(command), env=dict(env) if env is not None else None, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ended, peak = threading.Event(), 0.0

    def watch() -> None:
        nonlocal peak
        while not ended.wait(every_s):
            peak = max(peak, sum(_pss_kib(pid) for pid in _tree(process.pid)) / 1024)

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    ended.set()
    watcher.join()
    if code:
        raise RuntimeError(f"{command[0]} ended with {code}")
    return peak


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue += children.get(pid, [])
    return found


def _pss_kib(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def machine() -> dict[str, Any]:
    """What the figures were taken on: processor, cores, system, versions."""
    processor = next((line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    names = ("velatura", "numpy", "opencv-python-headless", "onnxruntime", "av", "pillow", "scipy", "cryptography", "torch", "flwr", "ray")
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in names},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
