"""Arms of poisoning and backdoors: the job, trained with an attacker at some of its sites; what is released is the final model."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator

from velatura.attacks.training.poison import Poison
from velatura.audit.federated.trained import Model, trained

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob
    from velatura.federated.table import Schema

__all__ = ["PoisonedArm"]


@dataclass(slots=True, eq=False)
class PoisonedArm:
    """A poison, or None -> rows -> labels. The honest run is made once.

    Args:
        schema: of the rows.
        his: the attacker's sites, by partition.
    """

    job: FederatedJob
    base: Path
    schema: Schema
    his: Sequence[int]
    seed: int
    _clean: Model | None = None

    def __call__(self, poison: Poison | None, rng: Generator, /) -> Model:
        if poison is not None:
            return self._poisoned(poison, rng)
        if self._clean is None:
            self._clean = trained(self.job, self.base, self.schema, np.random.default_rng(self.seed))
        return self._clean

    def _poisoned(self, poison: Poison, rng: Generator) -> Model:
        from velatura.audit.federated.hostile import Hostile

        with tempfile.TemporaryDirectory(prefix="velatura-audit-sites-") as place:
            own = np.random.default_rng(self.seed)
            return trained(
                self.job, self.base, self.schema, own, lambda sites: Hostile(self.job, self.base, self.his, poison, Path(place), rng, sites)
            )
