"""A broker: the holder of data sets' keys, over HTTPS. It gives a key to evidence, never to a person.

    POST /challenge   {"dataset": id}      -> a Challenge
    POST /grant       a Request            -> a Grant
    POST /counter     a CounterRequest     -> a CounterValue, signed

Every request carries the token, which keeps strangers from asking; what keeps them from a key is the policy. A body's length is declared and judged
before it is read. A refusal names its code and the check that decided. Requests are answered one after another per data set; each is in the log.
In Trustee's words: RCAR's challenge and response, key broker, attestation service and reference values in one process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from velatura.crypto.token_file import same_token
from velatura.enclave import exchange
from velatura.enclave.counters import CounterRequest, SigningCounters
from velatura.enclave.holder import Holder
from velatura.errors import BadInput, Missing, VelaturaError, Withheld
from velatura.specs import Spec

__all__ = ["Limits", "application"]

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
STATUS = {"enclave.token": 401, "enclave.body": 411, "enclave.too-large": 413, "enclave.slow": 408, "enclave.no-dataset": 404}
SMALL = 4096


class Limits(Spec, frozen=True):
    """
    Attributes:
        most_bytes: of a request.
        body_s: seconds in which a body has to arrive.
        at_once: requests that are read or judged at the same time.
    """

    most_bytes: int = exchange.MOST_BYTES
    body_s: float = 30.0
    at_once: int = 8


def application(holder: Holder, counters: SigningCounters, token: str, *, limits: Limits) -> Starlette:
    """The ASGI application; holder and counters are the caller's."""
    service = _Service(holder, counters, token, limits)
    handlers = (("/challenge", service.challenge), ("/grant", service.grant), ("/counter", service.counter))
    return Starlette(routes=[Route(path, service.guarded(handler), methods=["POST"]) for path, handler in handlers])


class _Service:
    def __init__(self, holder: Holder, counters: SigningCounters, token: str, limits: Limits) -> None:
        self._holder, self._counters, self._token, self._limits = holder, counters, token, limits
        self._at_work = anyio.CapacityLimiter(limits.at_once)

    def guarded(self, handler: Handler) -> Handler:
        """The token first; errors as JSON, in our words."""

        async def answer(request: Request) -> Response:
            try:
                if not same_token(request.headers.get("authorization", ""), f"Bearer {self._token}"):
                    raise Withheld("enclave.token", "the token is missing or wrong")
                async with self._at_work:
                    return await handler(request)
            except VelaturaError as error:
                return _refusal(error)
            except ClientDisconnect:
                return Response(status_code=400)

        return answer

    async def challenge(self, request: Request) -> Response:
        asked = exchange.read(await self._body(request, SMALL), exchange.Asked)
        return _json(exchange.write(await anyio.to_thread.run_sync(self._holder.challenge, asked.dataset)))

    async def grant(self, request: Request) -> Response:
        asked = exchange.read(await self._body(request, self._limits.most_bytes), exchange.Request)
        return _json(exchange.write(await anyio.to_thread.run_sync(self._holder.grant, asked)))

    async def counter(self, request: Request) -> Response:
        asked = exchange.read(await self._body(request, SMALL), CounterRequest)
        return _json(exchange.write(await anyio.to_thread.run_sync(self._counters.answer, asked)))

    async def _body(self, request: Request, most: int) -> bytes:
        length = request.headers.get("content-length", "")
        if not length.isdecimal() or len(length) > 15:
            raise BadInput("enclave.body", "a body declares its length", hint="send Content-Length")
        size = int(length)
        if size > most:
            raise BadInput("enclave.too-large", f"a body of {size} bytes; at most {most}")
        raw = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_s):
                async for part in request.stream():
                    raw += part
                    if len(raw) > size:
                        break
        except TimeoutError:
            raise BadInput("enclave.slow", f"a body did not arrive within {self._limits.body_s:g} s") from None
        if len(raw) != size:
            raise BadInput("enclave.body", "a body is not as long as it declares")
        return bytes(raw)


def _json(raw: bytes) -> Response:
    return Response(raw, media_type="application/json")


def _refusal(error: VelaturaError) -> Response:
    status = STATUS.get(error.code) or (403 if isinstance(error, Withheld) else 503 if isinstance(error, Missing) else 400)
    told = {"code": error.code, "sentence": error.sentence, "hint": error.hint}
    return JSONResponse(told, status_code=status, headers={"Connection": "close"})
