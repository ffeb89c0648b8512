"""What the confined process costs: inference and training inside against the same program outside, and what locking it takes.

`python -m benchmarks.enclave_process [ROUNDS]` prints JSON. Two processes of the same guest, one locked and one plain, take turns round by round; a
round's cost is CPU of its own process, asked of the kernel from inside. Starts take turns too, without torch, whose import would drown the
difference: what passes until the process is locked, and the CPU that it has used by then, as the scheduler counts it.
"""

from __future__ import annotations

import io
import json
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from velatura.enclave.backends.cell import cell_confinement, settings_of
from velatura.enclave.backends.cell_guest import CellGuest
from velatura.enclave.backends.idle_job import idle_job
from velatura.enclave.job import Job, JobFile
from velatura.enclave.outputs import Output
from velatura.sandbox.child import Child
from velatura.sandbox.confinement import Confinement
from velatura.sandbox.guest import Inbox, Outbox
from velatura.sandbox.plain import PlainWarm
from velatura.sandbox.warm import Warm

__all__ = ["Timed", "figures"]

ROUNDS, PAIRS, STARTS = 12, 3, 7  # rounds of each pair
INFERENCES, STEPS = 40, 20  # in a round
WIDTH, LAYERS, BATCH = 512, 8, 64
HERE = "enclave_process:Timed"  # found beside this file, by the guest's own interpreter


class Timed(CellGuest):
    """The real guest, warmed as it is; its requests are rounds, answered by their milliseconds of CPU."""

    def serve(self, inbox: Inbox, outbox: Outbox, frames: memoryview | None) -> None:
        setup = inbox.get()
        assert setup is not None
        act = self._inferences(setup) if self._inference else self._steps()
        act()
        outbox.put(b"ready")
        while inbox.get() is not None:
            began = time.process_time()
            act()
            outbox.put(json.dumps(1000 * (time.process_time() - began)).encode())

    def _inferences(self, model: bytes) -> Any:
        network, x = self._backend(model, threads=1), np.ones((BATCH, WIDTH), np.float32)
        return lambda: [network.run(x) for _ in range(INFERENCES)]

    def _steps(self) -> Any:
        import torch

        torch.manual_seed(0)
        network = torch.nn.Sequential(
            torch.nn.Conv2d(1, 16, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(16 * 13 * 13, 10)
        )
        optimiser = torch.optim.SGD(network.parameters(), 0.01)
        x, y = torch.randn(BATCH, 1, 28, 28), torch.randint(0, 10, (BATCH,))

        def steps() -> None:
            for _ in range(STEPS):
                optimiser.zero_grad()
                torch.nn.functional.cross_entropy(network(x), y).backward()  # type: ignore[no-untyped-call]
                optimiser.step()

        return steps


def figures(rounds: int) -> dict[str, Any]:
    """Ratios inside over outside with quartiles, and milliseconds to lock and to start."""
    return {
        "rounds": rounds,
        "inference": _ratio(_job("inference"), _mlp(), rounds),
        "training": _ratio(_job("train", "torch"), b"", rounds),
        "start": _starts(),
    }


def _ratio(job: Job, setup: bytes, rounds: int) -> Mapping[str, float]:
    """Over several pairs of processes: where memory happens to lie moves one of them by a tenth."""
    shares: list[float] = []
    spent: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(PAIRS):
        for within, without in _pair(job, setup, rounds):
            shares.append(within / without)
            spent[True].append(within)
            spent[False].append(without)
    low, middle, high = statistics.quantiles(shares, n=4)
    ms = {name: round(statistics.median(spent[inside]), 1) for name, inside in (("inside_ms", True), ("outside_ms", False))}
    return {"ratio": round(middle, 3), "low": round(low, 3), "high": round(high, 3), **ms}


def _pair(job: Job, setup: bytes, rounds: int) -> Iterator[tuple[float, float]]:
    """(inside, outside) milliseconds of each round, of a process each."""
    with _started(job, confined=True) as (inside, _), _started(job, confined=False) as (outside, _):
        for child in (inside, outside):
            assert child.ask(setup, deadline_s=60, limit=100) == b"ready"
        for number in range(rounds):
            order = (inside, outside) if number % 2 else (outside, inside)
            found = {child: float(child.ask(b"go", deadline_s=60, limit=100)) for child in order}
            yield found[inside], found[outside]


def _starts() -> Mapping[str, float]:
    job, locks = _job("python"), []
    begun: dict[bool, list[float]] = {True: [], False: []}
    worked: dict[bool, list[float]] = {True: [], False: []}
    for number in range(STARTS):
        for confined in (True, False) if number % 2 else (False, True):
            began = time.perf_counter()
            with _started(job, confined=confined) as (child, locked_s):
                begun[confined].append(time.perf_counter() - began)
                worked[confined].append(int(Path(f"/proc/{child.pid}/schedstat").read_text().split()[0]) / 1e6)
                if confined:
                    locks.append(1000 * locked_s)
    differences = [1000 * (within - without) for within, without in zip(begun[True], begun[False], strict=True)]
    return {
        "lock_ms": round(statistics.median(locks), 1),
        "lock_ms_most": round(max(locks), 1),
        "start_locked_minus_plain_cpu_ms": round(statistics.median(a - b for a, b in zip(worked[True], worked[False], strict=True)), 1),
        "start_cpu_ms": round(statistics.median(worked[True]), 1),
        "start_locked_minus_plain_ms": round(statistics.median(differences), 1),
        "start_ms": round(1000 * statistics.median(begun[True]), 1),
    }


@contextmanager
def _started(job: Job, *, confined: bool) -> Iterator[tuple[Child, float]]:
    """The child, and how long its lock took."""
    settings, path = settings_of(job, secretmem=confined), [Path(__file__).parent]
    warm: Warm | PlainWarm
    if confined:
        warm = Warm(HERE, settings, cell_confinement(job, frozenset()), warm_deadline_s=180, path=path)
    else:
        warm = PlainWarm(HERE, settings, Confinement(required=frozenset()), warm_deadline_s=180, path=path)
    with warm:
        began = time.perf_counter()
        child, _ = warm.lock()
        yield child, time.perf_counter() - began


def _job(kind: Any, *imports: str) -> Job:
    made = idle_job(JobFile(version=1, kind=kind, imports=imports, outputs={"x": Output(type="model")}))
    return replace(made, terms=msgspec.structs.replace(made.terms, memory_mb=1024))


def _mlp() -> bytes:
    """LAYERS dense layers of WIDTH, as ONNX."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng, nodes, weights, at = np.random.default_rng(0), [], [], "x"
    for number in range(LAYERS):
        weights.append(numpy_helper.from_array((rng.standard_normal((WIDTH, WIDTH)) / WIDTH**0.5).astype(np.float32), f"w{number}"))
        nodes += [helper.make_node("MatMul", [at, f"w{number}"], [f"m{number}"]), helper.make_node("Relu", [f"m{number}"], [f"r{number}"])]
        at = f"r{number}"
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", WIDTH])] for name in ("x", at)]
    model = helper.make_model(helper.make_graph(nodes, "mlp", *ends, weights), opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    held = io.BytesIO()
    onnx.save(model, held)
    return held.getvalue()


def main() -> None:
    print(json.dumps(figures(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS), indent=1))


if __name__ == "__main__":
    main()
