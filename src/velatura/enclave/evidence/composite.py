"""A processor and the GPUs beside it: one verdict over both, where the GPUs answer a nonce that the processor's evidence fixes.

The policy's format stays the processor's; `[with] gpu` names the GPUs' evidence. A report that was made for other evidence, or at another time, is
refused by its nonce (`nvidia.gpu_nonce` of what stands in the processor's nonce place). What this does not show stands in `nvidia.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from velatura.enclave.appraisal import Examination
from velatura.enclave.assurance import Assurance
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.nvidia import gpu_nonce, hold_devices
from velatura.enclave.evidence.requirements import hold_nonce
from velatura.enclave.policy import GPU, Policy
from velatura.errors import BadInput

__all__ = ["with_gpu"]


def with_gpu(examination: Examination, policy: Policy, companions: Companions, now: datetime, reached: Assurance) -> Assurance:
    """After the processor's own checks: those of its GPUs, if the policy names any. What both together can vouch for.

    Args:
        examination: its claim `report_data` is what stands in the processor's nonce place, hex.
        reached: by the processor alone.
    """
    if policy.format == "nvidia":
        return reached
    if companions.gpu is None:
        asked = sorted(set(policy.reference.values) & set(GPU)) + (["gpus"] if policy.require.gpus is not None else [])
        if asked:
            told = f"the policy asks for {asked[0]} of a GPU, and no GPU's evidence is given"
            examination.failed("gpu", "collateral-missing", told, hint='[with] gpu = "FILE.json"')
        return reached
    place = examination.claims.get("report_data")
    told = f"{policy.format} reaches {reached.word}, and {'fixes a nonce for GPUs' if place else 'has no place that could fix a nonce for GPUs'}"
    examination.need("gpu", bool(place) and reached >= Assurance.TEE, "composite", told)
    if not companions.gpu.lstrip().startswith((b"[", b"{")):
        raise BadInput("enclave.companion", "[with] gpu wants the JSON list of the vendor's tools, with each device's certificates in it")
    part = Examination()
    try:
        devices = hold_devices(part, companions.gpu, policy, Companions(), now)
        hold_nonce(part, policy.expecting(gpu_nonce(bytes.fromhex(str(place)))), devices[0].report.nonce)
    finally:
        examination.checks += [replace(check, name=f"gpu:{check.name}") for check in part.checks]
    examination.claims |= {"devices": part.claims["devices"]}
    return Assurance.TEE_GPU
