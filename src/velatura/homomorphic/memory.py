"""What a program or its keys will hold in memory, against what the machine has: said before a key is made or loaded."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from velatura.errors import BadInput
from velatura.homomorphic.cost import Sizes, sizes
from velatura.homomorphic.levels import Plan
from velatura.homomorphic.parameters import Parameters
from velatura.homomorphic.program import Multiply, Program, reads

__all__ = [
    "ciphertext_bytes",
    "key_count",
    "keys_bytes",
    "keys_held",
    "live_bytes",
    "machine_bytes",
    "needed_by_keygen",
    "needed_by_program",
    "refuse_too_much",
]

_CGROUP = Path("/sys/fs/cgroup/memory.max")
_SLACK = 1.02
"""Of compressed bytes over bare ones, where compression finds nothing."""


def ciphertext_bytes(parameters: Parameters, level: int, *, fresh: bool) -> int:
    """Most bytes of a ciphertext as it travels; half of a fresh one is a seed."""
    return int(_SLACK * (1 if fresh else 2) * parameters.n * level * 8) + 4096


def key_count(rotations: int, *, products: bool) -> int:
    return rotations + products


def keys_bytes(parameters: Parameters, keys: int) -> int:
    """Most bytes of so many evaluation keys as they travel: half of each is a seed."""
    primes = len(parameters.data)
    return int(_SLACK * keys * primes * (parameters.n * (primes + 1) * 8 + 1024)) + (1 << 16)


def keys_held(parameters: Parameters, keys: int) -> int:
    """Bytes of so many evaluation keys, unpacked."""
    primes = len(parameters.data)
    return keys * 2 * parameters.n * primes * (primes + 1) * 8


def live_bytes(program: Program, planned: Plan) -> int:
    """Bytes of the ciphertexts that are there at once, where they are most."""
    last = list(range(len(program.steps)))
    for ref, step in enumerate(program.steps):
        for below in reads(step):
            last[below] = ref
    for ref in program.outputs:
        last[ref] = len(program.steps)
    ends: dict[int, int] = {}
    now = most = 0
    for ref in range(len(program.steps)):
        size = 4 * program.slots * planned.level[ref] * 8
        now += size
        ends[last[ref]] = ends.get(last[ref], 0) + size
        most = max(most, now)
        now -= ends.pop(ref, 0)
    return most


def needed_by_program(program: Program, planned: Plan, parameters: Parameters, *, plains: bool = True) -> int:
    """Bytes that a server holds for one owner. `plains`: with all plain vectors kept encoded."""
    found: Sizes = sizes(program, planned, parameters)
    given = sum(vector.nbytes for vector in program.plains)
    return found.keys_held + found.evaluation_keys + given + live_bytes(program, planned) + (found.plains_held if plains else 0)


def needed_by_keygen(parameters: Parameters, keys: int) -> int:
    """Bytes while keys are made: themselves, and what is written of them, which is copied into a message."""
    return keys_held(parameters, keys) + 3 * keys_bytes(parameters, keys)


def products_in(program: Program) -> bool:
    return any(isinstance(step, Multiply) for step in program.steps)


def machine_bytes() -> int:
    """Memory of this machine, or of the container that we run in."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        total = min(total, int(_CGROUP.read_text()))
    return total


def refuse_too_much(needed: int, what: str, *, machine: int | None = None) -> None:
    """Raises BadInput: `he.memory`."""
    there = machine_bytes() if machine is None else machine
    if needed > there:
        raise BadInput(
            "he.memory",
            f"{what} would take {needed / 2**30:.1f} GiB of memory, and this machine has {there / 2**30:.1f}",
            hint="compile with --max-key-mb, or a smaller model; or a machine with more memory",
        )
