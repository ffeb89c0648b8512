"""Which layers a child lives under, and how that is known.

The kernel's word is read from /proc/PID/status, /proc/PID/limits and, while the warm process may be looked into, /proc/PID/ns. Landlock shows in
none of them: the child tries it, before it has read a hostile byte. A layer of which the kernel shows the contrary is absent whatever was said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from velatura.sandbox.confinement import Confinement, Layer
from velatura.sandbox.inner import FILES_OPEN, FILES_OPEN_WITH_FOLDER

__all__ = ["KERNEL", "SELF", "Held", "own_namespaces", "read_back", "threads_of"]

KERNEL, SELF = "kernel", "self"
_NAMESPACES = ("net", "mnt", "ipc", "uts")
_CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapAmb")


class Held(Mapping[Layer, str]):
    """Layer -> "kernel" (read back by the parent), "self" (tried by the child) or why it is absent. Stamped into reports."""

    __slots__ = ("_layers", "_required")

    def __init__(self, layers: Mapping[Layer, str], required: frozenset[Layer]) -> None:
        self._layers = {layer: layers[layer] for layer in Layer}
        self._required = required

    def __getitem__(self, layer: Layer) -> str:
        return self._layers[layer]

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __repr__(self) -> str:
        return "Held(" + ", ".join(f"{layer}: {word}" for layer, word in self.items()) + ")"

    @property
    def absent(self) -> Mapping[Layer, str]:
        """Layer -> why it does not hold."""
        return {layer: word for layer, word in self._layers.items() if word not in (KERNEL, SELF)}

    @property
    def confined(self) -> str | None:
        """None if every required layer and seccomp, without which none of the others is worth the name, hold; else a sentence."""
        reasons = set(self._layers.values())
        if len(reasons) == 1 and len(self.absent) == len(self):
            return reasons.pop()
        lacking = [layer for layer in self.absent if layer in self._required or layer == Layer.SECCOMP]
        return "; ".join(f"no {layer}: {self._layers[layer]}" for layer in lacking) or None


def own_namespaces(pid: int) -> bool | None:
    """All of the process's namespaces differ from ours; None where /proc does not tell."""
    try:
        return all(Path(f"/proc/{pid}/ns/{name}").readlink() != Path(f"/proc/self/ns/{name}").readlink() for name in _NAMESPACES)
    except OSError:
        return None


def read_back(pid: int, said: Mapping[Layer, str], may: Confinement, *, namespaces: bool | None) -> dict[Layer, str]:
    """What the child said, judged by what the kernel shows. `namespaces`: of `own_namespaces`, asked while the warm process could be looked into."""
    threads, limits = _threads(pid), _limits(pid)
    seen = {
        Layer.UID: _all(threads, lambda status: "0" not in status["Uid"].split()),
        Layer.NAMESPACES: namespaces,
        Layer.LANDLOCK: None,
        Layer.CAPS: _all(threads, lambda status: status["NoNewPrivs"] == "1" and all(int(status[name], 16) == 0 for name in _CAPABILITIES)),
        Layer.RLIMITS: None if limits is None else _limits_hold(limits, may),
        Layer.SECCOMP: _all(threads, _filtered_beyond_us()),
    }
    return {layer: _judge(said.get(layer, "was not taken"), seen[layer]) for layer in Layer}


def threads_of(pid: int) -> int | None:
    """Threads of a process as the kernel counts them; None where /proc does not tell."""
    threads = _threads(pid)
    return None if threads is None else len(threads)


_Status = Mapping[str, str]


def _all(threads: list[_Status] | None, holds: Callable[[_Status], bool | None]) -> bool | None:
    """Of every thread: capabilities and filters belong to threads. None where one is unknown and none denies."""
    words = [None] if threads is None else [holds(status) for status in threads]
    return False if False in words else None if None in words else True


def _filtered_beyond_us() -> Callable[[_Status], bool | None]:
    """One filter more than we live under ourselves: in a container every process has mode 2. None on kernels that do not count (before 5.9)."""
    ours = _status(Path("/proc/thread-self/status"))

    def holds(status: _Status) -> bool | None:
        if status["Seccomp"] != "2":
            return False
        if ours is None or "Seccomp_filters" not in status:
            return True if ours is not None and ours["Seccomp"] == "0" else None
        return int(status["Seccomp_filters"]) > int(ours["Seccomp_filters"])

    return holds


def _judge(said: str, seen: bool | None) -> str:
    if said:
        return said
    return {None: SELF, True: KERNEL, False: "the child took it, and the kernel does not show it"}[seen]


def _threads(pid: int) -> list[_Status] | None:
    try:
        found = [_status(thread / "status") for thread in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return None
    known = [status for status in found if status is not None]
    return known if known and len(known) == len(found) else None


def _status(path: Path) -> _Status | None:
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    fields = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return fields if {"Uid", "NoNewPrivs", "Seccomp", *_CAPABILITIES} <= fields.keys() else None


def _limits(pid: int) -> dict[str, str] | None:
    """Name -> hard limit. The columns of /proc/PID/limits are fixed: name 26, soft 21, hard 21."""
    try:
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    except OSError:
        return None
    return {line[:26].strip(): line[47:68].strip() for line in lines[1:]}


def _limits_hold(limits: Mapping[str, str], may: Confinement) -> bool:
    most = {
        "Max core file size": 0,
        "Max processes": 0,
        "Max locked memory": 0,
        "Max msgqueue size": 0,
        "Max file size": may.scratch_mb << 20 if may.keeps_files else 0,
        "Max open files": FILES_OPEN_WITH_FOLDER if may.keeps_files else FILES_OPEN,
    }
    within = all(limits.get(name, "").isdecimal() and int(limits[name]) <= value for name, value in most.items())
    return within and limits.get("Max address space", "").isdecimal()
