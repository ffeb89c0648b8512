"""What a camera costs: the figures add up, and come from the real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.edge.watching import seeing, walk

from velatura.cli.main import main
from velatura.edge import bench as benching
from velatura.edge.bench import Bench, bench, first_frames
from velatura.edge.policy import Camera, Egress
from velatura.edge.processes import cpu_s, memory_mib
from velatura.edge.unlocked import groups
from velatura.errors import BadInput

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="vision is confined by Linux")

CAMERA = Camera("bench", egress=Egress(tick_s=1.0, bits_per_hour=1e6))


def test_the_figures_of_a_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """By the command line. One round here; three are slow: tests/system/test_offline.py."""
    monkeypatch.setattr(benching, "ROUNDS", 1)
    monkeypatch.setattr("velatura.edge.run.seeing_of", lambda *_, **__: seeing(tmp_path))
    clip = walk(tmp_path / "walk.mp4", frames=125)
    with pytest.raises(SystemExit) as ended:
        main(["edge", "bench", str(clip), "--looks-per-s", "5", "--json"])
    assert ended.value.code == 0
    found = Bench(**json.loads(capsys.readouterr().out)["result"])
    assert (found.frames, found.size, found.rate) == (125, [320, 240], 25.0)
    assert set(found.ms_a_frame) == {"ingest", "vision", "gateway", "all"}
    assert 0 < found.ms_a_frame["vision"] < 1000
    assert found.frames_per_s == pytest.approx(1000 / found.ms_a_frame["all"])
    assert found.cameras_a_core > 0 and found.first_result_s > 0
    assert set(found.memory_mib) == {"ingest", "vision"} and min(found.memory_mib.values()) > 1
    assert found.memory_kind in ("PSS", "RSS")


def test_a_clip_that_is_too_short_or_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="75 are needed"):
        bench(walk(tmp_path / "walk.mp4", frames=20), CAMERA, seeing(tmp_path))
    (tmp_path / "noise.mp4").write_bytes(b"nothing " * 999)
    with pytest.raises(BadInput, match="cannot be read"):
        bench(tmp_path / "noise.mp4", CAMERA, seeing(tmp_path))


def test_the_beginning_of_a_clip_and_its_groups(tmp_path: Path) -> None:
    cut = first_frames(walk(tmp_path / "walk.mp4", frames=60), 30, tmp_path / "short.mp4")
    assert cut.frames == 30
    sizes = [len(group) for group in groups(cut.path)]
    assert sum(sizes) == 31 and len(sizes) == 2, "a header and thirty packets, a key frame each second"


def test_clocks_of_a_process_that_has_ended_still_count() -> None:
    busy = subprocess.Popen([sys.executable, "-c", "sum(range(3_000_000))"])
    until_s = time.monotonic() + 30
    while os.waitid(os.P_PID, busy.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        assert time.monotonic() < until_s
        time.sleep(0.01)
    assert cpu_s(busy.pid) > 0.005
    busy.wait(timeout=60)
    with pytest.raises(OSError):
        cpu_s(busy.pid)


def test_memory_of_this_process_is_told() -> None:
    size, kind = memory_mib(os.getpid())
    assert size > 5 and kind in ("PSS", "RSS")
    with pytest.raises((OSError, ValueError)):
        memory_mib(1 << 22)
