"""What a budget pays for where noise is the sites' own: how many steps, of how many rows, with how much noise. Needs no Flower."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from velatura.dp.accounting import Event, analytic_sigma, noise_for

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob

__all__ = ["Plan", "plan_of"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a budget pays for. sampling: of a row, in each step; steps: in a round; noise: in sensitivities."""

    sampling: float
    steps: int
    noise: float

    @property
    def event(self) -> Event:
        return Event("gaussian", self.noise, self.sampling)


def plan_of(job: FederatedJob, rows: int) -> Plan:
    """For a site of so many rows that takes part in every round. Raises BadSpec `dp.epsilon`."""
    privacy, how = job.privacy, job.training
    if privacy.level == "local":
        return Plan(1.0, 1, analytic_sigma(privacy.epsilon, privacy.delta) * sqrt(job.rounds.count))
    sampling = min(1.0, how.batch / max(rows, 1))
    steps = max(1, round(how.epochs / sampling))
    return Plan(sampling, steps, noise_for(privacy.epsilon, privacy.delta, sampling=sampling, times=job.rounds.count * steps))
