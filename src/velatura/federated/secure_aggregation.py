"""Secure aggregation over any of Flower's grids: the server reads the sum of a round's updates, and no single one.

The sum goes to the strategy as one mean, or, with client-level privacy, as integers to the noise. A round with too few sites changes nothing.
What it does not hide: the sum itself. Two rounds over almost the same sites differ by almost one update, and a sum of few sites says much of each.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from flwr.app import ConfigRecord, Message, RecordDict

from velatura.errors import Withheld
from velatura.federated.aggregation import ClientLevel, Gathered, Update, floating, moved
from velatura.federated.guarded_grid import GuardedGrid, Refused
from velatura.federated.guards import Arrays
from velatura.federated.records import digest_of, only, unpacked
from velatura.federated.secagg import wire
from velatura.federated.secagg.fixed_point import FixedPoint
from velatura.federated.secagg.masks import Words
from velatura.federated.secagg.server import Convener
from velatura.federated.secagg.stages import BODY, RECORD, WORDS, fixed_point
from velatura.federated.secagg.trust import Roster

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from velatura.federated.job import FederatedJob

__all__ = ["SecureAggregation"]

PART = {"masked": 0.5}  # of the round's deadline; the other stages have a tenth each
T = TypeVar("T")


@dataclass(slots=True)
class SecureAggregation:
    """An `Aggregator`.

    Args:
        level: client-level privacy, whose noise is added to the sum; None: none.

    Attributes:
        barred: sites that ended a round by what they sent to the others; they are not asked again in this run.
    """

    job: FederatedJob
    level: ClientLevel | None = None
    run: bytes = field(default_factory=lambda: os.urandom(16))
    roster: Roster = field(default_factory=Roster)
    barred: set[int] = field(default_factory=set)

    def gather(self, number: int, sent: Arrays, grid: GuardedGrid, messages: Sequence[Message], *, deadline_s: float) -> Gathered:
        names = floating(sent)
        try:
            values, rows, point, sites = _Talk(self, number, grid, messages, deadline_s).summed(sum(sent[name].size for name in names))
            self._is_plausible(values, rows, point, sites)
        except Withheld as error:
            return Gathered([], 0, unchanged=error.sentence)
        if self.level is not None:
            return Gathered([self.level.release(number, sent, values)], sites)
        return Gathered([Update(-1, moved(sent, names, values / (point.scale * rows)), rows)], sites)

    def _is_plausible(self, values: NDArray[np.int64], rows: int, point: FixedPoint, sites: int) -> None:
        """As long as so many shortened updates can be."""
        norm = self.job.privacy.clip if self.level is not None else self.job.secagg.norm
        length, limit = float(np.linalg.norm(values)), rows * norm * point.scale * 1.000001 + sites * np.sqrt(len(values)) / 2
        if norm and length > limit:
            raise Withheld("federated.secagg-sum", f"the sum has norm {length:.4g}, and updates that were shortened reach {limit:.4g}")


class _Talk:
    """One round's stages, over the grid."""

    def __init__(self, of: SecureAggregation, number: int, grid: GuardedGrid, messages: Sequence[Message], deadline_s: float) -> None:
        self.job, self.grid, self.number, self.deadline_s = of.job, grid, number, deadline_s
        self.messages = {grid.places[message.metadata.dst_node_id]: message for message in messages}
        for site in of.barred & self.messages.keys():
            self._note(site, "it ended an earlier round by shares that were none")
            del self.messages[site]
        self.barred, cohort = of.barred, tuple(sorted(self.messages))
        model = digest_of(unpacked(only(messages[0]))) if messages else b""
        self.convener = Convener(wire.Round(of.job.digest, of.run, number, cohort, model), of.roster, of.job.guards.most_examples)
        grid.veiled = frozenset(f"train.{stage}" for stage in wire.STAGES)

    def summed(self, size: int) -> tuple[NDArray[np.int64], int, FixedPoint, int]:
        """(sum in units, sum of rows, their fixed point, how many sites are in it). size: coordinates of an update."""
        try:
            total, sites = self._stages(size + 1)
            told = [advert.rows for advert in self.convener.adverts.values()]
            point = fixed_point(self.job, len(self.messages), min(told), max(told))
            return *point.total(total, sites), point, sites
        finally:
            for site, why in self.convener.faults:
                self._note(site, why)
            self.barred |= self.convener.barred

    def _stages(self, size: int) -> tuple[Words, int]:
        convener = self.convener
        here = convener.advertised(self._asked("advertise", dict.fromkeys(self.messages, convener.round), wire.Advert))
        if not convener.round.is_complete:
            shown = self._asked("reveal", dict.fromkeys(here, convener.said), wire.Nonce)
            here = convener.revealed({site: answer.nonce for site, answer in shown.items()})
        boxes = self._asked("share", dict.fromkeys(here, convener.said), wire.Boxes)
        here = convener.shared({site: answer.boxes for site, answer in boxes.items()})
        lists = convener.masked(self._words({site: convener.boxes_for(site) for site in here}), size=size)
        signed = self._asked("agree", dict.fromkeys(lists.survivors, lists), wire.Signature)
        signatures = convener.agreed({site: answer.signature for site, answer in signed.items()})
        return convener.unmasked(self._asked("unmask", dict.fromkeys(sorted(signatures), wire.Unmask(signatures)), wire.Shares))

    def _words(self, bodies: Mapping[int, wire.Masked]) -> dict[int, Words]:
        words: dict[int, Words] = {}
        for site, reply in self._sent("masked", bodies).items():
            try:
                unopened = wire.read(_body(reply), list[int])
                words[site] = unpacked(reply.content.array_records[WORDS])[WORDS]
            except Exception as error:  # bytes of a stranger
                self._note(site, f"words that cannot be read: {type(error).__name__}")
                continue
            for sender in unopened:
                self.convener.accused.setdefault(sender, set()).add(site)
                self._note(sender, f"its box for site {site} did not open")
        return words

    def _asked(self, stage: str, bodies: Mapping[int, object], kind: type[T]) -> dict[int, T]:
        answers: dict[int, T] = {}
        for site, reply in self._sent(stage, bodies).items():
            try:
                answers[site] = wire.read(_body(reply), kind)
            except Withheld as error:
                self._note(site, error.sentence)
        return answers

    def _sent(self, stage: str, bodies: Mapping[int, object]) -> dict[int, Message]:
        """Replies of those who answered in time; errors are noted by the grid."""
        messages = []
        for site, body in bodies.items():
            content = RecordDict({RECORD: ConfigRecord({BODY: wire.written(body), "server-round": self.number})})
            if stage == "masked":
                content["arrays"] = only(self.messages[site])
            messages.append(Message(content, self.messages[site].metadata.dst_node_id, f"train.{stage}"))
        replies = self.grid.send_and_receive(messages, timeout=self.deadline_s * PART.get(stage, 0.1))
        return {self.grid.places[reply.metadata.src_node_id]: reply for reply in replies if not reply.has_error()}

    def _note(self, site: int, why: str) -> None:
        node = self.messages[site].metadata.dst_node_id if site in self.messages else 0
        self.grid.refused.append(Refused(self.number, node, site, why))


def _body(reply: Message) -> object:
    records = reply.content.config_records
    return records[RECORD].get(BODY) if RECORD in records else None
