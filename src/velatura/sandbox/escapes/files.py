"""Probes that try to reach files: of the targets' folder, of the system, of /proc."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

from velatura.sandbox.escapes.numbers import number
from velatura.sandbox.escapes.probe import Probe, buffer, by_number, invoke
from velatura.sandbox.escapes.targets import Targets

__all__ = ["probes"]

_HERE = -100  # AT_FDCWD


def probes(at: Targets) -> list[Probe]:
    """34 of files, 13 of /proc."""
    return [*_reading(at), *_changing(at), *_asking(at), *_proc(at)]


def _reading(at: Targets) -> list[Probe]:
    folder = Path(at.folder)
    secret = buffer(os.fsencode(folder / "secret"))
    return [
        _file("read secret", lambda: os.open(folder / "secret", os.O_RDONLY)),
        *by_number("file", "open(2)", "open", secret, 0, 0, reach=False),
        *by_number("file", "openat2", "openat2", _HERE, secret, buffer(bytes(24)), 24, reach=False),
        _file("read /etc/passwd", lambda: os.open("/etc/passwd", os.O_RDONLY)),
        _file("list /", lambda: os.listdir("/")),  # noqa: PTH208 - strings, as few calls as can be
        _file("list folder", lambda: os.listdir(folder)),  # noqa: PTH208
        _file("list scratch root", lambda: os.listdir(at.scratch or folder)),  # noqa: PTH208
        *by_number("file", "open_by_handle_at", "open_by_handle_at", _HERE, buffer(bytes(64)), 0),
        *by_number("file", "name_to_handle_at", "name_to_handle_at", _HERE, secret, buffer(struct.pack("I", 128) + bytes(140)), buffer(bytes(8)), 0),
    ]


def _changing(at: Targets) -> list[Probe]:
    folder = Path(at.folder)
    named = {name: folder / name for name in ("secret", "unlink", "chmod", "move")}
    move, mode = buffer(os.fsencode(named["move"])), buffer(os.fsencode(named["chmod"]))
    shared = Path("/dev/shm", at.tag)  # noqa: S108 - the target is this very folder
    return [
        _file("create", lambda: _gone(os.open(folder / "new", os.O_CREAT | os.O_WRONLY), folder / "new")),
        _file("append", lambda: os.write(os.open(named["secret"], os.O_WRONLY | os.O_APPEND), b"x")),
        _file("O_TMPFILE", lambda: os.open(folder, os.O_TMPFILE | os.O_WRONLY)),
        _file("truncate", lambda: os.truncate(named["secret"], 3)),
        _file("mkdir", lambda: _made(folder / "m", os.mkdir, os.rmdir)),
        _file("rename", lambda: os.rename(named["move"], named["move"])),  # noqa: PTH104
        _file("renameat2", lambda: invoke("renameat2", _HERE, move, _HERE, move, 0)),
        _file("symlink", lambda: _made(folder / "s", lambda path: os.symlink("face", path), os.unlink)),  # noqa: PTH211
        _file("hard link", lambda: _made(folder / "l", lambda path: os.link(named["secret"], path), os.unlink)),
        _file("fifo", lambda: _made(folder / "f", os.mkfifo, os.unlink)),
        _file("unlink", lambda: _removed(named["unlink"])),
        _file("chmod", lambda: named["chmod"].chmod(0o666)),
        *by_number("file", "fchmodat2", "fchmodat2", _HERE, mode, 0o666, 0, reach=False),
        _file("chown", lambda: os.chown(named["chmod"], -1, -1)),
        _file("utime", lambda: os.utime(named["chmod"])),
        _file("/dev/shm", lambda: _gone(os.open(shared, os.O_CREAT | os.O_RDWR), shared)),  # noqa: S108
    ]


def _asking(at: Targets) -> list[Probe]:
    folder = Path(at.folder)
    secret = folder / "secret"
    name = buffer(os.fsencode(secret))
    return [
        _file("xattr", lambda: os.listxattr(secret)),
        _file("stat", secret.stat),
        *by_number("file", "statx", "statx", _HERE, name, 0, 0xFFF, buffer(bytes(256)), reach=False),
        _file("access", lambda: invoke("access", name, 0) if number("access") is not None else invoke("faccessat", _HERE, name, 0)),
        _file("statfs", lambda: os.statvfs(folder)),
        _file("chdir", lambda: os.chdir(folder)),
        _file("inotify", lambda: invoke("inotify_add_watch", invoke("inotify_init1", 0), buffer(os.fsencode(folder)), 2)),
        *by_number("file", "fanotify", "fanotify_init", 0, 0),
        *by_number("file", "quotactl", "quotactl", 0, None, 0, None),
    ]


def _proc(at: Targets) -> list[Probe]:
    names = ("self/mem", "self/maps", "self/exe", "self/environ", "{}/environ", "{}/mem", "self/status", "sys/kernel/hostname", "net/dev")
    found = [Probe("proc", "/proc/" + name.format("VICTIM"), _opens("/proc/" + name.format(at.victim))) for name in names]
    return [
        *found,
        Probe("proc", "write comm", lambda: os.write(os.open("/proc/self/comm", os.O_WRONLY), b"face")),
        *by_number("proc", "PR_SET_NAME", "prctl", 15, buffer(b"face"), 0, 0, 0),
        *by_number("proc", "PR_SET_DUMPABLE", "prctl", 4, 1, 0, 0, 0),
        *by_number("proc", "PR_SET_PTRACER", "prctl", 0x59616D61, 0, 0, 0, 0),
    ]


def _file(name: str, act: Callable[[], object]) -> Probe:
    return Probe("file", name, act)


def _opens(path: str) -> Callable[[], object]:
    return lambda: os.open(path, os.O_RDONLY)


def _gone(descriptor: int, path: Path) -> None:
    os.close(descriptor)
    path.unlink()


def _removed(path: Path) -> None:
    path.unlink()
    path.write_text("")


def _made(path: Path, make: Callable[[Path], object], undo: Callable[[Path], object]) -> None:
    make(path)
    undo(path)
