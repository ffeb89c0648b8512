"""Verifier of the evidence of a confined process (`process`), and of `simulated`, which proves nothing and says so.

What it can show: which interpreter, packages and job ran under which layers, and that the key which the data go to was made in that process, if the
machine's root is honest. It never reaches more than `process`: see `process_document.py` for the limit.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from velatura.enclave.appraisal import Examination, Refused
from velatura.enclave.assurance import Assurance
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.process_document import INSECURE_TEST, Claims, Document, check_signature, formats, measurement_of, parse
from velatura.enclave.evidence.requirements import hold_age, hold_debug, hold_nonce, hold_reference
from velatura.enclave.limits import LIMITS
from velatura.enclave.policy import Policy
from velatura.errors import BadInput, VelaturaError

__all__ = ["LAYERS", "examine"]

LAYERS = ("uid", "namespaces", "landlock", "caps", "rlimits", "seccomp", "secretmem")
"""Each is claimed, held or absent; the names are those of `sandbox.Layer`, and `secretmem`."""

_HOLDS = ("kernel", "self")
_BYTES = {"nonce": 32, "report_data": 64, "recipient": 32, "job": 32, "measurement": 32, "interpreter": 32}
_LATEST_S = 4_102_444_800  # 2100
_START = re.compile(rb'\s*\{\s*"claims"\s*:')


def examine(examination: Examination, evidence: bytes, policy: Policy, companions: Companions, now: datetime) -> Assurance:
    """A `Verifier` for the policy's format, `process` or `simulated`."""
    document = _parsed(evidence)
    _hold_form(document)
    examination.passed("structure", "canonical, all claims of the right form")
    _need_signature(examination, document, policy.format)
    claims = document.claims
    examination.claims.update(_told(claims))
    _hold_binding(examination, claims)
    hold_debug(examination, policy, debug=False)  # a process that can be looked into has no layer `caps`, which is read below
    _hold_layers(examination, claims, policy)
    hold_reference(examination, policy, {"measurement": bytes.fromhex(claims.measurement), "job": bytes.fromhex(claims.job)})
    hold_nonce(examination, policy, bytes.fromhex(claims.nonce))
    hold_age(examination, policy, datetime.fromtimestamp(claims.iat, UTC), now)
    return Assurance.SIMULATED if policy.format == "simulated" else Assurance.PROCESS


def _parsed(raw: bytes) -> Document:
    if not _START.match(raw):
        raise BadInput("enclave.evidence", "this is no evidence of a process", hint="velatura enclave evidence makes some")
    try:
        return parse(raw)
    except (ValueError, RecursionError) as error:
        if _cut_short(raw):
            raise BadInput("enclave.evidence", "this evidence of a process is cut short", hint="fetch it again") from error
        raise Refused("structure", "malformed", f"not a document of a process: {error}") from error


def _cut_short(raw: bytes) -> bool:
    """Whether it ends within its JSON; one that is followed by something does not."""
    try:
        json.JSONDecoder().raw_decode(raw.decode("ascii").lstrip())
    except json.JSONDecodeError as error:
        return error.pos >= len(error.doc.rstrip()) - 1 or "Unterminated" in error.msg
    except (UnicodeDecodeError, RecursionError):
        return False
    return False


def _hold_form(document: Document) -> None:
    claims = document.claims
    fields = {name: (getattr(claims, name), size) for name, size in _BYTES.items()}
    fields |= {"key": (document.key, 32), "signature": (document.signature, 64)}
    if claims.model:
        fields["model"] = (claims.model, 32)
    fields |= {f"package {one.name}": (one.sha256, 32) for one in claims.packages}
    for name, (word, size) in fields.items():
        if not re.fullmatch(rf"[0-9a-f]{{{2 * size}}}", word):
            raise Refused("structure", "malformed", f"{name} is not {size} bytes in lower-case hex")
    names = [one.name for one in claims.packages]
    if names != sorted(set(names)) or not names:
        raise Refused("structure", "malformed", "the packages are not a sorted list of different names")
    if tuple(sorted(set(claims.calls))) != claims.calls:
        raise Refused("structure", "malformed", "the calls are not a sorted list of different names")
    if sorted(claims.layers) != sorted(LAYERS):
        raise Refused("structure", "malformed", f"the layers are {', '.join(sorted(claims.layers)) or 'none'}, not {', '.join(sorted(LAYERS))}")
    if not 0 <= claims.iat <= _LATEST_S or min(claims.threads, claims.memory_mb) < 1 or min(claims.uid, claims.landlock_abi) < 0:
        raise Refused("structure", "malformed", "a number is out of its range")


def _need_signature(examination: Examination, document: Document, named: str) -> None:
    insecure = document.key == INSECURE_TEST.verifier.raw.hex()
    if document.format != formats[named] or insecure != (named == "simulated"):
        signer = " and is signed with INSECURE-TEST" if insecure else ""
        told = f"the document calls itself {document.format!r}{signer}; the policy wants {formats[named]}"
        raise Refused("format", "simulated" if insecure else "malformed", told, hint="the policy chooses the format, never the evidence")
    try:
        check_signature(document)
    except (VelaturaError, ValueError) as error:
        raise Refused("signature", "signature", "the signature does not verify") from error
    examination.passed("signature", "INSECURE-TEST signed it, which anyone can" if insecure else "the key in the document signed it")
    examination.passed("root", LIMITS[Assurance.SIMULATED if insecure else Assurance.PROCESS])


def _hold_binding(examination: Examination, claims: Claims) -> None:
    found = measurement_of(claims)
    told = f"interpreter, {len(claims.packages)} packages, environment and calls make {found[:16]}..., the claim is {claims.measurement[:16]}..."
    examination.need("measured", found == claims.measurement, "measurement-mismatch", told)


def _hold_layers(examination: Examination, claims: Claims, policy: Policy) -> None:
    """One check for each layer. `simulated` has none, and needs none: its assurance says it."""
    for layer in LAYERS:
        word = claims.layers[layer]
        name = f"layer:{layer}"
        if word in _HOLDS:
            examination.passed(name, "read back from the kernel" if word == "kernel" else "tried inside")
        elif policy.format == "simulated":
            examination.passed(name, f"absent, and a simulated enclave has none: {word}")
        elif layer in policy.require.degraded and layer != "seccomp":
            examination.warned(name, "degraded", f"absent, which the policy tolerates: {word}")
        else:
            hint = "without seccomp nothing is confined" if layer == "seccomp" else f'require.degraded = ["{layer}"] tolerates it'
            examination.failed(name, "degraded", f"absent: {word}", hint=hint)


def _told(claims: Claims) -> dict[str, object]:
    """Of the packages name and version are enough to read."""
    plain = {name: getattr(claims, name) for name in claims.__struct_fields__ if name not in ("iat", "packages", "calls")}
    return {
        **plain,
        "calls": list(claims.calls),
        "packages": {one.name: one.version for one in claims.packages},
        "time": datetime.fromtimestamp(claims.iat, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "debug": False,
    }
