"""A page of numbers for Prometheus, on this machine's loopback alone: totals and states that were published anyway, and nothing of a single frame.

Text format 0.0.4. Counts of published records and the sums of their values; no rate of frames, no latency: those are functions of what was seen and
would be told more often than the budget allows.
Only who asks for this machine by name is answered: a web page whose name was made to point here (DNS rebinding) asks for its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from velatura.errors import BadSpec

__all__ = ["Page", "hosts_of", "text_of"]

Numbers = Mapping[str, Mapping[str, float]]
"""Camera -> name -> value."""


def text_of(numbers: Numbers) -> str:
    """The page. Names that are no metric names get underscores."""
    names = sorted({name for values in numbers.values() for name in values})
    lines = []
    for name in names:
        metric = "velatura_edge_" + "".join(letter if letter.isalnum() else "_" for letter in name)
        lines.append(f"# TYPE {metric} gauge")
        lines += [f'{metric}{{camera="{camera}"}} {values[name]:g}' for camera, values in sorted(numbers.items()) if name in values]
    return "\n".join(lines) + "\n"


def hosts_of(port: int) -> tuple[str, ...]:
    """What a client that means this machine writes into `Host`."""
    names = ("127.0.0.1", "localhost", "[::1]")
    return (*(f"{name}:{port}" for name in names), *(names if port == 80 else ()))  # HTTP's own port is left out


class Page:
    """Serves `GET /metrics` until it is closed; 403 to any other Host than `hosts_of` the port.

    Args:
        port: of 127.0.0.1; 0: a free one (`port` says which).
        numbers: asked at every request.

    Raises:
        BadSpec: `edge.port`: it cannot be had.
    """

    def __init__(self, port: int, numbers: Callable[[], Numbers]) -> None:
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(numbers))
        except OSError as error:
            raise BadSpec("edge.port", f"port {port} of this machine cannot be had: {error.strerror}", hint="another --prometheus PORT") from error
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="prometheus", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(numbers: Callable[[], Numbers]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5
        server_version, sys_version = "velatura", ""

        def do_GET(self) -> None:
            hosts = self.headers.get_all("Host") or []
            port = int(self.connection.getsockname()[1])
            if len(hosts) != 1 or hosts[0].strip().lower() not in hosts_of(port):
                status, raw = 403, b"asked for another Host than this machine\n"
            elif self.path != "/metrics":
                status, raw = 404, b"GET /metrics\n"
            else:
                status, raw = 200, text_of(numbers()).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *arguments: object) -> None:
            """Nothing is logged."""

    return Handler
