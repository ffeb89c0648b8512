"""Both sides of a tampered session: the room's holder of keys, and one that looks at the evidence alone and binds nothing to it.

The enclave is a confined process of this machine, started once; its evidence is real.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import msgspec
from numpy.random import Generator

from velatura.attacks.enclave.session_tampering import HONEST
from velatura.audit.enclave.material import CODE, small_job
from velatura.crypto.keys import Identity
from velatura.enclave.appraisal import Verdict
from velatura.enclave.backends.backend import Enclave
from velatura.enclave.backends.process import ProcessBackend
from velatura.enclave.binding import report_data
from velatura.enclave.challenges import Challenges
from velatura.enclave.dataset_key import DatasetKey
from velatura.enclave.exchange import Challenge, Request
from velatura.enclave.holder import Holder
from velatura.enclave.job import Job
from velatura.enclave.policy import Policy, parse_policy
from velatura.enclave.run_sources import one_run
from velatura.enclave.uses import begin_uses
from velatura.enclave.verify import verify
from velatura.errors import Missing, VelaturaError, Withheld
from velatura.files import private_folder

__all__ = ["SessionArm", "Stage"]

POLICY = 'version = 1\nformat = "process"\n[reference]\nany_measurement = true\n'
USES = 3


class Stage:
    """A job in its enclave, and another job that nobody released anything to. Args: stack: ends both."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    @cached_property
    def job(self) -> Job:
        return small_job(self._folder(), code=CODE, data=b"nothing that matters")

    @cached_property
    def other(self) -> Job:
        return small_job(self._folder(), code=CODE + "\n", data=b"nothing that matters")

    @cached_property
    def enclave(self) -> Enclave:
        """Raises Missing: no process can be confined here."""
        return self._stack.enter_context(ProcessBackend().start(self.job))

    def _folder(self) -> Path:
        return self._stack.enter_context(private_folder())


@dataclass(frozen=True, slots=True)
class _Session:
    """One data set's. uses: that it has; serve: gives the key out, or raises."""

    stage: Stage
    holder: Holder
    dataset: str
    twin: str
    uses: int
    serve: Callable[[Request], object]

    def asked(self) -> Challenge:
        return self.holder.challenge(self.dataset)

    def answer(self, challenge: Challenge, *, key: bytes | None = None, policy: str | None = None) -> Request:
        """As the enclave's side makes it; `key`, `policy`: what the evidence is asked to bind instead."""
        enclave, job = self.stage.enclave, self.stage.job
        held = key or enclave.recipient.raw
        bound = report_data(challenge.nonce, held, bytes.fromhex(policy or challenge.policy), bytes.fromhex(job.digest))
        evidence = enclave.evidence(bound, challenge.nonce).evidence
        return Request(dataset=challenge.dataset, nonce=challenge.nonce, key=held, manifest=job.manifest, evidence=evidence)

    def serves(self, request: Request) -> bool:
        try:
            self.serve(request)
        except Missing:
            raise
        except VelaturaError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SessionArm:
    """Way -> whether the key is given out. binding: False: whoever shows evidence that verifies gets the key, sealed to what he names."""

    stage: Stage
    binding: bool

    def __call__(self, secret: str, rng: Generator) -> bool:
        """Raises Missing: no process can be confined here."""
        policy = parse_policy(POLICY)
        with private_folder() as folder:
            key = _key(one_run(self.stage.job, policy, folder, entropy=os.urandom)[0][0], folder / "one.uses")
            twin = _key(replace(key, dataset=hashlib.sha256(b"another").hexdigest()), folder / "twin.uses")
            holder = Holder([key, twin], Challenges(os.urandom, time.monotonic), now=lambda: datetime.now(UTC))
            serve = holder.grant if self.binding else _unbound(policy)
            return _WAYS[secret](_Session(self.stage, holder, key.dataset, twin.dataset, USES, serve), rng)


def _key(made: DatasetKey, uses: Path) -> DatasetKey:
    """With more uses than one, and an account of its own."""
    begin_uses(uses, made.dataset, USES)
    return replace(made, terms=msgspec.structs.replace(made.terms, uses=USES), uses=uses)


def _unbound(policy: Policy) -> Callable[[Request], object]:
    """A key server that verifies evidence and does not ask what it is evidence of."""

    def serve(request: Request) -> None:
        found = verify(request.evidence, policy, now=datetime.now(UTC))
        if found.verdict is not Verdict.AFFIRMING:
            raise Withheld("audit.unbound", "the evidence does not verify")

    return serve


def _honest(session: _Session, rng: Generator) -> bool:
    return session.serves(session.answer(session.asked()))


def _replay(session: _Session, rng: Generator) -> bool:
    request = session.answer(session.asked())
    return session.serves(request) and session.serves(request)


def _old_evidence(session: _Session, rng: Generator) -> bool:
    return session.serves(msgspec.structs.replace(session.answer(session.asked()), nonce=session.asked().nonce))


def _own_nonce(session: _Session, rng: Generator) -> bool:
    return session.serves(session.answer(msgspec.structs.replace(session.asked(), nonce=rng.bytes(32))))


def _other_data(session: _Session, rng: Generator) -> bool:
    return session.serves(msgspec.structs.replace(session.answer(session.asked()), dataset=session.twin))


def _other_key(session: _Session, rng: Generator) -> bool:
    return session.serves(msgspec.structs.replace(session.answer(session.asked()), key=Identity.new(rng.bytes).recipient.raw))


def _relayed_key(session: _Session, rng: Generator) -> bool:
    return session.serves(session.answer(session.asked(), key=Identity.new(rng.bytes).recipient.raw))


def _other_job(session: _Session, rng: Generator) -> bool:
    return session.serves(msgspec.structs.replace(session.answer(session.asked()), manifest=session.stage.other.manifest))


def _other_policy(session: _Session, rng: Generator) -> bool:
    return session.serves(session.answer(session.asked(), policy=rng.bytes(32).hex()))


def _spent(session: _Session, rng: Generator) -> bool:
    return all(_honest(session, rng) for _ in range(session.uses)) and _honest(session, rng)


_WAYS: dict[str, Callable[[_Session, Generator], bool]] = {
    HONEST: _honest,
    "replay": _replay,
    "old evidence": _old_evidence,
    "own nonce": _own_nonce,
    "other data": _other_data,
    "other key": _other_key,
    "relayed key": _relayed_key,
    "other job": _other_job,
    "other policy": _other_policy,
    "spent": _spent,
}
"""As `session_tampering.WAYS` names them."""
