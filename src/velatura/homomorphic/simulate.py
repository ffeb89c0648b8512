"""What a program will answer, before a key exists: the simulator in the engine's place, over a whole data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from velatura.errors import BadInput
from velatura.homomorphic.artefacts import ClientArtefact, ServerArtefact
from velatura.homomorphic.compiled import pack
from velatura.homomorphic.engine import run
from velatura.homomorphic.flooding import slot_deviation
from velatura.homomorphic.sharing import released
from velatura.homomorphic.simulator import Simulator
from velatura.progress import SILENT, Progress

__all__ = ["Simulated", "scores", "simulate"]

Floats: TypeAlias = NDArray[np.float64]
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Simulated:
    """
    Args:
        accuracy, accuracy_exact: share of samples whose best label is the given one, with noise and without; None without labels.
        agreement: share of samples whose best label the noise leaves as it is.
        error: greatest deviation of a score, relative to the largest score; of what is given out (flooded under `public`).
        spare_bits: least room before a value would wrap; `least_at`: the layer.
        queries: ciphertexts that decrypting all this takes.
    """

    samples: int
    accuracy: float | None
    accuracy_exact: float | None
    agreement: float
    error: float
    spare_bits: float
    least_at: str
    queries: int


def simulate(
    server: ServerArtefact,
    client: ClientArtefact,
    x: Floats,
    labels: NDArray[np.int64] | None = None,
    *,
    rng: np.random.Generator,
    progress: Progress = SILENT,
) -> Simulated:
    """
    Args:
        x: (samples, elements), as `client.checked_input` gives them.

    Raises:
        BadInput: `he.foreign-program`: the two artefacts are not of one compilation.
    """
    if server.id != client.program:
        raise BadInput("he.foreign-program", "client and server artefact are not of one compilation", hint="give the folder that `he compile` wrote")
    exact, noisy, room = [], [], (float("inf"), "")
    step = client.parameters.slots if client.packing.batch else _AT_ONCE
    progress.start("samples", len(x), "samples")
    for at in range(0, len(x), step):
        part = x[at : at + step]
        exact.append(scores(server, client, part, Simulator(client.parameters))[0])
        found, here = scores(server, client, part, Simulator(client.parameters, rng), rng)
        noisy.append(found)
        room = min(room, here)
        progress.advance(len(part))
    progress.finish()
    true, told = np.concatenate(exact), np.concatenate(noisy)
    best, said = released(true, client.sharing).labels[:, 0], released(told, client.sharing).labels[:, 0]
    batches = -(-len(x) // step) if client.packing.batch else len(x)
    return Simulated(
        samples=len(x),
        accuracy=None if labels is None else float(np.mean(said == labels)),
        accuracy_exact=None if labels is None else float(np.mean(best == labels)),
        agreement=float(np.mean(best == said)),
        error=float(np.abs(told - true).max() / max(float(np.abs(true).max()), 1e-300)),
        spare_bits=room[0],
        least_at=room[1],
        queries=batches * len(client.outputs),
    )


def scores(
    server: ServerArtefact, client: ClientArtefact, x: Floats, simulator: Simulator, rng: np.random.Generator | None = None
) -> tuple[Floats, tuple[float, str]]:
    """(samples, outputs), flooded where there is a generator and the policy asks for it; spare bits and the layer where they are fewest."""
    batch = client.packing.batch
    packed = pack(client.packing, len(x) if batch else client.parameters.slots, x)
    inputs = {place: simulator.encrypt(packed[:, number], client.input_scale) for number, place in enumerate(server.inputs)}
    outputs = [one.values for one in run(server.program, server.plan, simulator, inputs, watch=simulator.watch)]
    if rng is not None:
        n, known = client.parameters.n, zip(client.flooding, client.outputs, strict=True)
        deviations = [slot_deviation(sigma, n=n, scale=scale) for sigma, (_, scale) in known]
        outputs = [values + deviation * rng.standard_normal(values.shape) for values, deviation in zip(outputs, deviations, strict=True)]
    places = client.unpacking.places
    # with a batch the samples lie in slots
    columns = [outputs[place][0] if batch else outputs[place][:, slot] for place, slot in places]
    spare, ref = simulator.least_room()
    return np.stack(columns, axis=1), (spare, server.program.layer[ref])
