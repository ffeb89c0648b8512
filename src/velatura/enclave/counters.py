"""Counters that only go up, against state that is put back: who sealed state at a count opens it only while the counter reads that count.

    none      nothing counts: rollback is not detected, and a run says so
    broker    the broker counts, and signs each answer with the nonce that was asked with
    file      beside the state's key, with its owner
    tpm       an index of his TPM's own memory (`tpm_counter.py`)

SEV-SNP has no counter, and SGX's are gone. Limits: a file is put back as the state is, by who has both; a broker whose own account is put back counts
lower, and its signed log shows it to who kept a head.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from velatura.crypto.chain import ChainedFile
from velatura.crypto.keys import Entropy, Signer, Verifier
from velatura.enclave.binding import NONCE_BYTES, framed
from velatura.errors import BadInput, VelaturaError, Withheld

__all__ = ["FILE_ALONE", "NOT_DETECTED", "Counter", "CounterRequest", "CounterValue", "Counting", "NoCounter", "RemoteCounter", "SigningCounters"]

NOT_DETECTED = "Rollback is not detected: nothing here counts, and an older state opens as the latest does."
FILE_ALONE = "Rollback is detected of the state alone: its counter is a file here, and who puts back both is not noticed."
"""Of `file`, where it lies with who runs the job."""


class Counter(Protocol):
    """One that only goes up."""

    def read(self) -> int | None:
        """Its value; None: nothing counts."""
        ...

    def increment(self) -> int | None:
        """One more, and what it reads then."""
        ...


class NoCounter:
    """Nothing counts: see NOT_DETECTED."""

    def read(self) -> int | None:
        return None

    def increment(self) -> int | None:
        return None


class CounterRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """To a broker. name: of the counter; nonce: 32 bytes."""

    name: str
    nonce: bytes
    increment: bool


class CounterValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A broker's answer. signature: over name, value and nonce."""

    name: str
    value: int
    nonce: bytes
    signature: bytes


class Counting(Protocol):
    """Counters of states, by the states' ids, as a holder asks for them: a broker's, or a TPM's."""

    def value(self, name: str) -> int:
        """What it reads."""
        ...

    def answer(self, asked: CounterRequest) -> CounterValue:
        """The same, one more where that is asked."""
        ...


class SigningCounters:
    """A broker's counters. `with` it.

    Args:
        account: a file of its own.
        new: it is made; else one that is missing is refused, for it would count from the beginning.
        signer: whose verifier the enclaves know.
    """

    def __init__(self, account: Path, signer: Signer, *, new: bool = False) -> None:
        self._account, self._signer = ChainedFile(account, new=new), signer
        self._values: dict[str, int] = {}
        self._turn = threading.Lock()
        try:
            for event in self._account.events:
                self._values[event["counter"]] = _next(event, self._values)
        except (KeyError, TypeError, ValueError) as error:
            self._account.close()
            raise BadInput("crypto.chain-damaged", f"{account}: is no account of counters", hint="restore it from a copy") from error

    @property
    def verifier(self) -> Verifier:
        return self._signer.verifier

    def value(self, name: str) -> int:
        """What it reads."""
        return self._values.get(name, 0)

    def answer(self, asked: CounterRequest) -> CounterValue:
        """Synced before it is told. Raises BadInput `enclave.counter`."""
        if not re.fullmatch(r"[a-z0-9_.-]{1,128}", asked.name) or len(asked.nonce) != NONCE_BYTES:
            raise BadInput("enclave.counter", "a counter's name is 1 to 128 letters, digits and _.-; a nonce has 32 bytes")
        with self._turn:
            value = self._values.get(asked.name, 0)
            if asked.increment:
                value += 1
                self._account.append({"counter": asked.name, "value": value})
                self._values[asked.name] = value
        signature = self._signer.sign(_signed(asked.name, value, asked.nonce))
        return CounterValue(name=asked.name, value=value, nonce=asked.nonce, signature=signature)

    def close(self) -> None:
        self._account.close()

    def __enter__(self) -> SigningCounters:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RemoteCounter:
    """A broker's counter, believed by its signature: what carries the answer may change or keep it, and cannot make an older one.

    Args:
        ask: sends a request to the broker.
        verifier: the broker's.
        name: of the counter.
    """

    def __init__(self, ask: Callable[[CounterRequest], CounterValue], verifier: Verifier, name: str, *, entropy: Entropy) -> None:
        self._ask, self._verifier, self._name, self._entropy = ask, verifier, name, entropy
        self._least = 0

    def read(self) -> int:
        """Raises Withheld `enclave.counter`: not signed by the broker, not for this question, or lower than before."""
        return self._asked(increment=False)

    def increment(self) -> int:
        return self._asked(increment=True)

    def _asked(self, *, increment: bool) -> int:
        nonce = self._entropy(NONCE_BYTES)
        told = self._ask(CounterRequest(name=self._name, nonce=nonce, increment=increment))
        try:
            self._verifier.check(told.signature, _signed(self._name, told.value, nonce))
        except VelaturaError as error:
            raise Withheld("enclave.counter", "the counter's answer is not signed by this broker, or answers another question") from error
        if told.value < self._least + increment:
            raise Withheld(
                "enclave.counter", f"the counter reads {told.value}, and read {self._least} before", hint="the broker's account was put back"
            )
        self._least = told.value
        return told.value


def _next(event: dict[str, object], values: dict[str, int]) -> int:
    value, name = event["value"], event["counter"]
    if not isinstance(value, int) or not isinstance(name, str) or value != values.get(name, 0) + 1:
        raise ValueError
    return value


def _signed(name: str, value: int, nonce: bytes) -> bytes:
    return framed(b"velatura-counter-v1", name.encode(), str(value).encode(), nonce)
