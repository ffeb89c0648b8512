"""An ASGI application over HTTPS until it is interrupted: HTTP/1.1 alone, no logs. Without a certificate this machine alone is served."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from velatura.enclave.broker_client import LOOPBACK
from velatura.errors import BadInput, BadSpec, Missing

__all__ = ["configured", "listening", "refuse_plain", "serve"]


def refuse_plain(host: str, certificate: Path | None, key: Path | None) -> None:
    """Raises BadSpec `enclave.plain-http`."""
    if (certificate is None or key is None) and host not in LOOPBACK:
        hint = "--cert FILE --tls-key FILE, or --host 127.0.0.1"
        raise BadSpec("enclave.plain-http", f"{host}: without a certificate this machine alone is served", hint=hint)


def listening(host: str, port: int) -> socket.socket:
    """Raises BadSpec `enclave.port`."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128)
    except (OSError, OverflowError) as error:
        hint = "another --port; is a broker running there?"
        raise BadSpec("enclave.port", f"{host}:{port}: cannot be listened on: {error}", hint=hint) from error


def configured(app: Any, *, certificate: Path | None, key: Path | None) -> Any:
    """uvicorn's configuration. Raises BadInput `enclave.certificate`; Missing `enclave.uvicorn`."""
    try:
        import uvicorn

        from velatura.hurried_http import HurriedProtocol
    except ImportError as error:
        raise Missing("enclave.uvicorn", "uvicorn, which serves HTTP, is not installed", hint="pip install 'velatura[enclave]'") from error
    made = uvicorn.Config(
        app,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        http=HurriedProtocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=64,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=10,
    )
    try:
        made.load()
    except OSError as error:  # ssl.SSLError is one
        told = f"{certificate}: certificate and key cannot be used: {error}"
        raise BadInput("enclave.certificate", told, hint="PEM files that belong together") from error
    return made


def serve(app: Any, *, host: str, port: int, certificate: Path | None, key: Path | None, told: Callable[[str], None]) -> None:
    """Until Ctrl-C or SIGTERM. port: 0 takes a free one. told: is told the address, once it is listened on. Raises as the others here."""
    refuse_plain(host, certificate, key)
    config = configured(app, certificate=certificate, key=key)
    import uvicorn

    with listening(host, port) as listener:
        told(f"{'https' if certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[listener])
