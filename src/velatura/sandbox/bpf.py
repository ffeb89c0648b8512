"""Assembles the filter: a list of rules, each a call's number and what its arguments must be, into classic BPF.

Every rule is a block that ends in a verdict, so no block runs into the next; what no rule names is answered EPERM rather than killed, since
libraries try and recover, and a child that dies of a harmless question is an outage. Another processor's or ABI's numbers are killed.
Arguments are compared in words of 32 bits: the kernel itself cuts descriptors, futex operations and fcntl commands to 32, and every bit of
mmap's and mprotect's that matters lies in the low word.
Source: linux/filter.h, linux/seccomp.h; Documentation/userspace-api/seccomp_filter.rst.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from velatura.sandbox.syscalls import Machine

__all__ = ["ALLOW", "KILL", "Instruction", "Rule", "Test", "assemble", "pack", "refuse"]

LOAD, IF_EQUAL, IF_AT_LEAST, IF_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000  # SECCOMP_RET_ALLOW, _KILL_PROCESS, _ERRNO
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data


@dataclass(frozen=True, slots=True)
class Instruction:
    """struct sock_filter."""

    code: int
    k: int
    if_true: int = 0
    if_false: int = 0


@dataclass(frozen=True, slots=True)
class Test:
    """One condition on an argument: equal to `value`, having any bit of it, or lacking all. `high`: the upper 32 bits instead of the lower."""

    argument: int
    must: Literal["equal", "have", "lack"]
    value: int
    high: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """`verdict` for the call `number` if all tests pass, else EPERM."""

    number: int
    tests: tuple[Test, ...] = ()
    verdict: int = ALLOW


def refuse(number: int = errno.EPERM) -> int:
    """The verdict that makes a call fail with an errno."""
    return _ERRNO | number


def assemble(machine: Machine, rules: Iterable[Rule]) -> tuple[Instruction, ...]:
    """The whole program: prologue, a block a rule in their order, EPERM for the rest."""
    program = [
        Instruction(LOAD, _ARCH),
        Instruction(IF_EQUAL, machine.audit, 1, 0),
        Instruction(RETURN, KILL),
        Instruction(LOAD, _NUMBER),
    ]
    if machine.foreign_from is not None:
        program += [Instruction(IF_AT_LEAST, machine.foreign_from, 0, 1), Instruction(RETURN, KILL)]
    for rule in rules:
        block = _block(rule)
        program += [Instruction(IF_EQUAL, rule.number, 0, len(block)), *block]
    return (*program, Instruction(RETURN, refuse()))


def _block(rule: Rule) -> list[Instruction]:
    """Tests, then the verdict, then (if there were tests) EPERM, to which each failed test jumps."""
    block = []
    for index, test in enumerate(rule.tests):
        to_refusal = 2 * (len(rule.tests) - index - 1) + 1
        block.append(Instruction(LOAD, _ARGUMENTS + 8 * test.argument + (4 if test.high else 0)))
        code = IF_EQUAL if test.must == "equal" else IF_ANY_BIT
        block.append(Instruction(code, test.value, to_refusal if test.must == "lack" else 0, 0 if test.must == "lack" else to_refusal))
    block.append(Instruction(RETURN, rule.verdict))
    return [*block, Instruction(RETURN, refuse())] if rule.tests else block


def pack(program: Sequence[Instruction]) -> bytes:
    """The program as the kernel reads it."""
    return b"".join(struct.pack("<HBBI", i.code, i.if_true, i.if_false, i.k) for i in program)
