"""Keys for secure aggregation: each site signs what it tells the others, and knows theirs from a list that did not come from the server.

FOLDER/secagg/site-N.key (0600)   of site N, made where the site is     FOLDER/secagg/peers   a line for each site
FOLDER/secagg/line                a site's own line, for the others (where the server is elsewhere)
Where one `fl up` starts all sites, one hand holds all keys: that tests the protocol and protects nobody from this machine.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from velatura.crypto import keytext
from velatura.crypto.keyfile import load_signer, save_private
from velatura.crypto.keys import Signer
from velatura.errors import BadSpec
from velatura.federated.deploy.folder import Folder, Node
from velatura.federated.secagg.stages import KEY
from velatura.federated.secagg.stages import PEERS as LISTED
from velatura.federated.secagg.trust import PEERS, made, peers

__all__ = ["for_all", "for_one", "settings"]


def for_all(folder: Folder) -> None:
    """Keys of all sites of this machine; anew when their number is another one."""
    sites, place = len(folder.told.nodes), _place(folder)
    if sites and not ((place / PEERS).exists() and len(peers(place / PEERS).known) == sites):
        shutil.rmtree(place, ignore_errors=True)
        made(place, sites)


def for_one(folder: Folder, node: Node, listed: Path | None) -> None:
    """The key of the folder's one site, its line, and the others' lines as its operator has them.

    Raises:
        BadSpec: `federated.secagg-peers`: no list, or this site's own key is not in it.
    """
    place = _place(folder)
    place.mkdir(mode=0o700, exist_ok=True)
    key = _key(folder, node)
    if not key.exists():
        save_private(Signer.new(os.urandom), key)
    own = load_signer(key).verifier
    (place / "line").write_text(f"{node.partition} {keytext.encode(own)}\n", encoding="ascii")
    if listed is None:
        return
    if peers(listed).known.get(node.partition) != own.raw:
        sentence = f"{listed}: its line {node.partition} is not the key of this site"
        raise BadSpec("federated.secagg-peers", sentence, hint=f"the line in {place / 'line'}")
    if listed.resolve() != place / PEERS:
        shutil.copyfile(listed, place / PEERS)


def settings(folder: Folder, node: Node) -> dict[str, str]:
    """For the node's own configuration; empty: there is no list, and a job with secure aggregation is refused by this site."""
    listed = _place(folder) / PEERS
    return {KEY: str(_key(folder, node)), LISTED: str(listed)} if listed.exists() else {}


def _place(folder: Folder) -> Path:
    return folder.path / "secagg"


def _key(folder: Folder, node: Node) -> Path:
    return _place(folder) / f"site-{node.partition}.key"
