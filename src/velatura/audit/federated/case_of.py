"""A row of the federated room's report: an attack, both arms, the command that repeats it."""

from __future__ import annotations

import hashlib
import shlex
from typing import Any

from velatura.attacks.attack import Attack
from velatura.audit.case import Case
from velatura.audit.federated.material import Material
from velatura.federated.inputs import network_files
from velatura.findings import Claim

__all__ = ["case_of"]


def case_of(material: Material, attack: Attack[Any, Any], target: str, arms: tuple[Any, Any], claim: Claim | None, secrets: list[Any]) -> Case:
    """A row of the report; the command that repeats it is made of the attack's name and the table's options.

    Args:
        arms: the unprotected one, and the job's own.
    """
    options = material.options
    played = f"{options.updates} {options.records} {options.shadows} {options.targets} {options.malicious:g} {' '.join(options.poisons)}"
    data = _fingerprint(material)
    told = ["velatura", "attack", "federated", options.job, "--only", attack.name]
    told += ["--base", options.base] if options.base else []
    told += ["--data", options.data] if options.data else []
    if attack.name == "membership":
        told += ["--records", str(options.records), "--shadows", str(options.shadows), "--targets", str(options.targets)]
    elif attack.name == "inversion":
        told += ["--updates", str(options.updates)]
    elif attack.name in ("poisoning", "backdoor"):
        told += ["--malicious", f"{options.malicious:g}"]
    told += [word for name in options.poisons if attack.name == "poisoning" for word in ("--poison", name)]
    return Case(attack, target, *arms, claim, secrets, f"{attack.name} {material.job.digest} {played} {data}", shlex.join(told), data)


def _fingerprint(material: Material) -> str:
    parts = [array.tobytes() for table in (material.pool, material.test) for array in (table.x, table.y)]
    network = repr(sorted(network_files(material.job, material.base).items()))
    return hashlib.sha256(b"".join([*parts, network.encode()])).hexdigest()
