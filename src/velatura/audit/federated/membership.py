"""Arms of the attack on membership: the job on a part of its rows; what is released is the final model."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.audit.federated.trained import trained
from velatura.federated.table import Table

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob

__all__ = ["ModelArm", "most_named"]


@dataclass(slots=True, eq=False)
class ModelArm:
    """(records,) who is trained on -> (records, classes) logits of the final model.

    Records are dealt to sites once, as the job deals them: who is inside moves nobody else, so that with and without a record are the neighbours that
    an epsilon speaks of. The job's seed stays: whoever has the job file knows the first weights. Noise has a secret of its own in every training. The
    same question twice is trained once.
    """

    job: FederatedJob
    records: Table
    _known: dict[tuple[bytes, int], NDArray[np.float64]] = field(default_factory=dict)

    def __call__(self, inside: NDArray[np.bool_], rng: Generator, /) -> NDArray[np.float64]:
        seed = int(rng.integers(1 << 62))
        key = np.packbits(inside).tobytes(), seed
        if key not in self._known:
            self._known[key] = self._trained(inside, seed)
        return self._known[key]

    def _trained(self, inside: NDArray[np.bool_], seed: int) -> NDArray[np.float64]:
        from velatura.audit.federated.given import Given, keys_for
        from velatura.federated.site import client_app, split

        with tempfile.TemporaryDirectory(prefix="velatura-audit-rows-") as place:
            files = {}
            for site, rows in enumerate(split(self.job, self.records)):
                mine = rows[inside[rows]]
                files[site] = str(Path(place) / f"site-{site}.npz")
                np.savez(files[site], x=self.records.x[mine], y=self.records.y[mine])
            job = replace(self.job, data=replace(self.job.data, source="rows at each site", test=0.0, check=0.0))
            base = Path(place)
            keys = keys_for(job, base)
            own = np.random.default_rng(seed)
            model = trained(job, base, self.records.schema, own, lambda sites: Given(client_app(job, base, sites), files, keys))
            return model.logits(self.records.x)


def most_named(job: FederatedJob, at: float) -> float | None:
    """What the job's epsilon promises of one record: members named at most, where `at` of the others are; None: nothing.

    Under (epsilon, delta) a test with false alarms `at` finds at most e^epsilon at + delta, and 1 - e^-epsilon (1 - delta - at): Kairouz, Oh,
    Viswanath, ICML 2015, theorem 2.1. Client-level privacy is of a site that comes or goes; a record changes what one site sends, which is one
    that goes and one that comes: 2 epsilon, (1 + e^epsilon) delta.
    """
    privacy = job.privacy
    if privacy.level == "none":
        return None
    times = 2 if privacy.level == "client" else 1
    epsilon, delta = times * privacy.epsilon, privacy.delta * (1 + exp(privacy.epsilon) if times == 2 else 1)
    bound = min(exp(min(epsilon, 700.0)) * at + delta, 1 - exp(-epsilon) * (1 - delta - at))
    return bound if bound < 1 else None
