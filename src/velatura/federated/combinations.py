"""Pairs of choices that cannot hold together, each with its reason: refused before anything runs."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from velatura.errors import BadSpec
from velatura.federated.strategies import SINGLE

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob

__all__ = ["refuse"]

LEAST_SECRET = 3
MOST_EPSILON, MOST_DELTA = 100.0, 1e-3


def refuse(job: FederatedJob, *, where: str) -> None:
    """Raises BadSpec `federated.combination`."""
    secret, client, sample = job.aggregation == "secagg", job.privacy.level == "client", job.privacy.level == "sample"
    local = job.privacy.level == "local"
    private = client or sample or local
    single, prox = job.strategy.name in SINGLE, job.strategy.name == "fedprox"
    cohort = job.rounds.share * job.data.sites
    never = [
        (secret and single, f"{job.strategy.name} under secure aggregation: it compares single updates, which nobody sees"),
        (
            client and single,
            f"{job.strategy.name} with client-level privacy: what one site can change in it has no bound, so no epsilon can be stated",
        ),
        (
            client and job.rounds.more > 0,
            "over-selection with client-level privacy: who answers first is no random sample, and the accounting needs one",
        ),
        (secret and cohort < LEAST_SECRET, f"secure aggregation of {cohort:g} sites: the sum is somebody's update, or nearly"),
        (secret and job.rounds.more > 0, "over-selection with secure aggregation: who is not waited for is a drop-out, and each one costs"),
        (
            secret and client and job.rounds.share < 1,
            "secure aggregation and client-level privacy of a drawn cohort: a round with too few changes nothing, which tells who was drawn",
        ),
        (local and secret, "secure aggregation and local noise: what a site adds has no bound, and the sum's integers have one"),
        (client and job.data.sites < 2, "client-level privacy of one site: there is nobody to hide among"),
        (private and not 0 < job.privacy.delta < 1, f"delta {job.privacy.delta}: a probability between 0 and 1 is needed"),
        (
            (client or local) and job.privacy.delta >= 1 / max(job.data.sites, 1),
            f"delta {job.privacy.delta:g} lets each of {job.data.sites} sites be given away whole",
        ),
        (private and not 0 < job.privacy.clip < inf, "privacy without a clipping norm: one site could change anything"),
        (
            private and not 0 < job.privacy.epsilon <= MOST_EPSILON,
            f"epsilon {job.privacy.epsilon:g}: a budget is above 0, and above {MOST_EPSILON:g} it promises nothing",
        ),
        (prox and not job.training.proximal > 0, "fedprox without a pull: that is fedavg; training.proximal is its mu"),
        ("proximal_mu" in job.strategy.options, "proximal_mu as an option: sites pull by training.proximal"),
        (sample and job.privacy.delta > MOST_DELTA, f"delta {job.privacy.delta:g} lets more than one row in a thousand be given away whole"),
    ]
    for holds, sentence in never:
        if holds:
            raise BadSpec("federated.combination", f"{where}: {sentence}", hint="see src/velatura/federated/README.md, what cannot hold together")
