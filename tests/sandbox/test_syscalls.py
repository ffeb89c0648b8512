"""The tables of numbers, against the headers of the C library."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from velatura.sandbox.confinement import FILES, NAMEABLE
from velatura.sandbox.escapes.numbers import NUMBERS
from velatura.sandbox.syscalls import AARCH64, X86_64

X86_HEADER = [Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm/unistd_64.h")]
GENERIC_HEADER = [Path("/usr/include/asm-generic/unistd.h")]
OTHER_NAMES = {"poll": "ppoll", "unlink": "unlinkat"}  # what glibc makes of them on aarch64


def header(candidates: list[Path]) -> dict[str, int]:
    found = next((path for path in candidates if path.exists()), None)
    if found is None:
        pytest.skip(f"system-call numbers: {candidates[0]} is not installed (linux-libc-dev)")
    return {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", found.read_text())}


def test_x86_64_is_what_its_header_says() -> None:
    known = header(X86_HEADER)
    assert {name: known[name] for name in X86_64.numbers} == dict(X86_64.numbers)
    probes = {name: pair[0] for name, pair in NUMBERS.items() if name in known}  # an older header lacks the newest calls
    assert {name: known[name] for name in probes} == probes


def test_aarch64_is_what_the_generic_header_says() -> None:
    known = header(GENERIC_HEADER)
    wanted = {name: known.get(OTHER_NAMES.get(name, name), known.get({"newfstatat": "fstatat"}.get(name, name))) for name in AARCH64.numbers}
    assert wanted == dict(AARCH64.numbers)
    probes = {name: pair[1] for name, pair in NUMBERS.items() if pair[1] is not None and name in known}
    assert {name: known[name] for name in probes} == probes


def test_nothing_that_makes_a_process_a_socket_or_code_can_be_named() -> None:
    dangerous = {
        "socket",
        "socketpair",
        "connect",
        "clone",
        "clone3",
        "fork",
        "vfork",
        "execve",
        "execveat",
        "ptrace",
        "prctl",
        "ioctl_",
        "memfd_create",
    }
    assert not NAMEABLE & dangerous
    assert FILES < NAMEABLE
