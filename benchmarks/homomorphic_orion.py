"""Orion 1.0.2 in an environment of its own, under a limit of memory: dense 256-64-10 with squares beside ours, turn by turn, and LoLA's network.

python -m venv ORION && ORION/bin/pip install torch==2.13.0 pyyaml tqdm networkx scipy==1.14.1 matplotlib h5py
ORION/bin/pip install --no-deps orion-fhe==1.0.2 torchvision
VELATURA_ORION=ORION/bin/python python -m benchmarks.homomorphic orion
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.homomorphic_networks import OnSeal
from velatura.errors import Missing
from velatura.homomorphic.compile import Options, compile_graph
from velatura.homomorphic.graph import Affine, Graph, Input, Polynomial, evaluate

MEMORY_GB = 8
RUNS = 5
LONGEST_S = 600
PEER = Path(__file__).with_name("peer_orion.py")


def orion() -> Any:
    """Weights are drawn here and given to both. Orion's secret is sparse (192 of 8192): the table of 2024 does not speak of it."""
    python = os.environ.get("VELATURA_ORION")
    if not python:
        raise Missing("bench.peer", "Orion is not here", hint="benchmarks/homomorphic_orion.py says how to install it; VELATURA_ORION=its python")
    from scipy.sparse import csr_array

    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1 / 16, (64, 256)), rng.normal(0, 1 / 8, (10, 64))
    x = rng.uniform(0, 1, (64, 256))
    graph = Graph(
        (
            Input("x", (), (256,)),
            Affine("first", ("x",), (64,), csr_array(first), np.zeros(64)),
            Polynomial("square", ("first",), (64,), np.array([[0.0], [0.0], [1.0]])),
            Affine("second", ("square",), (10,), csr_array(second), np.zeros(10)),
        ),
        "second",
    )
    ours = OnSeal(compile_graph(graph, x, Options(error=1e-5, input_range=(0.0, 1.0))))
    want = evaluate(graph, x)[graph.output]
    largest = float(np.abs(want).max())
    seconds: list[float] = []
    errors: list[float] = []

    def once(number: int) -> None:
        took, answers = ours.run(ours.fresh(x[number : number + 1]))
        seconds.append(took)
        errors.append(float(np.abs(ours.read(answers)[0] - want[number]).max()) / largest)

    once(0)  # encodes the weights
    seconds.clear()
    peer = _dense(python, {"first": first.tolist(), "second": second.tolist(), "x": x[:RUNS].tolist()}, once)
    return {
        "ours": {
            "seconds": float(np.median(seconds)),
            "error": max(errors),
            "foretold_error": ours.compiled.report["predicted_error"],
            "foretold_ms": ours.compiled.report["predicted_ms"],
            "key_mb": ours.key_mb,
        },
        "orion": peer,
        "lola": _whole(python, "lola"),
    }


def _dense(python: str, given: dict[str, Any], ours: Callable[[int], None]) -> dict[str, Any]:
    """The peer answers one line for each run that it is asked for; ours runs between them."""
    with subprocess.Popen(
        [python, str(PEER), "dense"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_one_thread(), preexec_fn=_limited
    ) as process:
        assert process.stdin is not None and process.stdout is not None, "both are pipes"
        process.stdin.write(json.dumps(given) + "\n")
        process.stdin.flush()
        told: list[dict[str, Any]] = []
        for number in range(RUNS):
            line = next((line for line in process.stdout if line.startswith('{"')), "")
            if not line:
                return {"failed": f"ended with {process.wait()} under {MEMORY_GB} GB"}
            told.append(json.loads(line))
            ours(number)
            process.stdin.write("next\n")
            process.stdin.flush()
    return {
        "seconds": float(np.median([one["seconds"] for one in told[1:]])),
        "error": max(one["error"] for one in told),
        "memory_mb": max(one["memory_mb"] for one in told),
    }


def _whole(python: str, name: str) -> dict[str, Any]:
    """What the peer says of one of its own networks, or how it ended."""
    try:
        done = subprocess.run(
            [python, str(PEER), name], capture_output=True, text=True, env=_one_thread(), preexec_fn=_limited, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"not done after {LONGEST_S} s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"')]
    if done.returncode or not lines:
        return {"failed": f"ended with {done.returncode} under {MEMORY_GB} GB: {(done.stderr.strip().splitlines() or ['no word'])[-1][:200]}"}
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def _one_thread() -> dict[str, str]:
    return {**os.environ, "GOMAXPROCS": "1", "OMP_NUM_THREADS": "1"}


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_GB << 30, MEMORY_GB << 30))
