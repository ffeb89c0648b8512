"""Networks that nobody chose, on the simulator and on SEAL; and messages that were damaged."""

from __future__ import annotations

import io
import time
import warnings
from typing import Any

import numpy as np

from benchmarks.homomorphic_networks import OnSeal, simulated
from velatura.errors import BadInput, Unsupported
from velatura.homomorphic.compile import LAYOUTS, Options, compile_graph
from velatura.homomorphic.fitting import fit
from velatura.homomorphic.fold import fold
from velatura.homomorphic.graph import evaluate
from velatura.homomorphic.trace import trace_onnx
from velatura.homomorphic.wire import Expected, Header, Kind, open_message, seal_message

SIMULATED, ON_ENGINE, SAMPLES = 200, 10, 24
TRIED = 100_000


def networks() -> Any:
    """Random convolutions, strides, pads, groups, dilations, residuals: relative error of each output against float64.

    Fitted activations are compared as polynomials: how well they were fitted is another question. A network that no degree can hold is refused.
    """
    import torch
    from tests.homomorphic.torch_nets import network

    right = engine_right = engine = done = seed = 0
    refused: dict[str, int] = {}
    worst, seconds = 0.0, 0.0
    while done < SIMULATED and seed < 4 * SIMULATED:
        net, shape = network(seed)
        rng = np.random.default_rng(seed)
        x = rng.uniform(-1, 1, (SAMPLES, int(np.prod(shape))))
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(net, (torch.tensor(x[:1].reshape(1, *shape)),), buffer, dynamo=False)
        before = time.process_time()
        try:
            graph = fold(fit(fold(trace_onnx(buffer.getvalue())), x)[0])
            compiled = compile_graph(graph, x, Options(layout=LAYOUTS[seed % 3]))
        except Unsupported as refusal:
            refused[refusal.code] = refused.get(refusal.code, 0) + 1
            seed += 1
            continue
        seconds += time.process_time() - before
        want = evaluate(graph, x)[graph.output]
        off = float(np.abs(simulated(compiled, x) - want).max() / np.abs(want).max())
        worst, right, done = max(worst, off), right + (off < 1e-3), done + 1
        if engine < ON_ENGINE and compiled.parameters.n <= 16384:
            on_seal = OnSeal(compiled)
            got = on_seal.read(on_seal.run(on_seal.fresh(x[:1]))[1])
            engine_right += bool(np.abs(got - want[:1]).max() / np.abs(want).max() < 1e-3)
            engine += 1
        seed += 1
    return {
        "simulated": done,
        "simulated_right": right,
        "engine": engine,
        "engine_right": engine_right,
        "worst": worst,
        "refused": refused,
        "compile_seconds": seconds / max(done, 1),
    }


def blobs() -> Any:
    """One change each (a bit, bytes cut off, bytes added, a stretch of zeros) in a message of a ciphertext's size; the digest is as it was."""
    rng = np.random.default_rng(0)
    header = Header(Kind.INPUT, bytes(32), bytes(32), level=3, scale=2.0**30, count=1)
    whole = seal_message(header, rng.bytes(20_000))
    expected = Expected(Kind.INPUT, most=1 << 20)
    accepted = 0
    for number in range(TRIED):
        raw = bytearray(whole)
        place = int(rng.integers(len(raw)))
        match number % 4:
            case 0:
                raw[place] ^= 1 << int(rng.integers(8))
            case 1:
                del raw[place:]
            case 2:
                raw += rng.bytes(1 + place % 64)
            case _:
                raw[place : place + 8] = bytes(b ^ 0xFF for b in raw[place : place + 8])
        try:
            open_message(raw, expected)
            accepted += 1
        except BadInput:
            pass
    return {"tried": TRIED, "accepted": accepted}
