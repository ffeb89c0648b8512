"""Sites of a simulation on rows of our choosing: the room's own client app, told of another file than the job's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flwr.app import Context, Message

from velatura.federated.secagg.stages import KEY
from velatura.federated.secagg.stages import PEERS as LISTED
from velatura.federated.secagg.trust import PEERS, made

if TYPE_CHECKING:
    from velatura.federated.job import FederatedJob

__all__ = ["Given", "at_site", "keys_for"]


@dataclass(frozen=True, slots=True)
class Given:
    """A client app, as a grid calls it. files: of each site, an .npz; a site that is not in it has what the job deals. keys: of `keys_for`."""

    app: Any
    files: Mapping[int, str]
    keys: Path | None = None

    def __call__(self, message: Message, context: Context) -> Message:
        site = int(context.node_config["partition-id"])
        reply: Message = self.app(message, at_site(context, site, self.files.get(site, ""), keys=self.keys))
        return reply


def keys_for(job: FederatedJob, folder: Path) -> Path | None:
    """Keys of all sites, made in a folder; None where the job asks for none. A site with a file of rows takes no part in a masked sum without."""
    return made(folder / "keys", job.data.sites).parent if job.aggregation == "secagg" else None


def at_site(context: Context, site: int, file: str, *, state: str = "", keys: Path | None = None) -> Context:
    """The same context at a site, on a file of rows, or on what the job deals where that is "". state: folder of the site's ledger; "": its own."""
    config = {**context.node_config, "partition-id": site, **({"data": file} if file else {}), **({"state": state} if state else {})}
    if keys is not None:
        config |= {KEY: str(keys / f"site-{site}.key"), LISTED: str(keys / PEERS)}
    return Context(context.run_id, context.node_id, config, context.state, context.run_config)
