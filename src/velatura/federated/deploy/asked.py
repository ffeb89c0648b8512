"""What `fl up` is asked for, and where nobody says anything what its folder knows from before: a federation that is started again is the same.

A folder is a server's (with sites of its machine), or of one site whose server is elsewhere; it does not turn from one into the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from velatura.errors import BadSpec
from velatura.federated.deploy.folder import Federation, Folder, Node

__all__ = ["Asked", "AskedSite", "federation", "refuse_address", "refuse_host", "refuse_other_end", "site"]

NODES, HOST, PORT, SITE = 2, "127.0.0.1", 9443, "site"
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104
HERE = ("localhost", "127.0.0.1")
MOST_PORT = 65535
HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")  # 64 are what a certificate's own name may have


@dataclass(frozen=True, slots=True)
class Asked:
    """A server and its sites; what is None or empty is as it was before, or by default.

    Attributes:
        nodes: sites on this machine.
        host, port: to listen on.
        names: further hosts and addresses by which sites reach it.
        data: of each site, its own rows; by default shares of the job's source.
        renew: make the server's certificate anew.
    """

    nodes: int | None = None
    host: str = ""
    port: int | None = None
    names: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    renew: bool = False


@dataclass(frozen=True, slots=True)
class AskedSite:
    """One site of a server elsewhere; what is None or empty is as it was before, or by default. authority: the server's certificate authority."""

    address: str = ""
    authority: Path | None = None
    name: str = ""
    partition: int | None = None
    of: int | None = None
    data: str = ""


def federation(asked: Asked, old: Federation | None, *, instance: str, flwr: str) -> Federation:
    """A server's folder, as it is from now on.

    Args:
        old: as it was; None: there was none.
        instance: of a new one.
        flwr: its version here.

    Raises:
        BadSpec: `federated.folder`, `federated.host`, `federated.names`, `federated.nodes-data`.
    """
    if old is not None and not old.bind:
        raise _other_end(f"of one site, whose server is at {old.address}")
    bind = asked.host or (old.bind if old else HOST)
    port = asked.port or (old.port if old else PORT)
    kept = [name for name in old.names if name not in (*HERE, old.bind)] if old else []
    named = list(asked.names) or kept
    for name in named:
        refuse_host(name)
    if bind in EVERY_ADDRESS and not named:
        raise BadSpec("federated.names", f"{bind} is no name that a site could call", hint="--name HOST, as sites reach this machine")
    names = tuple(dict.fromkeys([*named, *([] if bind in EVERY_ADDRESS else [bind]), *HERE]))
    here = HOST if bind in EVERY_ADDRESS else bind
    address = f"[{here}]:{port}" if ":" in here else f"{here}:{port}"
    return Federation(old.instance if old else instance, address, flwr, bind, names, _nodes(asked, old))


def site(asked: AskedSite, old: Federation | None, folder: Path) -> tuple[str, Path, Node]:
    """(address of its server, certificate authority, the site), where a site joins, or joins again.

    Args:
        folder: of the site.

    Raises:
        BadSpec: `federated.address`, `federated.site-name`, `federated.partition`.
    """
    before = old.nodes[0] if old and not old.bind and old.nodes else Node(SITE, 0, 1)
    address = asked.address or (old.address if old else "")
    authority = asked.authority or (folder / "ca.crt" if old and address == old.address else None)
    if authority is None:
        raise BadSpec("federated.address", "--join without --ca: the server could be anybody", hint="--ca ca.crt, from the server's folder")
    partition = before.partition if asked.partition is None else asked.partition
    of = asked.of or before.of
    if partition >= of:
        sentence = f"site number {partition} of {of}: numbers go from 0 to {of - 1}"
        raise BadSpec("federated.partition", sentence, hint="--partition I --of N, the same N at each site")
    return address, authority, Node(asked.name or before.name, partition, of, _source(asked.data) or before.data)


def refuse_address(address: str) -> None:
    """Raises BadSpec `federated.address`."""
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdecimal() and len(port) <= len(str(MOST_PORT)) and 0 < int(port) <= MOST_PORT):
        raise BadSpec("federated.address", f"{address}: not a server's HOST:PORT", hint="--join federation.example:9443")


def refuse_host(name: str) -> None:
    """Raises BadSpec `federated.host`: it can stand in no certificate."""
    if not HOST_NAME.fullmatch(name):
        raise BadSpec("federated.host", f"{name!r} is no host that a site could call", hint="--name federation.example, or an address")


def refuse_other_end(folder: Folder, *, server: bool) -> None:
    """Raises BadSpec `federated.folder`."""
    if folder.serves != server:
        raise _other_end("of a server" if folder.serves else f"of one site, whose server is at {folder.told.address}")


def _other_end(what: str) -> BadSpec:
    return BadSpec("federated.folder", f"this folder is {what}", hint="--state with another folder; `velatura fl up` alone starts this one again")


def _nodes(asked: Asked, old: Federation | None) -> tuple[Node, ...]:
    before = old.nodes if old else ()
    count = asked.nodes if asked.nodes is not None else len(before) if old else len(asked.data) or NODES
    data = [_source(word) for word in asked.data] or [node.data for node in before if node.data]
    if data and count and len(data) != count:
        kept = "" if asked.data else " that the folder knows"
        raise BadSpec("federated.nodes-data", f"{len(data)} tables{kept} for {count} nodes", hint="one --data for each node, in their order")
    return tuple(Node(f"node{one}", one, count, data[one] if data else "") for one in range(count))


def _source(word: str) -> str:
    """A path is made absolute, as processes stand elsewhere; other words (a built-in table) stay."""
    return str(Path(word).resolve()) if word and Path(word).exists() else word
