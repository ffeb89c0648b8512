"""What a finished run left beside its job: for the report, in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from velatura.dp.ledger import Budget, PrivacyLedger
from velatura.errors import BadInput
from velatura.federated import checkpoint
from velatura.federated.job import FederatedJob

__all__ = ["run_told"]

HISTORY, LEDGER, SITES = "history.json", "ledger", "sites"


def run_told(folder: Path, job: FederatedJob) -> dict[str, str]:
    """Facts of the run in `folder`; none where there is no run.

    Raises:
        BadInput: `federated.history`: damaged; `dp.ledger`: the ledger is, or the run goes on at this moment; `federated.checkpoint`.
    """
    if not (folder / HISTORY).is_file():
        return _half(folder, job)
    try:
        history = json.loads((folder / HISTORY).read_text("utf-8"))
        rounds, refused = list(history["rounds"]), list(history["refused"])
        told = {"run": _rounds(rounds), "replies left out": _refused(refused)}
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise BadInput("federated.history", f"{folder / HISTORY}: damaged", hint="the folder of `velatura fl run -o`") from error
    return told | _spent(folder, job)


def _spent(folder: Path, job: FederatedJob) -> dict[str, str]:
    sites = sorted(folder.glob(f"{SITES}/*/{LEDGER}"))
    if (folder / LEDGER).is_file():
        return {"ledger": _ledger(folder / LEDGER, job)}
    if sites:
        return {"ledger": _ledgers(sites, job)}
    return {} if job.privacy.level == "none" else {"ledger": "none in the run's folder: what was spent is kept at the sites, or lost"}


def _half(folder: Path, job: FederatedJob) -> dict[str, str]:
    """Of a run without an end, so that nobody takes its report for that of a whole one."""
    if not (folder / "job.json").is_file() or not (folder / "lock").is_file():
        return {}
    done = checkpoint.read(folder / checkpoint.NAME).number if (folder / checkpoint.NAME).exists() else 0
    return {"run": f"not at its end: {done} of {job.rounds.count} rounds are done"} | _spent(folder, job)


def _rounds(rounds: list[Any]) -> str:
    last = rounds[-1] if rounds else {}
    unchanged = sum(bool(one.get("unchanged")) for one in rounds)
    accuracy = f", accuracy {last['accuracy']:.4f}" if last.get("accuracy") is not None else ""
    return f"{len(rounds)} rounds{accuracy}" + (f", {unchanged} of them without effect" if unchanged else "")


def _refused(refused: list[Any]) -> str:
    reasons = sorted({str(one["why"]).split(":")[0] for one in refused})
    return f"{len(refused)}" + (f": {'; '.join(reasons[:5])}" if reasons else "")


def _ledger(path: Path, job: FederatedJob) -> str:
    budget = Budget(job.privacy.epsilon, job.privacy.delta)
    with PrivacyLedger(path, budget) as ledger:
        return f"{len(ledger)} releases, epsilon {ledger.spent():.4g} of {budget.epsilon:g} at delta {budget.delta:g}, recomputed from its lines"


def _ledgers(paths: list[Path], job: FederatedJob) -> str:
    """Of sites whose rows are disjoint: the largest is the run's."""
    budget, spent = Budget(job.privacy.epsilon, job.privacy.delta), list[float]()
    for path in paths:
        with PrivacyLedger(path, budget) as ledger:
            spent.append(ledger.spent())
    return f"{len(paths)} sites, epsilon {max(spent):.4g} of {budget.epsilon:g} at delta {budget.delta:g} at most, recomputed from their lines"
