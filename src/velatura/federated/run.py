"""A federated job from start to end on an engine, into a run's folder.

RUN/job.json   what was run                 RUN/flower   Flower's own files
and what the server leaves there: see `serving.py`.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from velatura.errors import BadSpec, VelaturaError
from velatura.federated.engines import engine_of, refuse_engine
from velatura.federated.job import FederatedJob, check, difference, written
from velatura.federated.quiet import switch_off
from velatura.files import alone, atomic_output
from velatura.progress import SILENT, Progress

if TYPE_CHECKING:
    from velatura.federated.server import Outcome

__all__ = ["LIMITS", "Ran", "refuse_inside", "run"]

LIMITS = (
    "Federated learning keeps rows where they are, not what they say: updates and the final model tell of them unless differential privacy bounds it."
    " The server sees every single update unless aggregation is secret, and a site that lies within the guards is believed."
)


@dataclass(frozen=True, slots=True)
class Ran:
    """What a person is told.

    Attributes:
        sites_accuracy: as sites judged the model that the last round began with; by_site: the final one, by partition.
        epsilon: spent; None without privacy.
        unit: whom epsilon is for: a "site", or a "row".
        refused: replies that were not believed or did not come, by reason.
    """

    folder: str
    engine: str
    rounds: int
    sites: int
    parameters: int
    seconds: float
    loss: float | None
    accuracy: float | None
    sites_accuracy: float | None
    by_site: dict[str, float]
    epsilon: float | None
    unit: str
    delta: float | None
    noise: float | None
    unchanged: int
    refused: dict[str, int]
    stopped: str
    limits: str = LIMITS


def run(job: FederatedJob, folder: Path, *, engine: str = "local", base: Path = Path(), resume: bool = False, progress: Progress = SILENT) -> Ran:
    """Run a job.

    Args:
        folder: of the run; must be new, or hold a run of the same job with `resume`.
        base: what relative paths in the job are relative to.

    Raises:
        BadSpec: `federated.job`, `federated.combination`, `federated.engine`, `files.exists`, `files.no-folder`, `federated.changed`,
            `federated.no-run`, `federated.busy`.
        Missing: `extra.fl`, `extra.train`, `federated.nodes`.
        VelaturaError: `federated.no-round`; `files.unwritable`.
    """
    check(job, where="the job")
    refuse_engine(engine)
    begun_s = time.monotonic()
    with ExitStack() as stack:
        _opened(folder, job, resume=resume, stack=stack)
        switch_off(folder / "flower")
        outcome = engine_of(engine).run(job, folder, base, resume=resume, progress=progress)
    return _told(job, folder, engine.partition(":")[0], outcome, time.monotonic() - begun_s)


def _opened(folder: Path, job: FederatedJob, *, resume: bool, stack: ExitStack) -> None:
    """The run's folder, for this process alone."""
    if folder.exists() and not folder.is_dir():
        raise BadSpec("files.no-folder", f"{folder}: is a file, and a run needs a folder", hint="name another folder")
    new = not folder.exists()
    if not new and not resume:
        raise BadSpec("files.exists", f"{folder} exists", hint="--resume goes on with it; or another folder")
    if not new and not (folder / "job.json").is_file() and any(folder.iterdir()):
        raise BadSpec("federated.no-run", f"{folder}: is no run's folder", hint="the folder of `velatura fl run -o`, or a new one")
    if new:
        stack.callback(_left_out, folder)
    lock = _made(folder)
    stack.callback(os.close, lock)
    try:
        alone(lock)
    except OSError as error:
        raise BadSpec("federated.busy", f"{folder}: another process runs it", hint="wait for it, or another folder") from error
    if not (folder / "job.json").exists():
        with atomic_output(folder / "job.json", force=True) as part:
            part.write_text(json.dumps(msgspec.to_builtins(job), indent=1) + "\n")
    elif changed := difference(written(folder), job):
        raise BadSpec("federated.changed", f"{folder}: the job has changed since: {changed}", hint="another folder, or the job as it was")


def _made(folder: Path) -> int:
    """Its lock, open."""
    try:
        (folder / "flower").mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        return os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        sentence = f"{folder}: cannot be made: {error.strerror}"
        raise VelaturaError("files.unwritable", sentence, hint="choose a place that you may write to") from error


def refuse_inside(folder: Path, out: Path) -> None:
    """What is made of a run goes elsewhere. Raises BadSpec `files.same`: `out` is the run's folder, or lies in it."""
    if out.resolve().is_relative_to(folder.resolve()):
        raise BadSpec("files.same", f"{out}: lies in the run's folder", hint="write the output somewhere else")


def _left_out(folder: Path) -> None:
    """A run that did not get to the end of its first round, and spent nothing, leaves no folder in the way of the next attempt."""
    kept = [folder / name for name in ("checkpoint", "history.json")]
    spent = any(ledger.stat().st_size for ledger in (folder / "ledger", *folder.glob("sites/*/ledger")) if ledger.exists())
    if not any(one.exists() for one in kept) and not spent:
        shutil.rmtree(folder, ignore_errors=True)


def _told(job: FederatedJob, folder: Path, engine: str, outcome: Outcome, seconds: float) -> Ran:
    from velatura.federated.guarded_grid import counted

    last = outcome.history[-1] if outcome.history else None
    return Ran(
        folder=str(folder),
        engine=engine,
        rounds=len(outcome.history),
        sites=job.data.sites,
        parameters=sum(value.size for value in outcome.model.values()),
        seconds=round(seconds, 3),
        loss=last.loss if last else None,
        accuracy=last.accuracy if last else None,
        sites_accuracy=last.sites_accuracy if last else None,
        by_site=outcome.by_site,
        epsilon=outcome.epsilon,
        unit="row" if job.privacy.level == "sample" else "site",
        delta=job.privacy.delta if outcome.epsilon is not None else None,
        noise=outcome.noise,
        unchanged=sum(bool(one.unchanged) for one in outcome.history),
        refused=counted(outcome.refused),
        stopped=outcome.stopped,
    )
