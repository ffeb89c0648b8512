"""Sites that are an attacker's: the room's own client app, on rows that he made, and with updates that he made of honest ones.

They speak as honest sites do: what a guard can see of them is the update alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from flwr.app import Context, Message, RecordDict
from numpy.random import Generator
from numpy.typing import NDArray

from velatura.attacks.training.poison import Poison, Sent
from velatura.audit.federated.given import at_site, keys_for
from velatura.federated.records import only, packed, round_of, unpacked
from velatura.federated.site import client_app, pooled, split

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob

__all__ = ["Hostile"]

Floats = NDArray[np.float64]


@dataclass(slots=True, eq=False)
class Hostile:
    """A client app, as a grid calls it; honest at all sites but `his`.

    Args:
        folder: where the rows that he made, and his own ledgers, are kept: he asks his sites more often than their budgets allow.
        sites: of the honest sites' ledgers; None: they have none.
    """

    job: FederatedJob
    base: Path
    his: Sequence[int]
    poison: Poison
    folder: Path
    rng: Generator
    sites: Path | None = None
    _honest: Any = None
    _made: dict[int, str] = field(default_factory=dict)
    _round: int = 0
    _keys: Path | None = None
    _sent: dict[int, RecordDict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._honest = client_app(self.job, self.base, self.sites)
        self._keys = keys_for(self.job, self.folder)
        if self.poison.rows is not None:
            table, _ = pooled(self.job, self.base)
            parts = split(self.job, table)
            for site in self.his:
                own = table.rows(parts[site])
                x, y = self.poison.rows((own.x, own.y), table.classes, self.rng)
                path = self.folder / f"site-{site}.npz"
                np.savez(path, x=x, y=y)
                self._made[site] = str(path)

    def __call__(self, message: Message, context: Context) -> Message:
        site = int(context.node_config["partition-id"])
        if site not in self.his:
            return self._answer(message, at_site(context, site, "", keys=self._keys))
        if message.metadata.message_type != "train" or self.poison.update is None:
            return self._answer(message, self._as(context, site, made=True))
        if round_of(message) != self._round:
            self._sent, self._round = self._prepared(message, context), round_of(message)
        return Message(self._sent[site], reply_to=message)

    def _prepared(self, message: Message, context: Context) -> dict[int, RecordDict]:
        """What each of his sites sends in this round; he has the rows of all of them."""
        sent = unpacked(only(message))
        replies = {site: self._answer(message, self._as(context, site, made=True)) for site in self.his}
        trained = np.stack([_update(reply, sent) for reply in replies.values()])
        honest = trained
        if self._made:
            honest = np.stack([_update(self._answer(message, self._as(context, site, made=False)), sent) for site in self.his])
        assert self.poison.update is not None, "he sends something else"
        everybody = max(round(self.job.rounds.share * self.job.data.sites), len(self.his))
        updates = self.poison.update(Sent(trained, honest, everybody), self.rng)
        return {site: _with(reply, sent, update) for (site, reply), update in zip(replies.items(), updates, strict=True)}

    def _answer(self, message: Message, context: Context) -> Message:
        reply: Message = self._honest(message, context)
        return reply

    def _as(self, context: Context, site: int, *, made: bool) -> Context:
        """The context of one of his sites, on the rows that he made or on its own."""
        state = str(self.folder / f"ledger-{site}-{made}")
        return at_site(context, site, self._made.get(site, "") if made else "", state=state, keys=self._keys)


def _update(reply: Message, sent: dict[str, NDArray[Any]]) -> Floats:
    """All floating-point arrays, one after the other, minus what was sent; (d,)."""
    state = unpacked(only(reply))
    return np.concatenate([(state[name].astype(np.float64) - before).ravel() for name, before in sent.items() if before.dtype.kind == "f"])


def _with(reply: Message, sent: dict[str, NDArray[Any]], update: Floats) -> RecordDict:
    """The reply, with another update."""
    state, at = unpacked(only(reply)), 0
    for name, before in sent.items():
        if before.dtype.kind == "f":
            state[name] = (before + update[at : at + before.size].reshape(before.shape)).astype(before.dtype)
            at += before.size
    content = RecordDict(dict(reply.content.items()))
    content[next(iter(reply.content.array_records))] = packed(state)
    return content
