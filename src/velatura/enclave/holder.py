"""Who holds the keys of sealed data sets: gives one to an enclave whose evidence meets the policy, for a job that keeps to the terms. Once a nonce.

    challenge -> evidence -> verdict -> terms -> use counted -> key, in a box to the attested key

This order is the point: a use is counted, and the log is signed, before the box is made. Everything that was asked is in the log, and why it was
refused. The owner runs it in his own process (`velatura enclave run` on one machine); a broker runs it behind HTTPS (`broker.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from velatura.crypto.hpke import seal
from velatura.crypto.keys import Recipient
from velatura.crypto.log import SignedLog
from velatura.enclave.appraisal import Appraisal
from velatura.enclave.attested import appraise, hold
from velatura.enclave.binding import Binding, info
from velatura.enclave.challenges import Challenges
from velatura.enclave.counters import NOT_DETECTED, CounterRequest, CounterValue, Counting
from velatura.enclave.dataset_key import DatasetKey
from velatura.enclave.exchange import Challenge, Grant, Request
from velatura.enclave.manifest import Manifest, digest_of, read_manifest
from velatura.enclave.permits import hold_terms
from velatura.enclave.sealing import Bound, StateGrant, state_key
from velatura.enclave.uses import charge_use
from velatura.errors import BadSpec, Missing, VelaturaError, Withheld

__all__ = ["Holder"]


class Holder:
    """A `KeyHolder`. Safe to use from several threads.

    Args:
        keys: each of another data set.
        challenges: their nonces.
        now: with a time zone.
        log: where each grant and refusal is written; None: nowhere, for data of one run.
        counters: of states; None: nothing counts, and an older state is not noticed.

    Raises:
        BadSpec: `enclave.key-file`: two keys of one data set.
    """

    def __init__(
        self,
        keys: Iterable[DatasetKey],
        challenges: Challenges,
        *,
        now: Callable[[], datetime],
        log: SignedLog | None = None,
        counters: Counting | None = None,
    ) -> None:
        self._keys: dict[str, DatasetKey] = {}
        for key in keys:
            if key.dataset in self._keys:
                raise BadSpec("enclave.key-file", f"two keys are of the data set {key.dataset[:16]}...", hint="give each once")
            self._keys[key.dataset] = key
        self._challenges, self._now, self._log, self._counters = challenges, now, log, counters
        self._turn = threading.Lock()

    @property
    def datasets(self) -> Mapping[str, DatasetKey]:
        return self._keys

    def challenge(self, dataset: str) -> Challenge:
        """Raises Withheld `enclave.no-dataset`; Missing `enclave.busy`."""
        key = self._key(dataset)
        nonce = self._challenges.issue(dataset)
        return Challenge(dataset=dataset, nonce=nonce, format=key.policy.format, policy=key.policy.digest, expires_s=self._challenges.expire_s)

    def grant(self, request: Request) -> Grant:
        """
        Raises:
            Withheld: `enclave.no-dataset`, `enclave.nonce`, `enclave.replay`, `enclave.contraindicated`, `enclave.warning`, `enclave.terms`,
                `enclave.uses-spent`, `enclave.uses-unknown`.
            BadInput: `enclave.manifest`, `enclave.evidence`, `crypto.bad-key`.
        """
        told: dict[str, Any] = {"dataset": request.dataset[:64], "nonce": request.nonce.hex()[:64]}
        try:
            return self._granted(request, told)
        except VelaturaError as error:
            self._note({"refused": error.code, "why": error.sentence, **told})
            raise

    def _granted(self, request: Request, told: dict[str, Any]) -> Grant:
        key = self._key(request.dataset)
        binding = Binding(request.nonce, request.key, key.policy.digest, digest_of(request.manifest))
        self._challenges.spend(request.nonce, request.dataset, binding.report_data)
        told |= {"policy": binding.policy, "job": binding.job, "key": request.key.hex()[:64]}
        recipient, manifest = Recipient(request.key), read_manifest(request.manifest)
        found = appraise(request.evidence, key.policy, request.companions, binding, now=self._now())
        told |= {"verdict": str(found.verdict), "code": found.code, "assurance": found.assurance.word, "measurement": found.claims.get("measurement")}
        hold(found, key.policy)
        hold_terms(key.terms, request.dataset, manifest)
        with self._turn:
            use = charge_use(key.uses, key.dataset, key.terms.uses, {"job": binding.job, "nonce": request.nonce.hex(), "time": self._time()})
        self._note({"granted": use, "of": key.terms.uses, **told})
        content = self._state(key, manifest, found) if key.state else key.key.reveal()
        box = seal(content, recipient, info=info(binding.report_data, key.dataset, key.terms.purpose))
        return _grant(box, key, use, found)

    def counter(self, asked: CounterRequest) -> CounterValue:
        """Of a state that was sealed. Raises Missing `enclave.no-counter`."""
        if self._counters is None:
            raise Missing("enclave.no-counter", NOT_DETECTED, hint="a broker counts: velatura enclave broker")
        return self._counters.answer(asked)

    def _state(self, key: DatasetKey, manifest: Manifest, found: Appraisal) -> bytes:
        """The key of a state and what its counter reads, for the inside of the box."""
        state = manifest.state
        if state is None or state.id != key.dataset:
            raise Withheld("enclave.terms", "this key is of a job's state, and no input", hint="[state] id = ... in the job's file")
        measured, code = found.claims.get("measurement"), manifest.code
        value = (
            found.policy if state.bound == "policy" else f"{measured}{code}" if measured and code else ""
        )  # who measures does not measure the code
        if not value:
            raise Withheld("enclave.terms", "evidence of this format has no measurement that a state could be bound to", hint='bound = "policy"')
        bound = Bound(to=state.bound, value=value, name=state.id)
        reads = None if self._counters is None else self._counters.value(state.id)
        return msgspec.json.encode(StateGrant(key=state_key(key.key, bound).reveal(), bound=bound, counter=reads))

    def _key(self, dataset: str) -> DatasetKey:
        if dataset not in self._keys:
            raise Withheld("enclave.no-dataset", "no key of this data set is here", hint="--key FILE, of `velatura enclave seal`; or its broker")
        return self._keys[dataset]

    def _note(self, event: Mapping[str, Any]) -> None:
        if self._log is not None:
            with self._turn:
                self._log.append({"time": self._time(), **event})
                self._log.checkpoint()

    def _time(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _grant(box: bytes, key: DatasetKey, use: int, found: Appraisal) -> Grant:
    return Grant(
        box=box,
        terms=key.terms,
        use=use,
        uses=key.terms.uses,
        policy=key.policy.digest,
        verdict=str(found.verdict),
        assurance=found.assurance.word,
        checks=tuple((check.name, str(check.outcome), check.told) for check in found.checks),
    )
