"""`fl up`: certificates and keys once, then processes, until every site is there; or nothing, with the reason.

Three forms: a server with sites on this machine; a server alone (0 nodes), to which other machines come; one site, that joins a server elsewhere.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from velatura.errors import BadInput, BadSpec, Missing
from velatura.federated.deploy import certificates, sum_keys
from velatura.federated.deploy.asked import Asked, federation, refuse_address, refuse_other_end
from velatura.federated.deploy.control import Control
from velatura.federated.deploy.door import is_free, is_here, shown
from velatura.federated.deploy.down import down
from velatura.federated.deploy.folder import LINK, Federation, Folder, Node, make, opened, refuse_name
from velatura.federated.deploy.processes import alive, marked
from velatura.federated.deploy.site import sign_off
from velatura.federated.deploy.start import start_link, start_node
from velatura.files import alone

__all__ = ["Up", "prepare", "prepare_site", "register", "up"]

POLL_S = 0.3


@dataclass(frozen=True, slots=True)
class Up:
    """folder: its path; certificate_ends: ISO date."""

    folder: str
    address: str
    pid: int
    nodes: list[str]
    certificate_ends: str
    seconds: float


def up(path: Path, asked: Asked, *, wait_s: float = 120.0) -> Up:
    """Start a federation.

    Args:
        path: its folder; keys, certificate and registry of an earlier one in it are used again.
        wait_s: for the server, and again for its sites.

    Raises:
        BadSpec: `federated.running`, `federated.stale`, `federated.port`, `federated.names`, `federated.nodes-data`, `federated.folder`.
        BadInput: `federated.certificate`, `federated.database`.
        Missing: `extra.fl`, `federated.nodes`, `federated.superlink`: not there in time; what was started is ended.
    """
    begun_s = time.monotonic()
    folder = prepare(path, asked)
    with _alone(folder):
        try:
            _serve(folder, wait_s)
            _sites(folder, wait_s)
        except BaseException:
            down(folder, limit_s=5.0)
            raise
    certificate = certificates.read_certificate((folder.path / "server.crt").read_bytes())
    names = [node.name for node in folder.told.nodes]
    seconds = round(time.monotonic() - begun_s, 1)
    return Up(str(path), folder.told.address, folder.pid(LINK) or 0, names, f"{certificate.ends:%Y-%m-%d}", seconds)


def prepare(path: Path, asked: Asked) -> Folder:
    """Everything but processes: refuse what cannot work, then folder, certificate and keys."""
    old = opened(path) if (path / "federation.json").exists() else None
    if old is not None:
        _refuse_running(old)
        _refuse_database(old)
    told = federation(asked, old.told if old else None, instance=secrets.token_hex(16), flwr=_flwr())
    if not is_here(told.bind):
        raise BadSpec("federated.host", f"{told.bind} is no address of this machine", hint="--host 0.0.0.0 for all that it has, or 127.0.0.1")
    if not is_free(told.bind, told.port):
        raise BadSpec("federated.port", f"port {told.port} of {told.bind} is in use", hint="--port N, or end what listens there")
    folder = make(path, told)
    _certified(folder, renew=asked.renew)
    for node in folder.told.nodes:
        if not folder.key(node.name).exists():
            certificates.make_node_key(folder.path / "keys", node.name)
    sum_keys.for_all(folder)
    return folder


def prepare_site(path: Path, address: str, authority: Path, node: Node, *, peers: Path | None = None) -> Folder:
    """The folder of one site whose server is elsewhere. Its keys are made here and stay here.

    Args:
        peers: all sites' lines, for secure aggregation; None: a list from an earlier time, or none.

    Raises:
        BadSpec: `federated.running`, `federated.stale`, `federated.address`, `federated.folder`, `federated.secagg-peers`.
        BadInput: `federated.certificate`.
    """
    refuse_address(address)
    old = opened(path) if (path / "federation.json").exists() else None
    if old is not None:
        refuse_other_end(old, server=False)
        _refuse_running(old)
    _refuse_authority(authority)
    instance = old.told.instance if old else secrets.token_hex(16)
    folder = make(path, Federation(instance, address, _flwr(), nodes=(node,)))
    if authority.resolve() != folder.authority:
        shutil.copyfile(authority, folder.authority)
    if not folder.key(node.name).exists():
        certificates.make_node_key(folder.path / "keys", node.name)
    sum_keys.for_one(folder, node, peers)
    return folder


def _refuse_authority(file: Path) -> None:
    try:
        certificates.read_certificate(file.read_bytes() if file.is_file() else b"")
    except BadInput as error:
        raise BadInput("federated.certificate", f"{file}: not a certificate", hint="--ca ca.crt, from the server's folder") from error


def register(folder: Folder, keys: Sequence[Path]) -> list[str]:
    """Let sites in: public keys by file, each under the name of its file. Returns those that are new."""
    with Control(folder) as control:
        known = {node.key for node in control.nodes()}
        for path in keys:
            refuse_name(path.stem)
        new = {path.stem: key for path in keys if (key := certificates.public_key(path)) not in known}
        for name, key in new.items():
            control.register(key, name)
    return list(new)


def _flwr() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("flwr")
    except PackageNotFoundError as error:
        raise Missing("extra.fl", "flwr is not installed", hint="pip install 'velatura[fl,train]'") from error


def _refuse_running(old: Folder) -> None:
    instance = old.told.instance
    if any(alive(old.pid(name), instance) for name in old.names()):
        raise BadSpec("federated.running", f"{old.path}: its federation runs already", hint="velatura fl status; velatura fl down")
    if rest := marked(instance):
        raise BadSpec("federated.stale", f"{old.path}: {len(rest)} processes of an earlier federation are left", hint="velatura fl down")


def _refuse_database(old: Folder) -> None:
    """Registry and runs of an earlier server: of this version of Flower, and whole."""
    file, hint = old.path / "superlink.db", "velatura fl down --forget begins anew (keys, too)"
    if not file.exists():
        return
    if old.told.flwr != _flwr():
        raise BadInput("federated.database", f"{file}: of flwr {old.told.flwr}, and here is {_flwr()}", hint=hint)
    try:
        with closing(sqlite3.connect(file)) as database:
            whole = database.execute("pragma quick_check").fetchone() == ("ok",)
    except sqlite3.DatabaseError:
        whole = False
    if not whole:
        raise BadInput("federated.database", f"{file}: damaged", hint=hint)


def _certified(folder: Folder, *, renew: bool) -> None:
    now, file = dt.datetime.now(dt.UTC), folder.path / "server.crt"
    if not folder.authority.exists():
        certificates.make_authority(folder.path, at=now)
    root = certificates.read_certificate(folder.authority.read_bytes())
    if now > root.ends:
        sentence = f"{folder.authority}: the authority expired on {root.ends:%Y-%m-%d}"
        raise BadInput("federated.certificate", sentence, hint="velatura fl down --forget, then fl up; every site needs the new ca.crt")
    if renew or not file.exists():
        certificates.make_server(folder.path, folder.told.names, at=now)
    found = certificates.read_certificate(file.read_bytes())
    for name in folder.told.names:
        if why := found.problem(name, at=now):
            raise BadInput("federated.certificate", f"{file}: {why}", hint="velatura fl up --renew makes a new one that the same ca.crt vouches for")


@contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    """Two that start at once would each take the other's processes for their own."""
    lock = os.open(folder.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            alone(lock)
        except OSError as error:
            raise BadSpec("federated.running", f"{folder.path}: another `fl up` starts it now", hint="velatura fl status") from error
        _refuse_running(folder)
        yield
    finally:
        os.close(lock)


def _serve(folder: Folder, wait_s: float) -> None:
    """The server, until it shows its own certificate."""
    own = certificates.read_certificate((folder.path / "server.crt").read_bytes()).der
    pid, until_s = start_link(folder), time.monotonic() + wait_s
    while (found := shown(folder.told.host, folder.told.port)) is None or found.der != own:
        if found is not None:
            raise BadSpec("federated.port", f"another server answers at {folder.told.address}", hint="--port N, or end it")
        if not alive(pid, folder.told.instance) or time.monotonic() > until_s:
            sentence = f"the server at {folder.told.address} did not come up: {folder.last_word(LINK)}"
            raise Missing("federated.superlink", sentence, hint=f"see {folder.log(LINK)}")
        time.sleep(POLL_S)


def _sites(folder: Folder, wait_s: float) -> None:
    """Register and start sites of this machine, until all are there."""
    register(folder, [folder.public_key(node.name) for node in folder.told.nodes])
    keys = {node.name: certificates.public_key(folder.public_key(node.name)) for node in folder.told.nodes}
    with Control(folder) as control:
        believed = {one.key: one.id for one in control.nodes() if one.online}
        for node in folder.told.nodes:
            if keys[node.name] in believed:
                sign_off(folder, node, believed[keys[node.name]])
        since = dt.datetime.now(dt.UTC).isoformat()
        pids = {node.name: start_node(folder, node) for node in folder.told.nodes}
        until_s = time.monotonic() + wait_s
        while missing := _missing(control, keys, since):
            dead = [name for name in missing if not alive(pids[name], folder.told.instance)]
            if dead or time.monotonic() > until_s:
                why = f"{dead[0]} ended: {folder.last_word(dead[0])}" if dead else f"waited {wait_s:g} s"
                sentence = f"{len(keys) - len(missing)} of {len(keys)} nodes are there; missing: {', '.join(missing)}; {why}"
                raise Missing("federated.nodes", sentence, hint=f"see {folder.log((dead or missing)[0])}; --wait-s for a slower machine")
            time.sleep(POLL_S)


def _missing(control: Control, keys: dict[str, bytes], since: str) -> list[str]:
    """An earlier life of a site, of which the registry says "online" until its heartbeat is missed, does not count."""
    there = {node.key for node in control.nodes() if node.online and node.since >= since} if keys else set()
    return [name for name, key in keys.items() if key not in there]
