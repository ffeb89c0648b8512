"""Steps of the enclave's benchmark that look at evidence: verdicts, forgeries, flipped bits, random bytes, and what verification costs."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.enclave_material import cases, honest, own, submission
from benchmarks.material import shared
from benchmarks.measure import Spread
from velatura.attacks.enclave.catalogue import forgeries
from velatura.attacks.enclave.classes import CLASSES
from velatura.attacks.enclave.keys import Keys
from velatura.attacks.enclave.mutations import mutated, same_content
from velatura.attacks.enclave.opening import opened
from velatura.attacks.enclave.parts import Chain, Part
from velatura.attacks.enclave.signatures import flipped, flips
from velatura.attacks.enclave.submission import Submission
from velatura.audit.enclave.arms import BelievingArm, VerifyingArm
from velatura.enclave.appraisal import Appraisal, Verdict
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.documents import evidence_in
from velatura.enclave.policy import parse_policy
from velatura.enclave.verify import verify

__all__ = ["cost", "drawn", "flipped_bits", "negative", "verdicts"]

RUNS = 200
MUTATIONS = 100_000
FLIPPED = (
    "snp-v3-genoa-vcek", "snp-v5-turin-vcek", "snp-v2-milan-vcek", "sgx-v3-accepted", "tdx-v4", "tdx-v5", "nitro-2022", "nitro-2025-indefinite",
    "azure-snp-milan-v2", "azure-tdx-2025", "tpm-gce-nonce", "nvidia-hopper", "nvidia-blackwell",
)  # fmt: skip
"""Each format and dialect once; and a process of this machine."""
IN_TURN = frozenset({"nitro", "nvidia", "tpm", "azure-snp", "azure-tdx"})
"""Formats of which one bit of each byte is flipped, the bits in turn: they sign up to 30 KB."""
RNG = np.random.default_rng(0)


def judged(one: Submission) -> Appraisal:
    """As the command line does, from the file's bytes."""
    return verify(evidence_in(one.evidence), parse_policy(one.policy), Companions(**one.companions, crl=one.crls), now=one.at)  # type: ignore[arg-type]


def verdicts() -> dict[str, Any]:
    """Every case of cases.json at its time, and a process of this machine now."""
    found, right, formats = cases(shared()), 0, set[str]()
    wrong = list[str]()
    for case in found:
        verdict = str(_verdict(shared(), case))
        right += verdict == case["verdict"]
        formats |= {case["format"]} if verdict != "contraindicated" else set()
        wrong += [] if verdict == case["verdict"] else [case["id"]]
    asked = {case["format"] for case in found} | {"process"}
    formats |= {"process"} if judged(own()).verdict is Verdict.AFFIRMING else set()
    return {"cases": len(found), "right": right, "wrong": wrong, "formats": sorted(formats), "asked": sorted(asked)}


def _verdict(root: Path, case: dict[str, Any]) -> str:
    made = submission(root, {**case, "verdict": "warning" if case["verdict"] == "warning" else "affirming"})
    if case["format"] == "tpm":  # as cases.json asks it: nobody vouches for the key
        made = made.asked("reference", ak=None, any_measurement=True)
    return judged(made).verdict


def negative() -> dict[str, Any]:
    """Every forgery of every honest case; each case is accepted first."""
    known = {name: opened(one) for name, one in honest(shared()).items()}
    verifying, believing, classes, taken = VerifyingArm(), BelievingArm(), Counter[int](), list[str]()
    believed = 0
    for name, one in known.items():
        if not verifying(one.submission, RNG):
            raise AssertionError(f"{name} is not accepted as it is")
        for forgery in forgeries(one, [other for key, other in known.items() if key != name], Keys(1)):
            made = forgery.make()
            classes[forgery.number] += 1
            believed += believing(made, RNG)
            if verifying(made, RNG):
                taken.append(f"{name}: {forgery.number} {forgery.name}")
    total = sum(classes.values())
    return {"documents": len(known), "forgeries": total, "classes": len(classes), "of": len(CLASSES), "accepted": taken, "believed": believed / total}


def flipped_bits() -> dict[str, Any]:
    """Every signed byte, the signatures, and each certificate of the evidence's own chains: all eight bits, or of `IN_TURN` one bit of each byte."""
    verifying, told = VerifyingArm(), dict[str, Any]()
    known = {**honest(shared()), "process": own()}
    for name in (*FLIPPED, "process"):
        one, count, taken, began = opened(known[name]), 0, list[str](), time.process_time()
        for part in one.parts:
            if part.name == "payload":  # which lies in the document, too
                continue
            for place, bit in flips(part):
                if one.submission.format in IN_TURN and bit != place % 8:
                    continue
                count += 1
                made = _put(part, place, bit)
                if verifying(made, RNG) and not same_content(one, made):
                    taken.append(f"{part.name} {place}.{bit}")
        for chain in one.chains[:1]:
            for made in _certificates(chain):
                count += 1
                if verifying(made, RNG) and not same_content(one, made):
                    taken.append("certificate")
        told[name] = {"flips": count, "accepted": taken, "cpu_s": time.process_time() - began}
        print(name, count, len(taken), flush=True)
    return told


def _put(part: Part, place: int, bit: int) -> Submission:
    return part.put(flipped(part.raw, place, bit))


def _certificates(chain: Chain) -> Any:
    """One bit of each byte of all certificates, the bits in turn: eight times as many would take a quarter of an hour."""
    for number, raw in enumerate(chain.certificates):
        for place in range(len(raw)):
            made = flipped(raw, place, (place + number) % 8)
            yield chain.put((*chain.certificates[:number], made, *chain.certificates[number + 1 :]))


def drawn() -> dict[str, Any]:
    """Random changes over all documents; whatever is raised untyped ends the step."""
    known = [opened(one) for one in honest(shared()).values()]
    verifying, rng, taken, same = VerifyingArm(), np.random.default_rng(11), list[str](), 0
    for number in range(MUTATIONS):
        one = known[number % len(known)]
        made = mutated(one, rng)
        if verifying(made, rng):
            if same_content(one, made):
                same += 1
            else:
                taken.append(f"{one.submission.format} {number}")
    return {"tried": MUTATIONS, "accepted": taken, "same_content": same}


def cost() -> dict[str, Any]:
    """CPU milliseconds from the document's bytes and the policy's text to the verdict; the chain's signatures known, and not.

    The documents take turns: what disturbs the machine disturbs all.
    """
    from velatura.enclave.evidence import amd_chain, certificates

    held = [one for module in (certificates, amd_chain) for one in vars(module).values() if hasattr(one, "cache_clear")]
    documents = honest(shared())
    warm, cold = ({name: list[float]() for name in documents} for _ in range(2))
    for _ in range(RUNS):
        for name, one in documents.items():
            for cache in held:
                cache.cache_clear()
            cold[name].append(_ms(one))
            warm[name].append(_ms(one))
    return {name: {"format": one.format, "ms": Spread.of(warm[name]), "first_ms": Spread.of(cold[name])} for name, one in documents.items()}


def _ms(one: Submission) -> float:
    began = time.process_time()
    judged(one)
    return 1e3 * (time.process_time() - began)
