"""A federated job from start to end on an engine, into a run's folder.

RUN/job.json      what was run           RUN/checkpoint    after the last whole round
RUN/history.json  each round, and whose reply was refused, and why
RUN/model.npz     the final weights      RUN/ledger        releases that cost epsilon (with privacy)
RUN/secret        of the noise; 0600     RUN/flower        Flower's own files
"""

from __future__ import annotations

import hmac
import json
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from velatura.dp.accounting import Event, noise_for
from velatura.dp.ledger import Budget, PrivacyLedger
from velatura.errors import BadSpec, nearest
from velatura.federated.job import FederatedJob, check
from velatura.federated.quiet import switch_off
from velatura.files import alone, atomic_output, private_output
from velatura.progress import SILENT, Progress

if TYPE_CHECKING:
    from velatura.federated.aggregation import ClientLevel
    from velatura.federated.guarded_grid import Refused
    from velatura.federated.server import Cohort, Outcome

__all__ = ["ENGINES", "LIMITS", "Ran", "refuse_engine", "replies_told", "run"]

ENGINES = ("local",)
LIMITS = (
    "Federated learning keeps rows where they are, not what they say: updates and the final model tell of them unless differential privacy bounds it."
    " The server sees every single update unless aggregation is secret, and a site that lies within the guards is believed."
)


@dataclass(frozen=True, slots=True)
class Ran:
    """What a person is told. epsilon: spent, None without privacy; refused: replies that were not believed or did not come, by reason."""

    folder: str
    engine: str
    rounds: int
    sites: int
    parameters: int
    seconds: float
    loss: float | None
    accuracy: float | None
    sites_accuracy: float | None
    epsilon: float | None
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
        BadSpec: `federated.job`, `federated.combination`, `federated.engine`, `files.exists`, `federated.changed`.
        Missing: `extra.fl`, `extra.train`, `federated.nodes`.
        VelaturaError: `federated.no-round`.
    """
    check(job, where="the job")
    refuse_engine(engine)
    if job.aggregation != "plain" or job.privacy.level == "sample":
        raise BadSpec(
            "federated.engine",
            "secure aggregation and sample-level privacy are not built yet",
            hint='aggregation = "plain", privacy.level = "client"',
        )
    begun_s = time.monotonic()
    with ExitStack() as stack:
        _opened(folder, job, resume=resume, stack=stack)
        switch_off(folder / "flower")
        outcome, level = _on_local(job, folder, base, stack, resume=resume, progress=progress)
        ran = _told(job, folder, engine, outcome, level, time.monotonic() - begun_s)
        _write(folder, outcome, ran)
    return ran


def refuse_engine(engine: str) -> None:
    """Raises BadSpec `federated.engine`."""
    if engine not in ENGINES:
        raise BadSpec("federated.engine", f"there is no engine {engine!r}", hint=nearest(engine, ENGINES))


def replies_told(folder: Path, refused: Sequence[Refused]) -> None:
    """Write down which replies were left out, into a new folder."""
    folder.mkdir(mode=0o700, parents=True)
    with atomic_output(folder / "history.json") as part:
        part.write_text(json.dumps({"refused": [asdict(one) for one in refused]}, indent=1) + "\n")


def _opened(folder: Path, job: FederatedJob, *, resume: bool, stack: ExitStack) -> None:
    """The run's folder, for this process alone."""
    if folder.exists() and not resume:
        raise BadSpec("files.exists", f"{folder} exists", hint="--resume goes on with it; or another folder")
    (folder / "flower").mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    stack.callback(os.close, lock)
    try:
        alone(lock)
    except OSError as error:
        raise BadSpec("federated.busy", f"{folder}: another process runs it", hint="wait for it, or another folder") from error
    if not (folder / "job.json").exists():
        with atomic_output(folder / "job.json", force=True) as part:
            part.write_text(json.dumps(msgspec.to_builtins(job), indent=1) + "\n")


def _on_local(
    job: FederatedJob, folder: Path, base: Path, stack: ExitStack, *, resume: bool, progress: Progress
) -> tuple[Outcome, ClientLevel | None]:
    from velatura.federated.guarded_grid import GuardedGrid, Rules
    from velatura.federated.local_grid import LocalGrid
    from velatura.federated.server import serve
    from velatura.federated.site import client_app, pooled

    _, test = pooled(job, base)
    grid = LocalGrid(client_app(job, base), job.data.sites)
    stack.callback(grid.close)
    norm = 0.0 if job.privacy.level == "client" else job.guards.norm  # clipped already, and a cohort's median would be data
    guarded = GuardedGrid(grid, Rules(norm, job.guards.most_examples, job.data.sites, job.rounds.wait_s, job.rounds.deadline_s), refuse=_card(job))
    level, cohort = _privacy(job, folder, stack)
    spent = (lambda: level.ledger.spent()) if level is not None else (lambda: None)
    outcome = serve(job, guarded, aggregator=level, cohort=cohort, test=test, folder=folder, resume=resume, progress=progress, spent=spent)
    return outcome, level


def _card(job: FederatedJob) -> Any:
    """A reply must say which job and round it is of."""
    from velatura.federated.records import round_of
    from velatura.federated.site import CARD

    def refuse(sent: Any, reply: Any) -> str | None:
        if sent.metadata.message_type == "query":
            return None
        card = reply.content.config_records.get(CARD, {})
        if card.get("job") != job.digest:
            return "a reply of another job"
        return None if card.get("round") == round_of(sent) else f"a reply of round {card.get('round')}"

    return refuse


def _privacy(job: FederatedJob, folder: Path, stack: ExitStack) -> tuple[ClientLevel | None, Cohort | None]:
    """Client-level privacy: noise for the whole budget, and who takes part by a secret draw of each site by itself."""
    from velatura.federated.aggregation import ClientLevel

    if job.privacy.level != "client":
        return None, None
    rounds, share, privacy = job.rounds.count, job.rounds.share, job.privacy
    noise = noise_for(privacy.epsilon, privacy.delta, sampling=share, times=rounds)
    ledger = stack.enter_context(PrivacyLedger(folder / "ledger", Budget(privacy.epsilon, privacy.delta)))
    secret = _secret(folder / "secret")
    known = not len(ledger) and ledger.after(Event("gaussian", noise, share), rounds) <= privacy.epsilon

    def cohort(number: int, partitions: Sequence[int]) -> list[int]:
        return [one for one in partitions if share == 1 or _drawn(secret, number, one) < share]

    return ClientLevel(privacy.clip, noise, share, share * job.data.sites, ledger, secret, known), cohort


def _drawn(secret: bytes, number: int, partition: int) -> float:
    digest = hmac.digest(secret, f"velatura cohort v1|{number}|{partition}".encode(), "sha256")
    return int.from_bytes(digest[:7], "big") / (1 << 56)


def _secret(path: Path) -> bytes:
    if not path.exists():
        with private_output(path) as part:
            part.write_bytes(os.urandom(32))
    return path.read_bytes()


def _told(job: FederatedJob, folder: Path, engine: str, outcome: Outcome, level: ClientLevel | None, seconds: float) -> Ran:
    last = outcome.history[-1] if outcome.history else None
    reasons: dict[str, int] = {}
    for one in outcome.refused:
        reasons[one.why.split(":")[0]] = reasons.get(one.why.split(":")[0], 0) + 1
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
        epsilon=level.ledger.spent() if level is not None else None,
        delta=job.privacy.delta if level is not None else None,
        noise=level.noise if level is not None else None,
        unchanged=sum(bool(one.unchanged) for one in outcome.history),
        refused=reasons,
        stopped=outcome.stopped,
    )


def _write(folder: Path, outcome: Outcome, ran: Ran) -> None:
    with atomic_output(folder / "model.npz", force=True) as part, part.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **outcome.model)
    told = {"rounds": [asdict(one) for one in outcome.history], "refused": [asdict(one) for one in outcome.refused]}
    with atomic_output(folder / "history.json", force=True) as part:
        part.write_text(json.dumps(told, indent=1) + "\n")
