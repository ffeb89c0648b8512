"""From a source to signed events, through the real processes: locked vision, ingest, the bucket, the outbox."""

from __future__ import annotations

import math
import os
import re
import signal
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tests.edge.cameras import rtsp_camera, until
from tests.edge.chains import SIGNER
from tests.edge.watching import gateway, seeing, walk

from velatura.edge.chain_audit import audit
from velatura.edge.events import Event, parse
from velatura.edge.pair import Pair
from velatura.edge.policy import Camera, Egress, Line, Mask
from velatura.edge.schema import HEALTH
from velatura.edge.sources import source_of
from velatura.errors import BadInput, BadSpec, VelaturaError, Withheld
from velatura.sandbox.warm import Warm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="vision is confined by Linux")

LINE = Line("gate", (0.5, 0.0), (0.5, 1.0))
RULES = Egress(tick_s=1.0, bits_per_hour=1e6, most=15)
CAMERA = Camera("door", lines=(LINE,), egress=RULES)


def events_of(folder: Path, camera: Camera, word: str, *, poison: float = 0.0, live: bool = False, **options: object) -> list[Event]:
    made, outbox = gateway(folder, camera, source_of(word, live=live), seeing(folder, poison=poison, **options))
    made.run(lambda: False)
    lines = [line for _, line in outbox.pending("all", 10_000)]
    outbox.close()
    audit(folder / "state" / "outbox.sqlite", verifier=SIGNER.verifier)
    return [parse(line) for line in lines]


def told(events: list[Event]) -> list[dict[str, int]]:
    return [event.record for event in events if event.record is not None]


@pytest.mark.parametrize("codec", ["libx264", "mjpeg", "libvpx-vp9", "libx265", "libsvtav1"])
def test_who_walks_over_the_line_is_counted_once(tmp_path: Path, codec: str) -> None:
    events = events_of(tmp_path, CAMERA, str(walk(tmp_path / "walk.mkv", codec=codec)))
    assert [event.kind for event in events] == ["policy", "record", "record", "record"]
    assert events[0].degraded == () and {event.withheld for event in events} == {False}
    # the line runs downwards: its right is the left half of the picture, so who walks to the right goes out
    assert sum(one["out"] for one in told(events)) == 1 and sum(one["in"] for one in told(events)) == 0
    assert told(events)[1]["inside"] == 1 and {one["health"] for one in told(events)} == {0}


def test_there_and_back_in_a_folder_of_clips(tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    walk(clips / "1.mp4", back=True, frames=100)
    walk(clips / "2.mkv", size=(480, 360))
    events = events_of(tmp_path, CAMERA, str(clips))
    assert sum(one["out"] for one in told(events)) == 2 and sum(one["in"] for one in told(events)) == 1
    assert len(told(events)) == 7, "four seconds and three"


def test_what_lies_under_a_mask_makes_no_difference(tmp_path: Path) -> None:
    masked = Camera("door", masks=(Mask(((0.0, 0.5), (1.0, 0.5), (1.0, 0.75), (0.0, 0.75))),), egress=RULES)
    still = walk(tmp_path / "empty.mp4", frames=2)
    assert still.exists()
    events = events_of(tmp_path, masked, str(walk(tmp_path / "walk.mp4")))
    assert all(one["seen"] == 0 and one["inside"] == 0 for one in told(events))


@pytest.mark.parametrize("share", [1.0, 0.6])
def test_a_mask_over_everything_is_told(tmp_path: Path, share: float) -> None:
    masked = Camera("door", masks=(Mask(((0.0, 0.0), (1.0, 0.0), (1.0, share), (0.0, share))),), egress=RULES)
    events = events_of(tmp_path, masked, str(walk(tmp_path / "walk.mp4", frames=30)))
    assert {one["health"] for one in told(events)} == {HEALTH.index("masked-out") if share == 1.0 else 0}


def test_more_than_can_be_looked_at_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("velatura.edge.pair.Warm", partial(Warm, path=[Path(__file__).parent]))
    source = source_of(str(walk(tmp_path / "walk.mp4", frames=100)), live=True)
    camera = Camera("door", egress=Egress(tick_s=1.0, bits_per_hour=1e6))
    made, outbox = gateway(tmp_path, camera, source, seeing(tmp_path, guest="slow:Slow"))
    made.run(lambda: made.health == "overload" or made.records >= 20)
    outbox.close()
    assert made.health == "overload"


def test_a_codec_that_is_not_read_is_told_of_a_camera(tmp_path: Path) -> None:
    path = walk(tmp_path / "walk.avi", codec="ffv1", frames=5)
    made, outbox = gateway(tmp_path, Camera("door", egress=Egress(tick_s=0.5, bits_per_hour=1e6)), source_of(str(path), live=True), seeing(tmp_path))
    with pytest.raises(BadInput, match=r"walk\.avi: not one picture came of it: codec: .* \[edge\.nothing-seen\]"):
        made.run(lambda: made.records >= 3)
    health = [one["health"] for one in told([parse(line) for _, line in outbox.pending("all", 100)])]
    outbox.close()
    assert health[-1] == HEALTH.index("codec") and made.camera_word == "codec"


def test_a_network_whose_output_is_no_number_is_an_error_not_nobody(tmp_path: Path) -> None:
    events = events_of(tmp_path, CAMERA, str(walk(tmp_path / "walk.mp4")), poison=math.nan)
    assert {one["health"] for one in told(events)} == {HEALTH.index("model-error")}


@pytest.mark.parametrize("first", [0, 83, 249])
@pytest.mark.parametrize("share", [(1, 2), (2, 3)])
@pytest.mark.parametrize("codec", ["libx264", "mjpeg"])
def test_a_damaged_clip_is_told(tmp_path: Path, codec: str, first: int, share: tuple[int, int]) -> None:
    path = walk(tmp_path / "walk.mkv", noise=60, codec=codec)
    raw = bytearray(path.read_bytes())
    for at in range(share[0] * len(raw) // 3 + first, share[1] * len(raw) // 3, 997):
        raw[at] ^= 0xFF
    path.write_bytes(raw)
    events = events_of(tmp_path, CAMERA, str(path))
    assert HEALTH.index("corrupt") in {one["health"] for one in told(events)}


@pytest.mark.parametrize("content", [b"", b"no clip " * 500])
def test_a_file_without_pictures_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"edge\.no-video"):
        events_of(tmp_path, CAMERA, str(path))


def test_a_second_start_goes_on_with_the_chain_and_an_empty_bucket(tmp_path: Path) -> None:
    poor = Camera("door", lines=(LINE,), egress=Egress(tick_s=1.0, bits_per_hour=3600 * 7, most=15))
    first = events_of(tmp_path, poor, str(walk(tmp_path / "walk.mp4")))
    both = events_of(tmp_path, poor, str(tmp_path / "walk.mp4"))
    assert [event.seq for event in both] == list(range(8)) and both[: len(first)] == first
    assert both[4].kind == "policy" and both[5].withheld, "nothing was in the bucket"


def test_a_live_camera_ticks_by_the_clock(tmp_path: Path) -> None:
    with rtsp_camera() as (_, port):
        camera = Camera("door", egress=Egress(tick_s=0.5, bits_per_hour=1e6))
        made, outbox = gateway(tmp_path, camera, source_of(f"rtsp://127.0.0.1:{port}/cam"), seeing(tmp_path))
        ending = threading.Event()
        thread = threading.Thread(target=made.run, args=(ending.is_set,))
        thread.start()
        until(lambda: made.records >= 8)
        ending.set()
        thread.join(20)
        records = [parse(line) for _, line in outbox.pending("all", 1000)]
        outbox.close()
    health = [event.record["health"] for event in records if event.record]
    assert HEALTH[health[-1]] in ("ok", "overload") and made.restarts == 0, "a busy machine says that it is"
    assert [event.tick for event in records[1:]] == list(range(1, len(records)))


@pytest.mark.parametrize("live", [True, False])
def test_vision_that_hangs_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, live: bool) -> None:
    """SIGSTOP stands for a frame that a decoder never comes back from: a camera's is started anew, a file's run ends."""
    monkeypatch.setattr("velatura.edge.pair.HANGS_S", 1.5)
    monkeypatch.setattr("velatura.edge.pair.SURE_S", 1.2)
    path = walk(tmp_path / "walk.mp4", frames=500)
    made, outbox = gateway(
        tmp_path, Camera("door", egress=Egress(tick_s=0.25, bits_per_hour=1e6)), source_of(str(path), live=live), seeing(tmp_path, looks_per_s=2.0)
    )
    ending, errors = threading.Event(), list[BadInput]()

    def run() -> None:
        try:
            made.run(ending.is_set)
        except BadInput as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: made._pair is not None and made._pair.ingest.counts.get("packets"))
    assert made._pair is not None
    os.kill(made._pair.vision_pid, signal.SIGSTOP)
    if live:
        until(lambda: made._live_ear is not None and made._live_ear.restarts)
        ending.set()
    thread.join(30)
    assert not thread.is_alive()
    outbox.close()
    assert [error.code for error in errors] == ([] if live else ["edge.vision-hangs"])


def test_who_was_stopped_and_goes_on_does_not_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("velatura.edge.pair.HANGS_S", 0.8)
    path = walk(tmp_path / "walk.mp4", frames=500)
    made, outbox = gateway(tmp_path, CAMERA, source_of(str(path)), seeing(tmp_path, looks_per_s=2.0))
    thread = threading.Thread(target=made.run, args=(lambda: False,))
    thread.start()
    until(lambda: made._pair is not None)
    assert made._pair is not None
    os.kill(made._pair.vision_pid, signal.SIGSTOP)  # at once: a little later it may have read the whole clip
    until(lambda: made._pair is not None and made._pair.ingest.unread_s > 0.8)
    os.kill(made._pair.vision_pid, signal.SIGCONT)
    thread.join(30)
    outbox.close()
    assert made.records == 20, "all twenty seconds of it"


def test_events_that_never_came_onto_the_disk_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("velatura.edge.gateway.SETTLE_S", 0.01)
    many = Camera("door", lines=(LINE,), egress=Egress(tick_s=0.02, bits_per_hour=1e7, most=15))
    made, outbox = gateway(tmp_path, many, source_of(str(walk(tmp_path / "walk.mp4"))), seeing(tmp_path))
    outbox._db.execute("PRAGMA max_page_count=12")
    with pytest.raises(VelaturaError, match=r"the last (\d+) events never came onto it.*edge\.outbox-disk-full") as caught:
        made.run(lambda: False)
    (lost,) = re.findall(r"the last (\d+) events", str(caught.value))
    here = len(outbox.pending("all", 10_000))
    outbox.close()
    assert int(lost) + here == 1 + 150, "a policy event, and fifty ticks a second"


def test_who_wants_to_end_waits_for_one_tick_of_a_file(tmp_path: Path) -> None:
    made, outbox = gateway(
        tmp_path, Camera("door", egress=Egress(tick_s=0.25, bits_per_hour=1e6)), source_of(str(walk(tmp_path / "walk.mp4"))), seeing(tmp_path)
    )
    made.run(lambda: made.records >= 2)
    outbox.close()
    assert made.records == 2


def test_vision_that_is_killed_is_started_anew_and_ticks_go_on(tmp_path: Path) -> None:
    path = walk(tmp_path / "walk.mp4", frames=500)
    camera = Camera("door", egress=Egress(tick_s=0.25, bits_per_hour=1e6))
    made, outbox = gateway(tmp_path, camera, source_of(str(path), live=True), seeing(tmp_path))
    pids: list[int] = []
    real = Pair.__init__

    def noted(self: Pair, *arguments: object) -> None:
        real(self, *arguments)  # type: ignore[arg-type]
        pids.append(self._vision.pid)

    ending = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pair, "__init__", noted)
        thread = threading.Thread(target=made.run, args=(ending.is_set,))
        thread.start()
        until(lambda: made.records >= 4)
        os.kill(pids[0], signal.SIGKILL)
        until(lambda: len(pids) >= 2 and made.records >= 8)
        time.sleep(0.6)
        ending.set()
        thread.join(20)
    records = [parse(line) for _, line in outbox.pending("all", 1000)]
    outbox.close()
    assert made.restarts == 1
    assert HEALTH.index("restarted") in [event.record["health"] for event in records if event.record] or HEALTH.index("no-frames") in [
        event.record["health"] for event in records if event.record
    ]
    audit(tmp_path / "state" / "outbox.sqlite", verifier=SIGNER.verifier)


def test_a_changed_model_and_a_layer_that_may_not_be_lifted(tmp_path: Path) -> None:
    source = source_of(str(walk(tmp_path / "walk.mp4", frames=5)))
    with pytest.raises(BadSpec, match=r"edge\.layer"):
        Pair(CAMERA, source, seeing(tmp_path, degraded=("seccomp",)))
    see = seeing(tmp_path)
    see.model.write_bytes(b"no network")
    with pytest.raises(BadInput, match=r"models\.malformed"):
        Pair(CAMERA, source, see)
    with pytest.raises(Withheld, match=r"edge\.model-changed"):
        Pair(CAMERA, source, replace(see, sha256="0" * 64))
