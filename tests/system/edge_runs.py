"""A real `velatura edge run` in the background, whose status is waited for; and a machine that is poorer than this one."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.programs import VELATURA, velatura

from velatura.edge.status import facts, life_of, read_status
from velatura.errors import VelaturaError

__all__ = ["POOR", "Run", "policy", "running"]

ROOT = Path(__file__).parents[2]
POOR = (
    sys.executable,
    "-c",
    "import os, sys; sys.path[:0] = [sys.argv[1]]; without, *words = sys.argv[2:]; sys.argv[1:] = ['/']\n"
    "from tests.sandbox.scenarios import take_away; take_away(without); os.execve(words[0], words, dict(os.environ))",
    str(ROOT),
)
"""POOR, "landlock", command ...: runs it where these calls are not to be had."""

LOOKS_PER_S = 5
"""One a tick at least; a look at every frame of a camera keeps half a core busy while a test waits."""


def policy(folder: Path, more: str = "", *, cameras: Mapping[str, str] | None = None, tick_s: float = 0.3) -> Path:
    """A policy's file. cameras: name -> source."""
    path = folder / "policy.toml"
    parts = []
    for name, source in (cameras or {"door": ""}).items():
        parts.append(f'[[cameras]]\nname = "{name}"\nsource = "{source}"\n[cameras.egress]\ntick_s = {tick_s}\nbits_per_hour = 1e6\n')
    path.write_text("\n".join([*parts, more]))
    return path


class Run:
    """Attributes: state: its folder; out: its events."""

    def __init__(self, words: Sequence[str | Path], *, folder: Path, env: Mapping[str, str], before: Sequence[str] = ()) -> None:
        self.state, self.out, self._env = folder / "state", folder / "events.jsonl", env
        looks = ["--model", "centerface", "--looks-per-s", str(LOOKS_PER_S)]
        command = [*before, str(VELATURA), "edge", "run", *map(str, words), *looks, "--state", str(self.state), "-o", str(self.out)]
        self.process = subprocess.Popen(command, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = ""

    def states(self, camera: str = "door") -> dict[str, str]:
        """Area, or "sink NAME" -> state; empty: no status yet."""
        with contextlib.suppress(VelaturaError):
            read = read_status(self.state)
            return {fact.what: fact.word for fact in facts(read, life_of(read, self.state)) if fact.of in ("", camera)}
        return {}

    def until(self, what: str, *words: str, camera: str = "door", seconds: float = 60.0) -> float:
        """Wait for one of these states; how many seconds it took."""
        begun_s = time.monotonic()
        while (found := self.states(camera)).get(what) not in words or found["run"] != "running":
            assert time.monotonic() - begun_s < seconds, f"{what} is not {words}: {found}"
            assert self.process.poll() is None, (self.ended(), self.said)
            time.sleep(0.05)
        return time.monotonic() - begun_s

    def told(self) -> tuple[int, dict[str, Any]]:
        """Exit status and result of the real `edge status --json`."""
        done = velatura("edge", "status", self.state, "--json", env=self._env)
        self.said += done.stdout + done.stderr
        return done.returncode, json.loads(done.stdout)["result"]

    def end(self) -> int:
        """SIGTERM; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        out, err = self.process.communicate(timeout=60)
        self.said += out + err
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.ended()


@contextlib.contextmanager
def running(*words: str | Path, folder: Path, env: Mapping[str, str], before: Sequence[str] = ()) -> Iterator[Run]:
    """A run that is gone at the end, whatever happens."""
    run = Run(words, folder=folder, env=env, before=before)
    try:
        yield run
    finally:
        run.close()
