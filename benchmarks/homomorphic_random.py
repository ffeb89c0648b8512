"""Networks that nobody chose, on the simulator and on SEAL; and messages that were damaged."""

from __future__ import annotations

import io
import time
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
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

SIMULATED, ON_ENGINE, SAMPLES, MOST = 200, 24, 24, 1e-3
"""Networks; seeds below which a small one is tried on SEAL too; inputs of each; the error that is asked."""
TRIED = 100_000


def networks() -> Any:
    """Random convolutions, strides, pads, groups, dilations, residuals: relative error of each output against float64; a process for each core.

    Fitted activations are compared as polynomials: how well they were fitted is another question. A network that no degree can hold is refused.
    Ctrl-C ends it with those that were tried.
    """
    from multiprocessing import get_context

    tried: list[_Tried] = []
    with get_context("spawn").Pool() as pool, suppress(KeyboardInterrupt):
        for found in pool.imap(_try, range(4 * SIMULATED)):
            tried.append(found)
            if sum(not one.refused for one in tried) == SIMULATED:
                break
    compiled = [one for one in tried if not one.refused]
    on_engine = [one.on_engine for one in compiled if one.on_engine is not None]
    return {
        "simulated": len(compiled),
        "simulated_right": sum(one.off < MOST for one in compiled),
        "engine": len(on_engine),
        "engine_right": sum(off < MOST for off in on_engine),
        "worst": max(one.off for one in compiled),
        "refused": dict(Counter(one.refused for one in tried if one.refused)),
        "compile_seconds": sum(one.seconds for one in compiled) / len(compiled),
    }


@dataclass(frozen=True, slots=True)
class _Tried:
    """off: largest error over the largest output, on the simulator; on_engine: on SEAL; seconds: of CPU, to compile."""

    refused: str = ""
    off: float = 0.0
    on_engine: float | None = None
    seconds: float = 0.0


def _try(seed: int) -> _Tried:
    import torch
    from tests.homomorphic.torch_nets import network

    torch.set_num_threads(1)
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
        return _Tried(refusal.code)
    seconds = time.process_time() - before
    want = evaluate(graph, x)[graph.output]
    largest = np.abs(want).max()
    off = float(np.abs(simulated(compiled, x) - want).max() / largest)
    if seed >= ON_ENGINE or compiled.parameters.n > 16384:
        return _Tried("", off, None, seconds)
    on_seal = OnSeal(compiled)
    got = on_seal.read(on_seal.run(on_seal.fresh(x[:1]))[1])
    return _Tried("", off, float(np.abs(got - want[:1]).max() / largest), seconds)


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
