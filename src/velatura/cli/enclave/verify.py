"""`velatura enclave verify`: a piece of evidence under a policy, offline."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from velatura.cli.enclave.app import Companion, Evidence, Time, app
from velatura.cli.options import Force, Json

if TYPE_CHECKING:
    from velatura.enclave.appraisal import Appraisal

__all__ = ["verify"]

EXAMPLE = "Example: velatura enclave verify report.bin --policy p.toml --with leaf=vcek.der --time 2026-06-30T12:00:00Z"


@app.command("verify", epilog=EXAMPLE)
def verify(
    evidence: Evidence,
    policy: Annotated[Path, typer.Option(metavar="P.toml", help="what is asked of it; `velatura enclave policy` writes one")],
    time: Time = None,
    companion: Companion = None,
    nonce: Annotated[str | None, typer.Option(metavar="HEX", help="that the evidence must hold, instead of the policy's")] = None,
    sign: Annotated[Path | None, typer.Option(metavar="KEY", help="of `velatura keys new --kind signer`: sign the record, into -o FILE")] = None,
    out: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="the record (EAR): JSON, or with --sign a JWS")] = None,
    force: Force = False,
    json: Json = False,
) -> int:
    """Check a piece of evidence: structure, chain up to a root in this package, signature, binding, and what the policy asks. Every check is listed.

    The policy alone chooses the format. Nothing is fetched. Exit status 0 affirming; 3 contraindicated, or a warning that the policy does not
    accept; 2 a wrong policy; 5 evidence that cannot be read.
    """
    from velatura.cli.enclave.words import companions_of, evidence_of, hex_of, time_of
    from velatura.cli.output import emit
    from velatura.enclave.appraisal import Outcome
    from velatura.enclave.companions import read_companions
    from velatura.enclave.ear import record
    from velatura.enclave.policy import load_policy
    from velatura.enclave.verdict_text import in_words
    from velatura.enclave.verify import accepted
    from velatura.enclave.verify import verify as appraise
    from velatura.errors import BadSpec

    if sign is not None and out is None:
        raise BadSpec("enclave.record-file", "--sign signs the record, and no file is named for it", hint="-o FILE")
    asked, now = load_policy(policy), time_of(time)
    expected = None if nonce is None else hex_of(nonce, "--nonce")
    beside = read_companions(companions_of(companion or (), asked.companions), policy.parent)
    found = appraise(evidence_of(evidence), asked, beside, now=now, expected=expected)
    made = record(found, now=now, nonce=expected or asked.nonce)
    if out is not None:
        _write(made, sign, out, force=force)
    warnings = [f"{check.name}: {check.told} [{check.code}]" for check in found.checks if check.outcome is Outcome.WARNED]
    emit("enclave verify", _result(found, made, now), json=json, text=in_words(found, now=now), warnings=warnings)
    return 0 if accepted(found, asked) else 3


def _result(found: Appraisal, made: dict[str, Any], now: datetime) -> dict[str, Any]:
    checks = [{"name": one.name, "outcome": str(one.outcome), "code": one.code, "told": one.told, "hint": one.hint} for one in found.checks]
    return {
        "verdict": str(found.verdict),
        "code": found.code,
        "format": found.format,
        "assurance": found.assurance.word,
        "time": now.isoformat(),
        "policy": found.policy,
        "checks": checks,
        "claims": dict(found.claims),
        "ear": made,
    }


def _write(made: dict[str, Any], sign: Path | None, out: Path, *, force: bool) -> None:
    from velatura.crypto.keyfile import load_signer
    from velatura.enclave.ear import sign_record
    from velatura.files import atomic_output
    from velatura.specs import dump_json

    told = dump_json(made) if sign is None else sign_record(made, load_signer(sign)).encode("ascii") + b"\n"
    with atomic_output(out, force=force) as part:
        part.write_bytes(told)
