"""By how much a site may change one weight in a round: what the job says, or else what its training needs.

Without noise 8 is far more than a weight moves. With sample-level privacy a site adds noise in each step, and on a site with few rows that alone
passes 8: then it is 8 and nine standard deviations of that noise. They are an upper end that each site and the server find from the job and from
what all sites told of their rows: the noise of the whole budget as if no row were left out of any batch, which sampling only makes less.
A power of two, so that two machines' last bits make no difference. The price is the grain of the sum, sites * bound / 2^31.
"""

from __future__ import annotations

from math import ceil, ldexp, log2, sqrt
from typing import TYPE_CHECKING

from velatura.dp.accounting import analytic_sigma

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob

__all__ = ["MOST_BOUND", "bound_of", "enough_for"]

USUAL = 8.0
SURE = 9.0  # a draw has no tail beyond 8.2
ROUNDING = 1.02  # of sums to whole numbers, which the noise covers too (`dp.sgd`): 1 + sqrt(parameters) / 2^20
MOST_BOUND = 65536.0  # beyond, the grain of a sum of ten sites is 3e-4


def bound_of(job: FederatedJob, fewest: int, most: int) -> float:
    """Of a round.

    Args:
        fewest, most: what the sites told of their rows: of each an upper bound, at most twice its rows where it is a power of two.
    """
    if job.secagg.bound:
        return job.secagg.bound
    if job.privacy.level != "sample":
        return USUAL
    least = 1 if job.secagg.examples else fewest // 2 + 1
    return enough_for(USUAL + SURE * max(_deviation(job, least), _deviation(job, most)))


def enough_for(change: float) -> float:
    """The power of two that such a change is within, or the largest that a sum can hold."""
    return min(ldexp(1.0, ceil(log2(max(change, 1e-9)))), MOST_BOUND)


def _deviation(job: FederatedJob, rows: int) -> float:
    """Standard deviation of the noise that a site with so many rows adds to one weight in a round, at the most; it falls with rows up to a batch, and
    grows beyond."""
    how, privacy = job.training, job.privacy
    expected = min(how.batch, rows)
    steps = max(1, ceil(how.epochs * rows / expected))
    noise = analytic_sigma(privacy.epsilon, privacy.delta) * sqrt(job.rounds.count * steps)
    carried = min(steps, 1 / (1 - how.momentum))  # by momentum, which begins anew in each round
    return how.lr * carried * noise * ROUNDING * privacy.clip / expected * sqrt(steps)
