"""CPU of a steady round: a job on the engines `local` and `ray`, a plain Flower app with and without our wrapper, and a loop of plain torch.

    python -m benchmarks.federated local wrapper ray superlink first

Digits, ten sites, the CNN of 164,000 parameters. A round is timed from one checkpoint to the next: guards, packing, aggregation and the
checkpoint are in it; the first two rounds of a run do not count. Cases take turns, and a ratio is the median of the ratios of runs that followed each
other. For Ray and for Flower's processes CPU is that of all processes.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.federated_bare import Bare, Rounds, flower, guarded
from benchmarks.measure import Spread

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob

ROUNDS, RUNS, UNCOUNTED = 4, 15, 2
RAY_EPOCHS, RAY_ROUNDS = 4, 8
HZ = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a steady round.

    Attributes:
        cpu_s: by case; ratio: to the case "bare"; same: whether the weights of all cases are equal bit by bit.
        start_s: CPU until the first round's end, beyond what a steady one takes; None: not asked for.
    """

    cpu_s: Mapping[str, Spread]
    ratio: Mapping[str, Spread]
    same: bool
    start_s: float | None = None


def job(*, epochs: int = 1, rounds: int = ROUNDS) -> FederatedJob:
    """Nothing is judged on the way: the loop of plain torch judges nothing either."""
    from velatura.federated.job import Data, FederatedJob, Model, Training
    from velatura.federated.job import Rounds as Asked

    return FederatedJob(Model("cnn"), Data("digits", sites=10, test=0.0, check=0.0), Training(epochs=epochs, batch=16), rounds=Asked(rounds))


def local() -> Cost:
    """A job as `velatura fl run` runs it, against plain torch."""
    _quiet()
    bare = Bare(job())
    return _cost({"bare": bare.loop, "job": lambda: ran(job(), "local", time.process_time)}, same=("bare", "job"))


def wrapper() -> Cost:
    """A plain Flower app on the same grid: bare, and in our wrapper; and a job of ours with all that it keeps."""
    _quiet()
    bare = Bare(job())
    cases = {
        "bare": lambda: flower(bare, lambda grid: grid),
        "guarded": lambda: flower(bare, guarded(10)),
        "job": lambda: ran(job(), "local", time.process_time),
    }
    return _cost(cases, same=("guarded", "job"))


def ray() -> Cost:
    """One run of each: four passes a round, as Ray's own part of a round does not grow with the work in it."""
    _quiet()
    of = job(epochs=RAY_EPOCHS, rounds=RAY_ROUNDS)
    bare, over = Bare(of).loop(), ran(of, "ray", tree_cpu_s)
    cpu_s = {"bare": Spread.of(bare.cpu_s[UNCOUNTED:]), "ray": Spread.of(over.cpu_s[UNCOUNTED:])}
    middle = cpu_s["bare"].median
    ratio = Spread(cpu_s["ray"].median / middle, cpu_s["ray"].low / middle, cpu_s["ray"].high / middle, cpu_s["ray"].runs)
    return Cost(cpu_s, {"ray": ratio}, _equal(bare, over), over.start_s)


def superlink() -> dict[str, float]:
    """Flower's own processes on loopback under TLS, two sites, a linear model: all but nothing of a round is training, so that what a round adds
    (a run of five beside a run of one) is the fixed cost."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) / "f"
        _velatura("up", "--nodes", "2", "--port", str(_free_port()), "--state", str(place))
        try:
            one, five = (_over_superlink(place, rounds) for rounds in (1, 5))
        finally:
            _velatura("down", "--state", str(place))
    return {"round_cpu_s": (five[0] - one[0]) / 4, "round_wall_s": (five[1] - one[1]) / 4, "first_cpu_s": one[0], "first_wall_s": one[1]}


def _over_superlink(place: Path, rounds: int) -> tuple[float, float]:
    """(CPU of server, sites and their helpers; wall seconds) of a whole run."""
    from velatura.federated.deploy.folder import opened
    from velatura.federated.deploy.processes import marked
    from velatura.federated.job import Data, FederatedJob, Model
    from velatura.federated.job import Rounds as Asked

    of = FederatedJob(Model("linear"), Data("digits", sites=2), rounds=Asked(rounds))
    instance = opened(place).told.instance
    before, begun = cpu_of_s(marked(instance)), time.monotonic()
    of.run(place.parent / f"run-{rounds}", engine=f"superlink:{place}")
    wall = time.monotonic() - begun
    time.sleep(5.0)  # helpers of the last message are reaped
    return cpu_of_s(marked(instance)) - before, wall


def _velatura(*words: str) -> None:
    subprocess.run([Path(sys.executable).parent / "velatura", "fl", *words], check=True, capture_output=True)


def _free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def first() -> dict[str, float]:
    """Seconds from a job's start to its first round's end, and of its third round; a fresh process, all imported; median of 5."""
    root = Path(__file__).parent.parent
    told = [subprocess.run([sys.executable, "-c", FIRST], capture_output=True, check=True, text=True, cwd=root).stdout for _ in range(5)]
    found = [json.loads(one) for one in told]
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


FIRST = """
import json, time
from benchmarks import federated_cost as cost
cost._quiet()
import sklearn.datasets, torch, velatura.federated.local_engine, velatura.federated.run
torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)  # imports a compiler as it is first made
imported, clock = time.process_time(), time.perf_counter()
marks = []
cost.ran(cost.job(rounds=3), "local", lambda: marks.append((time.process_time(), time.perf_counter())) or marks[-1][0])
(_, _), _, (first, wall), (second, _), (third, _) = marks  # begun, started, three rounds
told = {"import_cpu_s": imported, "first_cpu_s": first - imported, "first_wall_s": wall - clock, "steady_cpu_s": third - second}
print(json.dumps(told))
"""


class Ticks:
    """A progress that notes the clock at the beginning and at each round's end."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.marks: list[float] = []

    def start(self, what: str, total: float | None, unit: str) -> None:
        self.marks.append(self._clock())

    def advance(self, by: float = 1) -> None:
        if by:
            self.marks.append(self._clock())

    def standing(self, words: str) -> None: ...

    def note(self, sentence: str) -> None: ...

    def finish(self) -> None: ...


def ran(of: FederatedJob, engine: str, clock: Callable[[], float]) -> Rounds:
    """A job through `FederatedJob.run`, as the command line calls it."""
    place, ticks, begun = Path(tempfile.mkdtemp()), Ticks(clock), clock()
    try:
        of.run(place / "run", engine=engine, progress=ticks)
        with np.load(place / "run" / "model.npz") as arrays:
            return Rounds(list(np.diff(ticks.marks)), {name: arrays[name] for name in arrays.files}, ticks.marks[0] - begun)
    finally:
        shutil.rmtree(place)


def tree_cpu_s() -> float:
    """CPU of this process and of all below it, those that ended included."""
    parents = {int(entry.name): _stat(int(entry.name))[1] for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours and pid not in ours}:
        ours |= more
    return cpu_of_s(ours)


def cpu_of_s(pids: Iterable[int]) -> float:
    """User and system time of processes and of their children that were waited for."""
    return sum(sum(_stat(pid)[11:15]) for pid in pids) / HZ


def _stat(pid: int) -> list[int]:
    """Fields of /proc/PID/stat behind the name, the state as 0; zeros of one that is gone."""
    try:
        return [int(word) if word.lstrip("-").isdigit() else 0 for word in Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()]
    except OSError:
        return [0] * 50


def _cost(cases: Mapping[str, Callable[[], Rounds]], *, same: Sequence[str]) -> Cost:
    spent: dict[str, list[float]] = {name: [] for name in cases}
    equal = True
    for run in range(RUNS + 1):
        found = {name: measure() for name, measure in cases.items()}
        equal = equal and all(_equal(found[name], found[same[0]]) for name in same)
        for name, one in found.items() if run else ():  # the first run warms up
            spent[name].append(statistics.median(one.cpu_s[UNCOUNTED:]))
    ratio = {name: [ours / bare for ours, bare in zip(values, spent["bare"], strict=True)] for name, values in spent.items()}
    return Cost({name: Spread.of(one) for name, one in spent.items()}, {name: Spread.of(one) for name, one in ratio.items()}, equal)


def _equal(one: Rounds, other: Rounds) -> bool:
    return one.weights.keys() == other.weights.keys() and all(np.array_equal(value, other.weights[name]) for name, value in one.weights.items())


def _quiet() -> None:
    from velatura.federated.quiet import switch_off

    switch_off(Path(tempfile.gettempdir()) / "velatura-bench-flower")
