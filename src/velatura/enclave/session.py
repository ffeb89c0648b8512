"""One job, from its start to what may leave it: the enclave's side of a session with those who hold the keys of its data.

    start -> for each input: challenge, evidence, key, data -> run -> outputs held against their rules

The data go in encrypted and are opened inside. A challenge is answered by fresh evidence that carries its nonce, the enclave's key, the holder's
policy and this job (`binding.py`), so neither another enclave's key nor another session's box fits.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from velatura.crypto.keys import Entropy
from velatura.enclave.assurance import Assurance
from velatura.enclave.attested import SENT
from velatura.enclave.backends.backend import Backend, Enclave
from velatura.enclave.binding import NONCE_BYTES, info, report_data
from velatura.enclave.counters import CounterRequest
from velatura.enclave.exchange import Challenge, Grant, KeyHolder, Request
from velatura.enclave.job import Job
from velatura.enclave.manifest import STATE
from velatura.enclave.release import Released, released
from velatura.errors import BadInput, BadSpec, Missing, Withheld
from velatura.progress import SILENT, Progress

__all__ = ["Ran", "Source", "admit", "run_job"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where an input's key is asked for, and its encrypted bytes are.

    Attributes:
        holder: of its key.
        open: the encrypted file, from its beginning; of a state there may be none yet: then it is empty.
    """

    holder: KeyHolder
    open: Callable[[], BinaryIO]


@dataclass(frozen=True, slots=True)
class Ran:
    """
    Attributes:
        outputs: by name; all that were declared.
        grants: of each input.
        evidence: that each input's holder was shown.
        state: what the job keeps, sealed; None: nothing new.
        counted: what its counter reads now; None: nothing counts.
        seconds: to start, to hand over the data, to run.
    """

    outputs: Mapping[str, Released]
    grants: Mapping[str, Grant]
    evidence: Mapping[str, bytes]
    seconds: Mapping[str, float]
    state: bytes | None = None
    counted: int | None = None


def run_job(
    job: Job,
    backend: Backend,
    sources: Mapping[str, Source],
    *,
    state: Source | None = None,
    allow_degraded: frozenset[str] = frozenset(),
    clock: Callable[[], float] = time.monotonic,
    entropy: Entropy = os.urandom,
    progress: Progress = SILENT,
) -> Ran:
    """Run a job on data whose holders agree.

    Args:
        sources: of each declared input.
        state: of what the job keeps, where it declares that.
        allow_degraded: layers that may be absent; the evidence says so, and a policy refuses it unless it lists them.
        clock: seconds.

    Raises:
        Withheld: a holder refused, or an output breaks its rule. BadInput: `enclave.*`. Missing: the backend cannot start.
    """
    assert set(sources) == set(job.inputs), "each declared input has a source, and nothing else has"
    if (state is None) != (job.terms.state is None):
        said = "declares no state" if job.terms.state is None else "keeps state, and none was given"
        raise BadSpec("enclave.state", f"the job {said}", hint="--state FILE and [state] in the job's file go together")
    began = clock()
    with backend.start(job, owner=job.recipient, allow_degraded=allow_degraded) as enclave:
        if enclave.job_digest != job.digest:
            raise Withheld("enclave.job-changed", "the enclave was started for another job than this one")
        started = clock()
        grants: dict[str, Grant] = {}
        evidence: dict[str, bytes] = {}
        for name, source in sources.items():
            grants[name], evidence[name] = admit(enclave, job, name, source)
        if state is not None:
            grants[STATE], evidence[STATE] = admit(enclave, job, STATE, state)
        given = clock()
        found = dict(enclave.run(deadline_s=job.deadline_s, progress=progress))
    kept = found.pop(STATE, None) if state is not None else None
    outputs = released(job.outputs, found)
    counted = _count(job, state.holder, entropy) if state is not None and kept is not None else None
    ended = clock()
    return Ran(outputs, grants, evidence, {"start": started - began, "data": given - started, "run": ended - given}, kept, counted)


def admit(enclave: Enclave, job: Job, name: str, source: Source) -> tuple[Grant, bytes]:
    """One input: ask its holder for a challenge, answer it with evidence, hand key and data to the enclave. The grant, and the evidence."""
    dataset = _asked(job, name)
    challenge = _plausible(source.holder.challenge(dataset), dataset)
    bound = report_data(challenge.nonce, enclave.recipient.raw, bytes.fromhex(challenge.policy), bytes.fromhex(job.digest))
    collected = enclave.evidence(bound, challenge.nonce)
    if collected.format != challenge.format:
        told = f"{name}: its holder wants evidence of {challenge.format}, and this enclave has that of {collected.format}"
        raise Withheld("enclave.format", told, hint="--backend, or another policy")
    request = Request(
        dataset=dataset,
        nonce=challenge.nonce,
        key=enclave.recipient.raw,
        manifest=job.manifest,
        evidence=collected.evidence,
        companions={key: raw for key, raw in collected.companions.items() if key in SENT},
    )
    grant = source.holder.grant(request)
    if grant.assurance not in {one.word for one in Assurance}:
        raise BadInput("enclave.message", f"{name}: its holder's grant names no assurance", hint="is it a broker of another version?")
    place = info(bound, dataset, grant.terms.purpose)
    with source.open() as sealed:
        if name == STATE and job.terms.state is not None:
            enclave.take_state(grant.box, place, sealed)
        else:
            enclave.take(name, grant.box, place, grant.terms.context, sealed)
    return grant, collected.evidence


def _plausible(challenge: Challenge, dataset: str) -> Challenge:
    """A holder elsewhere sends what it likes. Raises BadInput `enclave.message`."""
    right = challenge.dataset == dataset and len(challenge.nonce) == NONCE_BYTES and re.fullmatch(r"[0-9a-f]{64}", challenge.policy)
    if not right:
        raise BadInput("enclave.message", "the holder's challenge is for other data, or has no nonce or policy of the right form")
    return challenge


def _asked(job: Job, name: str) -> str:
    """The id of what is asked for."""
    return job.terms.state.id if name == STATE and job.terms.state is not None else job.inputs[name].digest


def _count(job: Job, holder: KeyHolder, entropy: Entropy) -> int | None:
    """What was sealed at the next count is the latest from here on, and what was before opens no more."""
    try:
        return holder.counter(CounterRequest(name=_asked(job, STATE), nonce=entropy(NONCE_BYTES), increment=True)).value
    except Missing as error:
        if error.code == "enclave.no-counter":
            return None
        raise
