"""A site's own privacy: its ledger and its secret, in a folder of its own, and what it adds before anything leaves.

FOLDER/ledger   each release, charged before its noise is drawn     FOLDER/secret   what noise and batches are drawn from; 0600
FOLDER/noise    the multiplier that the budget asks for

"sample": epsilon for each row, against whoever sees any update. Rows of two sites are disjoint, so that the run's epsilon is the largest of the
sites', not their sum. "local": epsilon for the site as a whole, against the server too (Balle and Wang 2018, composed exactly).
A round that is asked for again is the same release if the model and the rows are the same, and another one, charged again, if not. A budget that is
spent ends the site's part. One folder is of one job: two jobs over the same rows add up, and nobody here knows of both.
"""

from __future__ import annotations

import hmac
import os
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from velatura.dp.ledger import Budget, PrivacyLedger
from velatura.dp.vectors import noised
from velatura.errors import BadInput, BadSpec
from velatura.federated.aggregation import UNITS, floating, moved
from velatura.federated.clipping import shortened
from velatura.federated.records import State, digest_of
from velatura.federated.site_plan import Plan, plan_of
from velatura.files import atomic_output, private_output

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob
    from velatura.federated.table import Table

__all__ = ["SitePrivacy", "own"]

SECRET_BYTES = 32


class SitePrivacy:
    """One site's. `with` it: the ledger is locked meanwhile.

    Args:
        folder: its own; made where it is missing, mode 0700.
        rows: its number of rows to train on.

    Raises:
        BadInput: `dp.ledger`. BadSpec: `dp.epsilon`.
    """

    def __init__(self, job: FederatedJob, folder: Path, rows: int) -> None:
        if job.privacy.level == "sample" and job.privacy.delta * rows >= 1:
            raise BadSpec(
                "dp.delta", f"delta {job.privacy.delta:g} lets each of {rows} rows be given away whole", hint="well below one over the rows"
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        begun = (folder / "noise").exists()
        if begun and not (folder / "ledger").exists():
            raise BadInput("dp.ledger", f"{folder}: its ledger is gone, and what was spent is not known", hint="restore it from a copy")
        self.ledger = PrivacyLedger(folder / "ledger", Budget(job.privacy.epsilon, job.privacy.delta))
        try:
            self.secret = own(folder / "secret", new=not len(self.ledger))
            self.job, self.plan = job, _kept(folder / "noise", job, rows)
        except BaseException:
            self.ledger.close()
            raise
        self._paid = self._as_planned()

    def round(self, number: int, sent: State, rows: Table) -> str:
        """The name of a round over these rows, from this model: another model or other rows are another one."""
        return f"round {number} {self._digest(digest_of(sent) + rows.x.tobytes() + rows.y.tobytes())}"

    def _digest(self, raw: bytes) -> str:
        """Keyed: whoever is shown the ledger cannot try rows that he guesses."""
        return hmac.digest(self.secret, raw, "sha256").hex()

    def key(self, name: str) -> bytes:
        """32 bytes for one use."""
        return hmac.digest(self.secret, f"velatura site v1|{name}".encode(), "sha256")

    def charge(self, name: str) -> None:
        """Before noise is drawn. While the plan is not used up the budget holds by what noise was made for; beyond, a round is checked as a whole.

        Raises:
            Withheld: `dp.budget`.
        """
        if self._paid < 1 and name not in self.ledger:
            self.ledger.check(self.plan.event, self.plan.steps)
            self._paid = self.plan.steps
        self._paid -= self.ledger.charge(name, self.plan.event, known=True)

    def _as_planned(self) -> int:
        """Releases that the plan still pays for; none where some were made under another plan (of other rows)."""
        spent = self.ledger.count(self.plan.event)
        return self.job.rounds.count * self.plan.steps - spent if spent == len(self.ledger) else 0

    def local(self, state: State, sent: State, number: int, rows: Table) -> State:
        """An update that tells little of the whole site: of bounded length, and noised here.

        Any two sites' updates lie within twice the clipping norm of each other.

        Raises:
            Withheld: `dp.budget`.
        """
        names, clip = floating(sent), self.job.privacy.clip
        flat = np.concatenate([(state[name].astype(np.float64) - sent[name].astype(np.float64)).ravel() for name in names])
        units = np.rint(shortened(flat, clip) * (UNITS / clip)).astype(np.int64)
        name = f"{self.round(number, sent, rows)} {self._digest(units.tobytes())}"
        self.charge(name)
        sensitivity = 2 * UNITS + sqrt(units.size)  # rounding moves each coordinate of both by half a unit
        return moved(sent, names, noised(units, self.plan.noise * sensitivity, self.key(name)) * (clip / UNITS))

    def __enter__(self) -> SitePrivacy:
        return self

    def __exit__(self, *error: object) -> None:
        self.ledger.close()


def own(path: Path, *, new: bool) -> bytes:
    """A secret of 32 bytes. new: nothing was drawn from it yet, so that it may be made.

    Raises:
        BadInput: `dp.secret`: it is gone, or none. Another one would draw other noise for what was released already.
    """
    if new and not path.exists():
        with private_output(path) as part:
            part.write_bytes(os.urandom(SECRET_BYTES))
    try:
        secret = path.read_bytes()
    except OSError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise BadInput("dp.secret", f"{path}: the secret that noise was drawn from is gone", hint="restore it from a copy; or a new run")
    return secret


def _kept(path: Path, job: FederatedJob, rows: int) -> Plan:
    """The plan of before, if it is of as many rows: to find the noise takes seconds."""
    name = f"{job.digest} {rows}"
    try:
        told, plan = msgspec.json.decode(path.read_bytes(), type=tuple[str, Plan])
        if told == name:
            return plan
    except (OSError, msgspec.MsgspecError):
        pass
    plan = plan_of(job, rows)
    with atomic_output(path, force=True) as part:
        part.write_bytes(msgspec.json.encode((name, plan)))
    return plan
