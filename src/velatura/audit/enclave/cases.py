"""From the table `[enclave]` to its cases: no forged evidence may be accepted, no tampered session may be served, nothing may come out of the job.

The unprotected sides: a relying party that believes what evidence says of itself, a key server that binds nothing, a job in a plain process.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from velatura.attacks.attack import Attack
from velatura.audit.case import Case, Plan
from velatura.audit.enclave.material import Material
from velatura.audit.enclave.names import ATTACKS
from velatura.enclave.assurance import Assurance
from velatura.enclave.limits import LIMITS
from velatura.errors import BadSpec
from velatura.findings import Claim

if TYPE_CHECKING:
    from velatura.audit.spec import AuditSpec
    from velatura.models.store import ModelStore

__all__ = ["plan"]

_NO_BETTER = Claim()
OWN_KEY = frozenset({"process", "simulated"})
"""Formats whose documents bring the key that they are verified with: nobody else vouches for it."""


def plan(spec: AuditSpec, *, base: Path, stack: ExitStack, store: ModelStore | None = None) -> Plan:
    """The cases of a spec with `room = "enclave"`. Raises BadSpec, BadInput."""
    options = spec.enclave
    if options is None:
        hint = '[enclave], with evidence = "report.bin" and policy = "p.toml", or neither'
        raise BadSpec("audit.no-table", "the spec has no table [enclave]", hint=hint)
    options.check()
    material = Material(options, base, stack)
    cases = [case for name in options.attacks or ATTACKS for case in _BUILDERS[name](material)]
    subject = {
        "evidence": options.evidence or "of a confined process of this machine",
        "policy": options.policy or "made for it",
        "job": options.job or "a small one",
    }
    return Plan(tuple(cases), (LIMITS[Assurance.PROCESS],), subject)


def _forgery(material: Material) -> Iterator[Case]:
    from velatura.attacks.enclave.forging import EvidenceForgery
    from velatura.attacks.enclave.made_anew import MadeAnew
    from velatura.audit.enclave.arms import BelievingArm, VerifyingArm

    options = material.options
    attack = EvidenceForgery(flips=options.flips, mutations=options.mutations)
    secret, arms = material.submission, (BelievingArm(), VerifyingArm())
    told = f"evidence of format {secret.format}"
    yield _case(material, attack, told, arms, [secret], secret.evidence)
    if secret.format in OWN_KEY:
        yield _case(material, MadeAnew(), f"{told}, made anew by who shows it", arms, [secret], b"anew" + secret.evidence, None)


def _tampering(material: Material) -> Iterator[Case]:
    from velatura.attacks.enclave.session_tampering import WAYS, SessionTampering
    from velatura.audit.enclave.sessions import SessionArm, Stage

    stage = Stage(material.stack)
    arms = SessionArm(stage, binding=False), SessionArm(stage, binding=True)
    yield _case(material, SessionTampering(), "a session in which a key is asked for", arms, list(WAYS))


def _sealed(material: Material) -> Iterator[Case]:
    from velatura.attacks.enclave.sealed_tampering import WAYS, SealedTampering
    from velatura.audit.enclave.sealed import SealedArm, SealedStage

    stage = SealedStage(material.stack)
    arms = SealedArm(stage, whole=False), SealedArm(stage, whole=True)
    yield _case(material, SealedTampering(), "sealed data and state, opened inside", arms, list(WAYS))


def _canary(material: Material) -> Iterator[Case]:
    from velatura.attacks.enclave.data_canary import CORE, KNOWLEDGE, DataCanary
    from velatura.audit.enclave import places
    from velatura.audit.enclave.jobs import LeakArm
    from velatura.audit.enclave.swapping import swap_areas

    what, root = "data in a job whose code is hostile", "wrote the job's code, and is root of this machine"
    looked: list[tuple[str, places.Place | None, DataCanary]] = [
        ("files, messages and outputs", None, DataCanary()),
        ("packets on every interface", places.packets, DataCanary(1, knowledge=f"{KNOWLEDGE}; listens to every packet of this machine")),
        ("a core dump that is forced", places.core, DataCanary(1, (CORE,), f"{KNOWLEDGE}; has lifted the limit on core dumps")),
        ("its process's memory, read under its own account", places.memory, DataCanary(1, knowledge=f"{KNOWLEDGE}; has the process's own account")),
        ("areas of its keys, read by root", places.secret_area, DataCanary(1, knowledge=root)),
        ("its process's memory, read by root", places.memory_as_root, DataCanary(2, knowledge=root)),
        (f"swap{'' if swap_areas() else ', of which this machine has none'}", places.swap, DataCanary(2, knowledge=root)),
    ]
    for where, place, attack in looked:
        arms = LeakArm(confined=False, place=place), LeakArm(confined=True, place=place)
        claim = None if place in (places.memory_as_root, places.swap) else _NO_BETTER  # from root a confined process keeps its keys alone
        yield _case(material, attack, f"{what}: {where}", arms, (), where.encode(), claim)


def _escapes(material: Material) -> Iterator[Case]:
    from velatura.attacks.escaping import Escapes
    from velatura.audit.enclave.escaping import EscapeArm, Probing

    probing = Probing(material.job)
    arms = EscapeArm(probing, confined=False), EscapeArm(probing, confined=True)
    yield _case(material, Escapes(lambda: probing.unproven), "ways out of the job's process", arms, ())


_BUILDERS: dict[str, Callable[[Material], Iterator[Case]]] = {
    "evidence-forgery": _forgery,
    "session-tampering": _tampering,
    "sealed-tampering": _sealed,
    "data-canary": _canary,
    "escapes": _escapes,
}


def _case(
    material: Material,
    attack: Attack[Any, Any],
    what: str,
    arms: tuple[Any, Any],
    secrets: Sequence[Any],
    data: bytes = b"",
    claim: Claim | None = _NO_BETTER,
) -> Case:
    options = material.options
    told = ["velatura", "attack", "enclave", *([options.evidence, "--policy", options.policy] if options.evidence else [])]
    told += [word for name, value in (("--time", options.time), ("--job", options.job)) if value for word in (name, value)]
    if attack.name == "evidence-forgery":
        told += ["--flips", str(options.flips), "--mutations", str(options.mutations)]
    repeat = shlex.join([*told, "--only", attack.name])
    digest = hashlib.sha256(data + material.job.digest.encode()).hexdigest()
    return Case(attack, what, *arms, claim, secrets, f"{repeat} {digest}", repeat, digest)
