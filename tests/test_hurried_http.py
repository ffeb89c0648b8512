"""A head that is not whole in time ends its connection, however it drips in; whoever is answered slowly is left alone."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("starlette", reason="starlette is not installed")

from starlette.applications import Starlette  # noqa: E402
from starlette.requests import Request  # noqa: E402
from starlette.responses import Response  # noqa: E402
from starlette.routing import Route  # noqa: E402

from velatura import hurried_http  # noqa: E402
from velatura.enclave import serving  # noqa: E402
from velatura.homomorphic import serve  # noqa: E402

HEAD_S = 0.5
WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(params=[serve, serving], ids=["he serve", "enclave broker"])
def port(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    service = request.param

    async def slow(_: Request) -> Response:
        await asyncio.sleep(3 * HEAD_S)
        return Response(b"done")

    monkeypatch.setattr(hurried_http, "HEAD_S", HEAD_S)
    server = uvicorn.Server(service.configured(Starlette(routes=[Route("/", slow)]), certificate=None, key=None))
    with service.listening("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(30)


def ends(peer: socket.socket) -> bool:
    """Whether the other side closes, with no answer."""
    try:
        return peer.recv(100) == b""
    except ConnectionError:
        return True


def answered(peer: socket.socket) -> bool:
    got = b""
    while not got.endswith(b"done"):
        part = peer.recv(1000)
        if not part:
            return False
        got += part
    return got.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("start", [b"", WHOLE[:-2]])
def test_half_a_head_ends_its_connection(start: bytes, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.sendall(start)
        assert ends(peer)


def test_a_head_that_drips_ends_its_connection(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=0.1) as peer:
        peer.sendall(WHOLE[:-2])
        for _ in range(200):
            try:
                peer.sendall(b"A: b\r\n")
                if peer.recv(100) == b"":
                    return
            except TimeoutError:
                continue
            except ConnectionError:
                return
        pytest.fail("it is still there")


def test_a_slow_answer_is_given_and_the_next_head_is_watched_again(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.sendall(WHOLE)
        assert answered(peer)
        peer.sendall(WHOLE[:-2])
        assert ends(peer)


def test_whoever_waits_in_silence_does_not_keep_others_out(port: int) -> None:
    silent = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(280)]
    try:
        for one in silent:
            one.sendall(WHOLE[:-2])
        assert all(ends(one) for one in silent)
        with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
            peer.sendall(WHOLE)
            assert answered(peer)
    finally:
        for one in silent:
            one.close()
