"""The model that a run left, before the simplest attack on membership: one threshold on the confidence, without shadow models.

Told as a fact beside the findings, not judged: there is no unprotected twin of this one model. Its rows are those that the job's simulation deals.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from velatura.attacks.attack import Outcomes
from velatura.attacks.intervals import estimate
from velatura.attacks.training.lira import phi
from velatura.audit.federated.trained import Model
from velatura.errors import BadInput
from velatura.federated.job import FederatedJob
from velatura.federated.networks import network_of
from velatura.federated.serving import HISTORY, MODEL, finished
from velatura.federated.site import held_back, pooled, split
from velatura.federated.table import Table
from velatura.federated.training import put

__all__ = ["own_model_told"]


def own_model_told(folder: Path, job: FederatedJob, base: Path) -> dict[str, str]:
    """What the run's model says of the rows that it was trained on, beside those that it was not; nothing where no model is there.

    Raises:
        BadInput: `federated.model`: weights of another network; `federated.damaged`: not those that the run left.
    """
    if not all((folder / name).is_file() for name in (MODEL, HISTORY)):
        return {}
    inside, outside = _rows(job, base)
    if min(len(inside), len(outside)) < 2:
        return {}
    model = _read(folder, job, inside)
    scores = [phi(model.logits(table.x), table.y) for table in (inside, outside)]
    right = [float((model(table.x) == table.y).mean()) for table in (inside, outside)]
    member = np.arange(len(inside) + len(outside)) < len(inside)
    area = estimate(Outcomes(np.concatenate(scores)[None], ("loss",), 0.5, "records", "AUC", kind="auc", member=member))
    told = f"accuracy {right[0]:.4f} on the {len(inside)} rows that it was trained on, {right[1]:.4f} on {len(outside)} others"
    return {"the run's own model": f"{told}; one threshold tells them apart with AUC {area.value:.3f} [{area.low:.3f}, {area.high:.3f}]"}


def _rows(job: FederatedJob, base: Path) -> tuple[Table, Table]:
    """(trained on, kept back at sites and at the server)."""
    pool, test = pooled(job, base)
    parts = [(rows, held_back(job, len(rows), site)) for site, rows in enumerate(split(job, pool))]
    own, kept = (np.concatenate([rows[which[at]] for rows, which in parts]) for at in (0, 1))
    others = pool.rows(kept)
    if test is not None:
        others = Table(np.concatenate([others.x, test.x]), np.concatenate([others.y, test.y]), pool.classes)
    return pool.rows(own), others


def _read(folder: Path, job: FederatedJob, rows: Table) -> Model:
    network, model = network_of(job, rows.schema), finished(folder).model
    try:
        put(network, model)
    except BadInput as error:
        sentence = f"{folder / MODEL}: no weights of {job.model.network} on these rows"
        raise BadInput("federated.model", sentence, hint="the job's own rows, or --data") from error
    network.eval()
    return Model(network)
