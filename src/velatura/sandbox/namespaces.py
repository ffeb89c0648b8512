"""Own network, mounts, IPC and host name, and a root that holds nothing but what was bound into it read-only.

Root makes these before it gives up its uid and needs no user namespace; an ordinary user makes one first. The order is the one that works, each
line having been a mistake: O_PATH descriptors are opened after unshare (a mount of another namespace: EINVAL) and before /tmp is covered; flags that
an outer owner set on a mount are locked, so a remount repeats them; binds are recursive, since a folder with mounts below it is EINVAL otherwise.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from velatura.sandbox.linux import check, libc
from velatura.sandbox.privileges import NOBODY

__all__ = ["SCRATCH", "attempt", "outermost"]

SCRATCH = Path("/scratch")
_USER, _NET, _IPC, _UTS, _MOUNTS = 0x10000000, 0x40000000, 0x08000000, 0x04000000, 0x00020000
_READ_ONLY, _NO_SUID, _NO_DEV, _NO_EXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 0x20, 0x1000, 0x4000, 0x40000
_BARE = _NO_SUID | _NO_DEV | _NO_EXEC
_LOCKED = {2: 2, 4: 4, 8: 8, 1024: 0x400, 2048: 0x800, 4096: 0x200000}  # statvfs flag -> mount flag: nosuid nodev noexec noatime nodiratime relatime


def attempt(reads: Sequence[Path], *, scratch_mb: int, user: bool) -> str:
    """Leave the host's namespaces; "" or why that is not possible here, and then nothing has changed.

    A process that is stopped half way (unshared, /tmp covered, the root not yet made) cannot go back, so a fork rehearses.

    Args:
        reads: bound read-only into the new root.
        scratch_mb: MiB of a tmpfs at SCRATCH.
        user: through a user namespace of our own.

    Raises:
        OSError: it worked in the rehearsal and not in earnest.
    """
    absent = _rehearse(reads, scratch_mb, user=user)
    if not absent:
        _enter(reads, scratch_mb, user=user)
    return absent


def _rehearse(reads: Sequence[Path], scratch_mb: int, *, user: bool) -> str:
    mine, its = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = b"the rehearsal ended early"
        try:
            _enter(reads, scratch_mb, user=user)
            said = b""
        except OSError as error:
            said = str(error).encode("utf-8", "replace")[:400]
        finally:
            os.write(its, said or b"ok")
            os._exit(0)
    os.close(its)
    with open(mine, "rb") as pipe:
        heard = pipe.read()
    os.waitpid(pid, 0)
    return "" if heard == b"ok" else heard.decode("utf-8", "replace") or "the rehearsal ended early"


def _enter(reads: Sequence[Path], scratch_mb: int, *, user: bool) -> None:
    flags = _NET | _IPC | _UTS | _MOUNTS | (_USER if user else 0)
    uid, gid = os.getuid(), os.getgid()
    check(libc().unshare(flags), "unshare")
    if user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{NOBODY} {uid} 1"), ("gid_map", f"{NOBODY} {gid} 1")):
            Path("/proc/self", name).write_text(text)
    _mount(None, "/", None, _PRIVATE | _REC)
    sources = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in outermost(reads)}
    _mount("none", "/tmp", "tmpfs", _BARE, "size=1m,mode=755")  # noqa: S108 - covered in our own namespace, never written through
    os.chdir("/tmp")  # noqa: S108
    for path, source in sources.items():
        _bind(source, path)
    if scratch_mb:
        Path("." + str(SCRATCH)).mkdir()
        _mount("none", "." + str(SCRATCH), "tmpfs", _BARE, f"size={scratch_mb}m,mode=1777")
    check(libc().syscall(ctypes.c_long(_pivot_root()), b".", b"."), "pivot_root")
    check(libc().umount2(b".", 2), "umount2")
    os.chdir("/")
    _mount(None, "/", None, _REMOUNT | _READ_ONLY | _BARE)


def outermost(paths: Iterable[Path]) -> list[Path]:
    """`paths` that exist, each once, without those that lie below another: a mount point cannot be made in what is bound read-only."""
    there = [path for path in dict.fromkeys(paths) if path.exists()]
    return [path for path in there if not any(other != path and path.is_relative_to(other) for other in there)]


def _bind(source: int, path: Path) -> None:
    here, there = Path("." + str(path)), Path(f"/proc/self/fd/{source}")
    if there.is_dir():
        here.mkdir(parents=True, exist_ok=True)
    else:
        here.parent.mkdir(parents=True, exist_ok=True)
        here.touch()
    _mount(str(there), str(here), None, _BIND | _REC)
    seen = os.statvfs(here).f_flag
    kept = sum(flag for bit, flag in _LOCKED.items() if seen & bit)
    _mount(None, str(here), None, _BIND | _REMOUNT | _READ_ONLY | _NO_SUID | kept)
    os.close(source)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    words = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    check(libc().mount(*words, ctypes.c_ulong(flags), None if options is None else options.encode()), f"mount {target}")


def _pivot_root() -> int:
    return 41 if os.uname().machine in ("aarch64", "arm64") else 155
