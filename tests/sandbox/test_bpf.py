"""The filter: its verdicts by evaluation for both processors, and against the kernel for this one."""

from __future__ import annotations

import errno
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.bpf_machine import verdict
from tests.sandbox.cells import linux, warm

from velatura.sandbox import FILES, Confinement
from velatura.sandbox.bpf import ALLOW, KILL, refuse
from velatura.sandbox.confinement import NAMEABLE
from velatura.sandbox.seccomp import filter_for
from velatura.sandbox.syscalls import AARCH64, PLAIN, X86_64, Machine, this_machine

MACHINES = pytest.mark.parametrize("machine", [X86_64, AARCH64], ids=lambda m: m.name)
DENIED = refuse(errno.EPERM)
LEAST = Confinement()
PAST_EVERY_FILTER = {335, 336}  # uretprobe, uprobe on x86-64: the kernel lets its own trampolines pass and ends whoever else calls them
EXEC, READ_WRITE, PRIVATE_ANONYMOUS, SHARED_ANONYMOUS, PRIVATE_FILE = 4, 3, 0x22, 0x21, 0x02


def ask(machine: Machine, may: Confinement, name: str, *arguments: int) -> int:
    return verdict(filter_for(may, machine), machine.audit, machine.numbers[name], arguments)


@MACHINES
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("read", (0,), ALLOW),
        ("read", (1,), DENIED),
        ("read", (1 << 32,), ALLOW),  # the kernel cuts a descriptor to 32 bits as we do: this is 0
        ("write", (1,), ALLOW),
        ("write", (0,), DENIED),
        ("write", (2,), DENIED),
        ("mmap", (0, 4096, READ_WRITE, PRIVATE_ANONYMOUS), ALLOW),
        ("mmap", (0, 4096, READ_WRITE | EXEC, PRIVATE_ANONYMOUS), DENIED),
        ("mmap", (0, 4096, READ_WRITE, SHARED_ANONYMOUS), DENIED),
        ("mmap", (0, 4096, READ_WRITE, SHARED_ANONYMOUS | 2), DENIED),  # MAP_SHARED_VALIDATE
        ("mmap", (0, 4096, READ_WRITE, PRIVATE_FILE), DENIED),
        ("mprotect", (0, 4096, READ_WRITE), ALLOW),
        ("mprotect", (0, 4096, EXEC), DENIED),
        ("futex", (0, 0x81), ALLOW),
        ("futex", (0, 0x01), DENIED),
        ("seccomp", (1,), DENIED),
    ],
)
def test_arguments_are_looked_at(machine: Machine, name: str, arguments: tuple[int, ...], expected: int) -> None:
    assert ask(machine, LEAST, name, *arguments) == expected


@MACHINES
def test_the_whole_of_compute_passes(machine: Machine) -> None:
    assert all(ask(machine, LEAST, name) == ALLOW for name in PLAIN)


@MACHINES
@given(number=st.integers(0, (1 << 32) - 1), arguments=st.lists(st.integers(0, (1 << 64) - 1), max_size=6))
def test_a_number_that_is_not_in_the_table_is_never_allowed(machine: Machine, number: int, arguments: list[int]) -> None:
    compute = {machine.numbers[name] for name in (*PLAIN, "read", "write", "mmap", "mprotect", "futex")}
    if number not in compute:
        assert verdict(filter_for(LEAST, machine), machine.audit, number, arguments) in (DENIED, KILL)


@MACHINES
@given(audit=st.integers(0, (1 << 32) - 1), number=st.integers(0, 500))
def test_another_processors_numbers_end_the_process(machine: Machine, audit: int, number: int) -> None:
    if audit != machine.audit:
        assert verdict(filter_for(LEAST, machine), audit, number) == KILL


def test_the_x32_abi_ends_the_process() -> None:
    assert verdict(filter_for(LEAST, X86_64), X86_64.audit, X86_64.foreign_from | 1, (1,)) == KILL


@MACHINES
@pytest.mark.parametrize("name", sorted(NAMEABLE - FILES))
def test_a_named_call_is_granted_and_no_other(machine: Machine, name: str) -> None:
    before = filter_for(LEAST, machine)
    after = filter_for(Confinement(calls=frozenset({name})), machine)
    changed = {n for n in range(600) if verdict(before, machine.audit, n) != verdict(after, machine.audit, n)}
    assert changed <= {machine.numbers[name]}
    assert changed or name == "fcntl"  # of which only F_GETFL passes
    assert verdict(after, machine.audit, machine.numbers[name]) in (ALLOW, DENIED, refuse(errno.ENOTTY))


@MACHINES
def test_fcntl_asks_and_ioctl_is_no_terminal_and_limits_are_only_read(machine: Machine) -> None:
    may = Confinement(calls=frozenset({"fcntl", "ioctl", "prlimit64"}))
    f_getfl, f_setown, f_setpipe = 3, 8, 1031
    assert [ask(machine, may, "fcntl", 1, word) for word in (f_getfl, f_setown, f_setpipe)] == [ALLOW, DENIED, DENIED]
    assert ask(machine, may, "ioctl", 1, 0x541B) == refuse(errno.ENOTTY)
    assert ask(machine, may, "prlimit64", 0, 4, 0, 1 << 32) == ALLOW
    assert ask(machine, may, "prlimit64", 7, 4, 0, 0) == DENIED
    assert [ask(machine, may, "prlimit64", 0, 4, new, 0) for new in (1, 1 << 32)] == [DENIED, DENIED]


@MACHINES
def test_files_lift_the_check_of_descriptors(machine: Machine) -> None:
    may = Confinement(calls=FILES, scratch_mb=1)
    assert {ask(machine, may, name, 5) for name in ("read", "write", "openat", "close", "lseek", "unlink", "writev")} == {ALLOW}


@linux
def test_the_kernel_answers_what_the_evaluator_says() -> None:
    machine, rng = this_machine(), np.random.default_rng(12)
    program = filter_for(LEAST, machine)
    calls = [
        (number, [int(word) for word in rng.integers(0, 1 << 63, 6)]) for number in range(471) if number not in PAST_EVERY_FILTER for _ in range(4)
    ]
    # Only what is denied can be tried with any argument; what is allowed is tried with arguments that do nothing.
    denied = [call for call in calls if verdict(program, machine.audit, *call) == DENIED]
    at = machine.numbers
    harmless = [(at["read"], [0, 0, 0]), (at["write"], [1, 0, 0]), (at["mprotect"], [0, 0, 3]), (at["clock_gettime"], [0, 0]), (at["munmap"], [1, 0])]
    harmless += [
        (at["mmap"], [0, 0, 3, 0x22]),
        (at["madvise"], [0, 0, 0]),
        (at["mremap"], [1, 0, 0]),
        (at["futex"], [4096, 0x81, 0]),
        (at["brk"], [0]),
    ]
    with warm("Prober") as prober:
        child, _ = prober.fork()
        with child:
            answers = json.loads(child.ask(json.dumps([*denied, *harmless]).encode(), deadline_s=30, limit=1 << 20))
    assert set(answers[: len(denied)]) == {errno.EPERM}
    assert errno.EPERM not in answers[len(denied) :]
    assert all(verdict(program, machine.audit, *call) == ALLOW for call in harmless)


@linux
@pytest.mark.skipif(this_machine() is not X86_64, reason="x32: an ABI of x86-64")
def test_the_kernel_ends_a_process_that_calls_by_x32_numbers() -> None:
    sigsys = 31
    with warm("Prober") as prober:
        child, _ = prober.fork()
        child.send(json.dumps([[0x40000000 + 39, []]]).encode())
        with pytest.raises(Exception, match="crashed"):
            child.receive(deadline_s=30, limit=100)
        assert child.close() & 0x7F == sigsys
