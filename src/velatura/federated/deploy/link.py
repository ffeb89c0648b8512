"""Flower's SuperLink with a door before it: `python -m velatura.federated.deploy.link ARGS...`, with `flower-superlink`'s own arguments.

One port serves three interfaces, and Flower 1.42 asks nobody who he is on two of them: whoever reaches it may register a key of his own and start
any program on every site (control), or take a server's place (runtime). Here control answers to who knows the federation's secret, and everything
but what sites need (fleet, where each request is signed) only to this machine.
Limit: other accounts of this machine reach the runtime interface.
"""

from __future__ import annotations

import hmac
import logging
import os
from typing import Any

__all__ = ["SECRET", "Door", "main", "may_pass"]

HEADER = b"x-velatura-control"
SECRET = "VELATURA_CONTROL"  # noqa: S105 - in the environment: the path of the file that holds it
FLEET, CONTROL = "/v1/fleet/", "/v1/control/"
LOCAL = ("127.", "::1", "::ffff:127.")
REFUSED, FAULT = 403, 400


def may_pass(path: str, *, client: str, server: str, shown: bytes, secret: bytes) -> bool:
    """Whether a request goes on.

    Args:
        client, server: addresses at both ends of the connection.
        shown: what the request carries as the secret.
    """
    if path.startswith(FLEET):
        return True
    if path.startswith(CONTROL):
        return hmac.compare_digest(shown, secret)
    return client.startswith(LOCAL) or client == server


class Door:
    """ASGI middleware, outermost."""

    def __init__(self, app: Any, secret: bytes) -> None:
        self._app, self._secret = app, secret

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and self._passes(scope)):
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": REFUSED, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"not from here\n"})

    def _passes(self, scope: Any) -> bool:
        shown = next((value for name, value in scope["headers"] if name == HEADER), b"")
        client, server = (scope.get(end) or ("", 0) for end in ("client", "server"))
        return may_pass(scope["path"], client=client[0], server=server[0], shown=shown, secret=self._secret)


def main() -> None:
    """Flower's own command, with the door in its list of middleware."""
    from flwr.superlink import extensions
    from flwr.superlink import main as link
    from flwr.superlink.cli.flower_superlink import flower_superlink
    from starlette.middleware import Middleware

    with open(os.environ[SECRET], "rb") as stream:
        secret = stream.read()
    if not secret:
        raise SystemExit("the secret of the control interface is empty")
    extensions.get_middleware = lambda: (Middleware(Door, secret=secret),)
    outermost: Any = link._get_middleware()[0].cls
    if outermost is not Door:
        raise SystemExit("this version of Flower takes no door before its interfaces: they would be open to everybody")
    logging.getLogger("uvicorn.access").addFilter(_is_worth_a_line)
    flower_superlink()


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Sites ask every three seconds; only what is refused is kept."""
    status = record.args[-1] if isinstance(record.args, tuple) and record.args else REFUSED
    return not isinstance(status, int) or status >= FAULT


if __name__ == "__main__":
    main()
