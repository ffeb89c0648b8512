"""Runs a classic BPF program over one system call, as the kernel would: so that a filter for a processor that is not here is tested too."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from velatura.sandbox.bpf import Instruction

MOST_STEPS = 4096


def verdict(program: Sequence[Instruction], audit: int, number: int, arguments: Sequence[int] = ()) -> int:
    """What the program returns for struct seccomp_data {number, audit, instruction pointer, six arguments}."""
    words = [a & (1 << 64) - 1 for a in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    memory = struct.pack("<iIQ6Q", number if number < 1 << 31 else number - (1 << 32), audit, 0, *words)
    at, accumulator = 0, 0
    for _ in range(MOST_STEPS):
        step = program[at]
        at += 1
        if step.code == 0x06:  # return k
            return step.k
        if step.code == 0x20:  # load the word at k
            assert step.k % 4 == 0 and step.k + 4 <= len(memory), "the kernel refuses other loads"
            (accumulator,) = struct.unpack_from("<I", memory, step.k)
            continue
        holds = {0x15: accumulator == step.k, 0x35: accumulator >= step.k, 0x45: bool(accumulator & step.k)}[step.code]
        at += step.if_true if holds else step.if_false  # only forward: a program ends
    raise AssertionError("a program that does not end")
