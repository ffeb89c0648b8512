"""A server over HTTP: programs by id, owners' keys by id with an expiry, ciphertexts in and out. No secret type is reachable from here.

    GET    /programs       {"programs": [id, ..]}
    POST   /keys           evaluation keys -> {"key": id, "expires_s": ..}
    DELETE /keys/ID        forgets them
    POST   /run            ciphertexts -> the result's

Every request carries the token. A body's length is declared and judged before it is read, its header before the rest of it; a secret key is refused
at its first bytes and nowhere written. Requests run beside each other in confined processes, one owner's in his own. Nothing is logged: no address,
no id. Keys lie in memory and are gone when the service ends. One token is one circle of trust: who has it may use or remove keys whose id he knows.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from velatura.crypto.token_file import same_token
from velatura.errors import BadInput, BadSpec, Missing, VelaturaError, Withheld
from velatura.homomorphic.key_shelf import KeyShelf
from velatura.homomorphic.remote import LOOPBACK
from velatura.homomorphic.server import Server
from velatura.homomorphic.wire import DIGEST_BYTES, HEADER_BYTES, Expected, Header, Kind, check_header, read_header
from velatura.specs import Spec

__all__ = ["Limits", "application", "configured", "listening", "refuse_plain", "serve"]

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
_STATUS = {"he.foreign-key": 404, "he.foreign-program": 404, "he.too-large": 413, "he.body-length": 411, "he.slow": 408, "he.token": 401}
_SWEEP_S = 60.0


class Limits(Spec, frozen=True):
    """
    Args:
        most_bytes: of one message of ciphertexts.
        keys_bytes: of all evaluation keys together.
        expire_s: seconds after their last use in which keys are kept.
        body_s: seconds in which a body has to arrive.
        wait_s: seconds that a request waits for a worker.
        linger_s: seconds for which what follows a refusal is thrown away.
        workers: confined processes at once, for each program.
    """

    most_bytes: int = 256 << 20
    keys_bytes: int = 2 << 30
    expire_s: float = 24 * 3600.0
    body_s: float = 120.0
    wait_s: float = 60.0
    linger_s: float = 10.0
    workers: int = 2


class _Service:
    def __init__(self, servers: Sequence[Server], token: str, limits: Limits, clock: Callable[[], float]) -> None:
        self._servers: Mapping[bytes, Server] = {server.artefact.id: server for server in servers}
        self._token, self._limits = token, limits
        self.shelf = KeyShelf(most=limits.keys_bytes, expire_s=limits.expire_s, clock=clock, forget=self._forget)
        # the bodies in memory are these, and those that are being read: both bounded
        self._at_work = anyio.CapacityLimiter(4 * limits.workers * len(servers))

    def guarded(self, handler: Handler) -> Handler:
        """The token first; errors as JSON, in words that hold nothing of the request but its ids."""

        async def answer(request: Request) -> Response:
            try:
                given = request.headers.get("authorization", "")
                if not same_token(given, f"Bearer {self._token}"):
                    raise Withheld("he.token", "the token is missing or wrong")
                async with self._at_work:
                    return await handler(request)
            except VelaturaError as error:
                return _refusal(error, self._limits.linger_s)
            except ClientDisconnect:
                return Response(status_code=400)

        return answer

    async def programs(self, _: Request) -> Response:
        return JSONResponse({"programs": [program.hex() for program in self._servers]})

    async def add_keys(self, request: Request) -> Response:
        raw = await self._body(request, self._expected_keys)
        header = read_header(raw)
        self.shelf.reserve(header.key, header.program, len(raw))
        try:
            key = await anyio.to_thread.run_sync(self._servers[header.program].add_keys, raw)
        except BaseException:
            self.shelf.drop(header.key)
            raise
        return JSONResponse({"key": key.hex(), "expires_s": self._limits.expire_s})

    async def drop_keys(self, request: Request) -> Response:
        try:
            key = bytes.fromhex(request.path_params["key"])
        except ValueError:
            key = b""
        if not await anyio.to_thread.run_sync(self.shelf.drop, key):
            raise BadInput("he.foreign-key", "there are no such evaluation keys")
        return JSONResponse({})

    async def run(self, request: Request) -> Response:
        raw = await self._body(request, self._expected_input)
        header = read_header(raw)
        self.shelf.use(header.key)
        server, limits = self._servers[header.program], self._limits
        result = await anyio.to_thread.run_sync(lambda: server.run(raw, wait_s=limits.wait_s, most=limits.most_bytes))
        self.shelf.use(header.key)
        return Response(result, media_type="application/octet-stream")

    async def _body(self, request: Request, expected: Callable[[Header], Expected]) -> bytes:
        """A whole message, of which the header was looked at before the rest was taken."""
        length = request.headers.get("content-length", "")
        if not length.isdecimal() or len(length) > 15:
            raise BadInput("he.body-length", "a body declares its length", hint="send Content-Length")
        size = int(length)
        if size < HEADER_BYTES + DIGEST_BYTES:
            raise BadInput("he.truncated", f"a message of {size} bytes has no header", hint="send the whole file")
        raw, looked_at = bytearray(), False
        try:
            async with asyncio.timeout(self._limits.body_s):
                async for part in request.stream():
                    raw += part
                    if len(raw) > size:
                        raise BadInput("he.length", "a body is longer than it declares")
                    if not looked_at and len(raw) >= HEADER_BYTES:
                        header = read_header(bytes(raw[:HEADER_BYTES]))
                        if header.kind is not Kind.SECRET_KEY and header.program not in self._servers:
                            raise BadInput("he.foreign-program", "there is no such program here", hint="ask /programs")
                        check_header(header, expected(header), size=size)
                        looked_at = True
        except TimeoutError:
            raise BadInput("he.slow", f"a body did not arrive within {self._limits.body_s:g} s") from None
        if len(raw) != size:
            raise BadInput("he.length", "a body is shorter than it declares")
        return bytes(raw)

    def _expected_keys(self, header: Header) -> Expected:
        server = self._servers.get(header.program)
        return server.expected_keys if server else Expected(Kind.EVALUATION_KEYS, most=0)

    def _expected_input(self, header: Header) -> Expected:
        server = self._servers.get(header.program)
        return server.expected_input(most=self._limits.most_bytes) if server else Expected(Kind.INPUT, most=0)

    def _forget(self, program: bytes, key: bytes) -> None:
        self._servers[program].forget(key)


def application(servers: Sequence[Server], token: str, *, limits: Limits, clock: Callable[[], float] = time.monotonic) -> Starlette:
    """The ASGI application. The servers are the caller's, and he closes them."""
    service = _Service(servers, token, limits, clock)

    @asynccontextmanager
    async def sweeping(_: Starlette) -> AsyncIterator[None]:
        async def sweep() -> None:
            while True:
                await asyncio.sleep(_SWEEP_S)
                await anyio.to_thread.run_sync(service.shelf.sweep)

        task = asyncio.create_task(sweep())
        yield
        task.cancel()

    routes = [
        Route("/programs", service.guarded(service.programs), methods=["GET"]),
        Route("/keys", service.guarded(service.add_keys), methods=["POST"]),
        Route("/keys/{key}", service.guarded(service.drop_keys), methods=["DELETE"]),
        Route("/run", service.guarded(service.run), methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=sweeping)


def listening(host: str, port: int) -> socket.socket:
    """
    Raises:
        BadSpec: `he.port`.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128)
    except (OSError, OverflowError) as error:
        raise BadSpec("he.port", f"{host}:{port}: cannot be listened on: {error}", hint="another --port; is a server running there?") from error


def configured(app: Any, *, certificate: Path | None, key: Path | None) -> Any:
    """uvicorn's configuration: HTTP/1.1 alone, no logs, no words about itself.

    Raises:
        BadInput: `he.certificate`. Missing: `he.uvicorn`.
    """
    try:
        import uvicorn

        from velatura.hurried_http import HurriedProtocol
    except ImportError as error:
        raise Missing("he.uvicorn", "uvicorn, which serves HTTP, is not installed", hint="pip install 'velatura[he]'") from error
    made = uvicorn.Config(
        app,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        http=HurriedProtocol,
        ws="none",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=256,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=30,
    )
    try:
        made.load()
    except OSError as error:  # ssl.SSLError is one
        raise BadInput(
            "he.certificate", f"{certificate}: certificate and key cannot be used: {error}", hint="PEM files that belong together"
        ) from error
    return made


def refuse_plain(host: str, certificate: Path | None, key: Path | None) -> None:
    """Without a certificate this machine alone is served. Raises BadSpec: `he.plain-http`."""
    if (certificate is None or key is None) and host not in LOOPBACK:
        raise BadSpec(
            "he.plain-http", f"{host}: without --cert and --key this machine alone is served", hint="--cert FILE --key FILE, or --host 127.0.0.1"
        )


def serve(app: Any, *, host: str, port: int, certificate: Path | None, key: Path | None, told: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. Without a certificate on this machine's own addresses alone.

    Args:
        port: 0 takes a free one.
        told: is told the address, once it is listened on.

    Raises:
        BadSpec: `he.plain-http`, `he.port`. BadInput: `he.certificate`. Missing: `he.uvicorn`.
    """
    refuse_plain(host, certificate, key)
    config = configured(app, certificate=certificate, key=key)
    import uvicorn

    with listening(host, port) as listener:
        told(f"{'https' if certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[listener])


class _Refusal(JSONResponse):
    """Told at once; then what is left of the body is thrown away for a while before the connection ends, for who is cut off while he sends does not
    hear why."""

    def __init__(self, body: Mapping[str, str], status: int, linger_s: float) -> None:
        super().__init__(body, status_code=status, headers={"Connection": "close"})
        self._linger_s = linger_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(self._linger_s):
                while (await receive()).get("more_body"):
                    pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _refusal(error: VelaturaError, linger_s: float) -> Response:
    status = _STATUS.get(error.code) or (503 if isinstance(error, Missing) else 400)
    body = {"code": error.code, "sentence": error.sentence, "hint": error.hint}
    return _Refusal(body, status, linger_s)
