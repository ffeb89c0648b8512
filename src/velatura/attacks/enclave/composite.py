"""A processor with GPUs beside it, as its attacker sees it: both taken apart, and put together with parts of other machines (class 31).

What ties them is a nonce: the GPUs answer one that the processor's evidence fixes. The attacker has GPUs elsewhere that answer what he likes, and
processors elsewhere that GPUs of this machine were never beside. The same devices in another order say the same, and are no forgery.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from velatura.attacks.enclave import nvidia
from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.parts import Chain, Opened, Part
from velatura.attacks.enclave.submission import Forgery, Submission

__all__ = ["forgeries", "with_devices"]

GPU = "gpu"
WIDTH = 32
"""Bytes of a GPU's nonce."""


def with_devices(processor: Opened) -> Opened:
    """The same with its GPUs' reports and certificates, if it has any beside it."""
    inner = _devices(processor.submission)
    if inner is None:
        return processor
    parts = [_part(processor.submission, part) for part in inner.parts]
    chains = [_chain(processor.submission, chain) for chain in inner.chains]
    return replace(processor, parts=(*processor.parts, *parts), chains=(*processor.chains, *chains))


def forgeries(honest: Opened, others: Sequence[Opened], keys: Keys) -> Iterator[Forgery]:
    inner, submission = _devices(honest.submission), honest.submission
    if inner is None:
        return
    yield Forgery(31, "no GPU at all", partial(submission.beside, gpu=None))
    yield from _listed(submission, inner)
    yield from _answering(submission, inner, honest, keys)
    for other in others:
        theirs = other.submission
        if theirs.format == "nvidia" and theirs.evidence[:1] in (b"[", b"{"):
            yield Forgery(31, f"GPUs of another machine ({len(theirs.evidence)} bytes)", partial(submission.beside, gpu=theirs.evidence))
        elif theirs.format == submission.format and theirs.evidence != submission.evidence and theirs.companions.get(GPU) is None:
            told = f"GPUs of this machine beside another processor ({len(theirs.evidence)} bytes)"
            yield Forgery(31, told, partial(_beside_other, theirs, submission))


def _devices(submission: Submission) -> Opened | None:
    """Its GPUs' list as a submission of its own."""
    raw = submission.companions.get(GPU)
    if raw is None or submission.format == "nvidia":
        return None
    return nvidia.opened(replace(submission, format="nvidia", evidence=raw, companions={}))


def _part(submission: Submission, part: Part) -> Part:
    """Fields that a processor has too get names of their own."""
    fields = tuple(replace(one, name=f"{GPU} nonce") if one.name == "nonce" else one for one in part.fields)
    return replace(part, name=f"{GPU} {part.name}", put=_within(submission, part.put), fields=fields)


def _chain(submission: Submission, chain: Chain) -> Chain:
    return replace(chain, name=f"{GPU} {chain.name}", put=_within(submission, chain.put))


def _within(submission: Submission, put: Callable[[Any], Submission]) -> Callable[[Any], Submission]:
    return lambda value: submission.beside(gpu=put(value).evidence)


def _listed(submission: Submission, inner: Opened) -> Iterator[Forgery]:
    document = json.loads(inner.submission.evidence)
    items = document if isinstance(document, list) else document["evidence_list"]
    made = {"a GPU twice": [*items, items[0]], "an empty list of GPUs": []}
    if len(items) > 1:
        first, second, *rest = items
        made["reports of two GPUs exchanged"] = [first | {"evidence": second["evidence"]}, second | {"evidence": first["evidence"]}, *rest]
        if submission.asking("require", "gpus"):
            made["a GPU is missing"] = items[1:]
            made["a GPU in the place of another"] = [first, first, *rest]
    for name, changed in made.items():
        whole = changed if isinstance(document, list) else {**document, "evidence_list": changed}
        yield Forgery(31, name, partial(submission.beside, gpu=json.dumps(whole).encode()))


def _answering(submission: Submission, inner: Opened, honest: Opened, keys: Keys) -> Iterator[Forgery]:
    """Another nonce than the one that the processor fixes: written by hand, and signed under a look-alike root."""
    bound = next((one.of(part.raw) for part, one in honest.holding("nonce")), b"")
    told = {"a nonce of its own": keys.bytes("gpu nonce", WIDTH), "zeros": bytes(WIDTH)}
    if len(bound) >= WIDTH:
        told["what the processor's nonce place begins with"] = bound[:WIDTH]
    for name, nonce in told.items():
        yield Forgery(31, f"GPUs answer {name}", partial(_written, submission, inner, nonce, None))
        yield Forgery(31, f"GPUs answer {name}, signed by others", partial(_written, submission, inner, nonce, keys))
    assert inner.signed_anew is not None, "of every list of GPUs"
    anew = inner.signed_anew
    yield Forgery(16, "GPUs signed anew under a look-alike root", lambda: submission.beside(gpu=anew(inner.submission, keys).evidence))


def _written(submission: Submission, inner: Opened, nonce: bytes, keys: Keys | None) -> Submission:
    document = json.loads(inner.submission.evidence)
    for item in document if isinstance(document, list) else document["evidence_list"]:
        if "nonce" in item:
            item["nonce"] = nonce.hex()
    made = replace(inner.submission, evidence=json.dumps(document).encode())
    for place in range(len(inner.parts)):
        part = nvidia.opened(made).parts[place]
        field = part.field("nonce")
        assert field is not None, "of every report"
        made = part.put(field.written(part.raw, nonce))
    if keys is not None and inner.signed_anew is not None:
        made = inner.signed_anew(made, keys)
    return submission.beside(gpu=made.evidence)


def _beside_other(theirs: Submission, ours: Submission) -> Submission:
    """An honest document of another processor, at its time, whose own nonce is asked for."""
    made = theirs.beside(gpu=ours.companions[GPU]).asked("", minimum_assurance="tee+gpu")
    return made.asked("require", accept_warning=True)
