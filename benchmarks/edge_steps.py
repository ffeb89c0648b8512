"""The steps of the edge benchmark: each measures one thing on the installed command line or on the processes that it starts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import edge_clips, peers
from benchmarks.edge_figures import Figures
from benchmarks.material import ROOT, first_frames
from benchmarks.measure import Spread, cpu_of, interleaved
from velatura.edge.bench import running
from velatura.edge.pair import Seeing
from velatura.edge.policy import Camera, Egress, Policy
from velatura.edge.seeing import seeing_of
from velatura.edge.unlocked import Compared, compare
from velatura.models.store import ModelStore

VELATURA = Path(sys.executable).parent / "velatura"
PEERS = ("supervision==0.31.2", "trackers==2.6.1", "onnxruntime==1.28.0")
SHORT, SECONDS, ROUNDS = 50, 16, 7
MODEL = "yunet-n"
CAMERA = Camera("bench", egress=Egress(tick_s=1.0, bits_per_hour=1e6, most=1000))
POLICY = '[[cameras]]\nname = "bench"\n[cameras.egress]\ntick_s = {tick}\nbits_per_hour = 1e9\nmost = 1000\n'


def seeing(figures: Figures, name: str = MODEL) -> Seeing:
    return seeing_of(name, Policy((CAMERA,)), ModelStore(Path(figures.env["VELATURA_HOME"])))


def clip(figures: Figures, size: tuple[int, int]) -> Path:
    """Of this size, made once."""
    path = figures.folder / f"camera-{size[1]}.mp4"
    return path if path.exists() else edge_clips.camera_clip(path, size, seconds=SECONDS)


def edge_run(figures: Figures, source: Path, *options: str) -> list[str]:
    """Words of the command; events go to `events.jsonl` of the folder."""
    policy = figures.folder / "policy.toml"
    policy.write_text(POLICY.format(tick=1.0))
    words = [str(VELATURA), "edge", "run", str(source), "--model", MODEL, "--policy", str(policy), "--force"]
    return [*words, "-o", str(figures.folder / "events.jsonl"), *options]


def ms_a_frame(words: Callable[[Path], Sequence[str]], long: Path, figures: Figures) -> Callable[[], float]:
    """CPU milliseconds a frame of a command and all its processes: of a clip and of its beginning, the start subtracted."""
    short = first_frames(long, SHORT)

    def measure() -> float:
        less, more = (cpu_of(words(source), env=figures.env, cwd=ROOT) for source in (short, long))
        return 1000 * (more - less) / (SECONDS * edge_clips.RATE - SHORT)

    return measure


def bare(source: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.edge_bare", str(source), MODEL, *options]


def pipeline(figures: Figures) -> dict[str, Any]:
    long = clip(figures, edge_clips.FULL)
    cases = {
        "bare loop": ms_a_frame(bare, long, figures),
        "edge run": ms_a_frame(lambda source: edge_run(figures, source), long, figures),
        "edge run --fast-decode": ms_a_frame(lambda source: edge_run(figures, source, "--fast-decode"), long, figures),
    }
    found = interleaved(cases, runs=ROUNDS)
    counted = {"bare loop": said(bare(long), figures)["tracks"]}
    counted |= {f"edge run{more}": seen(figures, long, *more.split()) for more in ("", " --fast-decode")}
    return {"ms": found, "tracks": counted}


def said(words: Sequence[str], figures: Figures, **more: str) -> dict[str, Any]:
    """What a program prints as JSON."""
    done = subprocess.run(words, env={**figures.env, **more}, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{Path(words[0]).name} ended with {done.returncode}: {done.stderr[-200:]}")
    return dict(json.loads(done.stdout))


def seen(figures: Figures, source: Path, *options: str) -> int:
    """Tracks that `edge run` counts in a clip."""
    return int(said(edge_run(figures, source, *options, "--json"), figures)["result"]["cameras"][0]["totals"]["seen"])


def sub_stream(figures: Figures) -> dict[str, Spread]:
    long = clip(figures, edge_clips.SUB)
    looks = ("--looks-per-s", "5")
    return interleaved(
        {
            "bare loop": ms_a_frame(lambda source: bare(source, *looks), long, figures),
            "edge run": ms_a_frame(lambda source: edge_run(figures, source, *looks), long, figures),
        },
        runs=ROUNDS,
    )


def peer(figures: Figures) -> dict[str, Any]:
    long = clip(figures, edge_clips.FULL)
    folder = peers.environment(PEERS)
    model, path = seeing(figures).model, os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    python, script = str(folder / "bin" / "python"), str(ROOT / "benchmarks" / "edge_peer.py")
    theirs = Figures(figures.folder, {**figures.env, "PYTHONPATH": path})
    cases = {
        "supervision + trackers": ms_a_frame(lambda source: [python, script, "clip", str(source), str(model)], long, theirs),
        "edge run": ms_a_frame(lambda source: edge_run(figures, source), long, figures),
    }
    found = interleaved(cases, runs=3)
    told = said([python, script, "clip", str(long), str(model)], theirs)
    return {"ms": found, "tracks": {"peer": told["tracks"], "edge run": seen(figures, long)}}


def suite(figures: Figures) -> dict[str, Any]:
    """Ours by the same cases as the tests."""
    from tests.edge.crossing_cases import LINE_CASES, ZONE_CASES
    from tests.edge.test_lines import sightings

    from velatura.edge.lines import LineCounter
    from velatura.edge.zones import ZoneCounter

    ours = 0
    for case in LINE_CASES:
        line = LineCounter(*case.line)
        for time_s, track, place in sightings(case):
            line.see(track, place, time_s)
        ours += (line.entered, line.left) == case.right
    for case in ZONE_CASES:
        zone, last_s = ZoneCounter(case.polygon), 0.0
        for last_s, track, place in sightings(case):
            zone.see(track, place, last_s)
        ours += zone.occupancy(last_s) == case.inside and abs(zone.dwell_s - case.dwell_s) < 1e-6
    folder = peers.environment(PEERS)
    words = [str(folder / "bin" / "python"), str(ROOT / "benchmarks" / "edge_peer.py"), "cases"]
    told = said(words, figures, PYTHONPATH=os.pathsep.join([str(ROOT / "src"), str(ROOT)]))
    return {
        "cases": len(LINE_CASES) + len(ZONE_CASES),
        "ours": ours,
        "theirs": sum(told.values()),
        "wrong": [name for name in told if not told[name]],
    }


def lock(figures: Figures) -> Compared:
    return compare(clip(figures, edge_clips.FULL), CAMERA, seeing(figures), times=5, starts=7)


def age(figures: Figures) -> dict[str, float]:
    from dataclasses import replace

    from benchmarks.edge_overload import overloaded

    slow = seeing(figures, "centerface")
    slow = replace(slow, network=replace(slow.network, side=1440))
    return overloaded(clip(figures, (1440, 810)), CAMERA, slow, seconds=60)


def memory(figures: Figures) -> dict[str, Any]:
    found = running(clip(figures, edge_clips.FULL), CAMERA, seeing(figures))
    return {"mib": found.memory_mib, "kind": found.kind}


def first(figures: Figures) -> Spread:
    """From the start of the command to the first signed record on disk, of the first fifth of a second."""
    out, policy = figures.folder / "first.jsonl", figures.folder / "first.toml"
    policy.write_text(POLICY.format(tick=0.2))
    source = first_frames(clip(figures, edge_clips.FULL), SHORT)
    times = []
    for _ in range(ROUNDS):
        out.unlink(missing_ok=True)
        begun_s = time.monotonic()
        words = [str(VELATURA), "edge", "run", str(source), "--model", MODEL, "--policy", str(policy), "-o", str(out)]
        process = subprocess.Popen(words, env=figures.env, stdout=subprocess.DEVNULL)
        while not out.exists() or out.read_bytes().count(b"\n") < 2:  # the policy's event comes before
            if process.poll() is not None or time.monotonic() > begun_s + 60:
                break
            time.sleep(0.002)
        times.append(time.monotonic() - begun_s)
        if process.wait():
            raise RuntimeError(f"edge run ended with {process.returncode}")
    return Spread.of(times)


def stall(_: Figures) -> Mapping[str, float]:
    """A real RTSP camera that is stopped; ingest's own word."""
    import signal

    from tests.edge.cameras import IngestRun, rtsp_camera, until

    from velatura.edge.sources import source_of

    with rtsp_camera() as (camera, port), IngestRun(source_of(f"rtsp://127.0.0.1:{port}/cam")) as run:
        until(lambda: len(run.packets) > 25)
        begun_s = time.monotonic()
        camera.send_signal(signal.SIGSTOP)
        until(lambda: "stalled" in run.states)
        return {"stall_s": time.monotonic() - begun_s}


def broker(figures: Figures) -> dict[str, str]:
    """The test of tests/edge/test_mqtt.py, with either setting; it asserts that every event came once and in order."""
    from tests.edge.test_mqtt import test_a_broker_killed_twice_loses_nothing as killed_twice

    found = {}
    for persistence in (False, True):
        name = "on" if persistence else "off"
        try:
            killed_twice(Path(tempfile.mkdtemp(dir=figures.folder)), persistence)
            found[name] = "0 lost, 0 twice of 151"
        except AssertionError as error:
            found[name] = f"not held: {str(error)[:80]}"
    return found


def undeclared(figures: Figures, *, seconds: int = 600) -> dict[str, Any]:
    from tests.edge.undeclared import watched

    folder = Path(tempfile.mkdtemp(dir=figures.folder))
    policy, source = folder / "policy.toml", folder / "clip.mp4"
    policy.write_text(POLICY.format(tick=1.0))
    shutil.copy(clip(figures, edge_clips.SUB), source)
    words = ["edge", "run", source, "--live", "--looks-per-s", "5", "--policy", policy, "--for-s", str(seconds)]
    seen = watched([*words, "--state", folder / "state", "-o", folder / "events.jsonl"], folder, Path(figures.env["VELATURA_HOME"]), timeout_s=900)
    return {"calls": seen.calls, "undeclared": list(seen.undeclared), "seconds": seen.seconds}


def escapes(figures: Figures) -> dict[str, Any]:
    done = subprocess.run([str(VELATURA), "edge", "verify", "--json"], env=figures.env, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise RuntimeError(f"edge verify ended with {done.returncode}: {done.stderr[-200:]}")
    result = json.loads(done.stdout)["result"]
    return {"reached": done.returncode == 0, "measured": _verified(result)}


def _verified(result: Mapping[str, Any]) -> str:
    counts = {name: len(value) if isinstance(value, list | dict) else value for name, value in result.items()}
    return ", ".join(f"{name} {value}" for name, value in counts.items() if isinstance(value, int | str))[:200]
