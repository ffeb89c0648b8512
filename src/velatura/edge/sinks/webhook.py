"""Events to a web address: POST of the lines as they are, signed already; 2xx acknowledges them.

https, or http to this machine alone. No redirects are followed, no proxies of the environment are used, and what the server answers is thrown away.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from velatura.edge.sinks.sink import Unreached
from velatura.errors import BadSpec

__all__ = ["Webhook"]

TIMEOUT_S = 10.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Webhook:
    """A `Sink`.

    Args:
        url: https://HOST[:PORT]/PATH.
        ca: certificates of who may sign the server's; None: the system's.
        token: sent as a bearer's; from a 0600 file, never from the command line.
        camera: whose events; told apart in the outbox by it.

    Raises:
        BadSpec: `edge.webhook`.
    """

    def __init__(self, url: str, *, ca: Path | None = None, token: str = "", camera: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.password:
            raise BadSpec("edge.webhook", "the web hook is https://HOST/PATH, without a password in it", hint="#token=FILE holds a secret")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise BadSpec("edge.webhook", f"{parts.hostname}: events leave this machine through https only", hint="https://")
        self.name = f"webhook:{parts.hostname}:{parts.port or ''}{parts.path}:{camera}"
        self._host, self._port = parts.hostname, parts.port
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._tls = ssl.create_default_context(cafile=str(ca) if ca else None) if parts.scheme == "https" else None
        self._token, self._vouched = token, -1
        self._connection: http.client.HTTPConnection | None = None

    def offer(self, lines: Sequence[tuple[int, bytes]]) -> int:
        if not lines:
            return self._vouched
        body = b"".join(line + b"\n" for _, line in lines)
        headers = {"Content-Type": "application/x-ndjson", **({"Authorization": f"Bearer {self._token}"} if self._token else {})}
        try:
            connection = self._connection or self._connect()
            connection.request("POST", self._path, body, headers)
            answer = connection.getresponse()
            answer.read1(4096)  # what it says is thrown away; more than that is not waited for
            if not answer.isclosed():
                self.close()
        except ssl.SSLError as error:
            raise self._lost("tls") from error
        except TimeoutError as error:
            raise self._lost("slow") from error
        except (OSError, http.client.HTTPException) as error:
            raise self._lost("down") from error
        if not 200 <= answer.status < 300:
            raise self._lost("auth" if answer.status in (401, 403) else "refused")
        self._vouched = lines[-1][0]
        return self._vouched

    def forgot(self) -> bool:
        return False

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls is None:
            self._connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        else:
            self._connection = http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT_S, context=self._tls)
        return self._connection

    def _lost(self, state: str) -> Unreached:
        self.close()
        return Unreached(state)
