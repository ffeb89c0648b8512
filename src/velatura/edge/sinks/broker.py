"""A connection to an MQTT broker: TLS, a password from a private file, bounded waits, and a name for each way it fails.

MQTT 3.1.1 through paho; one connection, its network loop in paho's thread, everything that is waited for has a deadline. Wrong certificates and names
are refused by the system's TLS; unencrypted connections are for this machine alone.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from velatura.edge.login import Login
from velatura.edge.sinks.sink import Unreached
from velatura.errors import BadSpec, Missing

__all__ = ["Address", "Broker", "address_of"]

CONNECT_S, ACKNOWLEDGE_S, KEEPALIVE_S = 5.0, 10.0, 20
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_AUTH_CODES = (134, 135)  # bad user name or password, not authorised: paho's names for 3.1.1's 4 and 5 as well


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int
    tls: bool


def address_of(url: str) -> Address:
    """mqtts://HOST[:PORT], or mqtt:// for this machine. Raises BadSpec `edge.broker`."""
    parts = urlsplit(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.username or parts.password or parts.path not in ("", "/"):
        raise BadSpec("edge.broker", "the broker is mqtts://HOST[:PORT], without a password in it", hint="#login=FILE holds user and password")
    if parts.scheme == "mqtt" and parts.hostname not in LOOPBACK:
        raise BadSpec("edge.broker", f"{parts.hostname}: events leave this machine through TLS only", hint="mqtts://")
    return Address(parts.hostname, parts.port or (8883 if parts.scheme == "mqtts" else 1883), parts.scheme == "mqtts")


class Broker:
    """One connection, made when it is needed.

    Args:
        client: the name under which the broker keeps our session.
        will: (topic, payload) that it publishes, retained, when we are gone.
        ca: certificates of who may sign the broker's; None: the system's.
        heard: called with (topic, payload) from paho's thread, for each topic in `topics`.

    Raises:
        Missing: `edge.no-mqtt`.
    """

    def __init__(
        self,
        address: Address,
        *,
        client: str,
        will: tuple[str, bytes] | None = None,
        login: Login | None = None,
        ca: Path | None = None,
        topics: tuple[str, ...] = (),
        heard: Callable[[str, bytes], None] | None = None,
        clean: bool = False,
    ) -> None:
        try:
            from paho.mqtt import client as mqtt
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise Missing("edge.no-mqtt", "MQTT needs paho-mqtt", hint="pip install 'velatura[edge]'") from error
        self._address, self._topics = address, topics
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client, clean_session=clean, reconnect_on_failure=False)
        if will is not None:
            self._client.will_set(will[0], will[1], qos=1, retain=True)
        if login is not None:
            self._client.username_pw_set(login.user, login.password)
        if address.tls:
            self._client.tls_set_context(ssl.create_default_context(cafile=str(ca) if ca else None))
        self._client.connect_timeout = CONNECT_S
        self._client.on_connect, self._client.on_disconnect = self._on_connect, self._on_disconnect
        self._client.on_message = lambda _client, _data, message: heard(message.topic, bytes(message.payload)) if heard else None
        self._answered, self._failed, self._up = threading.Event(), "", False
        self.session_kept = False

    @property
    def is_up(self) -> bool:
        return self._up

    def connect(self) -> None:
        """Connect, and hear `topics`. Raises Unreached."""
        self._answered.clear()
        self._failed = ""
        try:
            self._client.connect(self._address.host, self._address.port, KEEPALIVE_S)
        except ssl.SSLError as error:
            raise Unreached("tls") from error
        except TimeoutError as error:
            raise Unreached("slow") from error
        except OSError as error:
            raise Unreached("down") from error
        self._client.loop_start()
        if not self._answered.wait(CONNECT_S) or self._failed:
            state = self._failed or "slow"
            self.drop()
            raise Unreached(state)
        for topic in self._topics:
            self._client.subscribe(topic, qos=1)

    def publish(self, messages: Mapping[str, bytes] | list[tuple[str, bytes]], *, retain: bool = False) -> None:
        """Publish with QoS 1 and wait until the broker has acknowledged all. Raises Unreached: some may have arrived."""
        pairs = list(messages.items()) if isinstance(messages, Mapping) else messages
        sent = [self._client.publish(topic, payload, qos=1, retain=retain) for topic, payload in pairs]
        for one in sent:
            self._wait(one)

    def drop(self) -> None:
        """End the connection without a word: the broker publishes the will."""
        self._up = False
        self._client.loop_stop()
        socket = self._client.socket()
        if socket is not None:
            socket.close()

    def leave(self) -> None:
        """End the connection; the broker keeps the will to itself."""
        self._up = False
        self._client.disconnect()
        self._client.loop_stop()

    def _wait(self, sent: Any) -> None:
        try:
            sent.wait_for_publish(ACKNOWLEDGE_S)
            if sent.is_published():
                return
        except (RuntimeError, ValueError):  # paho's word for: not connected, queue full
            pass
        state = "slow" if self._up else "down"
        self.drop()
        raise Unreached(state)

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        self.session_kept = bool(flags.session_present)
        if reason.is_failure:
            self._failed = "auth" if reason.value in _AUTH_CODES else "refused"
        else:
            self._up = True
        self._answered.set()

    def _on_disconnect(self, *_: Any) -> None:
        self._up = False
        self._failed = self._failed or "down"
        self._answered.set()
