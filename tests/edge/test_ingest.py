"""Ingest as a process of its own: real RTSP and Motion JPEG cameras that are lost, frozen, locked; clips that are broken; a reader that is slow."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from tests.edge.brokers import free_port
from tests.edge.cameras import IngestRun, clip, mjpeg_camera, rtsp_camera, sound_alone, until

from velatura.edge.feed import End, Header
from velatura.edge.ingest import Ingest
from velatura.edge.login import Login
from velatura.edge.sources import Source, source_of


def decoded(run: IngestRun) -> int:
    """Frames that a decoder makes of what came."""
    made, codec = 0, None
    for message in run.messages:
        if isinstance(message, Header):
            codec = av.CodecContext.create(message.codec, "r")
            codec.extradata = message.extradata or None
        elif codec is not None and not isinstance(message, End):
            made += len(codec.decode(av.Packet(message.data)))
    return made + (len(codec.decode(None)) if codec is not None else 0)


def test_a_clip_comes_whole_and_ends(tmp_path: Path) -> None:
    path = clip(tmp_path / "a\nb.mp4", frames=50, sound=True)
    with IngestRun(source_of(str(path))) as run:
        assert run.ended.wait(30)
        assert run.messages[0] == Header("h264", 320, 240, run.messages[0].time_base, run.messages[0].extradata)  # type: ignore[union-attr]
        assert isinstance(run.messages[-1], End)
        stamps = [packet.stamp_s for packet in run.packets]
        assert len(stamps) == 50 and stamps == sorted(stamps) and stamps[-1] == pytest.approx(49 / 25, abs=0.05)
        assert decoded(run) == 50
        until(lambda: run.states[-1] == "ended")


def test_a_folder_is_one_time_line_and_a_broken_clip_does_not_end_it(tmp_path: Path) -> None:
    clip(tmp_path / "1.mp4", frames=25)
    whole = clip(tmp_path / "3.mkv", frames=25)
    (tmp_path / "2.mp4").write_bytes(whole.read_bytes()[:900])
    (tmp_path / "notes.txt").write_text("no clip")
    os.mkfifo(tmp_path / "4.mp4")
    clip(tmp_path / "5.avi", frames=3, codec="ffv1")
    sound_alone(tmp_path / "6.mp4")
    cut = clip(tmp_path / "7.mkv", frames=50)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    with IngestRun(source_of(str(tmp_path))) as run:
        assert run.ended.wait(30)
        stamps = [packet.stamp_s for packet in run.packets]
        assert 50 < len(stamps) < 100 and stamps == sorted(stamps)
        assert 1.9 < stamps[49] < 2.2
        assert sum(isinstance(message, Header) for message in run.messages) in (3, 4), "one a clip that can be opened"
        until(lambda: run.states[-1] == "ended")
        told = {line["clip"]: line["faults"] for line in run.said if "clip" in line}
    assert told.pop(6) in (["cut"], ["damaged", "cut"])
    assert told == {0: [], 1: ["malformed"], 2: [], 3: ["no-source"], 4: ["codec"], 5: ["no-video"]}


def test_a_folder_that_is_played_as_a_camera_goes_on_behind_a_clip_that_is_not_read(tmp_path: Path) -> None:
    clip(tmp_path / "1.avi", frames=3, codec="ffv1")
    clip(tmp_path / "2.mp4", frames=5)
    with IngestRun(source_of(str(tmp_path), live=True)) as run:
        until(lambda: len(run.packets) >= 10)
        assert {line["clip"]: line["faults"] for line in run.said if "clip" in line} == {0: ["codec"], 1: []}


@pytest.mark.parametrize(("content", "state"), [(b"", "malformed"), (b"no clip at all " * 100, "malformed"), (None, "no-video")])
def test_broken_files_have_names(tmp_path: Path, content: bytes | None, state: str) -> None:
    path = tmp_path / "x.mp4"
    if content is None:
        sound_alone(path)
    else:
        path.write_bytes(content)
    with IngestRun(source_of(str(path))) as run:
        assert run.ended.wait(30)
        until(lambda: run.states == [state, "ended"])
        assert not run.packets


def test_probing_decodes_nothing(tmp_path: Path) -> None:
    """FFmpeg learns the pixel format of H.264 by decoding alone."""
    source = source_of(str(clip(tmp_path / "a.mp4", frames=5)))
    for options, known in (({}, "yuv420p"), (dict(source.options()), None)):
        with av.open(source.address, options=options) as container:
            assert container.streams.video[0].codec_context.pix_fmt == known


def test_a_camera_streams_is_lost_and_comes_back() -> None:
    port = free_port()
    with rtsp_camera(port=port), IngestRun(source_of(f"rtsp://127.0.0.1:{port}/cam")) as run:
        until(lambda: len(run.packets) > 20)
        assert run.packets[0].is_key
    with rtsp_camera(port=port) as (camera, _), IngestRun(source_of(f"rtsp://127.0.0.1:{port}/cam")) as run:
        until(lambda: len(run.packets) > 5)
        camera.kill()
        until(lambda: "lost" in run.states or "refused" in run.states)
        seen = len(run.packets)
        with rtsp_camera(port=port):
            until(lambda: len(run.packets) > seen + 10)
        assert sum(isinstance(message, Header) for message in run.messages) >= 2
        assert all(line["confined"] for line in run.said)


def test_a_frozen_camera_is_found_in_five_seconds() -> None:
    with rtsp_camera() as (camera, port), IngestRun(source_of(f"rtsp://127.0.0.1:{port}/cam")) as run:
        until(lambda: len(run.packets) > 5)
        camera.send_signal(signal.SIGSTOP)
        frozen_s = time.monotonic()
        until(lambda: "stalled" in run.states)
        assert time.monotonic() - frozen_s < 6.0


def test_a_wrong_password_has_a_name_and_is_told_nowhere() -> None:
    with rtsp_camera("cam", "geheim") as (_, port):
        word = f"rtsp://127.0.0.1:{port}/cam"
        with IngestRun(source_of(word, login=Login("cam", "falsch-9431"))) as run:
            until(lambda: "auth" in run.states)
            assert "falsch-9431" not in run.output()
        with IngestRun(source_of(f"rtsp://cam:geheim@127.0.0.1:{port}/cam")) as run:
            until(lambda: len(run.packets) > 5)
            assert "geheim" not in run.output()


def test_nobody_there_is_no_busy_loop() -> None:
    with IngestRun(source_of(f"rtsp://127.0.0.1:{free_port()}/cam")) as run:
        until(lambda: run.states.count("refused") >= 2)
        assert len(run.states) < 10


def test_motion_jpeg_over_http() -> None:
    with mjpeg_camera() as port, IngestRun(source_of(f"http://127.0.0.1:{port}/cam")) as run:
        until(lambda: len(run.packets) > 10)
        assert isinstance(run.messages[0], Header) and run.messages[0].codec == "mjpeg"
        assert decoded(run) >= 10


def test_a_slow_reader_gets_new_frames_and_nothing_blocks(tmp_path: Path) -> None:
    """Noise makes packets so large that the pipe fills."""
    path = tmp_path / "noise.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "10", "qp": "1", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        import numpy as np

        rng = np.random.default_rng(0)
        for _ in range(50):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rng.integers(0, 256, (480, 640, 3), dtype=np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    with IngestRun(source_of(str(path), live=True), slow_s=0.25) as run:
        until(lambda: run.said and run.said[-1]["dropped"] > 20)
        until(lambda: len(run.packets) > 12)
        ages = run.ages[-5:]
        after_drop = [b.is_key for a, b in zip(run.packets, run.packets[1:], strict=False) if b.came_s - a.came_s > 0.1]
        assert after_drop and all(after_drop), "after a drop the next packet is a key frame"
        assert max(ages) < 4.0


SESSION = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 239.1.1.1\nt=0 0\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(("name", "text", "kind", "ways"), [("a.mp4", SESSION, "udp", "file,rtp,udp"), ("a.m3u8", PLAYLIST, "tcp", "file,http,tcp")])
def test_a_file_opens_no_network(tmp_path: Path, name: str, text: str, kind: str, ways: str) -> None:
    """Who may do so does: a session's description binds its port, a playlist connects."""
    path, port = tmp_path / name, free_port() & ~1
    path.write_text(text.format(port=port))
    line = f":{port:04X} "

    def opened(options: dict[str, str]) -> bool:
        def opens() -> None:
            with contextlib.suppress(av.error.FFmpegError, ValueError, OSError):
                av.open(f"file:{path}", options=options, timeout=0.5).close()

        with socket.socket() as heard:
            if kind == "tcp":
                heard.bind(("127.0.0.1", port))
                heard.listen()
            thread = threading.Thread(target=opens)
            thread.start()
            seen = False
            while thread.is_alive() and not seen:
                lines = Path(f"/proc/net/{kind}").read_text().splitlines()
                seen = any(line in one and (kind == "udp" or " 01 " in one) for one in lines)  # 01: ESTABLISHED
            thread.join(timeout=60)
            if kind == "tcp":
                heard.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    heard.accept()[0].close()
                    seen = True
            return seen

    source = source_of(str(path))
    assert opened({"protocol_whitelist": ways}), "the way is open to whoever may"
    assert not opened(dict(source.options()))
    with IngestRun(source) as run:
        assert run.ended.wait(30)
        until(lambda: run.states == ["malformed", "ended"])


def test_a_clip_with_a_colon_in_its_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clip(Path("a.mp4"), frames=3).rename("http:a.mp4")
    with IngestRun(source_of("http:a.mp4")) as run:
        assert run.ended.wait(30)
        assert len(run.packets) == 3


def test_a_year_in_the_time_stamps_is_a_gap(tmp_path: Path) -> None:
    """A packet of clip time for a packet of bytes: what a file says of its time brings no ticks."""
    path = tmp_path / "jump.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
        for index in range(20):
            for packet in stream.encode(av.VideoFrame(64, 64, "yuvj420p")):
                packet.pts = packet.dts = index + (25 * 31_536_000 if index >= 10 else 0)
                container.mux(packet)
    with IngestRun(source_of(str(path))) as run:
        assert run.ended.wait(30)
        until(lambda: run.states[-1] == "ended")
        last = run.said[-1]
    assert last["gaps"] == 1 and last["left_out_s"] > 31_000_000 and last["seconds"] < 2.0
    assert len(run.packets) == 20 and run.packets[-1].stamp_s < 2.0


@pytest.mark.parametrize("flips", [300, 3000])
def test_a_damaged_transport_stream_is_read_to_its_end(tmp_path: Path, flips: int) -> None:
    path = clip(tmp_path / "a.ts", frames=500, size=(640, 480))
    raw, rng = bytearray(path.read_bytes()), random.Random(1)
    for _ in range(flips * len(raw) // 4_000_000 + 20):
        raw[rng.randrange(len(raw) // 8, len(raw))] ^= 1 << rng.randrange(8)
    path.write_bytes(raw)
    with IngestRun(source_of(str(path))) as run:
        assert run.ended.wait(30)
        until(lambda: run.states[-1] == "ended")
        assert isinstance(run.messages[-1], End)
        assert len(run.packets) > 450 and run.packets[-1].stamp_s > 18


def test_streams_that_damage_makes_up_end_no_clip() -> None:
    """PyAV raises IndexError behind the last packet of a file in which a stream came to light meanwhile."""

    class Odd:
        def __init__(self, faults: list[Exception]) -> None:
            self.faults = faults

        def demux(self, _: object) -> Iterator[int]:
            yield 1
            if self.faults:
                raise self.faults.pop()

    reader, writer = os.pipe()
    try:
        ingest = Ingest(Source("file", "a.ts", False), writer, lambda _: None)
        damaged = av.error.InvalidDataError(0, "")
        assert list(ingest._demuxed(Odd([IndexError(), damaged]), None)) == [1, 1, 1] and ingest.counts.malformed == 2
        camera = Ingest(Source("rtsp", "rtsp://a/b", True), writer, lambda _: None)
        with pytest.raises(av.error.InvalidDataError):
            list(camera._demuxed(Odd([IndexError()]), None))
    finally:
        os.close(reader)
        os.close(writer)


def test_a_reader_that_reads_nothing_is_told(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", frames=5)
    said: list[dict[str, object]] = []
    reader, writer = os.pipe()
    left = [reader]

    def say(state: dict[str, object]) -> None:
        said.append(state)
        if float(str(state["unread_s"])) > 1.5 and left:
            os.close(left.pop())

    Ingest(source_of(str(path)), writer, say).run()  # ends, for nobody reads any more
    os.close(writer)
    assert max(float(str(state["unread_s"])) for state in said) > 1.5


def test_sources_are_ordinary_values() -> None:
    assert Source("file", "a.mp4", False).port is None
