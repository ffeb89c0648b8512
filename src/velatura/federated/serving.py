"""A job's server over whatever grid an engine gives: guards, aggregator, rounds, and what stays in the run's folder.

RUN/checkpoint    after the last whole round     RUN/model.npz   the final weights
RUN/history.json  each round, and whose reply was refused, and why
RUN/inputs.json   of network and rows, so that it goes on with the same
RUN/ledger        releases that cost epsilon     RUN/secret      of the noise; 0600 (both with client-level privacy)
RUN/sites/site-N  the same of each site of a simulation, where noise is the sites' own

The server may be another process than the one that started the run (a SuperLink's): `finished` reads back what it left.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from flwr.app import Message
from flwr.serverapp import Grid

from velatura.errors import BadInput, VelaturaError
from velatura.federated.client_level import client_level
from velatura.federated.guarded_grid import GuardedGrid, Refused, Rules
from velatura.federated.inputs import hold, inputs_of
from velatura.federated.loading import BUILT_IN, load
from velatura.federated.own_network import look_in
from velatura.federated.records import State, digest_of, round_of
from velatura.federated.secure_aggregation import SecureAggregation
from velatura.federated.server import NoRound, Outcome, RoundTold, serve
from velatura.federated.site import CARD, OWN, parted
from velatura.federated.table import Schema, Table
from velatura.files import atomic_output
from velatura.progress import SILENT, Progress

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob

__all__ = ["HISTORY", "MODEL", "finished", "serve_job"]

HISTORY, MODEL = "history.json", "model.npz"
ANEW = "velatura fl run --resume writes it anew from the checkpoint"


def serve_job(job: FederatedJob, grid: Grid, folder: Path, base: Path, *, resume: bool = False, progress: Progress = SILENT) -> Outcome:
    """Run a job's rounds over an engine's grid, and write the end of it into the run's folder.

    Args:
        folder: of the run; it is there.
        base: what relative paths in the job are relative to.

    Raises:
        BadSpec: what `server.serve` raises, and `federated.changed` where network or rows are not as they were.
    """
    look_in(base)
    whole = _rows(job, base)
    hold(folder, inputs_of(job, base, whole), resume=resume)
    guarded = GuardedGrid(grid, _rules(job), refuse=_card(job))
    with ExitStack() as stack:
        level, cohort = client_level(job, folder, stack)
        spent: Callable[[], float | None] = level.ledger.spent if level is not None else lambda: None
        aggregator = SecureAggregation(job, level) if job.aggregation == "secagg" else level
        test = None if whole is None else parted(job, whole, base)[1]
        try:
            outcome = serve(
                job, guarded, aggregator=aggregator, cohort=cohort, test=test, folder=folder, resume=resume, progress=progress, spent=spent
            )
        except NoRound as error:
            _write_history(folder, error.outcome)
            raise
        if level is not None:
            outcome = replace(outcome, epsilon=level.ledger.spent(), noise=level.noise)
        elif job.privacy.level in OWN:  # under secure aggregation sites do not say how many rows they have, and what those have cost
            told = outcome.history[-1].epsilon if outcome.history else None
            outcome = replace(outcome, epsilon=job.privacy.epsilon if told is None else told)
    _write(folder, outcome)
    return outcome


def finished(folder: Path) -> Outcome:
    """What a server in another process left in the run's folder.

    Raises:
        VelaturaError: `federated.unfinished`: it did not come to its end. BadInput: `federated.damaged`.
    """
    if missing := next((name for name in (HISTORY, MODEL) if not (folder / name).exists()), None):
        sentence = f"{folder}: the run did not come to its end: there is no {missing}"
        raise VelaturaError("federated.unfinished", sentence, hint="--resume goes on with it")
    try:
        told = json.loads((folder / HISTORY).read_text(encoding="utf-8"))
        model = _model(folder / MODEL, told["model"])
        schema = Schema(tuple(told["schema"]["shape"]), told["schema"]["classes"])
        rounds, refused = [RoundTold(**one) for one in told["rounds"]], [Refused(**one) for one in told["refused"]]
        return Outcome(model, schema, rounds, refused, told["stopped"], told["epsilon"], told["noise"], told["by_site"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput("federated.damaged", f"{folder / HISTORY}: damaged", hint=ANEW) from error


def _model(path: Path, digest: str) -> State:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            model = {name: arrays[name] for name in arrays.files}
        if digest_of(model).hex() == digest:
            return model
    except (OSError, ValueError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise BadInput("federated.damaged", f"{path}: damaged", hint=ANEW) from error
    raise BadInput("federated.damaged", f"{path}: is not the model that this run left", hint=ANEW)


def _rules(job: FederatedJob) -> Rules:
    norm = 0.0 if job.privacy.level == "client" else job.guards.norm  # clipped already, and a cohort's median would be data
    return Rules(norm, job.guards.most_examples, job.data.sites, job.rounds.wait_s, job.rounds.deadline_s)


def _rows(job: FederatedJob, base: Path) -> Table | None:
    """All that the job's source has on this machine; in a deployment that keeps no rows to judge by the server has none."""
    source = job.data.source
    if not job.data.test and source not in BUILT_IN and not (base / source).exists():
        return None
    return load(source, base=base, classes=job.data.classes, label=job.data.label)


def _card(job: FederatedJob) -> Callable[[Message, Message], str | None]:
    """A reply must say which job and round it is of."""

    def refuse(sent: Message, reply: Message) -> str | None:
        if sent.metadata.message_type == "query":
            return None
        card = dict(reply.content.config_records.get(CARD, {}))
        if card.get("job") != job.digest:
            return "a reply of another job"
        return None if card.get("round") == round_of(sent) else f"a reply of round {card.get('round')!r}"

    return refuse


def _write(folder: Path, outcome: Outcome) -> None:
    with atomic_output(folder / MODEL, force=True) as part, part.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **outcome.model)
    _write_history(folder, outcome)


def _write_history(folder: Path, outcome: Outcome) -> None:
    told = {
        "rounds": [asdict(one) for one in outcome.history],
        "refused": [asdict(one) for one in outcome.refused],
        "model": digest_of(outcome.model).hex(),
        "schema": {"shape": list(outcome.schema.shape), "classes": outcome.schema.classes},
        "stopped": outcome.stopped,
        "epsilon": outcome.epsilon,
        "noise": outcome.noise,
        "by_site": outcome.by_site,
    }
    with atomic_output(folder / HISTORY, force=True) as part:
        part.write_text(json.dumps(told, indent=1) + "\n")
