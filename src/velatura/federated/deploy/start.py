"""The commands of a federation's processes: Flower's own programs, with TLS, keys and nothing installed at run time."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import NoReturn

from velatura.federated.deploy.door import free_port
from velatura.federated.deploy.folder import LINK, Folder, Node
from velatura.federated.deploy.link import SECRET
from velatura.federated.deploy.processes import environment, program, start
from velatura.federated.deploy.sum_keys import settings
from velatura.federated.quiet import switch_off
from velatura.federated.site import STATE

__all__ = ["become", "start_link", "start_node"]

POLL_S = "0.2"  # how often Flower's executor looks for work; its own 1 s is a third of a small round


def start_link(folder: Folder) -> int:
    """The server's process id, noted in the folder."""
    return _started(folder, LINK, _link(folder))


def start_node(folder: Folder, node: Node) -> int:
    """A site's process id, noted in the folder."""
    return _started(folder, node.name, _node(folder, node))


def become(folder: Folder, node: Node | None) -> NoReturn:
    """This process turns into the server (None) or a site: for systemd, which restarts it and ends its children. It writes to its log."""
    name, command = (LINK, _link(folder)) if node is None else (node.name, _node(folder, node))
    folder.note(name, os.getpid())
    log = os.open(folder.log(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # where `fl status` reads whether a site came
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())
    os.chdir(folder.path)
    os.execve(command[0], command, _environment(folder, name))  # noqa: S606 - our own words, no shell


def _started(folder: Folder, name: str, command: list[str]) -> int:
    pid = start(command, log=folder.log(name), env=_environment(folder, name), folder=folder.path)
    folder.note(name, pid)
    return pid


def _environment(folder: Folder, name: str) -> Mapping[str, str]:
    switches = {**switch_off(folder.home(name)), "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": POLL_S, "VELATURA_TICKETS": str(folder.path / "tickets")}
    return environment(folder.told.instance, {**switches, SECRET: str(folder.path / "control")}, direct=folder.told.host)


def _link(folder: Folder) -> list[str]:
    files = {"certfile": "server.crt", "keyfile": "server.key", "ca-certfile": "ca.crt"}
    tls = [word for name, file in files.items() for word in (f"--ssl-{name}", str(folder.path / file))]
    where = ["--host", folder.told.bind, "--port", str(folder.told.port), "--database", str(folder.path / "superlink.db")]
    program("flower-superlink")  # refuses where Flower is not installed
    own = [sys.executable, "-m", "velatura.federated.deploy.link"]
    return [*own, *tls, *where, "--enable-supernode-auth", "--disable-runtime-dependency-installation"]


def _node(folder: Folder, node: Node) -> list[str]:
    config = folder.home(node.name) / "node.toml"  # a file: Flower's reader of words knows no quotation mark in a path
    words = {**({"data": node.data} if node.data else {}), **settings(folder, node), STATE: str(folder.path / "privacy" / node.name)}
    told = "".join(f"{name} = {json.dumps(word, ensure_ascii=False)}\n" for name, word in words.items())
    config.write_text(f"partition-id = {node.partition}\nnum-partitions = {node.of}\n{told}", encoding="utf-8")
    who = ["--superlink", folder.told.address, "--root-certificates", str(folder.authority)]
    key = ["--auth-supernode-private-key", str(folder.key(node.name))]
    return [program("flower-supernode"), *who, *key, "--node-config", str(config), "--host", "127.0.0.1", "--port", str(free_port())]
