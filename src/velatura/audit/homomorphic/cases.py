"""From the table `[homomorphic]` to its cases: what is promised is judged, what homomorphic encryption never gives is stated.

Promised: what the policy lets out does not tell the key, and the parameters are as hard as 128 bits. Not promised: that a model cannot be rebuilt by
asking it, and that answers arrive as the server made them; how far both go is measured.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from velatura.attacks.attack import Attack
from velatura.audit.case import Case, Plan
from velatura.audit.homomorphic.material import FRESH, Material, read
from velatura.audit.homomorphic.names import ATTACKS
from velatura.errors import BadSpec
from velatura.findings import Claim

if TYPE_CHECKING:
    from velatura.audit.spec import AuditSpec
    from velatura.models.store import ModelStore

__all__ = ["plan"]

LIMITS = (
    "Who decrypts for others what they chose themselves is not protected: ciphertexts made on purpose can make answers that tell the key."
    " Results come from an honest server; its integrity, circuit privacy and extraction are not promised."
)
_WORDS = {"label": "labels alone are given out", "private": "labels alone are given out", "public": "flooded scores are given out"}


def plan(spec: AuditSpec, *, base: Path, stack: ExitStack, store: ModelStore | None = None) -> Plan:
    """The cases of a spec with `room = "homomorphic"`. Raises BadSpec, BadInput, Missing."""
    options = spec.homomorphic
    if options is None:
        raise BadSpec("audit.no-table", "the spec has no table [homomorphic]", hint='[homomorphic] with program = "prog", a folder of `he compile`')
    options.check()
    material = read(options, base=base, seed=spec.seed)
    cases = [case for name in options.attacks or ATTACKS for case in _BUILDERS[name](material, stack)]
    return Plan(tuple(cases), (LIMITS,), _subject(material))


def _subject(material: Material) -> dict[str, str]:
    client, parameters = material.client, material.client.parameters
    limit = client.sharing.queries
    return {
        "program": client.program.hex(),
        "parameters": f"degree {parameters.n}, {parameters.log_qp:.1f} bits of primes" + (", INSECURE" if parameters.insecure else ""),
        "given out": f"--share {client.sharing.share}, top {client.sharing.top_k}",
        "queries a key": "not limited" if limit is None else f"{limit:,}",
        "ranges": client.range,
    }


def _key_recovery(material: Material, stack: ExitStack) -> Iterator[Case]:
    from velatura.attacks.key_recovery import KeyRecovery
    from velatura.audit.homomorphic.arms import DecryptionArm, new_key

    keys = [new_key(material.client.parameters) for _ in range(material.options.keys)]
    arms = DecryptionArm(material, raw=True), DecryptionArm(material, raw=False)
    yield _case(material, KeyRecovery(), f"answers of which {_WORDS[material.client.sharing.share]}", arms, Claim(), keys)


def _parameters(material: Material, stack: ExitStack) -> Iterator[Case]:
    from velatura.attacks.parameter_check import ParameterCheck
    from velatura.audit.homomorphic.arms import ParameterArm

    arms = ParameterArm(material.client.parameters, loose=True), ParameterArm(material.client.parameters, loose=False)
    yield _case(material, ParameterCheck(), "degree and primes", arms, Claim(), ())


def _extraction(material: Material, stack: ExitStack) -> Iterator[Case]:
    from velatura.attacks.model_extraction import Asked, ModelExtraction
    from velatura.audit.homomorphic.arms import OracleArm

    x = material.fresh(FRESH)
    scores = material.scores(x)
    labels = scores.argmax(1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(np.int64)
    secrets = [Asked(one, int(label)) for one, label in zip(x, labels, strict=True)]
    limit = material.client.sharing.queries
    told = f"asked {material.options.queries:,} times, {'no limit' if limit is None else f'at most {limit:,} ciphertexts a key'}"
    attack = ModelExtraction(lambda count, rng: material.questions(count, rng), material.options.queries)
    yield _case(material, attack, f"the model, {told}", (OracleArm(material, free=True), OracleArm(material, free=False)), None, secrets)


def _malleability(material: Material, stack: ExitStack) -> Iterator[Case]:
    from velatura.attacks.malleability import Malleability
    from velatura.audit.homomorphic.answers import AnswerArm, ReadableArm

    limit, count = material.client.sharing.queries, material.options.answers
    if limit is not None:
        count = min(count, limit // (2 * len(material.client.outputs)))
    reach = 4 * float(np.abs(material.scores(material.fresh(FRESH))).max()) + 1
    asked = list(material.fresh(count)) if count else []
    arms = ReadableArm(material), AnswerArm(material, stack)
    missing = "" if asked else "the program's limit of queries leaves none for it"
    yield _case(material, Malleability(material.outputs, reach), "answers on their way", arms, None, asked, missing)


_BUILDERS: dict[str, Callable[[Material, ExitStack], Iterator[Case]]] = {
    "key-recovery": _key_recovery,
    "parameters": _parameters,
    "extraction": _extraction,
    "malleability": _malleability,
}


def _case(
    material: Material, attack: Attack[Any, Any], what: str, arms: tuple[Any, Any], claim: Claim | None, secrets: Sequence[Any], missing: str = ""
) -> Case:
    options = material.options
    data = hashlib.sha256(material.client.program + (b"" if material.known is None else material.known.tobytes())).hexdigest()
    told = ["velatura", "attack", "homomorphic", options.program, "--only", attack.name]
    told += ["--inputs", options.inputs] if options.inputs else []
    told += {
        "key-recovery": ["--keys", str(options.keys)],
        "extraction": ["--queries", str(options.queries)],
        "malleability": ["--answers", str(options.answers)],
    }.get(attack.name, [])
    repeat = shlex.join(told)
    return Case(attack, what, *arms, claim, secrets, f"{repeat} {data}", repeat, data, missing)
