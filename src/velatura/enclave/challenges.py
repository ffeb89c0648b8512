"""Nonces that a relying party gave out: each is good once, for one subject and for some minutes.

A nonce is spent by the first evidence that names it, whether that holds or not. What was shown is remembered by nonce and report data, never by the
bytes of the evidence: of an ECDSA signature (r, s) another one, (r, n - s), verifies too. Source: RFC 9334, section 10.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from velatura.crypto.keys import Entropy
from velatura.enclave.binding import NONCE_BYTES
from velatura.errors import Missing, Withheld

__all__ = ["EXPIRE_S", "Challenges"]

EXPIRE_S = 300.0
MOST = 4096


@dataclass(slots=True)
class Challenges:
    """Safe to use from several threads.

    Attributes:
        entropy: of nonces.
        clock: seconds that never go back.
        expire_s: for which a nonce is good.
        most: nonces at once that nobody has answered yet; more wait for some to expire.
    """

    entropy: Entropy
    clock: Callable[[], float]
    expire_s: float = EXPIRE_S
    most: int = MOST
    _open: dict[bytes, tuple[str, float]] = field(default_factory=dict)
    _shown: dict[tuple[bytes, bytes], float] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def issue(self, subject: str) -> bytes:
        """A new nonce for a subject (a data set). Raises Missing `enclave.busy`."""
        with self._turn:
            self._sweep()
            if len(self._open) >= self.most:
                raise Missing("enclave.busy", f"{self.most} challenges wait for an answer", hint=f"try again in {self.expire_s:g} s")
            nonce = self.entropy(NONCE_BYTES)
            if len(nonce) != NONCE_BYTES or nonce in self._open:
                raise ValueError("entropy gave too few bytes, or the same ones twice")
            self._open[nonce] = (subject, self.clock() + self.expire_s)
            return nonce

    def spend(self, nonce: bytes, subject: str, report_data: bytes) -> None:
        """Take a nonce back; it is gone, whatever comes next.

        Raises:
            Withheld: `enclave.replay`: the same was shown before. `enclave.nonce`: it is not ours, is of another subject, was spent or is too old.
        """
        with self._turn:
            self._sweep()
            known = self._open.pop(nonce, None)
            again = (nonce, report_data) in self._shown
            self._shown[nonce, report_data] = self.clock() + self.expire_s
        if again:
            raise Withheld("enclave.replay", "this nonce and report data were shown before", hint="ask for a new challenge, and for new evidence")
        if known is None or known[0] != subject:
            raise Withheld(
                "enclave.nonce", "this nonce is not one that waits for an answer: it was spent, is too old, or is another's", hint="ask for a new one"
            )

    def _sweep(self) -> None:
        now = self.clock()
        for nonce in [nonce for nonce, (_, until) in self._open.items() if until <= now]:
            del self._open[nonce]
        for shown in [shown for shown, until in self._shown.items() if until <= now]:
            del self._shown[shown]
        while len(self._shown) > 4 * self.most:  # a nonce that is not open is refused without this memory; it only gives the better word
            del self._shown[next(iter(self._shown))]
