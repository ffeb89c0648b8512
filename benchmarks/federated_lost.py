"""Sites lost in secure aggregation: n - t of them at each stage, which a round must survive, and one more, after which nothing may be released.

A lost site raises from the stage's message on, in the engine in this process. Ten sites, of whom t = 7 must stay. A round that survives is compared
with the mean of the updates that are in it, as plain aggregation of the same sites has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SITES = 10
IN_THE_SUM = ("agree", "unmask")  # whoever is lost here has sent his masked update before
RESOLUTION = 1e-5  # of fixed point, and of float32 sums


@dataclass(frozen=True, slots=True)
class Lost:
    """survived: the round's model is that of the sites in the sum; aborted: one more lost, and the model is the one that the round began with."""

    stage: str
    lost: int
    survived: bool
    aborted: bool
    why: str


def measured() -> list[Lost]:
    """Each stage that ten sites go through."""
    from velatura.federated.secagg.graph import threshold
    from velatura.federated.secagg.wire import STAGES

    bear = SITES - threshold(SITES)
    plain = {"all": _ran(_job("plain"), 0, "")[0], "rest": _ran(_job("plain"), bear, "train")[0]}
    return [_lost(stage, bear, plain["all" if stage in IN_THE_SUM else "rest"]) for stage in STAGES if stage != "reveal"]  # for more than 64 sites


def _lost(stage: str, bear: int, wanted: dict[str, np.ndarray]) -> Lost:
    model, refused = _ran(_job("secagg"), bear, f"train.{stage}")
    survived = not refused and all(np.abs(model[name] - value).max() <= RESOLUTION for name, value in wanted.items())
    model, why = _ran(_job("secagg"), bear + 1, f"train.{stage}")
    return Lost(stage, bear, survived, bool(why) and not model, why)


def _job(aggregation: str) -> Any:
    from velatura.federated.job import Data, FederatedJob, Model, Rounds, Training

    return FederatedJob(Model("linear"), Data("digits", sites=SITES), Training(), rounds=Rounds(1), aggregation=aggregation)


def _ran(job: Any, gone: int, stage: str) -> tuple[dict[str, np.ndarray], str]:
    """(the model, why there is none)."""
    from benchmarks.federated_robust import ran
    from velatura.errors import VelaturaError
    from velatura.federated.site import client_app

    honest, lost = client_app(job, Path()), set()

    def answer(message: Any, context: Any) -> Any:
        site = int(context.node_config["partition-id"])
        if message.metadata.message_type == stage and site < gone:
            lost.add(site)
        if site in lost:
            raise RuntimeError("a site that is lost")
        return honest(message, context)

    try:
        return ran(job, answer).model, ""
    except VelaturaError as error:
        if error.code != "federated.no-round":
            raise
        return {}, str(error)
