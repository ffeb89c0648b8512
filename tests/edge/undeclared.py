"""What a run opens, as strace sees it: files and sockets that nobody named on its command line are undeclared."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.programs import VELATURA, bare_environment, needs, velatura

__all__ = ["Seen", "opened", "watched"]

CALLS = "open,openat,openat2,creat,socket,connect,bind,sendto,sendmsg,execve,memfd_create,mkdir,mkdirat,rename,renameat,renameat2,symlink,link,mknod"
_OPEN = re.compile(r"\b(?:open|openat|openat2|creat)\((?:AT_FDCWD, |\d+, )?\"(?P<path>[^\"]*)\", ?(?P<flags>[^)]*)\)? *= (?P<result>-?\d+)")
_SOCKET = re.compile(r"\bsocket\((?!AF_UNIX)|\bconnect\(|\bbind\(|\bsend(?:to|msg)\([^)]*sa_family=(?!AF_UNIX)")
_STARTED = re.compile(r"\bexecve\(\"(?P<path>[^\"]*)\".*\) *= 0")
_MADE = re.compile(r"\b(?:memfd_create|mknod|mknodat)\(.*\) *= \d")
_WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE")
_READ = ("/usr/", "/lib", "/bin/", "/sbin/", "/etc/", "/proc/", "/sys/", "/dev/null", "/dev/urandom", "/dev/shm")
_WRITTEN = ("/dev/null", "/proc/self/", "/proc/thread-self/")


@dataclass(frozen=True, slots=True)
class Seen:
    """calls: that were looked at; undeclared: lines of the trace; seconds: that the run took."""

    calls: int
    undeclared: tuple[str, ...]
    seconds: float


def watched(words: Sequence[str | Path], folder: Path, models: Path, *, timeout_s: float) -> Seen:
    """Run `velatura` under `env -i` and strace, with all its processes.

    Args:
        words: of the command line; every path in it is declared.
        folder: home and working folder; only what is named is read or written in it.
    """
    import time

    log, begun_s = folder / "trace", time.monotonic()
    command = [needs("strace", "strace"), "-f", "-qq", "-s", "300", "-e", f"trace={CALLS}", "-o", str(log), str(VELATURA), *map(str, words)]
    env = bare_environment(folder, VELATURA_HOME=str(models))
    velatura("edge", "run", "--help", env=env)  # Python's cache of the command line itself, which is read before it is known what is asked
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False, timeout=timeout_s)
    assert done.returncode == 0, done.stderr[-600:]
    seconds = time.monotonic() - begun_s
    named = [str(Path(word).resolve()) for word in words if isinstance(word, Path)]
    lines = log.read_text(errors="replace").splitlines()
    return Seen(len(lines), tuple(opened(lines, [*named, str(models.resolve())], folder.resolve())), seconds)


def opened(lines: Sequence[str], named: Sequence[str], folder: Path) -> list[str]:
    """Those that open what is not declared: any socket but a local pair; programs that are not ours; files neither the interpreter's nor named.

    folder: of the named files; may be opened itself.
    """
    ours = [str(Path(__file__).resolve().parents[2] / "src"), sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"]]
    allowed = [*ours, *_READ, *named], [*_WRITTEN, *named]
    return [line for line in lines if _SOCKET.search(line) or _MADE.search(line) or _is_foreign(line) or _is_file_of_nobody(line, *allowed, folder)]


def _is_foreign(line: str) -> bool:
    """A program is started that is neither the interpreter nor velatura."""
    found = _STARTED.search(line)
    return found is not None and not Path(found["path"]).name.startswith(("python", "velatura"))


def _is_file_of_nobody(line: str, read: Sequence[str], written: Sequence[str], folder: Path) -> bool:
    found = _OPEN.search(line)
    if found is None or int(found["result"]) < 0:
        return False
    path, writes = found["path"], _WRITES.search(found["flags"]) is not None
    if not path.startswith("/"):
        return False  # below a folder that was opened by its whole name
    if path == str(folder) and "O_DIRECTORY" in found["flags"]:
        return False  # so that a name in it survives power loss
    return not any(path == allowed or path.startswith(allowed) for allowed in (written if writes else read))
