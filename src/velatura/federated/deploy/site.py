"""One site of a server that is elsewhere: whether its key is known there, and its process.

Flower's site only says "retrying", for ever and whatever the reason. So this process asks first, with the site's own key: the server answers a
request to come with yes (which is taken back at once) or no.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import time

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_private_key
from flwr.common.constant import HEARTBEAT_DEFAULT_INTERVAL
from flwr.proto.fleet_pb2 import ActivateNodeRequest, DeactivateNodeRequest
from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor
from flwr.supercore.protobuf.client import ProtobufClientInterceptor
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

from velatura.errors import Missing
from velatura.federated.deploy.certificates import public_key
from velatura.federated.deploy.door import distrust
from velatura.federated.deploy.down import down
from velatura.federated.deploy.folder import Folder, Node
from velatura.federated.deploy.processes import alive, past_proxies
from velatura.federated.deploy.start import start_node

__all__ = ["CAME", "UNKNOWN", "admitted", "is_there", "join", "refusal", "sign_off"]

CAME = ("SuperNode ID", "Connection successful")
AWAY = "Connection attempt failed"
UNKNOWN = "key not registered"
UNAUTHORIZED = 401
POLL_S = 0.3


def join(folder: Folder, *, wait_s: float) -> int:
    """Start the folder's one site; its process id once it is there.

    Raises:
        Missing: as `admitted`, and `federated.nodes`: nothing is left running.
    """
    node = folder.told.nodes[0]
    admitted(folder)
    begun_s = time.monotonic()
    pid = start_node(folder, node)
    try:
        while not is_there(folder, node.name):
            waited_s, where = time.monotonic() - begun_s, f"see {folder.log(node.name)}"
            if not alive(pid, folder.told.instance):
                sentence = f"{node.name} ended after {waited_s:.1f} s, before it came to {folder.told.address}: {folder.last_word(node.name)}"
                raise Missing("federated.nodes", sentence, hint=where)
            if waited_s > wait_s:
                sentence = f"{node.name} did not come to {folder.told.address} in {wait_s:g} s"
                raise Missing("federated.nodes", sentence, hint=f"{where}; --wait-s for a slower machine")
            time.sleep(POLL_S)
    except BaseException:
        down(folder, limit_s=5.0)
        raise
    return pid


def admitted(folder: Folder) -> None:
    """Raises Missing `federated.key-unknown`, `federated.superlink`: the server would not have the folder's site now."""
    name, address = folder.told.nodes[0].name, folder.told.address
    why = refusal(folder)
    if why == UNKNOWN:
        pub = folder.public_key(name)
        hint = f"send {pub} to whoever runs the server, who says: velatura fl up --register {pub.name}; then again"
        raise Missing("federated.key-unknown", f"{name}: {UNKNOWN} at {address}", hint=hint)
    if why:
        raise Missing("federated.superlink", f"{address}: {why}", hint="velatura fl status on the server's machine; --ca as it has it now")


def is_there(folder: Folder, name: str) -> bool:
    """By what the site's process wrote last about its connection."""
    try:
        text = folder.log(name).read_text(errors="replace")
    except OSError:
        return False
    return max(text.rfind(word) for word in CAME) > text.rfind(AWAY)


def refusal(folder: Folder) -> str:
    """Why the server would not have the folder's site now; empty: it would. Only for a site that is not there."""
    told = folder.told
    node = told.nodes[0]
    if why := distrust(told.host, told.port, folder.authority, at=dt.datetime.now(dt.UTC)):
        return why
    try:
        with _client(folder, node) as client:
            if _may_come(client, folder, node):
                return ""
            for number in _earlier(folder, node):
                _leave(client, number)
            return "" if _may_come(client, folder, node) else UNKNOWN
    except httpx.HTTPStatusError as error:
        return "the server refuses the signature: is this clock right?" if error.response.status_code == UNAUTHORIZED else UNKNOWN
    except httpx.HTTPError as error:
        return f"no server answers at {told.address}: {error}"


def sign_off(folder: Folder, node: Node, number: int) -> None:
    """Take leave for an earlier life of a site that was killed: until its heartbeat is missed (a minute) the server would not let it come again."""
    with _client(folder, node) as client:
        _leave(client, number)


def _may_come(client: FleetHttpClient, folder: Folder, node: Node) -> bool:
    """Come, and go at once. No: its key is not known, or it is believed to be there."""
    key = public_key(folder.public_key(node.name))
    try:
        number = client.ActivateNode(ActivateNodeRequest(public_key=key, heartbeat_interval=HEARTBEAT_DEFAULT_INTERVAL)).node_id
    except httpx.HTTPStatusError as error:
        if error.response.status_code == UNAUTHORIZED:
            raise
        return False
    _leave(client, number)
    return True


def _leave(client: FleetHttpClient, number: int) -> None:
    with contextlib.suppress(httpx.HTTPStatusError):  # it was not there, or it is not its number
        client.DeactivateNode(DeactivateNodeRequest(node_id=number))


def _earlier(folder: Folder, node: Node) -> list[int]:
    """Its number in an earlier life, by its log."""
    try:
        return [int(number) for number in re.findall(rf"{CAME[0]}: (\d+)", folder.log(node.name).read_text(errors="replace"))[-1:]]
    except OSError:
        return []


def _client(folder: Folder, node: Node) -> FleetHttpClient:
    """One that signs as the site does."""
    os.environ.update(past_proxies(folder.told.host))
    key = load_ssh_private_key(folder.key(node.name).read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey), "made here"
    signing: list[ProtobufClientInterceptor] = [
        RuntimeVersionHttpInterceptor(component_name="SuperNode"),
        NodeAuthHttpInterceptor(key, key.public_key()),
    ]
    return FleetHttpClient.from_server_address(folder.told.address, False, folder.authority.read_bytes(), interceptors=signing)
