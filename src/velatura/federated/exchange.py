"""Messages out, replies in, until all are there or the deadline is: never longer. Works over any of Flower's grids."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flwr.app import Message

if TYPE_CHECKING:
    from flwr.serverapp import Grid

__all__ = ["Exchanged", "exchange"]

LONGEST_S = 3600.0
POLL_S = (0.05, 2.0)
PATIENCE = 10  # of a deadline: who has not answered for such a part holds nobody else up


@dataclass(slots=True)
class Exchanged:
    """replies: in the order they came; missing: nodes that did not answer in time; unsent: nodes for which the grid took no message; stray: replies
    that were refused as nobody's, or as the second."""

    replies: list[Message] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    unsent: list[int] = field(default_factory=list)
    stray: int = 0


def exchange(grid: Grid, messages: Iterable[Message], *, deadline_s: float | None, enough: int | None = None) -> Exchanged:
    """Send, and collect.

    Args:
        deadline_s: None: an hour.
        enough: replies without error that end it early (over-selection); None: all.
    """
    sent = list(messages)
    if not sent:
        return Exchanged()
    whole_s = LONGEST_S if deadline_s is None else deadline_s
    until_s = time.monotonic() + whole_s
    ids = list(grid.push_messages(sent))
    open_ = {name: message for name, message in zip(ids, sent, strict=True) if name}
    wait = getattr(grid, "wait", time.sleep)
    done, good, pause_s = Exchanged(), 0, POLL_S[0]
    unsent = (message for name, message in zip(ids, sent, strict=True) if not name)  # a SuperLink takes none for a node that it has struck off
    done.unsent = sorted(message.metadata.dst_node_id for message in unsent)
    while open_ and (enough is None or good < enough):
        for reply in grid.pull_messages(list(open_)):
            asked = open_.get(reply.metadata.reply_to_message_id)
            if asked is None or (not reply.has_error() and reply.metadata.src_node_id != asked.metadata.dst_node_id):
                done.stray += 1
                continue
            del open_[reply.metadata.reply_to_message_id]
            done.replies.append(Message(reply.error, reply_to=asked) if reply.has_error() else reply)  # a SuperLink speaks for a dead node as node 1
            good += not reply.has_error()
            pause_s = POLL_S[0]
        left_s = until_s - time.monotonic()
        if not open_ or left_s <= 0:
            break
        wait(min(left_s, pause_s if wait is time.sleep else whole_s / PATIENCE))
        pause_s = min(1.5 * pause_s, POLL_S[1])
    if enough is None or good < enough:
        getattr(grid, "abandon", _nobody)(list(open_))
    done.missing = sorted(message.metadata.dst_node_id for message in open_.values())
    return done


def _nobody(message_ids: list[str]) -> None:
    """A grid that cannot end what it began."""
