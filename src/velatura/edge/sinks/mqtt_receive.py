"""A consumer on a broker: verifies every event, writes what is whole as lines, and publishes the receipt that lets the device forget.

Its session is durable: the broker keeps for it what comes while it is away. What was lost with a broker comes again, since no receipt named it.
"""

from __future__ import annotations

import contextlib
import json
import queue
from collections.abc import Callable
from pathlib import Path

from velatura.crypto.keys import Verifier
from velatura.edge.destinations import PREFIX
from velatura.edge.events import Event
from velatura.edge.login import Login
from velatura.edge.receive import Receiver
from velatura.edge.sinks.broker import Broker, address_of
from velatura.edge.sinks.mqtt import client_of, topic
from velatura.edge.sinks.sink import Unreached
from velatura.errors import Withheld

__all__ = ["receive"]

WAIT_S = 0.25


def receive(
    url: str,
    verifier: Verifier,
    camera: str,
    *,
    take: Callable[[bytes, Event], None],
    refused: Callable[[Withheld], None],
    ends: Callable[[], bool],
    state: Path | None = None,
    login: Login | None = None,
    ca: Path | None = None,
    prefix: str = PREFIX,
    pause: Callable[[float], object],
    unreached: Callable[[str], None] = lambda state: None,
) -> Receiver:
    """Until `ends`.

    Args:
        take: given each event that is whole, once, in order; what it wrote must be durable when it returns, for the receipt follows.
        refused: told of messages that were not believed.
        pause: waits some seconds between two attempts to connect.
        unreached: told the state of each attempt that failed.
    """
    receiver = Receiver(verifier, camera, state=state)
    come: queue.Queue[bytes] = queue.Queue(10_000)

    def heard(_topic: str, payload: bytes) -> None:
        come.put(payload)

    name = client_of(prefix, "receive", verifier.id, camera)
    broker = Broker(address_of(url), client=name, login=login, ca=ca, topics=(topic(verifier.id, camera, "event", prefix),), heard=heard)
    receipt, wait_s = topic(verifier.id, camera, "receipt", prefix), WAIT_S
    while not ends():
        try:
            if not broker.is_up:
                broker.connect()
                _answer(broker, receipt, receiver, again=True)
                wait_s = WAIT_S
            if _taken(come, receiver, take, refused):
                _answer(broker, receipt, receiver)
        except Unreached as error:
            unreached(error.state)
            pause(wait_s)
            wait_s = min(2 * wait_s, 30.0)
    while _taken(come, receiver, take, refused):  # what has come is taken before it ends
        with contextlib.suppress(Unreached):
            _answer(broker, receipt, receiver)
    if broker.is_up:
        broker.leave()
    return receiver


def _taken(come: queue.Queue[bytes], receiver: Receiver, take: Callable[[bytes, Event], None], refused: Callable[[Withheld], None]) -> bool:
    """Messages that are here; whether the receipt moved."""
    before = receiver.receipt
    try:
        line = come.get(timeout=WAIT_S)
        while True:
            try:
                for whole, event in receiver.take_lines(line):
                    take(whole, event)
            except Withheld as error:
                refused(error)
            line = come.get_nowait()
    except queue.Empty:
        return receiver.receipt > before


def _answer(broker: Broker, name: str, receiver: Receiver, *, again: bool = False) -> None:
    """The receipt; again: what comes after it may be lost."""
    receiver.remember()
    said = {"seq": receiver.receipt, **({"again": True} if again else {})}
    broker.publish({name: json.dumps(said).encode()}, retain=True)
