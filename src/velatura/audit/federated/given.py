"""Sites of a simulation on rows of our choosing: the room's own client app, told of another file than the job's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flwr.app import Context, Message

__all__ = ["Given", "at_site"]


@dataclass(frozen=True, slots=True)
class Given:
    """A client app, as a grid calls it. files: of each site, an .npz; a site that is not in it has what the job deals."""

    app: Any
    files: Mapping[int, str]

    def __call__(self, message: Message, context: Context) -> Message:
        site = int(context.node_config["partition-id"])
        reply: Message = self.app(message, at_site(context, site, self.files.get(site, "")))
        return reply


def at_site(context: Context, site: int, file: str, *, state: str = "") -> Context:
    """The same context at a site, on a file of rows, or on what the job deals where that is "". state: folder of the site's ledger; "": its own."""
    config = {**context.node_config, "partition-id": site, **({"data": file} if file else {}), **({"state": state} if state else {})}
    return Context(context.run_id, context.node_id, config, context.state, context.run_config)
