"""An appraisal as an EAT Attestation Result, and its signature: what a relying party hands on to somebody who did not verify himself.

    {"eat_profile": "tag:ietf.org,2026:rats/ear#04", "iat": .., "ear_verifier_id": {..}, "ear_status": "affirming",
     "submods": {"cpu0": {"ear_status": .., "ear_trustworthiness_vector": {..}, "ear_appraisal_policy_ids": [".."],
                          "ear_attester_claims": {..}, "ear_verifier_claims": {..}}}}

Signed: a JWS in compact form (RFC 7515), alg EdDSA (RFC 8037), Ed25519. Its `kid` says who is meant to have signed; the reader names whose signature
is believed.

Source: draft-ietf-rats-ear-04 (claims), draft-ietf-rats-ar4si (tiers: 0 nothing is claimed, 2 affirming, 32 warning, 96 contraindicated, 99 a
cryptographic check failed).
Limit: the vector is ours to fill: file-system, storage-opaque and sourced-data are never claimed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from velatura import __version__
from velatura.crypto import keytext
from velatura.crypto.keys import Signer, Verifier
from velatura.enclave.appraisal import Appraisal, Check, Outcome
from velatura.enclave.assurance import Assurance
from velatura.enclave.evidence.strict_json import read_document
from velatura.enclave.explanations import CHECKS, Area, base_name
from velatura.errors import BadInput

__all__ = ["PROFILE", "open_record", "read_record", "record", "sign_record"]

PROFILE = "tag:ietf.org,2026:rats/ear#04"
AFFIRMING, WARNING, CONTRAINDICATED, NOT_VALID = 2, 32, 96, 99
MOST_BYTES = 1 << 20

Record = dict[str, Any]


def record(appraisal: Appraisal, *, now: datetime, nonce: bytes | None = None) -> Record:
    """The record of one appraisal. `now`: when was judged; `nonce`: what the relying party asked for."""
    made: Record = {
        "eat_profile": PROFILE,
        "iat": int(now.timestamp()),
        "ear_verifier_id": {"developer": "velatura", "build": f"velatura {__version__}"},
        "ear_status": str(appraisal.verdict),
        "submods": {name: _submodule(appraisal, checks, claims) for name, checks, claims in _devices(appraisal)},
    }
    return made | ({"eat_nonce": _text(nonce)} if nonce else {})


def _devices(appraisal: Appraisal) -> Iterator[tuple[str, Sequence[Check], Mapping[str, Any]]]:
    """One attester after the other: the processor, then each GPU, with the checks that are about it. What is about all GPUs is about each."""
    gpus = appraisal.claims.get("devices", [])
    beside = tuple(check for check in appraisal.checks if check.name.partition(":")[0] == "gpu" or appraisal.format == "nvidia")
    if appraisal.format != "nvidia" or not gpus:
        own = tuple(check for check in appraisal.checks if check not in beside) or appraisal.checks
        yield NAMES.get(appraisal.format, "cpu0"), own, {name: value for name, value in appraisal.claims.items() if name != "devices"}
    for place, claims in enumerate(gpus):
        others = tuple(f"{prefix}device{other}:" for prefix in ("", "gpu:") for other in range(len(gpus)) if other != place)
        yield f"gpu{place}", [check for check in beside if not check.name.startswith(others)], claims


NAMES = {"nvidia": "gpu0", "tpm": "tpm0"}


def _submodule(appraisal: Appraisal, checks: Sequence[Check], claims: Mapping[str, Any]) -> Record:
    decisive = next((check for tier in (Outcome.FAILED, Outcome.WARNED) for check in checks if check.outcome is tier), None)
    return {
        "ear_status": STATUS[_tier(checks)],
        "ear_trustworthiness_vector": _vector(checks, appraisal.assurance, debug=claims.get("debug") is True),
        "ear_appraisal_policy_ids": [f"sha256:{appraisal.policy}"],
        "ear_attester_claims": dict(claims),
        "ear_verifier_claims": {
            "format": appraisal.format,
            "code": decisive.code if decisive else "ok",
            "assurance": appraisal.assurance.word,
            "checks": [{"name": check.name, "outcome": str(check.outcome), "code": check.code, "told": check.told} for check in checks],
        },
    }


SURE = frozenset({"signature", "chain"})


def _vector(checks: Sequence[Check], assurance: Assurance, *, debug: bool) -> dict[str, int]:
    """A claim for each area that was looked at, and one for who can read the memory."""
    asked = [check for check in checks if not (check.name == "measurement" and check.outcome is Outcome.PASSED)]  # any_measurement
    tiers = {area: _tier([check for check in asked if _area(check) is area]) for area in Area if area is not Area.BINDING}
    if any(check.outcome is Outcome.FAILED and base_name(check.name) in SURE for check in asked):
        tiers[Area.HARDWARE] = tiers[Area.IDENTITY] = NOT_VALID
    vector = {str(area): tier for area, tier in tiers.items() if tier}
    opaque = CONTRAINDICATED if debug and assurance else OPAQUE.get(assurance, 0)
    return vector | ({"runtime-opaque": opaque} if opaque else {})


OPAQUE: Mapping[Assurance, int] = {
    Assurance.SIMULATED: CONTRAINDICATED,
    Assurance.PROCESS: WARNING,
    Assurance.VM: WARNING,
    Assurance.TEE: AFFIRMING,
    Assurance.TEE_GPU: AFFIRMING,
}
STATUS = {0: "none", AFFIRMING: "affirming", WARNING: "warning", CONTRAINDICATED: "contraindicated"}


def _area(check: Check) -> Area | None:
    known = CHECKS.get(base_name(check.name))
    return known.area if known else None


def _tier(checks: Sequence[Check]) -> int:
    outcomes = {check.outcome for check in checks}
    if Outcome.FAILED in outcomes:
        return CONTRAINDICATED
    return WARNING if Outcome.WARNED in outcomes else AFFIRMING if outcomes else 0


def sign_record(made: Record, signer: Signer) -> str:
    """The record as a compact JWS."""
    header = {"alg": "EdDSA", "kid": keytext.encode(signer.verifier), "typ": "eat+jwt"}
    signed = ".".join(_text(msgspec.json.encode(part, order="sorted")) for part in (header, made))
    return f"{signed}.{_text(signer.sign(signed.encode('ascii')))}"


def open_record(token: str, verifier: Verifier) -> Record:
    """The record in a JWS that `verifier` signed.

    Raises:
        BadInput: `enclave.record`: no compact JWS of this kind.
        Withheld: `crypto.bad-signature`.
    """
    parts = token.strip().split(".")
    if len(parts) != 3 or len(token) > MOST_BYTES or not all(re.fullmatch(r"[A-Za-z0-9_-]+", part) for part in parts):
        raise _no_record("three parts of base64url are wanted, with dots between them")
    header, body, signature = (_bytes(part) for part in parts)
    told = read_document(header, "the record's header")
    if not isinstance(told, dict) or told.get("alg") != "EdDSA" or "crit" in told:
        raise _no_record("its header does not say EdDSA alone")
    verifier.check(signature, f"{parts[0]}.{parts[1]}".encode("ascii"))
    return _checked(read_document(body, "the record"))


def read_record(raw: bytes) -> Record:
    """The record in a file that nobody signed: as `verify -o` writes it, or within the document of --json. Raises BadInput `enclave.record`."""
    if raw.lstrip()[:1] != b"{":
        raise _no_record("it is no JSON; a signed one wants to know whose signature is believed (--signer)")
    tree = read_document(raw, "the record")
    result = tree.get("result")
    return _checked(result.get("ear") if isinstance(result, dict) else tree)


def _checked(made: Any) -> Record:
    """The members that a reader of ours asks for are of the kinds that we write."""
    if not isinstance(made, dict) or made.get("eat_profile") != PROFILE:
        raise _no_record(f"its profile is not {PROFILE}")
    submods = made.get("submods")
    checks = [_checks(one) for one in submods.values()] if isinstance(submods, dict) else []
    if not checks or not all(checks):
        raise _no_record("it does not list the checks that were made")
    return made


def _checks(about: Any) -> bool:
    told = about.get("ear_verifier_claims") if isinstance(about, dict) else None
    checks = told.get("checks") if isinstance(told, dict) else None
    wanted = ("name", "outcome", "code")
    return isinstance(checks, list) and all(isinstance(one, dict) and all(isinstance(one.get(key), str) for key in wanted) for one in checks)


def _no_record(why: str) -> BadInput:
    return BadInput(
        "enclave.record", f"this is no signed attestation result: {why}", hint="velatura enclave verify ... --sign KEY -o FILE writes one"
    )


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise _no_record("a part of it is not base64url") from error
    if _text(raw) != text:  # bits beyond the last byte: another text of the same bytes
        raise _no_record("a part of it is not base64url as one writes it")
    return raw
