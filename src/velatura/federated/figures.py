"""Figures of a job, each with the range in which a run can hold it: refused when the job is read, before anything is dealt or allocated.

Upper ends are far beyond what helps anybody; they keep a slip of the keyboard from becoming a run that ends in an hour, in a machine without memory,
or in weights that are no numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from velatura.errors import BadSpec, nearest
from velatura.federated.ranges import Range, shown, whole
from velatura.federated.secagg.bound import MOST_BOUND
from velatura.federated.strategies import STRATEGIES
from velatura.federated.table import MOST_CLASSES

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob

__all__ = ["MOST_SITES", "refuse_figures"]

MOST_SITES = 100_000
MONTH_S = 30 * 24 * 3600.0
LARGE = 1e6

RANGES = {
    "data.sites": whole(1, MOST_SITES),
    "data.test": Range(0, 1, below=True),
    "data.check": Range(0, 1, below=True),
    "data.classes": whole(0, MOST_CLASSES),
    "training.epochs": whole(1, 10_000),
    "training.batch": whole(1, 1 << 24),
    "training.lr": Range(0, LARGE, above=True),
    "training.momentum": Range(0, 1, below=True),
    "training.weight_decay": Range(0, LARGE),
    "training.proximal": Range(0, LARGE),
    "rounds.count": whole(1, 1_000_000),
    "rounds.share": Range(0, 1, above=True),
    "rounds.more": whole(0, MOST_SITES),
    "rounds.least": whole(1, MOST_SITES),
    "rounds.deadline_s": Range(0, MONTH_S, above=True),
    "rounds.wait_s": Range(0, MONTH_S, above=True),
    "privacy.epsilon": Range(0, LARGE, above=True),
    "privacy.delta": Range(0, 1, above=True, below=True),
    "privacy.clip": Range(0, LARGE, above=True),
    "guards.norm": Range(1, LARGE, off=True),  # below 1 more than half of all sites would be refused
    "guards.most_examples": whole(1, 1 << 62),
    "secagg.bound": Range(0, MOST_BOUND),
    "secagg.norm": Range(0, LARGE),
    "secagg.examples": whole(0, 1 << 30),
    "seed": whole(0, (1 << 63) - 1),
}


def refuse_figures(job: FederatedJob, *, where: str) -> None:
    """Raises BadSpec `federated.job`: a figure that no run can hold, or an option that the job's strategy does not take."""
    for name, allowed in RANGES.items():
        value, default = _at(job, name)
        if not allowed.holds(value):
            raise BadSpec("federated.job", f"{where}: {name} is {shown(value)}; it must be {allowed}", hint=f"the default is {shown(default)}")
    taken = STRATEGIES[job.strategy.name].options
    for name, value in job.strategy.options.items():
        if name not in taken:
            raise BadSpec("federated.job", f"{where}: {job.strategy.name} has no option {name!r}", hint=nearest(name, taken))
        if not taken[name].holds(value):
            sentence = f"{where}: strategy.options.{name} is {shown(value)}; it must be {taken[name]}"
            raise BadSpec("federated.job", sentence, hint="without it Flower's own default holds")


def _at(job: FederatedJob, name: str) -> tuple[Any, Any]:
    """(value, default) of a field, by "table.field" or "field"."""
    table, _, field = name.rpartition(".")
    holder = getattr(job, table) if table else job
    return getattr(holder, field), next(one.default for one in msgspec.structs.fields(holder) if one.name == field)
