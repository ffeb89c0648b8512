"""A job's code inside: compiled after the lock, given its declared inputs, and watched for what it tries.

    def run(inputs, outputs, config):
        digits = inputs["digits"]
        outputs.put("metrics", {"accuracy": .97}, rows=360)

What it may not do the kernel denies (`velatura.sandbox`). The audit hook here only tells what it was, so that the person reads "the network" and not
an errno; code that catches the denial goes on, and has got nothing: libraries look for files that they can do without. What is not declared ends it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

from velatura.enclave.backends.refusals import Refusal
from velatura.errors import VelaturaError

__all__ = ["Inputs", "Outputs", "Stop", "Watch", "run_code"]

FILE = "<job>"
_PROCESS = (
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.exec",
    "os.spawn",
    "os.system",
    "subprocess.Popen",
    "pty.spawn",
    "_thread.start_new_thread",
)
_FILE = ("open", "os.", "shutil.", "tempfile.", "glob.", "ctypes.dlopen", "sqlite3.", "mmap.")


class Inputs(Mapping[str, Any]):
    """What the job declares, by name. Another name ends the job, though its code goes on.

    Attributes:
        refused: the first time that it was asked for what is not declared.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.refused: Stop | None = None

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            self.refused = self.refused or Stop(Refusal("enclave.undeclared-input"))
            raise self.refused
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Outputs:
    """What the job hands over, each once. It is made into bytes at once, so that what leaves is what was handed over.

    Attributes:
        taken: by name.
        refused: as of `Inputs`.
    """

    def __init__(self, names: frozenset[str], take: Callable[[str, Any, int | None, Mapping[str, float] | None], bytes]) -> None:
        self._names, self._take = names, take
        self.taken: dict[str, bytes] = {}
        self.refused: Stop | None = None

    def put(self, name: str, value: Any, *, rows: int | None = None, privacy: Mapping[str, float] | None = None) -> None:
        """Hand over an output: an array; a table's rows, or its columns by name; metrics by name, over `rows` rows; a model's arrays by name, with
        `privacy` (noise, sampling, steps) where it was trained with noise."""
        try:
            self._put(name, value, rows, privacy)
        except Stop as stop:
            self.refused = self.refused or stop
            raise

    def _put(self, name: str, value: Any, rows: int | None, privacy: Mapping[str, float] | None) -> None:
        if name not in self._names:
            raise Stop(Refusal("enclave.undeclared-output"))
        if name in self.taken:
            raise Stop(Refusal("enclave.output-twice", name=name))
        try:
            self.taken[name] = self._take(name, value, rows, privacy)
        except VelaturaError as error:
            raise Stop(Refusal("enclave.output", name=name)) from error


class Stop(BaseException):
    """Ends the job; `except Exception` of its own does not hold it up, and what it catches by `except BaseException` ends it afterwards."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.refusal = refusal


class Watch:
    """What was tried last that is denied. A hook cannot be taken away again: there is one for a process."""

    def __init__(self) -> None:
        self.last = ""
        self._on = False
        sys.addaudithook(self._heard)

    def start(self) -> None:
        self._on = True

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._on:
            return
        if event.startswith("socket."):
            self.last = "enclave.job-network"
        elif event in _PROCESS:
            self.last = "enclave.job-process"
        elif event.startswith(_FILE) and self.last in ("", "enclave.job-file"):  # what follows a network or process attempt is part of it
            self.last = "enclave.job-file"


def run_code(code: bytes, inputs: Inputs, outputs: Outputs, config: Mapping[str, Any], watch: Watch) -> None:
    """Compile the job and call its `run`.

    Raises:
        Refusal: whatever goes wrong in it.
    """
    watch.start()
    try:
        compiled = compile(code, FILE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise Refusal("enclave.job-code", line=getattr(error, "lineno", 0) or 0) from error
    scope: dict[str, Any] = {"__name__": "job", "__builtins__": __builtins__}
    try:
        exec(compiled, scope)  # noqa: S102 - it is what this process was made and locked for
        run = scope.get("run")
        if not callable(run):
            raise Refusal("enclave.job-code")
        run(inputs, outputs, config)
        if caught := inputs.refused or outputs.refused:
            raise caught
    except Refusal:
        raise
    except Stop as stop:
        stop.refusal.line = _line(stop.__traceback__)
        raise stop.refusal from stop
    except BaseException as error:
        raise _refusal(error, watch.last) from error


def _refusal(error: BaseException, tried: str) -> Refusal:
    """Which words are told of an error: none of its own."""
    line, kind = _line(error.__traceback__), type(error).__name__
    if isinstance(error, MemoryError):
        return Refusal("enclave.job-memory", line=line)
    if isinstance(error, ImportError):
        return Refusal("enclave.job-import", line=line)
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return Refusal("enclave.job-process", line=line)
    if tried and (isinstance(error, PermissionError) or tried != "enclave.job-file"):
        return Refusal(tried, line=line)
    return Refusal("enclave.job-failed", line=line, kind=kind if type(error).__module__ == "builtins" else "")


def _line(trace: TracebackType | None) -> int:
    """The last line of the job's own that an error came through; 0 where there is none."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
