"""What is attacked: a job, its rows, and the same job without its protections."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from velatura.audit.federated.options import FederatedOptions
from velatura.errors import BadInput, BadSpec
from velatura.federated.job import FederatedJob, Guards, Privacy, StrategyOf, load_job
from velatura.federated.site import pooled
from velatura.federated.table import Table

__all__ = ["TEST", "Material", "read", "unprotected"]

TEST = 0.2
"""Share kept to judge by, where the job keeps none."""


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """See the module.

    Attributes:
        job: as it is attacked: its labels counted, its source absolute, with rows to judge by.
        path: of the job's file, as the person wrote it.
        base: what relative paths in the job are relative to.
        pool: all rows that sites of the simulation are dealt.
        test: rows that the server judges by.
        seed: of the audit.
    """

    job: FederatedJob
    path: Path
    base: Path
    options: FederatedOptions
    pool: Table
    test: Table
    seed: int


def read(options: FederatedOptions, *, base: Path, seed: int) -> Material:
    """Read job and rows.

    Raises:
        BadSpec: the job is wrong, or its rows are not here. BadInput: they cannot be read, or are too few.
    """
    path = base / options.job
    job = load_job(path)
    place = (base / options.base if options.base else path.parent).resolve()
    source = options.data and str((base / options.data).resolve())
    job = replace(job, data=replace(job.data, source=source or job.data.source, test=job.data.test or TEST))
    try:
        pool, test = pooled(job, place)
    except BadSpec as error:
        if error.code != "federated.source":
            raise
        hint = "--base FOLDER, what the job's paths are relative to; or --data TABLE, other rows of the same form"
        raise BadSpec(error.code, error.sentence, hint=hint) from error
    if test is None or not len(test):
        raise BadInput("audit.no-rows", f"{job.data.source}: no rows to judge a model by", hint="data.test above 0, and more rows")
    job = replace(job, data=replace(job.data, classes=pool.classes))
    return Material(job, path, place, options, pool, test, seed)


def unprotected(job: FederatedJob) -> FederatedJob:
    """The same training with nothing against anybody: mean of plain updates, of any length, without noise."""
    return replace(
        job,
        strategy=StrategyOf(),
        privacy=Privacy(),
        guards=Guards(norm=0.0, most_examples=1 << 60),
        aggregation="plain",
        rounds=replace(job.rounds, least=1),
    )
