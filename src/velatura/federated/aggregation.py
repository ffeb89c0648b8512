"""From a round's replies to what a strategy sees: the replies themselves, or, where single updates are nobody's business, one that stands for all.

An `Aggregator` is the seam at which secure aggregation, ciphertexts and enclaves plug in: what it hands on as one reply is the mean, so that every
server optimiser (FedAvg, FedAdam ...) goes on as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from velatura.dp.accounting import Event
from velatura.dp.ledger import PrivacyLedger
from velatura.dp.vectors import noised
from velatura.federated.guards import Arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Aggregator", "ClientLevel", "Plain", "Update"]


@dataclass(frozen=True, slots=True)
class Update:
    """One site's reply, believed. partition: -1 of one that stands for all."""

    partition: int
    arrays: Arrays
    examples: int


class Aggregator(Protocol):
    """Between guards and strategy."""

    def combine(self, number: int, sent: Arrays, updates: Sequence[Update]) -> Sequence[Update]:
        """What the strategy is to see of round `number`.

        Args:
            sent: the model that went out.

        Raises:
            Withheld: `dp.budget`: nothing of the round may leave.
        """
        ...


class Plain:
    """Single updates; whoever runs the server sees them."""

    def combine(self, number: int, sent: Arrays, updates: Sequence[Update]) -> Sequence[Update]:
        return updates


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

    def combine(self, number: int, sent: Arrays, updates: Sequence[Update]) -> Sequence[Update]:
        names = [name for name, value in sent.items() if value.dtype.kind == "f"]
        size = sum(sent[name].size for name in names)
        unit = self.clip / (1 << 20)
        total = np.zeros(size, np.int64)
        for update in updates:
            total += _units(self._clipped(names, sent, update.arrays), unit)
        digest = hashlib.sha256(total.tobytes()).hexdigest()
        self.ledger.charge(f"round {number} {digest}", Event("gaussian", self.noise, self.sampling), known=self.known)
        sensitivity = (1 << 20) + np.sqrt(size) / 2  # rounding to units moves each coordinate by half of one
        secret = hashlib.sha256(b"velatura client-level noise v1|" + self.secret + f"|{number}|{digest}".encode()).digest()
        mean = noised(total, self.noise * sensitivity, secret) * (unit / self.expected)
        return [Update(-1, _apart(names, sent, mean), 1)]

    def _clipped(self, names: Sequence[str], sent: Arrays, arrays: Arrays) -> NDArray[np.float64]:
        """The server's own clipping: a site that did not clip changes no more than others."""
        flat = np.concatenate([(arrays[name].astype(np.float64) - sent[name].astype(np.float64)).ravel() for name in names])
        length = float(np.sqrt(flat @ flat))
        return flat * min(1.0, self.clip / length) if length > 0 else flat


def _units(flat: NDArray[np.float64], unit: float) -> NDArray[np.int64]:
    return np.rint(flat / unit).astype(np.int64)


def _apart(names: Sequence[str], sent: Mapping[str, NDArray[np.generic]], mean: NDArray[np.float64]) -> dict[str, NDArray[np.generic]]:
    made, at = dict(sent), 0
    for name in names:
        before = sent[name]
        made[name] = (before.astype(np.float64) + mean[at : at + before.size].reshape(before.shape)).astype(before.dtype)
        at += before.size
    return made
