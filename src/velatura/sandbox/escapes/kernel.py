"""Probes of what widens the kernel's surface, and of System V and POSIX objects that outlive a process."""

from __future__ import annotations

import struct

from velatura.sandbox.escapes.probe import Argument, Probe, buffer, by_number, invoke
from velatura.sandbox.escapes.targets import Targets

__all__ = ["probes"]

_NEW_USER, _NEW_NS = 0x10000000, 0x00020000
_EVENT = struct.pack("IIQ", 1, 112, 0) + bytes(24) + struct.pack("Q", 0x60) + bytes(64)
_MAP = struct.pack("IIII", 2, 4, 8, 1) + bytes(56)


def probes(at: Targets) -> list[Probe]:
    """22 of the kernel, 4 of IPC."""
    return [*_namespaces(), *_surface(at), *_objects(at)]


def _namespaces() -> list[Probe]:
    return [
        *by_number("kernel", "unshare user", "unshare", _NEW_USER),
        *by_number("kernel", "setns", "setns", -1, 0),
        Probe("kernel", "mount", _mount),
        *by_number("kernel", "fsopen", "fsopen", buffer(b"tmpfs"), 0),
        *by_number("kernel", "open_tree", "open_tree", -100, buffer(b"/"), 1),
        *by_number("kernel", "pivot_root", "pivot_root", buffer(b"/nothing"), buffer(b"/nothing")),
        *by_number("kernel", "chroot", "chroot", buffer(b"/")),
    ]


def _surface(at: Targets) -> list[Probe]:
    host = at.host.encode()
    return [
        *by_number("kernel", "io_uring_setup", "io_uring_setup", 4, buffer(bytes(120))),
        *by_number("kernel", "io_setup", "io_setup", 1, buffer(bytes(8))),
        *by_number("kernel", "userfaultfd", "userfaultfd", 1),
        *by_number("kernel", "bpf", "bpf", 0, buffer(_MAP), 72),
        *by_number("kernel", "perf_event_open", "perf_event_open", buffer(_EVENT), 0, -1, -1, 0),
        *by_number("kernel", "add_key", "add_key", buffer(b"user"), buffer(b"face"), buffer(b"data"), 4, -2),
        *by_number("kernel", "keyctl", "keyctl", 0, -2, 1),
        *by_number("kernel", "sethostname", "sethostname", buffer(host), len(host)),
        *by_number("kernel", "personality", "personality", 0xFFFFFFFF),
        *by_number("kernel", "modify_ldt", "modify_ldt", 0, buffer(bytes(64)), 64),
        *by_number("kernel", "syslog", "syslog", 10, 0, 0),
        *by_number("kernel", "landlock_create_ruleset", "landlock_create_ruleset", 0, 0, 1),
        *by_number("kernel", "seccomp notify", "seccomp", 3, 0, buffer(bytes(8))),
        *by_number("kernel", "getrandom", "getrandom", buffer(bytes(8)), 8, 0),
        *by_number("kernel", "arch_prctl", "arch_prctl", 0x1003, buffer(bytes(8))),
    ]


def _objects(at: Targets) -> list[Probe]:
    queue = buffer(at.tag.encode())
    return [
        Probe("ipc", "shmget", lambda: _made_and_removed("shmget", (4096, 0o1600), "shmctl", (0, 0))),
        Probe("ipc", "semget", lambda: _made_and_removed("semget", (1, 0o1600), "semctl", (0, 0, 0))),
        Probe("ipc", "msgget", lambda: _made_and_removed("msgget", (0o1600,), "msgctl", (0, 0))),
        Probe("ipc", "mq_open", lambda: (invoke("mq_open", queue, 0o102, 0o600, 0), invoke("mq_unlink", queue))),
    ]


def _mount() -> None:
    invoke("unshare", _NEW_USER | _NEW_NS)
    invoke("mount", buffer(b"n"), buffer(b"/"), buffer(b"tmpfs"), 0, 0)


def _made_and_removed(get: str, arguments: tuple[Argument, ...], control: str, remove: tuple[Argument, ...]) -> None:
    invoke(control, invoke(get, 0, *arguments), *remove)
