"""What one round's updates tell of a site's rows: the cases of a job. A site with a single row is the worst case, and the one that is played.

Who is promised something: against the server, where sites mask what they send (`secagg`) or noise it ("sample", "local"); against whoever sees the
model, where the sum is noised ("client"). A masked sum without noise promises nothing of what it says, and is stated.
Under an epsilon a picture is not to be found again; of labels it promises what randomised response does (`most_labels`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import exp
from typing import TYPE_CHECKING, Any

import numpy as np

from velatura.attacks.attack import Attack
from velatura.attacks.updates.update import Batch
from velatura.audit.case import Case
from velatura.audit.federated.case_of import case_of
from velatura.audit.federated.material import Material, unprotected
from velatura.findings import Claim

if TYPE_CHECKING:
    from velatura.federated.job import Privacy

__all__ = ["most_labels", "updates_cases"]

LABELS = 200  # updates whose label is asked for: each costs a round and no search


def updates_cases(material: Material, name: str) -> Iterator[Case]:
    """name: "inversion" or "labels"."""
    from velatura.attacks.updates.inversion import Inversion
    from velatura.attacks.updates.label_leak import LabelLeak
    from velatura.audit.federated.updates import UpdateArm

    job, pool = material.job, material.pool
    order = np.random.default_rng([material.seed, 2]).permutation(len(pool))
    others, own = pool.rows(order[: max(job.data.sites - 1, 1)]), order[max(job.data.sites - 1, 1) :]
    secrets = [Batch(pool.x[at : at + 1], pool.y[at : at + 1]) for at in own[: material.options.updates if name == "inversion" else LABELS]]
    plain = UpdateArm(unprotected(job), others)
    attack: Attack[Any, Any] = Inversion() if name == "inversion" else LabelLeak()
    for view in _views(material):
        claim = _claim(material, view, secrets if name == "labels" else ())
        protected = UpdateArm(job, others, view)
        alike = view == "site" and job.privacy.level == "none" and job.aggregation == "plain"
        yield case_of(material, attack, _target(material, view), (plain, plain if alike else protected), claim, secrets)


def _views(material: Material) -> tuple[str, ...]:
    """ "site": what one site sends; "sum": what becomes of all of it, where that is more than their mean."""
    job = material.job
    return ("site", "sum") if job.data.sites > 1 and (job.aggregation == "secagg" or job.privacy.level == "client") else ("site",)


def _target(material: Material, view: str) -> str:
    job = material.job
    noise = f", epsilon {job.privacy.epsilon:g}" if job.privacy.level in (("client",) if view == "sum" else ("sample", "local")) else ""
    if view == "sum":
        return f"the sum of {job.data.sites} sites, a row each{noise}"
    masked = "masked update" if job.aggregation == "secagg" else "update"
    return f"the {masked} of a site with one row{noise}"


def _claim(material: Material, view: str, asked: Sequence[Batch]) -> Claim | None:
    """asked: whose label is asked for; () where it is not."""
    job = material.job
    if view == "site" and job.aggregation == "secagg":
        return Claim()
    if job.privacy.level not in (("client",) if view == "sum" else ("sample", "local")):
        return None
    if not asked:
        return Claim()
    bound = most_labels(job.privacy, np.unique([one.y[0] for one in asked], return_counts=True)[1].max() / len(asked))
    return Claim(bound) if bound < 0.9 else None


def most_labels(privacy: Privacy, common: float) -> float:
    """Right labels at most, where the most frequent label is that of a share `common`: what an answer gets that is always the same.

    No release makes a label more than e^epsilon times as likely against any other: of `common` becomes common e^epsilon / (common e^epsilon + 1 -
    common) at most; of equally likely ones that is what randomised response gets (Kairouz, Oh, Viswanath, JMLR 2016). Local privacy is of any two
    rows. The other levels are of one that comes or goes: two rows are 2 epsilon apart, and each is epsilon from none, of which nothing is guessed.
    """
    epsilon, delta, odds = privacy.epsilon, privacy.delta, 1 / common - 1
    if privacy.level == "local":
        return float(min(1 / (1 + odds * exp(-epsilon)) + delta, 1.0))
    far = 1 / (1 + odds * exp(-2 * epsilon)) + delta * (1 + exp(min(epsilon, 700.0)))
    return float(min(far, exp(min(epsilon, 700.0)) * common + delta, 1.0))
