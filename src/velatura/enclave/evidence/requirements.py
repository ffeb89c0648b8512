"""What every policy may ask whatever the format: reference values, the nonce, the evidence's age, debugging."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime

from velatura.enclave.appraisal import Examination
from velatura.enclave.policy import GPU, Policy

__all__ = ["hold_age", "hold_debug", "hold_nonce", "hold_reference"]

AHEAD_S = 60.0
"""How far a clock there may run ahead of ours."""


def hold_reference(examination: Examination, policy: Policy, found: Mapping[str, bytes | str]) -> None:
    """One check, `measurement:NAME`, for each reference value of the policy; `found`: those that the evidence shows, by the policy's names.

    A value that the policy names and the evidence does not show is a failed check. Those of a GPU beside it are held by `evidence/composite.py`.
    """
    examination.references |= {name: value.hex() if isinstance(value, bytes) else value for name, value in found.items()}
    if policy.reference.any_measurement:
        examination.passed("measurement", "the policy takes any program (any_measurement)")
        return
    for name, wanted in policy.reference.values.items():
        if name in GPU:
            continue
        word = examination.references.get(name) if name in found else None
        told = f"{name} is {word or 'not in this evidence'}; the policy lists {len(wanted)}"
        examination.hold(f"measurement:{name}", word in wanted, "measurement-mismatch", told)


def hold_nonce(examination: Examination, policy: Policy, shown: bytes | None, *, padded: bool = False) -> None:
    """The check `nonce`: the format's nonce place holds what the policy names.

    Args:
        shown: what the place holds; None or b"": nothing.
        padded: the place has a fixed size and a shorter nonce is followed by zeros.
    """
    wanted = policy.nonce
    if wanted is None:
        examination.passed("nonce", "the policy names no nonce: this does not show that the evidence is fresh")
        return
    place = shown or b""
    if padded:
        wanted = wanted.ljust(len(place), b"\0")
    told = f"the nonce place holds {place.hex()[:128] or 'nothing'}; the policy wants {wanted.hex()[:128]}"
    examination.hold("nonce", bool(place) and hmac.compare_digest(place, wanted), "nonce-mismatch", told)


def hold_age(examination: Examination, policy: Policy, made: datetime | None, now: datetime) -> None:
    """The check `age`. `made`: when the evidence says that it was made; None: it does not say."""
    most = policy.require.max_age_s
    if made is None:
        if most is not None and policy.nonce is None:
            told = f"the policy allows {most:g} s, and evidence of this format does not tell when it was made"
            examination.warned("age", "age-unknown", told, hint="ask with a fresh nonce")
        return
    age = (now - made).total_seconds()
    if age < -AHEAD_S:
        examination.failed("age", "from-the-future", f"the evidence was made {-age:.0f} s after the time of judging", hint="look at both clocks")
    elif most is not None:
        examination.hold("age", age <= most, "too-old", f"the evidence is {age:.0f} s old; the policy allows {most:g} s", hint="ask for new evidence")
    else:
        examination.passed("age", f"the evidence is {age:.0f} s old; the policy sets no limit")


def hold_debug(examination: Examination, policy: Policy, debug: bool) -> None:
    """The check `debug`: who may debug a guest reads its memory."""
    told = "the guest may be debugged: its memory can be read" if debug else "the guest may not be debugged"
    examination.hold("debug", not debug or policy.require.debug, "debug-enabled", told, hint="require.debug = true tolerates it")
