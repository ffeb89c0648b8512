"""A job trained in this process, by its own sites and server, into a folder that goes away; what stays is the model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.errors import VelaturaError
from velatura.federated.quiet import switch_off

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob
    from velatura.federated.table import Schema

__all__ = ["Model", "trained"]

AT_ONCE = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A trained network as whoever gets it can use it."""

    network: Any

    def logits(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """(rows, classes)."""
        import torch

        with torch.no_grad():
            parts = [self.network(torch.from_numpy(x[at : at + AT_ONCE])).double().numpy() for at in range(0, len(x), AT_ONCE)]
        return np.concatenate(parts)

    def __call__(self, x: NDArray[np.float32]) -> NDArray[np.int64]:
        """Labels, (rows,)."""
        return np.asarray(self.logits(x).argmax(1))


def trained(job: FederatedJob, base: Path, schema: Schema, rng: Generator, app: Callable[[Path], Any] | None = None) -> Model:
    """Train as `fl run` does on the engine `local`: the same client app, guards, aggregator and rounds.

    Where no round changed anything the model is what it was at first: an attacker who brings that about has had his way.

    Args:
        schema: of the rows.
        rng: of the secrets that noise is made from, the server's and the sites', so that an audit can be repeated.
        app: other sites than the job's own; it is handed the folder of theirs.
    """
    with tempfile.TemporaryDirectory(prefix="velatura-audit-federated-") as place:
        folder = Path(place)
        switch_off(folder / "flower")
        from velatura.federated.local_grid import LocalGrid
        from velatura.federated.networks import network_of
        from velatura.federated.serving import serve_job
        from velatura.federated.site import client_app
        from velatura.federated.training import put

        sites = folder / "sites"
        _secrets(folder, sites, job.data.sites, rng)
        grid = LocalGrid(client_app(job, base, sites) if app is None else app(sites), job.data.sites)
        network = network_of(job, schema)
        try:
            put(network, serve_job(job, grid, folder, base).model)
        except VelaturaError as error:
            if error.code not in ("federated.no-round", "federated.aggregate"):
                raise
        finally:
            grid.close()
    network.eval()
    return Model(network)


def _secrets(folder: Path, sites: Path, count: int, rng: Generator) -> None:
    """The server's, and each site's; the folder is nobody else's, and goes away."""
    (folder / "secret").write_bytes(rng.bytes(32))
    for site in range(count):
        (sites / f"site-{site}").mkdir(parents=True)
        (sites / f"site-{site}" / "secret").write_bytes(rng.bytes(32))
