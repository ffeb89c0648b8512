"""Events through a real broker that is killed, forgets, refuses or does not answer: nothing lost, nothing twice, every failure with a name."""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.edge.brokers import Mosquitto, certificates, free_port
from tests.edge.chains import CAMERA, SIGNER, chain_of, lines_of
from tests.edge.test_outbox import kept

from velatura.edge.events import parse
from velatura.edge.login import Login, login_of
from velatura.edge.outbox import Outbox
from velatura.edge.schema import schema_of
from velatura.edge.sinks import home_assistant
from velatura.edge.sinks.broker import Broker, address_of
from velatura.edge.sinks.mqtt import Mqtt, topic
from velatura.edge.sinks.mqtt_receive import receive
from velatura.edge.sinks.sink import Feeder, Unreached
from velatura.errors import BadSpec

DEVICE = SIGNER.verifier.id
FIELDS = {field.name: field.kind for field in schema_of(CAMERA).fields}


@contextmanager
def broker(folder: Path, **options: object) -> Iterator[Mosquitto]:
    made = Mosquitto(folder, **options)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.close()


def sink_for(port: int, outbox: Outbox, **options: object) -> Mqtt:
    return Mqtt(f"mqtt://127.0.0.1:{port}", outbox, device=DEVICE, camera=CAMERA.name, totals=lambda: {"in": 7}, **options)  # type: ignore[arg-type]


def until(holds, seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


class Consumer:
    """A receiver in a thread, which can be away."""

    def __init__(self, port: int, state: Path) -> None:
        self.seqs: list[int] = []
        self._port, self._state = port, state
        self._end, self._thread = threading.Event(), None

    def come(self) -> None:
        self._end.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def go(self) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join(20)

    def _run(self) -> None:
        receive(
            f"mqtt://127.0.0.1:{self._port}",
            SIGNER.verifier,
            CAMERA.name,
            take=lambda _line, event: self.seqs.append(event.seq),
            refused=lambda error: self.seqs.append(-1),
            ends=self._end.is_set,
            state=self._state,
            pause=lambda _s: time.sleep(0.1),
        )


@pytest.mark.parametrize("persistence", [False, True])
def test_a_broker_killed_twice_loses_nothing(tmp_path: Path, persistence: bool) -> None:
    lines, chain = lines_of(150), chain_of()
    outbox = Outbox(tmp_path / "o")
    with broker(tmp_path / "b", persistence=persistence) as mosquitto:
        consumer = Consumer(mosquitto.port, tmp_path / "receiver.json")
        consumer.come()
        feeder = Feeder(sink_for(mosquitto.port, outbox, receipts=True), outbox)
        kept(outbox, lines[:50], chain)
        feeder.wake()
        until(lambda: len(consumer.seqs) > 5)
        consumer.go()
        kept(outbox, lines[50:100], chain)
        feeder.wake()
        time.sleep(0.3)
        mosquitto.kill()
        kept(outbox, lines[100:120], chain)
        mosquitto.start()
        consumer.come()
        until(lambda: len(consumer.seqs) > 60)
        mosquitto.kill()
        kept(outbox, lines[120:], chain)
        mosquitto.start()
        feeder.wake()
        until(lambda: len(consumer.seqs) >= 151)
        until(lambda: not outbox.pending(feeder._sink.name, 1))
        consumer.go()
        assert feeder.close()
    assert consumer.seqs == list(range(151))
    outbox.close()


def test_without_receipts_what_is_fresh_is_sent_again(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    clock = [0.0]
    with broker(tmp_path / "b") as mosquitto:
        sink = sink_for(mosquitto.port, outbox, clock=lambda: clock[0])
        outbox.subscribe(sink.name)
        kept(outbox, lines_of(5), chain_of())
        assert sink.offer(outbox.pending(sink.name)) == -1
        clock[0] = 500.0
        assert sink.offer([]) == 5
        sink.close()
    outbox.close()


def test_status_totals_will_and_discovery(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    with broker(tmp_path / "b") as mosquitto:
        heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        names = (f"velatura/{DEVICE}/+/+", "homeassistant/#")
        watcher = Broker(address_of(f"mqtt://127.0.0.1:{mosquitto.port}"), client="watcher", topics=names, heard=lambda *said: heard.put(said))
        watcher.connect()
        sink = sink_for(mosquitto.port, outbox, fields=FIELDS)
        kept(outbox, lines_of(2), chain_of())
        sink.offer(outbox.pending(sink.name))
        said: dict[str, list[bytes]] = {}

        def saw(word: str, holds) -> bool:
            while not heard.empty():
                name, payload = heard.get()
                said.setdefault(name.rpartition("/")[2], []).append(payload)
            return any(holds(payload) for payload in said.get(word, []))

        until(lambda: saw("status", lambda raw: json.loads(raw).get("seq") == 2))
        until(lambda: saw("totals", lambda raw: json.loads(raw) == {"in": 7}))
        until(lambda: saw("event", lambda raw: parse(raw).seq == 2))
        config = json.loads(said["config"][0])
        assert set(config["cmps"]) == {"in", "out", "inside"}
        assert config["cmps"]["in"]["state_class"] == "total_increasing"
        assert all(part["unique_id"].startswith("velatura_") for part in config["cmps"].values())
        said["config"].clear()
        watcher.publish({home_assistant.STATUS: b"online"})
        until(lambda: sink.offer([]) is not None and saw("config", lambda raw: json.loads(raw) == config))
        said["status"].clear()
        sink._broker.drop()
        until(lambda: saw("status", lambda raw: json.loads(raw) == {"online": False}))
        watcher.leave()
    outbox.close()


def test_an_older_outbox_does_not_fork_the_chain(tmp_path: Path) -> None:
    with broker(tmp_path / "b") as mosquitto:
        newer, older = Outbox(tmp_path / "new" / "o"), Outbox(tmp_path / "old" / "o")
        kept(newer, lines_of(9), chain_of())
        kept(older, lines_of(3), chain_of())
        first = sink_for(mosquitto.port, newer)
        first.offer(newer.pending(first.name))
        first.close()
        with pytest.raises(Unreached) as caught:
            sink_for(mosquitto.port, older).offer([])
        assert caught.value.state == "ahead"
        newer.close()
        older.close()


def test_a_wrong_password_has_a_name(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    with broker(tmp_path / "b", login=("anna", "geheim")) as mosquitto:
        for login in (Login("anna", "wrong"), None):
            with pytest.raises(Unreached) as caught:
                sink_for(mosquitto.port, outbox, login=login).offer([])
            assert caught.value.state == "auth"
        right = sink_for(mosquitto.port, outbox, login=Login("anna", "geheim"))
        right.offer([])
        right.close()
    outbox.close()


def test_tls_is_checked(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o")
    right, wrong = certificates(tmp_path / "right"), certificates(tmp_path / "wrong", name="example.org")

    def offer(port: int, ca: Path) -> None:
        sink = Mqtt(f"mqtts://localhost:{port}", outbox, device=DEVICE, camera=CAMERA.name, totals=dict, ca=ca)
        sink.offer([])
        sink.close()

    with broker(tmp_path / "b", tls=right) as mosquitto:
        offer(mosquitto.port, right["ca"])
        with pytest.raises(Unreached) as caught:
            offer(mosquitto.port, wrong["ca"])
        assert caught.value.state == "tls"
    with broker(tmp_path / "b2", tls=wrong) as mosquitto:
        with pytest.raises(Unreached) as caught:
            offer(mosquitto.port, wrong["ca"])
        assert caught.value.state == "tls", "a certificate for another name"
    outbox.close()


def test_down_and_dumb_brokers_have_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("velatura.edge.sinks.broker.CONNECT_S", 0.5)
    outbox = Outbox(tmp_path / "o")
    with pytest.raises(Unreached) as caught:
        sink_for(free_port(), outbox).offer([])
    assert caught.value.state == "down"
    with socket.create_server(("127.0.0.1", 0)) as dumb:
        with pytest.raises(Unreached) as caught:
            sink_for(dumb.getsockname()[1], outbox).offer([])
        assert caught.value.state == "slow"
    outbox.close()


@pytest.mark.parametrize("url", ["mqtt://example.org", "http://localhost", "mqtts://a:b@localhost", "mqtts://", "mqtts://localhost/topic"])
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(BadSpec, match=r"edge\.broker"):
        address_of(url)


def test_a_login_is_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "login"
    path.write_text("anna\ngeheim\n")
    path.chmod(0o600)
    assert login_of(path).password == "geheim"
    assert "geheim" not in repr(login_of(path))
    path.chmod(0o644)
    with pytest.raises(BadSpec, match="others can read"):
        login_of(path)
    path.chmod(0o600)
    path.write_text("anna")
    with pytest.raises(BadSpec, match="second the password"):
        login_of(path)


def test_topics_hold_names_alone() -> None:
    assert topic("ab12", "door", "event") == "velatura/ab12/door/event"
