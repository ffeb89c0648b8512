"""What sites say of a model, on rows that they keep to judge by; only where no privacy forbids exact figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING

from flwr.app import ConfigRecord, Message, MetricRecord, RecordDict

from velatura.federated.records import State, packed, records_of

if TYPE_CHECKING:
    from velatura.federated.guarded_grid import GuardedGrid
    from velatura.federated.job import FederatedJob

__all__ = ["by_site", "mean", "of_final", "spent"]


def mean(replies: Sequence[Message]) -> float | None:
    """Accuracy of the model that was sent, by the sites' rows; None: nobody says."""
    known = [(right, rows) for right, rows in map(_figures, replies) if right is not None]
    weight = sum(rows for _, rows in known)
    return sum(right * rows for right, rows in known) / weight if weight else None


def spent(replies: Sequence[Message]) -> float | None:
    """The largest epsilon that a site says it has spent; None: nobody says. A NaN is no saying: it would win or lose by its place."""
    told = [metric.get("epsilon") for reply in replies for metric in records_of(reply, MetricRecord)]
    return max((one for one in told if isinstance(one, float) and isfinite(one)), default=None)


def by_site(replies: Sequence[Message], places: Mapping[int, int]) -> dict[str, float]:
    """Accuracy by partition, of the sites that say one."""
    told = {places[reply.metadata.src_node_id]: _figures(reply)[0] for reply in replies if reply.metadata.src_node_id in places}
    return {str(partition): right for partition, right in sorted(told.items()) if right is not None}


def of_final(job: FederatedJob, grid: GuardedGrid, model: State) -> dict[str, float]:
    """Accuracy of the last model by partition, asked of every site; empty where a site's exact figures would leak what privacy hides."""
    if job.privacy.level != "none" or job.aggregation != "plain" or not job.data.check:
        return {}
    grid.round, grid.enough = job.rounds.count, None
    arrays, config = packed(model), ConfigRecord({"server-round": grid.round})
    nodes = sorted(grid.places, key=grid.places.__getitem__)
    messages = [Message(RecordDict({"arrays": arrays, "config": config}), node, "evaluate") for node in nodes]
    replies = grid.send_and_receive(messages, timeout=job.rounds.deadline_s)
    return by_site([reply for reply in replies if not reply.has_error()], grid.places)


def _figures(reply: Message) -> tuple[float | None, float]:
    """(accuracy, rows); a site without rows to judge by says NaN, a hostile one anything."""
    metrics = dict(next(records_of(reply, MetricRecord), {}))
    right, rows = metrics.get("accuracy"), metrics.get("num-examples")
    if not isinstance(right, int | float) or not isinstance(rows, int | float) or not isfinite(right) or not 0 <= right <= 1 or not rows >= 0:
        return None, 0.0
    return float(right), float(rows)
