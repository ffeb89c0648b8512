"""Where each camera's chain stood by the status of the run before: a second memory beside the outbox, should that be damaged, gone, or an older copy.

A status is written within half a second of a tick, so that after a power loss it may know less than a receiver does: who goes on by it leaves some
numbers out, which a gap says. Limit: a state folder that is put back whole remembers no more than its outbox.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from velatura.edge.events import Link
from velatura.edge.outbox import Outbox
from velatura.edge.status import read_status
from velatura.errors import VelaturaError, Withheld

__all__ = ["NOTHING", "Remembered", "remembered", "resumed"]

LATE_S = 2.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """link: where the chain stood; exact: that run wrote its last word."""

    link: Link
    exact: bool


NOTHING = Remembered(Link(), exact=True)


def remembered(folder: Path, device: str) -> Mapping[str, Remembered]:
    """Of each camera, by its name. device: whose chains; those of another key are none of ours."""
    try:
        status = read_status(folder)
    except VelaturaError:
        return {}
    if status.device != device:
        return {}
    return {one.name: Remembered(Link(one.seq + 1, one.head), status.over) for one in status.cameras if one.seq >= 0}


def resumed(outbox: Outbox, known: Link, before: Remembered, tick_s: float) -> Link:
    """Where the chain goes on.

    Args:
        known: by the file of lines beside it; at the beginning where there is none.

    Raises:
        Withheld: `edge.outbox-behind`: the outbox is an older copy; `edge.outbox-lost`: it was damaged, and nothing else remembers.
    """
    most = max(known.seq, before.link.seq)
    if outbox.aside is None:
        if most:
            outbox.check_ahead(most - 1)
        return outbox.link
    if not most:
        sentence = f"{outbox.path}: was damaged, and nothing remembers where its chain stood: to begin anew under the same key would fork it"
        raise Withheld("edge.outbox-lost", sentence, hint="start with a new --state folder, and so a new key")
    if known.seq == most:
        return known
    return Link(before.link.seq + (0 if before.exact else math.ceil(LATE_S / tick_s) + 1), before.link.prev)
