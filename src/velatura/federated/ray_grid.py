"""Flower's Grid over Flower's own Ray actors: clients in processes of this machine, side by side. The only place that knows Ray.

Flower's in-process entry (`flwr.simulation.run_simulation`) is deprecated, gives nodes random ids, and keeps a dead actor in its pool. Its actor
class is used here under the grid of the local engine instead, so that both engines have the same nodes, places and deadlines.
Ray is started for this run alone, on loopback, without dashboard, usage statistics or a cluster that happens to be there, and ends with it.

Limits: a client whose time is over is killed with its process, which imports torch anew; state that a client keeps beside its Context is lost then.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flwr.app import Context, Error, Message
from flwr.clientapp import ClientApp

from velatura.errors import BadSpec, Missing
from velatura.federated.flower_task import named, task
from velatura.federated.local_grid import FAILED, LocalGrid

__all__ = ["RayGrid"]


class RayGrid(LocalGrid):
    """As `LocalGrid`, with a process for each core.

    Args:
        client: gives the client app; called in each process. Travels by pickle: what it holds must be importable there.
        workers: processes; default: one for each core, no more than nodes.

    Raises:
        Missing: `extra.fl-ray`.
    """

    def __init__(self, client: Callable[[], ClientApp], nodes: int, run_config: Mapping[str, Any] | None = None, *, workers: int = 0) -> None:
        self._ray, self._kind = _imported()
        super().__init__(ClientApp(), nodes, run_config)  # which is never asked: the processes have their own
        self._client = _Answering(client)
        self._folder = tempfile.mkdtemp(prefix="velatura-ray-")  # short: the path of a socket has 107 bytes
        self._busy: dict[str, Any] = {}
        self._threads: list[threading.Thread] = []
        wanted = workers or max(1, min(nodes, os.cpu_count() or 1))
        try:
            _start(self._ray, self._folder, wanted)
        except BaseException:
            self.close()
            raise
        self._threads = [threading.Thread(target=self._work_at, daemon=True, name=f"ray {number}") for number in range(wanted)]
        for thread in self._threads:
            thread.start()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        told = []
        for message in messages:
            told.append(named(message, uuid.uuid4().hex))
            self._waiting.put(message)
        return told

    def wait(self, seconds: float) -> None:
        """Until a reply arrives, or so long."""
        with self._arrived:
            if not self._replies:
                self._arrived.wait(seconds)

    def abandon(self, message_ids: Iterable[str]) -> None:
        """Their time is over: whoever works on one is ended, and what was not begun never is."""
        with self._arrived:
            for one in message_ids:
                self._gone.add(one)
                if one in self._busy:
                    self._ray.kill(self._busy[one])

    def close(self) -> None:
        """End all processes that were started."""
        for _ in self._threads:
            self._waiting.put(None)
        self._ray.shutdown()
        for thread in self._threads:
            thread.join(5.0)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _work_at(self) -> None:
        """One process's foreman: a process that is lost is replaced."""
        actor = None
        while (message := self._waiting.get()) is not None:
            if message.metadata.message_id in self._gone:
                continue
            actor = actor or self._kind.options(num_cpus=1).remote()
            reply, lost = self._asked(actor, message)
            actor = None if lost else actor
            named(reply, uuid.uuid4().hex)
            with self._arrived:
                self._replies[message.metadata.message_id] = reply
                self._arrived.notify_all()

    def _asked(self, actor: Any, message: Message) -> tuple[Message, bool]:
        """(reply, whether the process is lost)."""
        key, node = message.metadata.message_id, message.metadata.dst_node_id
        with self._arrived:
            self._busy[key] = actor
        try:
            _, reply, self._contexts[node] = self._ray.get(actor.run.remote(self._client, message, str(node), self._contexts[node]))
            return reply, False
        except Exception as error:
            lost = isinstance(error, self._ray.exceptions.RayActorError)
            why = "its process ended" if lost else str(error).strip().splitlines()[-1]
            return Message(Error(code=FAILED, reason=why), reply_to=message), lost
        finally:
            with self._arrived:
                del self._busy[key]


@dataclass(frozen=True, slots=True)
class _Answering:
    """What an actor calls for each message: the client app, any fault of which is an error reply, as in this process."""

    client: Callable[[], ClientApp]

    def __call__(self) -> Callable[[Message, Context], Message]:
        task()
        app = self.client()

        def answer(message: Message, context: Context) -> Message:
            try:
                return app(message, context)
            except BaseException as error:
                return Message(Error(code=FAILED, reason=f"{type(error).__name__}: {error}"), reply_to=message)

        return answer


def _imported() -> tuple[Any, Any]:
    """(ray, Flower's actor)."""
    try:
        import ray
        from flwr.simulation.ray_transport.ray_actor import ClientAppActor
    except ImportError as error:
        raise Missing("extra.fl-ray", "ray is not installed", hint="pip install 'velatura[fl-ray,train]'; --engine local needs none") from error
    return ray, ClientAppActor


def _start(ray: Any, folder: str, cpus: int) -> None:
    if ray.is_initialized():
        raise BadSpec("federated.engine", "this process is connected to a Ray cluster already", hint="ray.shutdown() first, or engine local")
    with _without_dashboard(), _importable():
        ray.init(
            address="local",  # never a cluster that RAY_ADDRESS names
            num_cpus=cpus,
            num_gpus=0,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            _temp_dir=folder,
        )


@contextmanager
def _importable() -> Iterator[None]:
    """What this process can import, its workers can: they inherit the environment, not `sys.path`."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@contextmanager
def _without_dashboard() -> Iterator[None]:
    """`include_dashboard=False` still starts its process, which asks three clouds' metadata services where it is, usage statistics or not (2.55)."""
    from ray._private import services

    start = services.start_api_server
    services.start_api_server = lambda *arguments, **options: ("", None)
    try:
        yield
    finally:
        services.start_api_server = start
