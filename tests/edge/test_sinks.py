"""Files, web hooks and the page of numbers: whole, mended, refused by name."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.edge.chains import CAMERA, SIGNER, STRANGER, chain_of, lines_of
from tests.edge.test_outbox import kept

from velatura.edge.chain_audit import audit
from velatura.edge.outbox import Outbox
from velatura.edge.sinks.jsonl import JsonLines
from velatura.edge.sinks.prometheus import Page, hosts_of, text_of
from velatura.edge.sinks.sink import Feeder, Unreached
from velatura.edge.sinks.webhook import Webhook
from velatura.errors import BadSpec, VelaturaError

DEVICE = SIGNER.verifier.id
LINES = lines_of(20)
NUMBERED = list(enumerate(LINES))


def jsonl(path: Path, **options: object) -> JsonLines:
    return JsonLines(path, device=DEVICE, camera=CAMERA.name, **options)  # type: ignore[arg-type]


def test_a_file_is_fed_and_continued(tmp_path: Path) -> None:
    path, outbox = tmp_path / "events.jsonl", Outbox(tmp_path / "o")
    feeder = Feeder(jsonl(path), outbox)
    kept(outbox, LINES[:10], chain_of())
    assert feeder.close()
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open("ab") as stream:
        stream.write(LINES[10][:40])  # the power went
    feeder = Feeder(jsonl(path), outbox)
    kept(outbox, LINES[10:], chain_of())
    assert feeder.close()
    outbox.close()
    assert path.read_bytes() == b"".join(line + b"\n" for line in LINES)
    assert audit(path, verifier=SIGNER.verifier).events == 21


def test_a_file_into_which_nothing_came_is_not_left(tmp_path: Path) -> None:
    jsonl(tmp_path / "events.jsonl").close()
    assert not list(tmp_path.iterdir())
    sink = jsonl(tmp_path / "events.jsonl")
    sink.offer(NUMBERED[:3])
    sink.close()
    jsonl(tmp_path / "events.jsonl").close()
    assert (tmp_path / "events.jsonl").read_bytes() == b"".join(line + b"\n" for line in LINES[:3])


def test_a_file_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text('{"mine": 1}\n')
    with pytest.raises(BadSpec, match=r"files\.exists"):
        jsonl(path)
    assert path.read_text() == '{"mine": 1}\n'
    path.write_bytes(lines_of(1, chain=chain_of(signer=STRANGER))[0] + b"\n")
    with pytest.raises(BadSpec, match=r"files\.exists"):
        jsonl(path)
    jsonl(path, force=True).offer(NUMBERED)
    assert path.read_bytes().count(b"\n") == 21
    with pytest.raises(BadSpec, match=r"edge\.not-a-file"):
        jsonl(tmp_path)


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.jsonl"
    sink = jsonl(path)
    assert sink.offer(NUMBERED[:2]) == 1
    real, calls = os.write, []

    def short(descriptor: int, data: memoryview) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "no space")
        return real(descriptor, data[:50])

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(Unreached) as caught:
        sink.offer(NUMBERED[2:5])
    monkeypatch.undo()
    assert caught.value.state == "disk-full"
    assert path.read_bytes() == b"".join(line + b"\n" for line in LINES[:2])
    assert sink.offer(NUMBERED[2:]) == 20
    assert audit(path).events == 21


class Hook:
    """A server that answers with a status and keeps what came."""

    def __init__(self) -> None:
        self.status, self.bodies, self.headers = 204, [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                outer.headers.append(dict(self.headers))
                self.send_response(outer.status)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None: ...

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_a_web_hook_acknowledges_with_2xx_alone() -> None:
    hook = Hook()
    sink = Webhook(f"http://127.0.0.1:{hook.port}/in?x=1", token="geheim")
    assert sink.offer([]) == -1
    assert sink.offer(NUMBERED[:3]) == 2
    assert hook.bodies == [b"".join(line + b"\n" for line in LINES[:3])]
    assert hook.headers[0]["Authorization"] == "Bearer geheim"
    for status, state in ((302, "refused"), (500, "refused"), (401, "auth")):
        hook.status = status
        with pytest.raises(Unreached) as caught:
            sink.offer(NUMBERED[3:4])
        assert caught.value.state == state
    hook.status = 200
    assert sink.offer(NUMBERED[3:4]) == 3
    hook.close()
    sink.close()
    with pytest.raises(Unreached) as caught:
        sink.offer(NUMBERED[4:5])
    assert caught.value.state == "down"


@pytest.mark.parametrize("url", ["http://example.org/", "ftp://a/", "https://u:p@example.org/", "https://"])
def test_web_hooks_that_are_refused(url: str) -> None:
    with pytest.raises(BadSpec, match=r"edge\.webhook"):
        Webhook(url)


def test_the_page_of_numbers() -> None:
    page = Page(0, lambda: {"door": {"in": 3.0, "records": 12.0}, "yard": {"in": 0.0}})
    with urllib.request.urlopen(f"http://127.0.0.1:{page.port}/metrics", timeout=30) as answer:
        assert answer.read().decode() == text_of({"door": {"in": 3.0, "records": 12.0}, "yard": {"in": 0.0}})
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"http://127.0.0.1:{page.port}/else", timeout=30)
    with pytest.raises(BadSpec, match=r"edge\.port"):
        Page(page.port, dict)
    page.close()


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (["127.0.0.1:{port}"], 200),
        (["LocalHost:{port}"], 200),
        (["[::1]:{port}"], 200),
        (["rebound.example.org:{port}"], 403),
        (["127.0.0.1"], 403),
        (["127.0.0.1:1"], 403),
        (["localhost.example.org:{port}"], 403),
        (["localhost:{port}@example.org"], 403),
        ([""], 403),
        ([], 403),
        (["localhost:{port}", "example.org"], 403),
    ],
)
def test_the_page_is_for_who_asks_for_this_machine(hosts: list[str], status: int) -> None:
    page = Page(0, lambda: {"door": {"in": 3.0}})
    with socket.create_connection(("127.0.0.1", page.port), timeout=10) as peer:
        heads = "".join(f"Host: {host.format(port=page.port)}\r\n" for host in hosts)
        peer.sendall(f"GET /metrics HTTP/1.0\r\n{heads}\r\n".encode())
        answer = b"".join(iter(lambda: peer.recv(1 << 16), b""))
    page.close()
    assert int(answer.split()[1]) == status and (b"velatura_edge_in" in answer) == (status == 200), answer


def test_the_own_port_of_http_may_be_left_out() -> None:
    assert "localhost" in hosts_of(80) and "localhost:80" in hosts_of(80) and "localhost" not in hosts_of(9464)


def test_metric_names_are_metric_names() -> None:
    assert 'velatura_edge_gate_in{camera="door"} 4' in text_of({"door": {"gate.in": 4}})


def test_a_web_hook_that_drips_its_answer_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            for _ in range(2):
                peer, _ = server.accept()
                peer.recv(1 << 16)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nx")
                peers.append(peer)

        peers: list[socket.socket] = []
        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        sink = Webhook(f"http://127.0.0.1:{server.getsockname()[1]}/")
        begun_s = time.monotonic()
        assert sink.offer(NUMBERED[:2]) == 1 and sink.offer(NUMBERED[2:4]) == 3
        assert time.monotonic() - begun_s < 8, "less than one of its deadlines"
        sink.close()
        thread.join(5)
        for peer in peers:
            peer.close()


class Sulky:
    """A sink that takes all, and cannot say good-bye."""

    name = "sulky"

    def __init__(self) -> None:
        self.taken: list[int] = []

    def offer(self, lines: Sequence[tuple[int, bytes]]) -> int:
        self.taken += [seq for seq, _ in lines]
        return self.taken[-1] if self.taken else -1

    def forgot(self) -> bool:
        return False

    def close(self) -> None:
        raise Unreached("down")


def test_a_good_bye_that_fails_ends_nothing_else(tmp_path: Path) -> None:
    outbox, sink = Outbox(tmp_path / "o"), Sulky()
    feeder = Feeder(sink, outbox)
    kept(outbox, LINES, chain_of())
    assert feeder.close() and sink.taken == list(range(21))
    outbox.close()


def test_a_file_in_a_closed_folder_is_one_line(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65_534)
        with pytest.raises(VelaturaError, match=r"Permission denied \[files\.unwritable\]"):
            JsonLines(closed / "x.jsonl", device="d", camera="c")
    finally:
        if root:
            os.seteuid(0)
        closed.chmod(0o700)
