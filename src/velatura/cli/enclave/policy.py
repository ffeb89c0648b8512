"""`velatura enclave policy`: a strict policy from a document that is known to be good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from velatura.cli.enclave.app import Companion, Evidence, Format, Time, app
from velatura.cli.options import Force, Json

__all__ = ["policy"]

EXAMPLE = "Example: velatura enclave policy report.bin --with leaf=vcek.der -o p.toml"


@app.command("policy", epilog=EXAMPLE)
def policy(
    evidence: Evidence,
    out: Annotated[Path, typer.Option("--output", "-o", metavar="P.toml", help="the policy")],
    named: Format = None,
    time: Time = None,
    companion: Companion = None,
    allow_degraded: Annotated[list[str] | None, typer.Option(metavar="LAYER", help="of a confined process, may be absent")] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Verify a document that you know to be good, and write the policy that wants what it shows: measurements, TCB minima, companions.

    A document that fails a check is never the source of a policy (exit status 3). Read the file before you rely on it: it says in comments what
    nobody vouched for, and what belongs to one machine or one moment.
    """
    from velatura.cli.enclave.words import companions_of, evidence_of, format_of, time_of
    from velatura.cli.output import emit
    from velatura.enclave.companions import read_companions
    from velatura.enclave.policy import With
    from velatura.enclave.policy_from import policy_from
    from velatura.files import atomic_output

    document, now = evidence_of(evidence), time_of(time)
    beside = companions_of(companion or (), With())
    with atomic_output(out, force=force) as part:
        made = policy_from(
            document,
            format_of(named, document),
            read_companions(beside, Path()),
            beside,
            now=now,
            folder=out.absolute().parent,
            degraded=allow_degraded or (),
        )
        part.write_text(made.text, encoding="utf-8")
    found = made.appraisal
    warnings = [f"not vouched for: {check.name}: {check.told} [{check.code}]" for check in made.open]
    result = {"file": str(out), "format": found.format, "policy": found.policy, "assurance": found.assurance.word, "verdict": str(found.verdict)}
    text = f"{out}: {found.format}, {found.assurance.word}, under which this document is {found.verdict}"
    emit("enclave policy", result, json=json, text=text, warnings=warnings)
