"""From a round's replies to what a strategy sees: the replies themselves, or, where single updates are nobody's business, one that stands for all.

An `Aggregator` is the seam at which secure aggregation, ciphertexts and enclaves plug in: it talks with the sites in its own way, and what it
hands on as one update is the mean, so that every server optimiser (FedAvg, FedAdam ...) goes on as it is.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from flwr.app import MetricRecord

from velatura.dp.accounting import Event
from velatura.dp.ledger import PrivacyLedger
from velatura.dp.vectors import noised
from velatura.federated.clipping import shortened
from velatura.federated.guards import Arrays
from velatura.federated.records import only, records_of, unpacked

if TYPE_CHECKING:
    from flwr.app import Message
    from numpy.typing import NDArray

    from velatura.federated.guarded_grid import GuardedGrid

__all__ = ["UNITS", "Aggregator", "ClientLevel", "Gathered", "Plain", "Update", "floating", "moved"]

UNITS = 1 << 20  # in the clipping norm, so that rounding is far below the noise


@dataclass(frozen=True, slots=True)
class Update:
    """One site's reply, believed. partition: -1 of one that stands for all."""

    partition: int
    arrays: Arrays
    examples: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """What became of a round's messages.

    Attributes:
        updates: what the strategy is to see: single ones, or one that stands for all.
        sites: how many updates are in it.
        replies: that were read one by one; empty where nobody could.
        unchanged: why the round changes nothing; empty: it may.
    """

    updates: Sequence[Update]
    sites: int
    replies: Sequence[Message] = ()
    unchanged: str = ""


class Aggregator(Protocol):
    """Between the grid and the strategy."""

    def gather(self, number: int, sent: Arrays, grid: GuardedGrid, messages: Sequence[Message], *, deadline_s: float) -> Gathered:
        """Send round `number`'s messages and make of the answers what the strategy is to see.

        Args:
            sent: the model that goes out with them.
            deadline_s: of the whole round.

        Raises:
            Withheld: `dp.budget`: nothing of the round may leave.
        """
        ...


class Plain:
    """Single updates; whoever runs the server sees them."""

    def gather(self, number: int, sent: Arrays, grid: GuardedGrid, messages: Sequence[Message], *, deadline_s: float) -> Gathered:
        replies = [reply for reply in grid.send_and_receive(messages, timeout=deadline_s) if not reply.has_error()]
        updates = [_update(reply, grid) for reply in replies]
        return Gathered(updates, len(updates), replies)


@dataclass(slots=True)
class ClientLevel:
    """Client-level differential privacy: clipped updates, summed as integers, with noise on the sum, over the expected number of sites.

    The noise is drawn from a key made of the run's secret, the round and the sum itself: the same sum twice is one release and one charge, another
    sum has other noise (two sums under one noise would cancel it). Integers, not floats: low bits say what noise is to hide (Mironov, CCS 2012).
    Source: McMahan et al., "Learning Differentially Private Recurrent Language Models", ICLR 2018, with a fixed denominator.

    Args:
        clip: L2 norm of an update at most.
        noise: standard deviation in sensitivities.
        sampling: probability of a site to take part, by itself.
        expected: sites in a round on average; the denominator, whoever comes.
        secret: of the run.
    """

    clip: float
    noise: float
    sampling: float
    expected: float
    ledger: PrivacyLedger
    secret: bytes
    known: bool = False
    told: Callable[[float], None] = lambda spent: None

    def gather(self, number: int, sent: Arrays, grid: GuardedGrid, messages: Sequence[Message], *, deadline_s: float) -> Gathered:
        """The server sees single updates, and adds the noise."""
        got = Plain().gather(number, sent, grid, messages, deadline_s=deadline_s)
        return Gathered(self.combine(number, sent, got.updates), got.sites, got.replies)

    def combine(self, number: int, sent: Arrays, updates: Sequence[Update]) -> Sequence[Update]:
        """One update, the noised mean of these."""
        names = floating(sent)
        total = np.zeros(sum(sent[name].size for name in names), np.int64)
        for update in updates:
            total += _units(self._clipped(names, sent, update.arrays), self.unit)
        return [self.release(number, sent, total)]

    @property
    def unit(self) -> float:
        """Of the integers in which updates are summed."""
        return self.clip / UNITS

    def release(self, number: int, sent: Arrays, total: NDArray[np.int64]) -> Update:
        """The noised mean of a sum in units, whoever made it; charged before the noise is drawn.

        Raises:
            Withheld: `dp.budget`.
        """
        names, size = floating(sent), total.size
        digest = hmac.digest(self.secret, total.tobytes(), "sha256").hex()  # keyed: whoever is shown the ledger cannot try sums that he guesses
        self.ledger.charge(f"round {number} {digest}", Event("gaussian", self.noise, self.sampling), known=self.known)
        sensitivity = UNITS + np.sqrt(size) / 2  # rounding to units moves each coordinate by half of one
        secret = hashlib.sha256(b"velatura client-level noise v1|" + self.secret + f"|{number}|{digest}".encode()).digest()
        mean = noised(total, self.noise * sensitivity, secret) * (self.unit / self.expected)
        return Update(-1, moved(sent, names, mean), 1)

    def _clipped(self, names: Sequence[str], sent: Arrays, arrays: Arrays) -> NDArray[np.float64]:
        """The server's own clipping: a site that did not clip changes no more than others."""
        flat = np.concatenate([(arrays[name].astype(np.float64) - sent[name].astype(np.float64)).ravel() for name in names])
        return shortened(flat, self.clip)


def _units(flat: NDArray[np.float64], unit: float) -> NDArray[np.int64]:
    return np.rint(flat / unit).astype(np.int64)


def floating(sent: Arrays) -> list[str]:
    """Names of the arrays that are averaged; counters are not."""
    return [name for name, value in sent.items() if value.dtype.kind == "f"]


def moved(sent: Arrays, names: Sequence[str], mean: NDArray[np.float64]) -> dict[str, NDArray[np.generic]]:
    """The model that was sent, moved by a flat mean update of the arrays `names`; others are as sent."""
    made, at = dict(sent), 0
    for name in names:
        before = sent[name]
        made[name] = (before.astype(np.float64) + mean[at : at + before.size].reshape(before.shape)).astype(before.dtype)
        at += before.size
    return made


def _update(reply: Message, grid: GuardedGrid) -> Update:
    metrics = next(records_of(reply, MetricRecord))
    examples = metrics["num-examples"]
    assert isinstance(examples, int | float), "the guards have seen it"
    return Update(grid.places[reply.metadata.src_node_id], unpacked(only(reply)), int(examples))
