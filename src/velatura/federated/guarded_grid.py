"""A Grid around a Grid: replies in the order of partitions, within a deadline, and only those that the guards believe.

Every strategy benefits, ours and other people's: what is refused becomes an error reply, which they all leave out. What goes out has the types that
the model began with (FedAdam gives float64 back for a float32 model, FedAvg averages counters).
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from flwr.app import Array, ArrayRecord, Error, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid

from velatura.errors import Missing
from velatura.federated.exchange import exchange
from velatura.federated.guards import distance, outliers, why_not
from velatura.federated.records import State, only, records_of, round_of, unpacked

if TYPE_CHECKING:
    from velatura.federated.flower_task import Run

__all__ = ["GuardedGrid", "Refused", "Rules", "counted"]

AGAIN = 5  # times that somebody asks who is there, and sends nothing
REFUSED = 1  # code of an error reply that a guard makes
TRAIN = "train"


@dataclass(frozen=True, slots=True)
class Rules:
    """norm: times the median of the round's updates, 0: any; wait_s: for `nodes` to be there; deadline_s: None: what the strategy says."""

    norm: float = 10.0
    most_examples: int = 1_000_000
    nodes: int = 1
    wait_s: float = 60.0
    deadline_s: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """partition: None where it is not known. round, node: None where nobody is to learn who was asked."""

    round: int | None
    node: int | None
    partition: int | None
    why: str


def counted(refused: Iterable[Refused]) -> dict[str, int]:
    """How many, by reason without its particulars."""
    return dict(Counter(_reason(one.why) for one in refused))


def _reason(why: str) -> str:
    """What stands before a colon; of an error its name, and what it says before the next one."""
    name, _, rest = why.partition(": ")
    return f"{name}: {rest.partition(': ')[0]}"[:120] if rest and name.isidentifier() else name[:120]


@dataclass(slots=True)
class GuardedGrid(Grid):
    """See the module.

    Args:
        inner: an engine's own.
        places: partition of each node; what is not in it comes last, by node id.
        refuse: a further guard; what it answers is the reason.
        enough: good replies that end a round early; None: all.
        cohort: nodes that a strategy may see; None: all.
        veiled: types of messages whose replies cannot be read one by one: whoever sent them judges the answers.

    Attributes:
        refused: every reply that was not believed or did not come.
        lied: how many of them a guard refused, by round: those were faulty for certain.
    """

    inner: Grid
    rules: Rules
    places: dict[int, int] = field(default_factory=dict)
    refuse: Callable[[Message, Message], str | None] = lambda sent, reply: None
    enough: int | None = None
    cohort: set[int] | None = None
    veiled: frozenset[str] = frozenset()
    refused: list[Refused] = field(default_factory=list)
    lied: Counter[int] = field(default_factory=Counter)
    round: int = 0
    _types: dict[str, np.dtype[Any]] = field(default_factory=dict)
    _asked: int = 0
    _asked_first_s: float = 0.0
    _seen: set[int] = field(default_factory=set)

    def set_run(self, run: Run) -> None:
        self.inner.set_run(run)

    @property
    def run(self) -> Run:
        return self.inner.run

    def create_message(self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None) -> Message:
        return self.inner.create_message(content, message_type, dst_node_id, group_id, ttl)

    def get_node_ids(self) -> Iterable[int]:
        """In the order of partitions. Waits for `rules.nodes` of them, once: who goes later is asked in vain, and named, but holds nobody up.

        Raises:
            Missing: `federated.nodes`: they did not come, or somebody asks again and again, as Flower's strategies do that want more than there are.
        """
        until_s = time.monotonic() + self.rules.wait_s
        while len(found := self._seen.union(self.inner.get_node_ids())) < self.rules.nodes:
            if time.monotonic() > until_s:
                sentence = f"{len(found)} of {self.rules.nodes} nodes after {self.rules.wait_s:g} s"
                raise Missing("federated.nodes", sentence, hint="velatura fl status says which are missing, and why")
            time.sleep(min(1.0, self.rules.wait_s / 20))
        self._seen = found
        self._waits_for_more()
        return sorted((node for node in found if self.cohort is None or node in self.cohort), key=self._place)

    def _waits_for_more(self) -> None:
        self._asked += 1
        self._asked_first_s = self._asked_first_s or time.monotonic()
        if self._asked >= AGAIN and time.monotonic() - self._asked_first_s > self.rules.wait_s:
            sentence = f"a strategy waits for more nodes than the {len(self._seen)} that are there"
            raise Missing("federated.nodes", sentence, hint="more --nodes, or a smaller min_available_nodes")

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        self._asked, self._asked_first_s = 0, 0.0
        return self.inner.push_messages([self._typed(message) for message in messages])

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        return sorted(self.inner.pull_messages(message_ids), key=lambda reply: self._place(reply.metadata.src_node_id))

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        sent = [self._typed(message) for message in messages]
        self._asked, self._asked_first_s = 0, 0.0
        deadline_s = min((limit for limit in (self.rules.deadline_s, timeout) if limit is not None), default=None)
        self._counted(sent)
        begun_s = time.monotonic()
        done = exchange(self.inner, sent, deadline_s=deadline_s, enough=self.enough)
        waited_s = time.monotonic() - begun_s
        by_node = {message.metadata.dst_node_id: message for message in sent}
        for node in done.unsent:
            self._note(node, "not asked: the server has struck it off")
        for node in done.missing if self.enough is None else ():
            self._note(node, f"no answer within {waited_s if deadline_s is None else deadline_s:.3g} s")
        replies = sorted(done.replies, key=lambda reply: self._place(reply.metadata.src_node_id))
        return self._judged(by_node, replies)

    def counts(self) -> Mapping[str, int]:
        """How many replies were refused, by reason."""
        return counted(self.refused)

    def _counted(self, sent: list[Message]) -> None:
        """The round's number, as messages say it; where they train and say none, one more."""
        told = max(map(round_of, sent), default=0)
        trains = any(message.metadata.message_type.startswith(TRAIN) for message in sent)
        self.round = told or self.round + trains

    def _place(self, node: int) -> tuple[int, int]:
        return self.places.get(node, 1 << 62), node

    def _typed(self, message: Message) -> Message:
        """Arrays as the first message had them."""
        if not message.has_content():
            return message
        for record in records_of(message, ArrayRecord):
            for name, array in list(record.items()):
                wanted = self._types.setdefault(name, np.dtype(array.dtype))
                if np.dtype(array.dtype) != wanted:
                    value = array.numpy()
                    record[name] = Array(np.rint(value).astype(wanted) if wanted.kind in "iu" else value.astype(wanted))
        return message

    def _judged(self, sent: Mapping[int, Message], replies: list[Message]) -> list[Message]:
        judged: list[Message] = []
        norms: list[tuple[int, float]] = []
        befores: dict[int, State] = {}  # a strategy sends all the same record: decoding it for each reply was 2 % of a round
        for reply in replies:
            node = reply.metadata.src_node_id
            if reply.has_error():
                self._note(node, _plain(reply.error.reason or "failed"))
                judged.append(reply)
                continue
            why, norm = self._why_not(sent[node], reply, befores)
            if why is None and norm is not None:
                norms.append((len(judged), norm))
            judged.append(reply if why is None else self._error(sent[node], node, why))
        for one in outliers([norm for _, norm in norms], self.rules.norm):
            index, norm = norms[one]
            node = judged[index].metadata.src_node_id
            median = float(np.median([norm for _, norm in norms]))
            judged[index] = self._error(sent[node], node, f"update of norm {norm:.3g}, and the median is {median:.3g}")
        return judged

    def _why_not(self, sent: Message, reply: Message, befores: dict[int, State]) -> tuple[str | None, float | None]:
        kind = sent.metadata.message_type
        if not kind.startswith(TRAIN) or kind in self.veiled or len(list(records_of(sent, ArrayRecord))) != 1:
            return self.refuse(sent, reply), None
        arrays, metrics = list(records_of(reply, ArrayRecord)), list(records_of(reply, MetricRecord))
        if len(arrays) != 1 or len(metrics) != 1:
            return f"{len(arrays)} records of arrays and {len(metrics)} of metrics, not one of each", None
        try:
            update, record = unpacked(arrays[0]), only(sent)
            if id(record) not in befores:
                befores[id(record)] = unpacked(record)
            before = befores[id(record)]
        except Exception as error:  # bytes of a stranger
            return f"arrays that cannot be read: {type(error).__name__}", None
        why = why_not(update, before, metrics[0].get("num-examples"), most_examples=self.rules.most_examples) or self.refuse(sent, reply)
        return why, None if why else distance(update, before)

    def _error(self, sent: Message, node: int, why: str) -> Message:
        self._note(node, why)
        self.lied[self.round] += 1
        return Message(Error(code=REFUSED, reason=why), reply_to=sent)

    def _note(self, node: int, why: str) -> None:
        self.refused.append(Refused(self.round, node, self.places.get(node), why))


def _plain(reason: str) -> str:
    """A site's process says "<class 'velatura.errors.BadInput'>:<'no rows'>"; without Flower's signs: "BadInput: no rows"."""
    reason = reason.removeprefix("Error: ")  # a SuperLink's own
    said = re.fullmatch(r"<class '(?:\w+\.)*(\w+)'>:<'(.*)'>", reason, re.DOTALL)
    return f"{said[1]}: {said[2]}" if said else reason
