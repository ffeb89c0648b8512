"""Flower's Grid inside this process: no Ray, no socket. With `flower_task.py` the only place that touches what Flower does not promise.

Clients run one after the other in a thread of their own, so that a deadline holds even against one that sleeps: where none answers for as long as one
`wait`, another thread goes on with the rest; a late reply counts until the deadline.
A client's fault is an error reply, whatever it raises: `SystemExit` and `KeyboardInterrupt` too.
"""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid

from velatura.federated.flower_task import Run, named, task

__all__ = ["LocalGrid"]

FAILED = 2  # Flower's code for a client app that raised


class LocalGrid(Grid):
    """Nodes 1 to n, partitions 0 to n - 1; one Context each survives the rounds, as on a SuperNode.

    Args:
        app: runs for every node.
        nodes: how many.
        run_config: what `context.run_config` holds.
        node_config: beyond partition-id and num-partitions.
    """

    def __init__(self, app: ClientApp, nodes: int, run_config: Mapping[str, Any] | None = None, node_config: Mapping[str, Any] | None = None) -> None:
        self._run = task()
        config = [{**(node_config or {}), "partition-id": site, "num-partitions": nodes} for site in range(nodes)]
        self._contexts = {site + 1: Context(self._run.run_id, site + 1, config[site], RecordDict(), dict(run_config or {})) for site in range(nodes)}
        self._app = app
        self._waiting: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._replies: dict[str, Message] = {}
        self._arrived = threading.Condition()
        self._working: threading.Thread | None = None
        self._begun = 0
        self._gone: set[str] = set()

    def set_run(self, run: Run) -> None:
        self._run = run

    @property
    def run(self) -> Run:
        return self._run

    def create_message(self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None) -> Message:
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        return list(self._contexts)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        told = []
        for message in messages:
            told.append(named(message, uuid.uuid4().hex))
            self._waiting.put(message)
        if told and (self._working is None or not self._working.is_alive()):
            self._hire()
        return told

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Replies that are there, each once."""
        with self._arrived:
            return [self._replies.pop(one) for one in message_ids if one in self._replies]

    def wait(self, seconds: float) -> None:
        """Until a reply arrives, or so long; whoever has worked on one message all the while is left to himself."""
        with self._arrived:
            begun = self._begun
            if not self._replies and not self._arrived.wait(seconds) and begun == self._begun and not self._waiting.empty():
                self._hire()

    def abandon(self, message_ids: Iterable[str]) -> None:
        """Their time is over: what was not begun never is."""
        self._gone.update(message_ids)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        from velatura.federated.exchange import exchange

        return exchange(self, messages, deadline_s=timeout).replies

    def close(self) -> None:
        """End the worker; one that sleeps in a client is left behind."""
        self._waiting.put(None)
        if self._working is not None:
            self._working.join(1.0)

    def _hire(self) -> None:
        self._working = threading.Thread(target=self._work, daemon=True, name="clients")
        self._working.start()

    def _work(self) -> None:
        while self._working is threading.current_thread():
            message = self._waiting.get()
            if message is None:
                return
            if message.metadata.message_id in self._gone:
                continue
            self._begun += 1
            reply = self._answer(message)
            named(reply, uuid.uuid4().hex)
            with self._arrived:
                self._replies[message.metadata.message_id] = reply
                self._arrived.notify_all()

    def _answer(self, message: Message) -> Message:
        try:
            return self._app(message, self._contexts[message.metadata.dst_node_id])
        except BaseException as error:
            return Message(Error(code=FAILED, reason=f"{type(error).__name__}: {error}"), reply_to=message)
