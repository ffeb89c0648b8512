"""A broker over real sockets: the whole way with TLS, and each request that it refuses."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.enclave.worlds import HereBackend, World

pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("starlette", reason="starlette is not installed")

import uvicorn

from velatura.crypto.keyfile import load_signer
from velatura.crypto.log import verify_log
from velatura.enclave.broker import Limits, application
from velatura.enclave.broker_client import RemoteBroker
from velatura.enclave.broker_state import BrokerState, open_state
from velatura.enclave.counters import RemoteCounter
from velatura.enclave.holder import Holder
from velatura.enclave.run_sources import sources_of
from velatura.enclave.serving import configured, listening, serve
from velatura.enclave.session import run_job
from velatura.errors import BadInput, BadSpec, Missing, VelaturaError, Withheld

LIMITS = Limits(most_bytes=1 << 20, body_s=1.0, at_once=4)


@contextmanager
def running(app: Any, *, certificate: Path | None = None, key: Path | None = None) -> Iterator[int]:
    """The broker in a thread; its port."""
    server = uvicorn.Server(configured(app, certificate=certificate, key=key))
    with listening("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(30)
    assert not thread.is_alive()


@contextmanager
def brokered(folder: Path, **tls: Path) -> Iterator[tuple[World, BrokerState, int]]:
    """The owner's key behind a broker, and where it listens."""
    world = World(folder, uses=2)
    with open_state(folder / "state", entropy=os.urandom) as kept:
        holder = Holder([world.key], world.challenges, now=world.clock, log=kept.log, counters=kept.counters)
        with running(application(holder, kept.counters, kept.token, limits=LIMITS), **tls) as port:
            yield world, kept, port


@pytest.fixture
def open_broker(tmp_path: Path) -> Iterator[tuple[World, BrokerState, int]]:
    with brokered(tmp_path) as found:
        yield found


def test_the_whole_way_over_tls(tmp_path: Path) -> None:
    from velatura.federated.deploy.certificates import make_authority, make_server

    make_authority(tmp_path, at=dt.datetime.now(dt.UTC))
    make_server(tmp_path, ["127.0.0.1"], at=dt.datetime.now(dt.UTC))
    with brokered(tmp_path, certificate=tmp_path / "server.crt", key=tmp_path / "server.key") as (world, kept, port):
        url = f"https://127.0.0.1:{port}"
        broker = RemoteBroker(url, token=kept.token, ca=tmp_path / "ca.crt")
        ran = run_job(world.job, HereBackend(world.clock), sources_of(world.job, world.holder, [], {}, {"": broker}))
        assert b"49.5" in ran.outputs["metrics"].content
        assert (ran.grants["rows"].policy, ran.grants["rows"].use) == (world.policy.digest, 1)
        with pytest.raises(Withheld) as caught:
            RemoteBroker(url, token=kept.token).challenge(world.key.dataset)  # the system does not know who signed it
        assert caught.value.code == "enclave.certificate"
    with (tmp_path / "state" / "log.1").open("rb") as stream:
        (granted,) = verify_log(stream, load_signer(tmp_path / "state" / "signer.key").verifier)
    assert (granted["granted"], granted["verdict"]) == (1, "affirming")


def test_a_refusal_says_its_code_and_the_check(open_broker: tuple[World, BrokerState, int]) -> None:
    world, kept, port = open_broker
    broker = RemoteBroker(f"http://127.0.0.1:{port}", token=kept.token)

    def run(**changed: Any) -> None:
        run_job(world.job, HereBackend(world.clock, changed), sources_of(world.job, world.holder, [], {}, {"": broker}))

    for changed, word in (({"recipient": "77" * 32}, "binding-mismatch"), ({"iat": 0}, "too-old"), ({"nonce": "00" * 32}, "nonce-mismatch")):
        with pytest.raises(Withheld) as caught:
            run(**changed)
        assert caught.value.code == "enclave.contraindicated"
        assert word in caught.value.sentence
    run()
    run()
    with pytest.raises(Withheld) as spent:
        run()
    assert spent.value.code == "enclave.uses-spent"
    with pytest.raises(Withheld) as unknown:
        broker.challenge("00" * 32)
    assert unknown.value.code == "enclave.no-dataset"


def test_nobody_without_the_token_learns_anything(open_broker: tuple[World, BrokerState, int]) -> None:
    world, _, port = open_broker
    for token in ("u" * 24, "", "ü" * 24):
        with pytest.raises((Withheld, Missing)) as caught:
            RemoteBroker(f"http://127.0.0.1:{port}", token=token).challenge(world.key.dataset)
        assert caught.value.code in ("enclave.token", "enclave.unreachable")
    assert raw(port, "POST /nothing HTTP/1.1\r\nContent-Length: 0")[0] == 404
    assert raw(port, "GET /challenge HTTP/1.1")[0] == 405


def raw(port: int, head: str, body: bytes = b"") -> tuple[int, dict[str, str]]:
    """Status and JSON of a request that no well-behaved client would send."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        plain.sendall(f"{head}\r\nHost: localhost\r\n\r\n".encode() + body)
        found = b""
        while b"\r\n\r\n" not in found and (part := plain.recv(65536)):
            found += part
        top, _, rest = found.partition(b"\r\n\r\n")
        plain.settimeout(0.3)
        try:
            while part := plain.recv(65536):
                rest += part
        except TimeoutError:
            pass
    return int(top.split()[1]), json.loads(rest) if rest.startswith(b"{") else {}


@pytest.mark.parametrize(
    ("path", "length", "body", "status", "code"),
    [
        ("grant", "", b"", 411, "enclave.body"),
        ("grant", "-1", b"", 400, ""),
        ("grant", str(1 << 40), b"", 413, "enclave.too-large"),
        ("challenge", "5000", b"", 413, "enclave.too-large"),
        ("grant", "200", b"{", 408, "enclave.slow"),
        ("grant", "4", b"null", 400, "enclave.message"),
        ("grant", "2", b"{}", 400, "enclave.message"),
        ("grant", "5", b"\xff\xfe\x00{}", 400, "enclave.message"),
        ("challenge", "18", b'{"dataset":"../x"}', 404, "enclave.no-dataset"),
        ("challenge", "24", b'{"dataset":"a","more":1}', 400, "enclave.message"),
        ("counter", "2", b"[]", 400, "enclave.message"),
    ],
)
def test_requests_that_are_none(open_broker: tuple[World, BrokerState, int], path: str, length: str, body: bytes, status: int, code: str) -> None:
    _, kept, port = open_broker
    head = f"POST /{path} HTTP/1.1\r\nAuthorization: Bearer {kept.token}" + (f"\r\nContent-Length: {length}" if length else "")
    answer, told = raw(port, head, body)
    assert (answer, told.get("code", "")) == (status, code)


def test_it_counts(open_broker: tuple[World, BrokerState, int]) -> None:
    _, kept, port = open_broker
    broker = RemoteBroker(f"http://127.0.0.1:{port}", token=kept.token)
    counter = RemoteCounter(broker.counter, kept.counters.verifier, "model", entropy=os.urandom)
    assert [counter.read(), counter.increment(), counter.increment(), counter.read()] == [0, 1, 2, 2]


def test_its_folder_is_one_brokers_and_its_log_goes_on(tmp_path: Path) -> None:
    with open_state(tmp_path / "s", entropy=os.urandom) as first:
        assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700
        with pytest.raises(VelaturaError) as busy, open_state(tmp_path / "s", entropy=os.urandom):
            pass
        assert busy.value.code == "crypto.chain-busy"
        first.log.append({"one": 1})
    with open_state(tmp_path / "s", entropy=os.urandom) as again:
        assert (again.token, again.verifier) == (first.token, first.verifier)
    assert not (tmp_path / "s" / "log.2").exists()
    log = tmp_path / "s" / "log.1"
    log.write_bytes(log.read_bytes()[:-30])  # the machine lost power
    with open_state(tmp_path / "s", entropy=os.urandom) as cut:
        assert "log.1 does not verify" in cut.broken and again.broken == ""
    with (tmp_path / "s" / "log.2").open("rb") as stream:
        (event,) = verify_log(stream, load_signer(tmp_path / "s" / "signer.key").verifier)
    assert event["after"] == "log.1"


def test_only_this_machine_is_served_without_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(BadSpec) as caught:
        serve(None, host="0.0.0.0", port=0, certificate=None, key=None, told=lambda _: None)
    assert caught.value.code == "enclave.plain-http"
    (tmp_path / "no.pem").write_text("nothing")
    with pytest.raises(BadInput):
        configured(None, certificate=tmp_path / "no.pem", key=tmp_path / "no.pem")
    with listening("127.0.0.1", 0) as taken, pytest.raises(BadSpec):
        listening("127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize(
    "url", ["ftp://h", "http://example.org", "https://h/path", "https://user@h", "https://", "h:1", "https://h:x", "https://h:99999"]
)
def test_an_address_that_is_none_or_would_show_the_token_is_refused(url: str) -> None:
    with pytest.raises(BadSpec) as caught:
        RemoteBroker(url, token="t" * 24)
    assert caught.value.code == "enclave.address"


def test_nobody_there_is_said() -> None:
    with listening("127.0.0.1", 0) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(Missing) as caught:
        RemoteBroker(f"http://127.0.0.1:{port}", token="t" * 24, timeout_s=5).challenge("x")
    assert caught.value.code == "enclave.unreachable"
