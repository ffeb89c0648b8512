"""Flower's Control API, from this process: keys, nodes, runs. One import of Flower's client costs less than each call of its command line (10 s).

Flower 1.42 (`flwr.cli.supernode.register`, `flwr.cli.run.run`, `flwr.cli.ls`): protobuf over HTTPS, one POST a call.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx
from flwr.common.serde import fab_to_proto, user_config_to_proto
from flwr.proto.control_pb2 import ListNodesRequest, ListRunsRequest, RegisterNodeRequest, StartRunRequest, StopRunRequest, UnregisterNodeRequest
from flwr.supercore.control import ControlHttpClient
from flwr.supercore.fab import Fab
from flwr.supercore.interceptors import RuntimeVersionHttpInterceptor

from velatura.errors import BadInput, Missing, VelaturaError, one_line
from velatura.federated.deploy.folder import Folder
from velatura.federated.deploy.link import HEADER
from velatura.federated.deploy.processes import past_proxies

__all__ = ["Control", "Registered", "RunState"]


@dataclass(frozen=True, slots=True)
class Registered:
    """A site in the registry. since: ISO time of its last coming; empty: it never came."""

    id: int
    name: str
    key: bytes
    online: bool
    since: str


@dataclass(frozen=True, slots=True)
class RunState:
    """details: why it failed, in Flower's words."""

    status: str
    outcome: str
    details: str

    @property
    def finished(self) -> bool:
        return self.status == "finished"


class _Secret:
    """Shows the federation's secret with each request."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def intercept(self, context: Any, call_next: Callable[[Any], httpx.Response]) -> httpx.Response:
        context.request.headers[HEADER.decode()] = self._secret.decode()
        return call_next(context)


class Control:
    """Of the federation of `folder`, whose server runs.

    Every call raises Missing `federated.superlink`: it does not answer, or is another one; VelaturaError `federated.control`: it refuses.
    """

    def __init__(self, folder: Folder) -> None:
        os.environ.update(past_proxies(folder.told.host))
        self._client = ControlHttpClient.from_server_address(
            folder.told.address,
            insecure=False,
            root_certificates=folder.authority.read_bytes(),
            interceptors=[RuntimeVersionHttpInterceptor(component_name="flwr CLI"), _Secret(folder.control)],
        )
        self._at = folder.told.address

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def register(self, key: bytes, name: str) -> int:
        """Its node id. key: PEM."""
        return int(self._ask(self._client.RegisterNode, RegisterNodeRequest(public_key=key, name=name)).node_id)

    def unregister(self, node: int) -> None:
        self._ask(self._client.UnregisterNode, UnregisterNodeRequest(node_id=node))

    def nodes(self) -> list[Registered]:
        """Those that are registered now."""
        found = self._ask(self._client.ListNodes, ListNodesRequest()).nodes_info
        return [
            Registered(node.node_id, node.name, node.public_key, node.status == "online", node.last_activated_at)
            for node in found
            if node.status != "unregistered"
        ]

    def submit(self, bundle: bytes, config: Mapping[str, Any]) -> int:
        """The run's id. bundle: a FAB; config: values of its run config that are other than in it."""
        fab = Fab(hashlib.sha256(bundle).hexdigest(), bundle, {})
        answer = self._ask(self._client.StartRun, StartRunRequest(fab=fab_to_proto(fab), override_config=user_config_to_proto(dict(config))))
        if not answer.HasField("run_id"):
            raise BadInput(
                "federated.app", "Flower's server takes no bundle of this kind", hint="velatura fl status; the log of the superlink says why"
            )
        return int(answer.run_id)

    def run(self, number: int) -> RunState:
        found = self._ask(self._client.ListRuns, ListRunsRequest(run_id=number)).run_dict.get(number)
        if found is None:
            raise VelaturaError("federated.control", f"the server at {self._at} knows no run {number}")
        return RunState(found.status.status, found.status.sub_status, one_line(found.status.details))

    def stop(self, number: int) -> None:
        self._ask(self._client.StopRun, StopRunRequest(run_id=number))

    def _ask(self, call: Callable[[Any], Any], request: Any) -> Any:
        try:
            return call(request)
        except httpx.HTTPStatusError as error:
            said = one_line(error.response.text, 200)
            raise VelaturaError("federated.control", f"the server at {self._at} refuses: {error.response.status_code} {said}") from error
        except httpx.HTTPError as error:
            raise Missing("federated.superlink", f"no server of this federation answers at {self._at}: {error}", hint="velatura fl status") from error
