"""A counter in a TPM's own memory: an NV index that can be incremented and never set. A copy of a disk, put back, does not take it back.

    TPM2_NV_DefineSpace (owner, no password) -> TPM2_NV_Increment -> TPM2_NV_Read

An index that is deleted and defined anew goes on above every count that this TPM ever reached. Who may talk to the TPM can count on, which makes a
state unreadable, and can make no older one readable.
Limit: answers are not signed, so this serves who trusts the machine that it is in: the holder of a state's key. Tried on swtpm; unverified on a chip.
Source: TCG, TPM 2.0 Library Part 3, section 31 (NV commands), and Part 1, section 37.2.4 (NV counter).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from velatura.enclave.counters import CounterRequest, CounterValue
from velatura.errors import BadInput, Missing, Withheld

__all__ = ["FIRST_INDEX", "LAST_INDEX", "TpmCounters", "Transport", "define_counter", "device"]

Transport = Callable[[bytes], bytes]
"""Sends one command and gives its response."""

FIRST_INDEX, LAST_INDEX = 0x01800000, 0x01BFFFFF
"""NV indices that the owner of a machine may use (TCG registry of handles)."""

_SESSIONS, _NO_SESSIONS = 0x8002, 0x8001
_OWNER = 0x40000001
_EMPTY_PASSWORD = struct.pack(">I IHBH", 9, 0x40000009, 0, 0, 0)
_DEFINE, _INCREMENT, _READ, _READ_PUBLIC = 0x12A, 0x134, 0x14E, 0x169
_SHA256 = 0x000B
_COUNTER, _AUTHWRITE, _AUTHREAD, _NO_DA, _WRITTEN = 0x10, 1 << 2, 1 << 18, 1 << 25, 1 << 29
_ATTRIBUTES = _COUNTER | _AUTHWRITE | _AUTHREAD | _NO_DA
_TYPE = 0xF0
_MOST_RESPONSE = 4096


def device(path: Path = Path("/dev/tpmrm0")) -> Transport:
    """The kernel's TPM. Raises Missing `enclave.no-tpm` when it is used and not there."""

    def send(command: bytes) -> bytes:
        try:
            with path.open("r+b", buffering=0) as stream:
                stream.write(command)
                return stream.read(_MOST_RESPONSE) or b""
        except OSError as error:
            raise Missing(
                "enclave.no-tpm", f"{path}: no TPM can be asked: {error.strerror}", hint="--counter file, or a machine with a TPM"
            ) from error

    return send


def define_counter(send: Transport, index: int) -> int:
    """Make a counter, and say what it reads.

    Raises:
        BadInput: `enclave.tpm`: the index is taken, is none that an owner may use, or the TPM refused.
    """
    if not FIRST_INDEX <= index <= LAST_INDEX:
        raise BadInput("enclave.tpm", f"{index:#010x} is no index of an owner", hint=f"{FIRST_INDEX:#010x} to {LAST_INDEX:#010x}")
    public = struct.pack(">IHIHH", index, _SHA256, _ATTRIBUTES, 0, 8)
    _ask(send, _DEFINE, [_OWNER], struct.pack(">H", 0) + struct.pack(">H", len(public)) + public)
    return TpmCounters(send, index, base=0).increment()


class TpmCounters:
    """One counter, as a holder asks for it (`counters.SigningCounters`).

    Args:
        base: what it read when it was made: counts begin there.
    """

    def __init__(self, send: Transport, index: int, *, base: int) -> None:
        self._send, self._index, self._base = send, index, base

    def value(self, name: str) -> int:
        """Since it was made. Raises BadInput `enclave.tpm`; Withheld `enclave.counter`: it is another counter than that."""
        self._hold_kind()
        return self._since(self._read())

    def answer(self, asked: CounterRequest) -> CounterValue:
        """Not signed: it is asked for in the process that holds the key."""
        value = self._since(self.increment()) if asked.increment else self.value(asked.name)
        return CounterValue(name=asked.name, value=value, nonce=asked.nonce, signature=b"")

    def increment(self) -> int:
        """What it reads then, from wherever the TPM began to count."""
        self._hold_kind()
        _ask(self._send, _INCREMENT, [self._index, self._index], b"")
        return self._read()

    def _read(self) -> int:
        answer = _ask(self._send, _READ, [self._index, self._index], struct.pack(">HH", 8, 0))
        try:
            size, value = struct.unpack_from(">HQ", answer, 4)
        except struct.error as error:
            raise _refused("its answer is cut short") from error
        if size != 8:
            raise _refused("its answer is no count")
        return int(value)

    def _since(self, read: int) -> int:
        if read < self._base:
            raise Withheld("enclave.counter", f"the TPM counts {read}, and counted {self._base} when the key was made", hint="is it another TPM?")
        return read - self._base

    def _hold_kind(self) -> None:
        """An index that can be set would be no counter."""
        answer = _ask(self._send, _READ_PUBLIC, [self._index], b"")
        try:
            _, index, _, attributes = struct.unpack_from(">HIHI", answer)
        except struct.error as error:
            raise _refused("its answer is cut short") from error
        if index != self._index or attributes & _TYPE != _COUNTER:
            raise Withheld("enclave.counter", f"NV index {self._index:#010x} is no counter", hint="somebody replaced it")


def _ask(send: Transport, code: int, handles: list[int], parameters: bytes) -> bytes:
    """One command with an empty password, where it takes one; what follows the response's head."""
    plain = code == _READ_PUBLIC
    body = b"".join(struct.pack(">I", handle) for handle in handles) + (b"" if plain else _EMPTY_PASSWORD) + parameters
    answer = send(struct.pack(">HII", _NO_SESSIONS if plain else _SESSIONS, 10 + len(body), code) + body)
    try:
        _, size, status = struct.unpack_from(">HII", answer)
    except struct.error as error:
        raise _refused("its answer is cut short") from error
    if status:
        raise _refused(f"it answered {status:#x} to the command {code:#x}")
    if size != len(answer):
        raise _refused("its answer is not as long as it says")
    return answer[10:]


def _refused(why: str) -> BadInput:
    return BadInput("enclave.tpm", f"the TPM refused: {why}", hint="is the index taken? tpm2_getcap handles-nv-index shows them")
