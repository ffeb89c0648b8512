"""`fl status`: how a federation is, in states with names, and the next step where one is not well.

The registry is asked, as Flower's site says only that it tries again; certificates are read with their dates.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from velatura.errors import VelaturaError
from velatura.federated.deploy.certificates import Certificate, public_key, read_certificate
from velatura.federated.deploy.door import distrust, shown
from velatura.federated.deploy.folder import LINK, Folder, Node
from velatura.federated.deploy.processes import alive, marked
from velatura.federated.quiet import switch_off

__all__ = ["NodeState", "ServerState", "Status", "look"]

DATE = "%Y-%m-%d %H:%MZ"


@dataclass(frozen=True, slots=True)
class ServerState:
    """state: "up", or what is wrong; names, begins, ends: of its certificate; next: what to do."""

    address: str
    state: str
    well: bool
    pid: int | None = None
    names: tuple[str, ...] = ()
    begins: str = ""
    ends: str = ""
    next: str = ""


@dataclass(frozen=True, slots=True)
class NodeState:
    """state: "online", "starting", or what is wrong. here: a process of this machine."""

    name: str
    state: str
    well: bool
    here: bool
    pid: int | None = None
    next: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """well: everything is. stray: processes of this federation that no file names."""

    folder: str
    server: ServerState
    nodes: list[NodeState]
    stray: int
    well: bool


def look(folder: Folder) -> Status:
    """Ask processes, certificate and registry. Takes seconds at most; changes nothing."""
    switch_off(folder.home("command"))
    server = _server(folder) if folder.serves else _elsewhere(folder)
    nodes = _nodes(folder, server) if folder.serves else [_site(folder, server)]
    own = {pid for name in folder.names() if (pid := folder.pid(name)) is not None}
    stray = 0 if any(alive(pid, folder.told.instance) for pid in own) else len(marked(folder.told.instance))
    return Status(str(folder.path), server, nodes, stray, server.well and not stray and all(node.well for node in nodes))


def _server(folder: Folder) -> ServerState:
    told, now = folder.told, dt.datetime.now(dt.UTC)
    own = read_certificate((folder.path / "server.crt").read_bytes())
    pid = folder.pid(LINK)
    running = alive(pid, told.instance)
    found = shown(told.host, told.port)
    why = next(filter(None, (own.problem(name, at=now) for name in told.names)), "")
    if found is not None and found.der != own.der:
        return _told(folder, "another server answers at this address", own, pid if running else None, "end it, or fl down and fl up --port N")
    if not running:
        rest = "velatura fl down" if found or marked(told.instance) else "velatura fl up"
        return _told(folder, "down" if found is None else "up, but not as this folder knows it", own, None, rest)
    if found is None:
        return _told(folder, "starting, or hung: it does not answer", own, pid, f"see {folder.log(LINK)}")
    return _told(folder, why or "up", own, pid, "velatura fl down; velatura fl up --renew" if why else "")


def _elsewhere(folder: Folder) -> ServerState:
    told = folder.told
    why = distrust(told.host, told.port, folder.authority, at=dt.datetime.now(dt.UTC))
    return _told(folder, why or "up", shown(told.host, told.port), None, "whoever runs the server: velatura fl status" if why else "")


def _told(folder: Folder, state: str, certificate: Certificate | None, pid: int | None, following: str) -> ServerState:
    if certificate is None:
        return ServerState(folder.told.address, state, state == "up", pid, next=following)
    begins, ends = certificate.begins.strftime(DATE), certificate.ends.strftime(DATE)
    return ServerState(folder.told.address, state, state == "up", pid, certificate.names, begins, ends, following)


def _nodes(folder: Folder, server: ServerState) -> list[NodeState]:
    """Of this folder, and those that were let in from elsewhere."""
    from velatura.federated.deploy.control import Control

    if not server.well:
        return [_unasked(folder, node) for node in folder.told.nodes]
    try:
        with Control(folder) as control:
            known = {node.key: node for node in control.nodes()}
    except VelaturaError:
        return [_unasked(folder, node) for node in folder.told.nodes]
    states, own = [], set()
    for node in folder.told.nodes:
        key = public_key(folder.public_key(node.name))
        own.add(key)
        there = known.get(key)
        states.append(_local(folder, node, None if there is None else there.online))
    for key, other in known.items():
        if key not in own:
            state = "online" if other.online else "offline" if other.since else "registered, never came"
            following = "" if other.online else "on its machine: velatura fl status"
            states.append(NodeState(other.name or str(other.id), state, other.online, False, None, following))
    return states


def _local(folder: Folder, node: Node, online: bool | None) -> NodeState:
    """online: as the registry has it, which hears of a death late; None: the registry does not know its key."""
    pid = folder.pid(node.name)
    running = alive(pid, folder.told.instance)
    if online is None:
        register = f"velatura fl up --register {folder.public_key(node.name)} --state {folder.path}"
        return NodeState(node.name, "key not registered", False, True, pid if running else None, register)
    if not running:
        return NodeState(node.name, "offline: its process is gone", False, True, None, f"see {folder.log(node.name)}; velatura fl down, fl up")
    return NodeState(node.name, "online" if online else "starting, or cut off", online, True, pid, "" if online else f"see {folder.log(node.name)}")


def _unasked(folder: Folder, node: Node) -> NodeState:
    pid = folder.pid(node.name)
    running = alive(pid, folder.told.instance)
    return NodeState(node.name, "runs, without its server" if running else "down", False, True, pid if running else None)


def _site(folder: Folder, server: ServerState) -> NodeState:
    from velatura.federated.deploy.site import UNKNOWN, is_there, refusal

    node = folder.told.nodes[0]
    pid = folder.pid(node.name)
    running = alive(pid, folder.told.instance)
    if running and server.well and is_there(folder, node.name):
        return NodeState(node.name, "online", True, True, pid)
    if not server.well:
        return NodeState(node.name, "runs, without its server" if running else "down", False, True, pid if running else None)
    why = refusal(folder)
    send = f"send {folder.public_key(node.name)} to whoever runs the server" if why == UNKNOWN else ""
    if running:
        return NodeState(node.name, why or "starting", False, True, pid, send)
    return NodeState(node.name, why or "down", False, True, None, send or f"velatura fl up --state {folder.path}")
