"""Plays a case with a tool, through its command line, and looks at what came out."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.leakcases import look
from benchmarks.leakcases.case import LeakCase
from benchmarks.leakcases.face import MARK
from benchmarks.leakcases.rest import playable, stale

_LIMIT_S = 180


@dataclass(frozen=True, slots=True)
class Tool:
    """A program: its command for an input and an output; what it says on standard error when it refuses."""

    name: str
    command: Callable[[Path, Path], list[str]]
    env: Mapping[str, str]
    refuses: tuple[int, ...] = ()
    log: tuple[str, ...] = ()  # options that make it say most
    pictures_only: bool = False  # it differs from the tool before it for pictures alone
    replace: tuple[str, ...] = ()  # that let it replace an output


@dataclass(frozen=True, slots=True)
class Outcome:
    """`verdict`: "closed", "refused", "LEAKS", "damaged", "fails"; `what` in words; `output`: the file, if there is one."""

    verdict: str
    what: str = ""
    output: Path | None = None

    @property
    def good(self) -> bool:
        return self.verdict in ("closed", "refused")


def play(tool: Tool, case: LeakCase, folder: Path) -> Outcome:
    """One case with one tool, in a folder of its own, which it makes."""
    folder.mkdir(parents=True)
    source, out = folder / "in" / case.name, folder / "out" / case.out
    source.parent.mkdir()
    out.parent.mkdir()
    case.make(source)
    return _RUNS[case.run](tool, case, source, out)


def _call(tool: Tool, source: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [*tool.command(source, out), *more]
    return subprocess.run(command, env=dict(tool.env), capture_output=True, text=True, errors="replace", timeout=_LIMIT_S, check=False)


def _plain(tool: Tool, case: LeakCase, source: Path, out: Path, *more: str) -> Outcome:
    done = _call(tool, source, out, *more)
    if not out.exists():
        return _without_output(tool, done)
    seen = list(look.frames(out))
    if not seen:
        return Outcome("damaged", "the output does not open", out)
    leak = look.first_of(case.leaks(out), "" if case.case == "L40" else look.face(out))
    if leak:
        return Outcome("LEAKS", leak, out)
    harm = case.harm(out)
    return Outcome("damaged", harm, out) if harm else Outcome("closed", _dropped(case, source, len(seen), done.stderr), out)


def _dropped(case: LeakCase, source: Path, kept: int, said: str) -> str:
    lost = sum(1 for _ in look.frames(source)) - kept if case.case in ("L14", "L15", "L16", "L19", "L22") else 0
    named = "dropped and named" if "not in the output" in said else "dropped without a word"
    return f"{lost} of {lost + kept} frames {named}" if lost > 0 else ""


def _without_output(tool: Tool, done: subprocess.CompletedProcess[str]) -> Outcome:
    last = (done.stderr.strip().splitlines() or [""])[-1][:100]
    if done.returncode in tool.refuses:
        first = next((line for line in done.stderr.splitlines() if line.startswith("error:")), last)
        return Outcome("refused", first.rpartition("[")[2].rstrip("]") if "[" in first else first)
    return Outcome("fails", f"exit {done.returncode}, no output" + (", traceback" if "Traceback" in done.stderr else ""))


def _stale(tool: Tool, case: LeakCase, source: Path, out: Path) -> Outcome:
    out.write_bytes(stale())
    return _plain(tool, case, source, out, *tool.replace)


def _folder(tool: Tool, case: LeakCase, source: Path, out: Path) -> Outcome:
    """A folder as input; what is new is its output, wherever it was put."""
    before = set(source.iterdir())
    done = _call(tool, source, out)
    new = [*(set(source.iterdir()) - before), *(out.rglob("*") if out.is_dir() else [])]
    pictures = [path for path in new if path.suffix == ".jpg"]
    if not pictures:
        return _without_output(tool, done)
    beside = [path.name for path in new if path.suffix in (".xmp", ".thm")]
    leak = look.first_of(*beside, *(look.face(path) for path in pictures))
    named = any(word in done.stderr + done.stdout for word in ("photo.xmp", ".xmp"))
    return Outcome("LEAKS", leak) if leak else Outcome("closed", "" if named else "side files not named", pictures[0])


def _killed(tool: Tool, case: LeakCase, source: Path, out: Path) -> Outcome:
    """SIGKILL as soon as something is being written; what is left in its folders must not play."""
    temporary = out.parent.with_name("tmp")
    temporary.mkdir()
    env = {**tool.env, "TMPDIR": str(temporary)}
    child = subprocess.Popen(tool.command(source, out), env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    started = time.monotonic()
    while child.poll() is None and _bytes(out.parent) < 20_000 and time.monotonic() - started < _LIMIT_S:
        time.sleep(0.01)
    ended = child.poll() is not None
    os.killpg(child.pid, signal.SIGKILL) if not ended else None
    child.wait()
    if ended:
        return Outcome("fails", "ended before it could be killed")
    left = look.first_of(playable(out.parent), playable(temporary))
    return Outcome("LEAKS", left) if left else Outcome("closed", f"{len(list(out.parent.iterdir()))} file left that does not play")


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _log(tool: Tool, case: LeakCase, source: Path, out: Path) -> Outcome:
    done = _call(tool, source, out, *tool.log)
    if not out.exists():
        return _without_output(tool, done)
    said = done.stdout + done.stderr
    words = [word for word in (MARK.decode(), "Jane", "41.89", "53.0") if word in said]
    leak = look.first_of(f"{len(words)} values in its messages" if words else "", case.leaks(out), look.face(out))
    return Outcome("LEAKS", leak, out) if leak else Outcome("closed", "", out)


_RUNS = {"": _plain, "edge": _plain, "stale": _stale, "folder": _folder, "kill": _killed, "log": _log}


def fresh(folder: Path) -> Path:
    """An empty folder in the place of an old one."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder
