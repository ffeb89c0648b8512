"""Client-level privacy of a run: noise for the whole budget, a ledger, and who takes part by a secret draw of each site by itself.

Where not all take part, epsilon counts on nobody knowing who did (amplification by sampling). So what a run leaves for others does not tell: no
numbers of sites in a round, and of replies that were left out the reason alone. Limit: the server knows; RUN/secret draws again for whoever has it;
and what Flower's own server and the sites write into their logs is theirs.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from velatura.dp.accounting import Event, noise_for
from velatura.dp.ledger import Budget, PrivacyLedger
from velatura.errors import BadInput
from velatura.federated import checkpoint
from velatura.federated.aggregation import ClientLevel
from velatura.federated.guarded_grid import Refused
from velatura.federated.site_privacy import own

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob
    from velatura.federated.server import Cohort

__all__ = ["client_level", "drawn_in_secret", "without_names"]


def drawn_in_secret(job: FederatedJob) -> bool:
    """Whether the epsilon counts on nobody knowing who took part in a round."""
    return job.privacy.level == "client" and job.rounds.share < 1


def without_names(refused: Sequence[Refused]) -> list[Refused]:
    """What may be told where the draw is secret: who did not fit before round 1, and each later reason once, without its particulars."""
    reasons = dict.fromkeys(one.why.partition(":")[0] for one in refused if one.round)
    return [*(one for one in refused if not one.round), *(Refused(None, None, None, why) for why in reasons)]


def client_level(job: FederatedJob, folder: Path, stack: ExitStack) -> tuple[ClientLevel | None, Cohort | None]:
    """(aggregator, cohort) of a job; None and None of one without client-level privacy.

    Args:
        folder: of the run, with its ledger and its secret.
        stack: closes the ledger.
    """
    if job.privacy.level != "client":
        return None, None
    rounds, share, privacy = job.rounds.count, job.rounds.share, job.privacy
    noise = noise_for(privacy.epsilon, privacy.delta, sampling=share, times=rounds)
    ledger = stack.enter_context(PrivacyLedger(folder / "ledger", Budget(privacy.epsilon, privacy.delta)))
    if len(ledger) < (done := _released(folder)):
        sentence = f"{folder / 'ledger'}: {len(ledger)} releases, and {done} rounds were released: a part of it is gone"
        raise BadInput("dp.ledger", sentence, hint="restore it from a copy; or a new run")
    secret = own(folder / "secret", new=not len(ledger))
    known = not len(ledger) and ledger.after(Event("gaussian", noise, share), rounds) <= privacy.epsilon

    def cohort(number: int, partitions: Sequence[int]) -> list[int]:
        return [one for one in partitions if share == 1 or _drawn(secret, number, one) < share]

    return ClientLevel(privacy.clip, noise, share, share * job.data.sites, ledger, secret, known), cohort


def _released(folder: Path) -> int:
    """Rounds that the last checkpoint knows to have been released."""
    path = folder / checkpoint.NAME
    return sum(not told.get("unchanged") for told in checkpoint.read(path).history) if path.exists() else 0


def _drawn(secret: bytes, number: int, partition: int) -> float:
    digest = hmac.digest(secret, f"velatura cohort v1|{number}|{partition}".encode(), "sha256")
    return int.from_bytes(digest[:7], "big") / (1 << 56)
