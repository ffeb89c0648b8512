"""From the table `[federated]` to its cases: what the final model tells of its records, and what somebody at a few sites can make of it.

Each attack plays the same job twice: as it is, and without anything against anybody. What a job promises depends on what it has: an epsilon bounds
how many members can be named; a strategy that compares sites promises that a poison costs little. Where nothing is promised the result is stated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from velatura.attacks.attack import Attack
from velatura.audit.case import Case, Plan
from velatura.audit.federated.case_of import case_of
from velatura.audit.federated.material import Material, read, unprotected
from velatura.audit.federated.names import ATTACKS
from velatura.audit.federated.own_model import own_model_told
from velatura.audit.federated.told import run_told
from velatura.audit.federated.update_cases import updates_cases
from velatura.errors import BadSpec
from velatura.federated.inputs import inputs_of, refuse_changed
from velatura.federated.job import FederatedJob, load_job
from velatura.federated.loading import load
from velatura.federated.run import LIMITS
from velatura.federated.site import split
from velatura.federated.strategies import SINGLE
from velatura.findings import Claim

if TYPE_CHECKING:
    from velatura.audit.spec import AuditSpec
    from velatura.models.store import ModelStore

__all__ = ["LOST", "plan"]

LOST = 0.03
"""Accuracy that a poison costs at most, where the strategy compares sites (docs/benchmarks/federated.md)."""

INSIDE = (
    "Membership is tried on jobs that are trained anew, on half of the rows each: what it finds is of this way to train, not of one model file; and"
    " fewer rows are learnt better by heart."
)


def plan(spec: AuditSpec, *, base: Path, stack: ExitStack, store: ModelStore | None = None) -> Plan:
    """The cases of a spec with `room = "federated"`. Raises BadSpec, BadInput, Missing."""
    options = spec.federated
    if options is None:
        raise BadSpec("audit.no-table", "the spec has no table [federated]", hint='[federated] with job = "job.toml"')
    options.check()
    material = read(options, base=base, seed=spec.seed)
    cases = [case for name in options.attacks or ATTACKS for case in _BUILDERS[name](material)]
    if not cases:
        raise BadSpec("audit.no-case", f"{', '.join(options.attacks)}: nothing of it concerns this job", hint="another attack, or all of them")
    return Plan(tuple(cases), (LIMITS, INSIDE), _subject(material) | _run(material), _not_played(material))


def _run(material: Material) -> dict[str, str]:
    """What the run left, if it is one; its own model only where the rows are the job's.

    Raises:
        BadSpec: `federated.changed`: it was trained on other rows than these, or with another network.
    """
    folder, job = material.path.parent, load_job(material.path)
    rows = None if material.options.data else load(job.data.source, base=material.base, classes=job.data.classes, label=job.data.label)
    refuse_changed(folder, inputs_of(job, material.base, rows))
    own = {} if rows is None else own_model_told(folder, job, material.base)
    return run_told(folder, material.job) | own


def _not_played(material: Material) -> tuple[str, ...]:
    if material.job.aggregation == "plain":
        return ()
    return ("not played: poisons made of an update, and backdoors: it is masked where it is made, and a site that lies there is believed",)


def _subject(material: Material) -> dict[str, str]:
    job = material.job
    private = f"{job.privacy.level} level, epsilon {job.privacy.epsilon:g} at delta {job.privacy.delta:g}" if job.privacy.level != "none" else "none"
    return {
        "job": f"{job.model.network} on {material.options.data or job.data.source}",
        "training": f"{job.data.sites} sites, {job.rounds.count} rounds of {job.training.epochs} epochs",
        "rows": f"{len(material.pool)} at sites, {len(material.test)} to judge by",
        "strategy": job.strategy.name,
        "differential privacy": private,
        "aggregation": job.aggregation,
        "guards": f"updates of {job.guards.norm:g} times the median norm at most" if job.guards.norm else "of any length",
    }


def _membership(material: Material) -> Iterator[Case]:
    from velatura.attacks.training.membership import AT, Membership
    from velatura.audit.federated.membership import ModelArm, most_named

    options, job = material.options, material.job
    chosen = np.sort(np.random.default_rng([material.seed, 1]).permutation(len(material.pool))[: options.records])
    records, bare = material.pool.rows(chosen), unprotected(job)
    protected = ModelArm(job, records)
    plain = protected if job.privacy.level == "none" and bare.strategy == job.strategy else ModelArm(bare, records)
    bound = most_named(job, AT)
    target = f"the final model, {len(records)} records asked for" + (f", epsilon {job.privacy.epsilon:g}" if job.privacy.level != "none" else "")
    attack = Membership(options.shadows, options.targets)
    yield case_of(material, attack, target, (plain, protected), None if bound is None else Claim(bound), records.y.tolist())


def _one_run(material: Material) -> Iterator[Case]:
    from velatura.attacks.training.one_run import OneRun
    from velatura.audit.federated.one_run import CANARIES, LEVELS, CanaryArm

    job, privacy = material.job, material.job.privacy
    if privacy.level not in LEVELS:
        return
    rows = float(np.median([len(part) for part in split(job, material.pool)]))
    sampling = min(1.0, job.training.batch / max(rows, 1.0))
    plain, protected = (CanaryArm(one, privacy.level, sampling, privacy.clip) for one in (unprotected(job), job))
    target = f"the mechanism at epsilon {privacy.epsilon:g}, for each {'row' if privacy.level == 'sample' else 'site'}"
    attack = OneRun(delta=privacy.delta, claim=privacy.epsilon)
    yield case_of(material, attack, target, (plain, protected), Claim(privacy.epsilon), list(range(CANARIES)))


def _poisoning(material: Material) -> Iterator[Case]:
    from velatura.attacks.training.poison import POISONS
    from velatura.attacks.training.poisoning import Poisoning

    poisons = material.options.poisons or tuple(POISONS)
    if (
        material.job.aggregation != "plain"
    ):  # an update is masked where it is made: what a site trains on is left to an attacker who keeps to the form
        poisons = tuple(name for name in poisons if POISONS[name].update is None) or ("label-flip",)
    claim = Claim(LOST) if material.job.strategy.name in SINGLE else None
    yield _hostile(material, Poisoning(poisons), claim)


def _backdoor(material: Material) -> Iterator[Case]:
    from velatura.attacks.training.backdoor import Backdoor

    if material.job.aggregation == "plain":
        yield _hostile(material, Backdoor(), None)


def _hostile(material: Material, attack: Attack[Any, Any], claim: Claim | None) -> Case:
    from velatura.audit.federated.poisoned import PoisonedArm

    job, base = material.job, material.base
    his = range(max(1, round(material.options.malicious * job.data.sites)))
    plain, protected = (PoisonedArm(one, base, material.pool.schema, his, material.seed) for one in (unprotected(job), job))
    target = f"{len(his)} of {job.data.sites} sites against {job.strategy.name}{_held_back_by(job)}"
    secrets = list(zip(material.test.x, material.test.y.tolist(), strict=True))
    return case_of(material, attack, target, (plain, protected), claim, secrets)


def _held_back_by(job: FederatedJob) -> str:
    """What stands against a long update."""
    if job.aggregation != "plain":
        return ", under secure aggregation"
    if job.privacy.level == "client":
        return ", updates clipped"
    return " and guards of length" if job.guards.norm else ""


_BUILDERS: dict[str, Callable[[Material], Iterator[Case]]] = {
    "inversion": lambda material: updates_cases(material, "inversion"),
    "labels": lambda material: updates_cases(material, "labels"),
    "membership": _membership,
    "one-run": _one_run,
    "poisoning": _poisoning,
    "backdoor": _backdoor,
}
"""Name of an attack (`names.ATTACKS`) -> its cases; none where it does not concern the job."""
