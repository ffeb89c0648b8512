"""Probes that try to make processes, threads and code, or to touch another process."""

from __future__ import annotations

import _thread
import ctypes
import os
import struct
import time
from collections.abc import Callable

from velatura.sandbox.escapes.probe import Probe, buffer, by_number, invoke
from velatura.sandbox.escapes.targets import Targets

__all__ = ["probes"]

_SIGCHLD, _SIGWINCH, _PTRACE_SEIZE = 17, 28, 0x4206


def probes(at: Targets) -> list[Probe]:
    """25."""
    return [*_starting(), *_touching(at), *_signalling(at), *_itself(at)]


def _starting() -> list[Probe]:
    arguments = buffer(struct.pack("8Q", 0, 0, 0, 0, _SIGCHLD, 0, 0, 0))
    return [
        *([Probe("task", "fork", lambda: _child("fork"))] if os.uname().machine == "x86_64" else []),
        Probe("task", "clone", lambda: _child("clone", _SIGCHLD, 0, 0, 0, 0)),
        Probe("task", "clone3", lambda: _child("clone3", arguments, 64)),
        Probe("task", "thread", lambda: _thread.start_new_thread(_nothing, ())),
        Probe("task", "execve", lambda: os.execve("/bin/true", ["true"], {})),  # noqa: S606 - it replaces the probe's own child
        Probe("task", "execveat", lambda: invoke("execveat", -100, buffer(b"/bin/true"), buffer(bytes(16)), buffer(bytes(8)), 0)),
    ]


def _touching(at: Targets) -> list[Probe]:
    here = buffer(bytes(16))
    ours, theirs = (buffer(struct.pack("QQ", address, 13)) for address in (ctypes.addressof(here), at.secret_at))
    _kept.append(here)
    return [
        Probe("task", "ptrace", lambda: _attach(at.victim)),
        Probe("task", "process_vm_readv", lambda: invoke("process_vm_readv", at.victim, ours, 1, theirs, 1, 0)),
        Probe("task", "process_vm_writev", lambda: invoke("process_vm_writev", at.victim, ours, 1, theirs, 1, 0)),
        *by_number("task", "process_madvise", "process_madvise", -1, ours, 1, 4, 0),
        *by_number("task", "kcmp", "kcmp", at.victim, at.victim, 0, 0, 0),
        *by_number("task", "pidfd_open", "pidfd_open", at.victim, 0),
        Probe("task", "pidfd_getfd", lambda: invoke("pidfd_getfd", invoke("pidfd_open", at.victim, 0), 0, 0)),
        Probe("task", "prlimit", lambda: invoke("prlimit64", at.victim, 4, 0, buffer(bytes(16)))),
    ]


def _signalling(at: Targets) -> list[Probe]:
    word = buffer(struct.pack("iii", _SIGWINCH, 0, -1) + bytes(116))
    return [
        Probe("task", "kill 0", _signal(at.victim, 0)),
        Probe("task", "kill WINCH", _signal(at.victim, _SIGWINCH)),
        *by_number("task", "tgkill", "tgkill", at.victim, at.victim, 0, reach=False),
        *by_number("task", "rt_sigqueueinfo", "rt_sigqueueinfo", at.victim, _SIGWINCH, word, reach=False),
        *by_number("task", "timer_create", "timer_create", 1, 0, buffer(bytes(8))),
        *by_number("task", "alarm", "alarm", 0),
    ]


def _itself(at: Targets) -> list[Probe]:
    return [
        Probe("task", "setpriority", lambda: invoke("setpriority", 0, 0, 1)),
        Probe("task", "sched_setaffinity", lambda: invoke("sched_setaffinity", 0, 128, buffer(b"\xff" * 128))),
        *by_number("task", "ioprio", "ioprio_set", 1, 0, 0x4004),
        *by_number("task", "setuid 0", "setuid", 0, reach=False),
        *by_number("task", "setsid", "setsid"),
    ]


def _child(call: str, *arguments: int | ctypes.Array[ctypes.c_char]) -> None:
    pid = invoke(call, *arguments)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _attach(pid: int) -> None:
    invoke("ptrace", _PTRACE_SEIZE, pid, 0, 0)
    time.sleep(0.02)  # let go of a victim that has settled


def _signal(pid: int, number: int) -> Callable[[], object]:
    return lambda: os.kill(pid, number)


def _nothing() -> None:
    pass


_kept: list[ctypes.Array[ctypes.c_char]] = []  # memory that other memory points to
