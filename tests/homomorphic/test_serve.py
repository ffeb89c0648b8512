"""The service over real sockets: the whole way with TLS, and each request that it refuses; `RemoteServer` at the other end."""

from __future__ import annotations

import datetime as dt
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.homomorphic.conftest import Parties
from tests.homomorphic.small_models import CALIBRATION, plain

from velatura.errors import BadInput, BadSpec, Missing, VelaturaError, Withheld
from velatura.homomorphic.remote import RemoteServer
from velatura.homomorphic.wire import HEADER_BYTES

pytest.importorskip("tenseal", reason="tenseal is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("starlette", reason="starlette is not installed")

import uvicorn

from velatura.homomorphic.serve import Limits, application, configured, listening, serve

TOKEN = "t" * 24
X = CALIBRATION[3:5]
LIMITS = Limits(most_bytes=4 << 20, keys_bytes=60 << 20, body_s=2.0, linger_s=0.5)


@contextmanager
def running(app: Any, *, certificate: Path | None = None, key: Path | None = None) -> Iterator[int]:
    """The service in a thread; its port."""
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


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def port(parties: Parties, clock: Clock) -> Iterator[int]:
    with running(application([parties.server], TOKEN, limits=LIMITS, clock=clock)) as number:
        yield number


@pytest.fixture
def remote(port: int) -> RemoteServer:
    return RemoteServer(f"http://127.0.0.1:{port}", token=TOKEN, timeout_s=60)


@pytest.fixture(scope="module")
def evaluation(parties: Parties) -> bytes:
    return (parties.keys / "eval.keys").read_bytes()


@pytest.fixture(scope="module")
def message(parties: Parties) -> bytes:
    with parties.owner() as owner:
        return owner.encrypt(X)


def refused(call: Any, *arguments: object) -> str:
    with pytest.raises(VelaturaError) as caught:
        call(*arguments)
    return caught.value.code


def raw_answer(port: int, head: str, body: bytes = b"", *, wait_s: float = 20.0) -> tuple[int, dict[str, str]]:
    """Status and JSON of a request that no well-behaved client would send."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait_s) as plain_socket:
        plain_socket.sendall(head.encode() + b"\r\n\r\n" + body)
        raw = b""
        while part := plain_socket.recv(65536):
            raw += part
    top, _, rest = raw.partition(b"\r\n\r\n")
    return int(top.split()[1]), json.loads(rest) if rest.startswith(b"{") else {}


def head(path: str, length: int | str, *, token: str = TOKEN, method: str = "POST") -> str:
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}"


def test_the_whole_way_over_tls(parties: Parties, evaluation: bytes, tmp_path: Path) -> None:
    from velatura.federated.deploy.certificates import make_authority, make_server

    make_authority(tmp_path, at=dt.datetime.now(dt.UTC))
    make_server(tmp_path, ["127.0.0.1"], at=dt.datetime.now(dt.UTC))
    app = application([parties.server], TOKEN, limits=LIMITS)
    with running(app, certificate=tmp_path / "server.crt", key=tmp_path / "server.key") as port, parties.owner() as owner:
        url = f"https://127.0.0.1:{port}"
        server = RemoteServer(url, token=TOKEN, ca=tmp_path / "ca.crt", timeout_s=60)
        assert server.programs() == [parties.server.artefact.id.hex()]
        server.add_keys(evaluation)
        answer = owner.decrypt(server.run(owner.encrypt(X)), raw=True)
        with pytest.raises(Withheld) as caught:
            RemoteServer(url, token=TOKEN, timeout_s=60).programs()  # the system does not know who signed it
        assert caught.value.code == "he.certificate"
    np.testing.assert_allclose(answer.scores, plain(X), atol=1e-6)


def test_who_is_refused_while_he_sends_hears_why(parties: Parties, port: int, message: bytes) -> None:
    for _ in range(5):
        with pytest.raises(Withheld) as caught:
            RemoteServer(f"http://127.0.0.1:{port}", token="u" * 24, timeout_s=20).run(20 * message)
        assert caught.value.code == "he.token"


@pytest.mark.parametrize("token", ["", "t" * 23, "u" * 24])
def test_nobody_without_the_token_learns_anything(port: int, token: str) -> None:
    with pytest.raises(Withheld) as caught:
        RemoteServer(f"http://127.0.0.1:{port}", token=token, timeout_s=20).programs()
    assert (caught.value.code, caught.value.exit_status) == ("he.token", 3)
    for path, method in (("/run", "POST"), ("/keys", "POST"), ("/keys/00", "DELETE")):
        assert raw_answer(port, head(path, 0, token=token, method=method))[0] == 401


def test_keys_expire_and_can_be_dropped(remote: RemoteServer, clock: Clock, evaluation: bytes, message: bytes, parties: Parties) -> None:
    with parties.owner() as owner:
        remote.add_keys(evaluation)
        remote.run(message)
        remote.forget(owner.key)
        assert refused(remote.run, message) == "he.foreign-key"
        assert refused(remote.forget, owner.key) == "he.foreign-key"
        remote.add_keys(evaluation)
        clock.now += LIMITS.expire_s + 1
        assert refused(remote.forget, b"?" * 16) == "he.foreign-key"
        other = bytearray(evaluation)
        other[40] ^= 1  # another id: taking it in sweeps what has expired
        assert refused(remote.add_keys, bytes(other)) == "he.digest"
        assert refused(remote.run, message) == "he.foreign-key"
        remote.add_keys(evaluation)


def test_a_secret_key_is_refused_at_its_first_bytes_and_not_kept(remote: RemoteServer, port: int, parties: Parties) -> None:
    secret = parties.secret.read_bytes()
    for call in (remote.run, remote.add_keys):
        with pytest.raises(BadInput) as caught:
            call(secret)
        assert (caught.value.code, caught.value.exit_status) == ("he.secret-sent", 5)
    status, told = raw_answer(port, head("/run", len(secret)), secret[:HEADER_BYTES])  # the rest is not even waited for
    assert (status, told["code"]) == (400, "he.secret-sent")


def test_what_is_no_message_is_refused_with_its_code(remote: RemoteServer, evaluation: bytes, message: bytes) -> None:
    remote.add_keys(evaluation)
    assert refused(remote.run, evaluation) == "he.kind"
    assert refused(remote.add_keys, message) == "he.kind"
    assert refused(remote.run, b"GIF89a" + message[6:]) == "he.magic"
    assert refused(remote.run, message[:-1] + b"!") == "he.digest"
    assert refused(remote.run, message[:56] + b"?" * 32 + message[88:]) == "he.foreign-program"
    assert refused(remote.run, message + b"!") == "he.length"
    assert refused(remote.run, b"short") == "he.truncated"


@pytest.mark.parametrize(
    ("length", "body", "status", "code"),
    [
        ("", b"", 411, "he.body-length"),
        ("5", b"12345", 400, "he.truncated"),
        (str(1 << 40), None, 413, "he.too-large"),
        ("200", b"V", 408, "he.slow"),
    ],
)
def test_lengths_are_judged_before_a_body_is_read(port: int, message: bytes, length: str, body: bytes | None, status: int, code: str) -> None:
    given = head("/run", length) if length else head("/run", 0).rpartition("\r\n")[0]
    if body is None:  # a header that says what the length says
        body = message[: HEADER_BYTES - 8] + ((1 << 40) - HEADER_BYTES - 32).to_bytes(8, "little")
    answer, told = raw_answer(port, given, body)
    assert (answer, told["code"]) == (status, code)


def test_a_chunked_body_is_not_read(port: int) -> None:
    given = head("/run", 0).rpartition("\r\n")[0] + "\r\nTransfer-Encoding: chunked"
    assert raw_answer(port, given, b"5\r\n12345\r\n")[0] == 411


def test_keys_beyond_the_shelf_wait_for_room(parties: Parties, evaluation: bytes) -> None:
    few = Limits(keys_bytes=len(evaluation) - 1)
    with running(application([parties.server], TOKEN, limits=few)) as port:
        with pytest.raises(Missing) as caught:
            RemoteServer(f"http://127.0.0.1:{port}", token=TOKEN, timeout_s=20).add_keys(evaluation)
        assert caught.value.code == "he.full"
    parties.server.add_keys(evaluation)


def test_several_requests_at_once_are_all_answered(remote: RemoteServer, evaluation: bytes, message: bytes, parties: Parties) -> None:
    remote.add_keys(evaluation)
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(remote.run(message))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    with parties.owner() as owner:
        for result in results:
            np.testing.assert_allclose(owner.decrypt(result, raw=True).scores, plain(X), atol=1e-6)
    assert len(results) == 4


def test_only_this_machine_is_served_without_a_certificate() -> None:
    with pytest.raises(BadSpec) as caught:
        serve(None, host="0.0.0.0", port=0, certificate=None, key=None, told=lambda _: None)
    assert caught.value.code == "he.plain-http"


def test_a_port_that_is_taken_and_files_that_are_no_certificate_are_named(tmp_path: Path) -> None:
    with listening("127.0.0.1", 0) as taken, pytest.raises(BadSpec) as caught:
        listening("127.0.0.1", taken.getsockname()[1])
    assert caught.value.code == "he.port"
    (tmp_path / "no.pem").write_text("nothing")
    with pytest.raises(BadInput) as refusal:
        configured(None, certificate=tmp_path / "no.pem", key=tmp_path / "no.pem")
    assert refusal.value.code == "he.certificate"


@pytest.mark.parametrize("url", ["ftp://h", "http://example.org", "https://h/path", "https://user@h", "https://", "h:1"])
def test_an_address_that_is_none_or_would_show_the_token_is_refused(url: str) -> None:
    with pytest.raises(BadSpec) as caught:
        RemoteServer(url, token=TOKEN)
    assert caught.value.code == "he.address"


def test_nobody_there_is_said(tmp_path: Path) -> None:
    with listening("127.0.0.1", 0) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(Missing) as caught:
        RemoteServer(f"http://127.0.0.1:{port}", token=TOKEN, timeout_s=5).programs()
    assert caught.value.code == "he.unreachable"


def test_a_servers_words_are_read_narrowly() -> None:
    from velatura.homomorphic.remote import _refused

    assert _refused(400, b'{"code": "files.exists", "sentence": "x", "hint": ""}').code == "he.answer"
    assert _refused(400, b"<html>").code == "he.answer"
    assert len(str(_refused(400, json.dumps({"code": "he.x", "sentence": "a" * 9000}).encode()))) < 500
