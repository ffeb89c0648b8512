"""Events through an MQTT broker, none of which is lost with it.

Topics, below `<prefix>/<device>/<camera>/`: `event` (signed lines, QoS 1), `status` (retained: online, last number and digest; the will says
offline), `totals` (retained sums of what was published, which only rise: one message repairs all that were missed), `receipt` (retained, from the
consumer: the highest number up to which it has everything; with `"again"` when it comes back, for its broker may have forgotten it).
A broker's acknowledgement is no receipt: one without persistence forgets what it acknowledged (eclipse-mosquitto/mosquitto#1855). With `receipts` an
event stays here until the consumer's receipt names it; without, until `WINDOW_S` after the acknowledgement, and whatever is here is sent again after
every broken connection. Consumers drop what came before by its number (`velatura.edge.receive`).
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from velatura.edge.destinations import PREFIX
from velatura.edge.events import digest
from velatura.edge.login import Login
from velatura.edge.outbox import Outbox
from velatura.edge.sinks import home_assistant
from velatura.edge.sinks.broker import Broker, address_of
from velatura.edge.sinks.sink import Unreached
from velatura.errors import Withheld

__all__ = ["Mqtt", "client_of", "topic"]

WINDOW_S = 120.0
RETAINED_S = 1.0
"""So long a fresh connection waits for retained words before it writes its own."""


def topic(device: str, camera: str, word: str, prefix: str = PREFIX) -> str:
    """Names are checked by the policy: none has a slash or a wildcard, none comes from vision."""
    return f"{prefix}/{device}/{camera}/{word}"


def client_of(prefix: str, *words: str) -> str:
    """A client's name: a broker keeps one session for each."""
    return "-".join([prefix.replace("/", "-"), *words])


class Mqtt:
    """A `Sink`.

    Args:
        url: of the broker, see `broker.address_of`.
        totals: sums of what was published.
        receipts: wait for the consumer.
        fields: names of the record's fields, for Home Assistant; None: no discovery.
    """

    def __init__(
        self,
        url: str,
        outbox: Outbox,
        *,
        device: str,
        camera: str,
        totals: Callable[[], Mapping[str, int]],
        receipts: bool = False,
        login: Login | None = None,
        ca: Path | None = None,
        fields: Mapping[str, str] | None = None,
        prefix: str = PREFIX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox, self._totals, self._receipts, self._clock = outbox, totals, receipts, clock
        self._topics = {word: topic(device, camera, word, prefix) for word in ("event", "status", "totals", "receipt")}
        self._discovery = None if fields is None else home_assistant.discovery(device, camera, fields, self._topics)
        self._retained = threading.Event()
        self._receipt, self._ahead = -1, -1
        self._announce, self._again = False, False
        self._acknowledged: deque[tuple[float, int]] = deque()
        self._vouched, self._last = -1, (-1, "")
        heard = (self._topics["status"], self._topics["receipt"], *((home_assistant.STATUS,) if fields is not None else ()))
        self.name = f"mqtt:{url}:{prefix}:{camera}"
        self._broker = Broker(
            address_of(url),
            client=client_of(prefix, device, camera),
            will=(self._topics["status"], _json({"online": False})),
            login=login,
            ca=ca,
            topics=heard,
            heard=self._heard,
        )

    def offer(self, lines: Sequence[tuple[int, bytes]]) -> int:
        if not self._broker.is_up:
            self._connect()
        if self._announce and self._discovery is not None:
            self._broker.publish(self._discovery, retain=True)
            self._announce = False
        if lines:
            self._broker.publish([(self._topics["event"], line) for _, line in lines])
            self._last = (lines[-1][0], digest(lines[-1][1]))
            self._acknowledged.append((self._clock(), lines[-1][0]))
            self._broker.publish({self._topics["status"]: self._status(), self._topics["totals"]: _json(dict(self._totals()))}, retain=True)
        return self._vouch()

    def forgot(self) -> bool:
        again, self._again = self._again, False
        return again

    def close(self) -> None:
        if self._broker.is_up:
            self._broker.publish({self._topics["status"]: self._status(online=False)}, retain=True)
            self._broker.leave()

    def _connect(self) -> None:
        self._retained.clear()
        self._broker.connect()
        self._retained.wait(RETAINED_S)
        try:
            if self._ahead >= 0:
                self._outbox.check_ahead(self._ahead)
        except Withheld as error:
            self._broker.drop()
            raise Unreached("ahead") from error
        self._announce = self._again = True
        self._broker.publish({self._topics["status"]: self._status()}, retain=True)

    def _vouch(self) -> int:
        if self._receipts:
            return self._receipt
        while self._acknowledged and self._acknowledged[0][0] <= self._clock() - WINDOW_S:
            self._vouched = max(self._vouched, self._acknowledged.popleft()[1])
        return self._vouched

    def _heard(self, name: str, payload: bytes) -> None:
        """From paho's thread. What does not parse is no word of ours."""
        try:
            said = json.loads(payload[:4096])
        except ValueError:
            said = None
        if name == home_assistant.STATUS:
            self._announce = self._announce or payload == b"online"
        elif isinstance(said, dict) and isinstance(seq := said.get("seq"), int):
            if name == self._topics["receipt"]:
                self._receipt = max(self._receipt, seq)
                self._again = self._again or said.get("again") is True
            else:
                self._ahead = max(self._ahead, seq)
                self._retained.set()

    def _status(self, *, online: bool = True) -> bytes:
        seq, head = self._last
        return _json({"online": online, **({"seq": seq, "head": head} if seq >= 0 else {})})


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
