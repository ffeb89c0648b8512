"""A page of numbers for Prometheus, on this machine's loopback alone: totals and states that were published anyway, and nothing of a single frame.

Text format 0.0.4. Counts of published records and the sums of their values; no rate of frames, no latency: those are functions of what was seen and
would be told more often than the budget allows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from velatura.errors import BadSpec

__all__ = ["Page", "text_of"]

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


class Page:
    """Serves `GET /metrics` until it is closed.

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
            known = self.path == "/metrics"
            raw = text_of(numbers()).encode() if known else b"GET /metrics\n"
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *arguments: object) -> None:
            """Nothing is logged."""

    return Handler
