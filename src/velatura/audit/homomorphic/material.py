"""What is attacked: a compiled program, and inputs for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.audit.homomorphic.options import HomomorphicOptions
from velatura.errors import BadInput
from velatura.homomorphic.artefacts import CLIENT, SERVER, ClientArtefact, ServerArtefact, load_client, load_server
from velatura.homomorphic.client_input import checked_input
from velatura.homomorphic.samples import load_samples
from velatura.homomorphic.simulate import scores
from velatura.homomorphic.simulator import Simulator

__all__ = ["FRESH", "Material", "read"]

Floats: TypeAlias = NDArray[np.float64]
FRESH = 200
"""Inputs on which an extracted model is compared."""
_AT_ONCE = 32


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """See the module.

    Attributes:
        folder: of the program.
        known: (samples, elements) inputs that a person gave; None: they are drawn evenly within the bounds.
    """

    options: HomomorphicOptions
    folder: Path
    client: ClientArtefact
    server: ServerArtefact
    known: Floats | None
    seed: int

    @property
    def outputs(self) -> int:
        return len(self.client.unpacking.places)

    def fresh(self, count: int) -> Floats:
        """Inputs that no question repeats: the last of the known ones, a fifth at most, or drawn."""
        if self.known is None:
            return self._drawn(count, np.random.default_rng([self.seed, 1]))
        return self.known[-min(count, self._kept) :]

    def questions(self, count: int, rng: Generator) -> Floats:
        """(count, elements), or as many as are known."""
        if self.known is None:
            return self._drawn(count, rng)
        most = len(self.known) - self._kept
        return self.known[rng.permutation(most)[:count]]

    def scores(self, x: Floats, rng: Generator | None = None) -> Floats:
        """(samples, outputs) of the program on readable numbers: exact, or with the noise that encryption and flooding add."""
        found = []
        step = self.client.parameters.slots if self.client.packing.batch else _AT_ONCE
        for at in range(0, len(x), step):
            simulator = Simulator(self.client.parameters) if rng is None else Simulator(self.client.parameters, rng)
            found.append(scores(self.server, self.client, x[at : at + step], simulator, rng)[0])
        return np.concatenate(found)

    @property
    def _kept(self) -> int:
        return 0 if self.known is None else max(min(len(self.known) // 5, FRESH), 1)

    def _drawn(self, count: int, rng: Generator) -> Floats:
        return rng.uniform(self.client.input_low, self.client.input_high, (count, len(self.client.input_low)))


def read(options: HomomorphicOptions, *, base: Path, seed: int) -> Material:
    """Read both artefacts and the inputs.

    Raises:
        BadInput: as `artefacts.load_client`; `he.samples`, `he.range`; `he.foreign-program`: they are not of one compilation.
    """
    folder = base / options.program
    client, server = load_client(folder / CLIENT), load_server(folder / SERVER)
    if server.id != client.program:
        raise BadInput("he.foreign-program", "client and server artefact are not of one compilation", hint="give the folder that `he compile` wrote")
    known = checked_input(client, load_samples(base / options.inputs).x) if options.inputs else None
    return Material(options, folder, client, server, known, seed)
