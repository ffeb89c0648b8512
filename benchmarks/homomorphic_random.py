"""Networks that nobody chose, on the simulator and on SEAL; and messages that were damaged, or forged."""

from __future__ import annotations

import io
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from benchmarks.homomorphic_networks import OnSeal, simulated
from velatura.errors import BadInput, Unsupported
from velatura.homomorphic.artefacts import CLIENT, SERVER, load_client, write
from velatura.homomorphic.client import Client
from velatura.homomorphic.compile import LAYOUTS, Options, compile_graph
from velatura.homomorphic.fitting import fit
from velatura.homomorphic.fold import fold
from velatura.homomorphic.graph import Affine, Graph, Input, evaluate
from velatura.homomorphic.keys import SECRET, keygen, write_keys
from velatura.homomorphic.server import Server
from velatura.homomorphic.sharing import Sharing
from velatura.homomorphic.trace import trace_onnx
from velatura.homomorphic.wire import Expected, Header, Kind, ciphertexts, open_message, payload_of, read_header, seal_message

SIMULATED, ON_ENGINE, SAMPLES, MOST = 200, 24, 24, 1e-3
"""Networks; seeds below which a small one is tried on SEAL too; inputs of each; the error that is asked."""
TRIED = 100_000
ANSWERS = 10_000
"""Of the forged messages, those that go to the owner: each is counted against his key on disk."""


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
    """Damaged messages under the digest that they had, and under one that was made anew: the first are refused, the second stop neither end."""
    return {**_stale(), "forged": _forged()}


def _stale() -> dict[str, int]:
    """One change each (a bit, bytes cut off, bytes added, a stretch turned over) in a message of a ciphertext's size; the digest is as it was."""
    rng = np.random.default_rng(0)
    header = Header(Kind.INPUT, bytes(32), bytes(32), level=3, scale=2.0**30, count=1)
    whole = seal_message(header, rng.bytes(20_000))
    expected = Expected(Kind.INPUT, most=1 << 20)
    accepted = 0
    for number in range(TRIED):
        try:
            open_message(_changed(whole, number, rng), expected)
            accepted += 1
        except BadInput:
            pass
    return {"tried": TRIED, "accepted": accepted}


def _forged() -> dict[str, Any]:
    """The least program there is, its server and its owner, on SEAL in their confined processes: a change each, lengths and digest made anew.

    Garbage is CKKS's malleability. A crash is whatever reaches the caller and is not a refusal; `refused` counts those, a killed child's among them.
    """
    rng = np.random.default_rng(1)
    layer = Affine("a", ("x",), (1,), csr_array(np.ones((1, 1))), np.ones(1))
    compiled = compile_graph(Graph((Input("x", (), (1,)), layer), "a"), rng.uniform(-1, 1, (20, 1)), Options(error=1e-2))
    found: Counter[str] = Counter()
    with TemporaryDirectory(prefix="velatura-he-") as place, ExitStack() as stack:
        folder = Path(place)
        write(compiled, Sharing(), folder / "prog")
        keys = keygen(load_client(folder / "prog" / CLIENT))
        write_keys(keys, folder / "keys")
        server = stack.enter_context(Server(folder / "prog" / SERVER))
        owner = stack.enter_context(Client(folder / "prog" / CLIENT, folder / "keys" / SECRET))
        server.add_keys(keys.evaluation)
        sent = owner.encrypt([[0.5]])
        answer = server.run(sent)
        ends: list[tuple[bytes, Callable[[bytes], object], int]] = [(sent, server.run, TRIED - ANSWERS), (answer, owner.decrypt, ANSWERS)]
        for message, given, count in ends:
            header = read_header(message)
            payload = open_message(message, Expected(header.kind, most=1 << 30, multiple=1)).payload
            (blob,), samples = ciphertexts(payload, count=1, most=len(payload))
            for number in range(count):
                # four of five keep their lengths right, so that SEAL sees them
                forged = payload_of([_changed(blob, number, rng)], samples) if number % 5 else _changed(payload, number, rng)
                try:
                    given(seal_message(header, forged))
                    found["garbage"] += 1
                except BadInput as refusal:
                    found[refusal.code] += 1
                except Exception as crash:
                    found[f"crash: {type(crash).__name__}"] += 1
    crashes = sum(count for what, count in found.items() if what.startswith("crash"))
    return {"tried": TRIED, "crashes": crashes, "garbage": found["garbage"], "outcomes": dict(found.most_common())}


def _changed(raw: bytes | memoryview, number: int, rng: np.random.Generator) -> bytes:
    """Another way with each number: a bit; a bit of the first bytes, where headers and lengths are; bytes cut off, added, turned over."""
    made = bytearray(raw)
    place = int(rng.integers(len(made)))
    match number // 5 % 5:
        case 0:
            made[place] ^= 1 << int(rng.integers(8))
        case 1:
            made[place % 64] ^= 1 << int(rng.integers(8))
        case 2:
            del made[place:]
        case 3:
            made += rng.bytes(1 + place % 64)
        case _:
            made[place : place + 8] = bytes(b ^ 0xFF for b in made[place : place + 8])
    return bytes(made)
