"""Before round 1: every node says which job it knows, which site it is, and what its rows are like; who does not fit is left out by name.

One site cannot stop the others: what most of them say goes, and a number that two nodes claim is neither's.
"""

from __future__ import annotations

from collections import Counter

import msgspec
from flwr.app import Message, RecordDict

from velatura.errors import BadInput, Missing
from velatura.federated.guarded_grid import GuardedGrid, Refused
from velatura.federated.job import FederatedJob
from velatura.federated.site import CARD
from velatura.federated.table import Schema

__all__ = ["greeted"]


class _Card(msgspec.Struct, frozen=True):
    """What a site says of itself."""

    job: str
    partition: int
    rows: int
    shape: tuple[int, ...]
    classes: int

    @property
    def schema(self) -> Schema:
        return Schema(self.shape, self.classes)


def greeted(job: FederatedJob, grid: GuardedGrid) -> Schema:
    """What rows are like; the grid knows from now on which site a node is.

    Raises:
        Missing: `federated.nodes`: nobody fits. BadInput: `federated.schema`: sites have rows of several kinds, and most of them of none.
    """
    nodes = list(grid.get_node_ids())
    replies = grid.send_and_receive([Message(RecordDict(), node, "query") for node in nodes], timeout=job.rounds.wait_s)
    cards = {reply.metadata.src_node_id: _card(reply) for reply in replies if not reply.has_error()}
    claimed = Counter(card.partition for card in cards.values() if card is not None)
    fit = {}
    for node, card in cards.items():
        if (why := _why_not(job, card, claimed)) or card is None:
            grid.refused.append(Refused(0, node, card.partition if card else None, why))
        else:
            fit[node] = card
    if not fit:
        why = f": {grid.refused[-1].why}" if grid.refused else ""
        raise Missing("federated.nodes", f"none of {len(nodes)} nodes can take part{why}", hint="the same job.toml on server and sites")
    usual = _usual(fit)
    for node, card in fit.items():
        if card.schema == usual:
            grid.places[node] = card.partition
        else:
            grid.refused.append(Refused(0, node, card.partition, f"rows of another kind: {_told(card.schema)}, and the others have {_told(usual)}"))
    grid.round = 0
    return usual


def _why_not(job: FederatedJob, card: _Card | None, claimed: Counter[int]) -> str:
    """Empty: it fits. Under secure aggregation nobody says how many rows he has; an empty site drops out there."""
    if card is None:
        return "does not say what it has"
    if card.job != job.digest:
        return "of another job"
    if claimed[card.partition] > 1:
        return f"a number twice: {claimed[card.partition]} nodes say that they are site {card.partition}"
    return "" if card.rows or job.aggregation != "plain" else "no rows to train on"


def _usual(fit: dict[int, _Card]) -> Schema:
    """What more than half of them have."""
    schemas = Counter(card.schema for card in fit.values())
    usual, times = schemas.most_common(1)[0]
    if 2 * times <= len(fit):
        odd = next(card for card in fit.values() if card.schema != usual)
        sentence = f"site {odd.partition} has rows of {_told(odd.schema)}, another one of {_told(usual)}, and no kind is that of most sites"
        raise BadInput("federated.schema", sentence, hint="velatura fl preview at each site says what its rows are like")
    return usual


def _told(schema: Schema) -> str:
    return f"shape {'x'.join(map(str, schema.shape))} in {schema.classes} classes"


def _card(reply: Message) -> _Card | None:
    try:
        return msgspec.convert(dict(reply.content.config_records[CARD]), _Card)
    except (KeyError, msgspec.ValidationError):
        return None
