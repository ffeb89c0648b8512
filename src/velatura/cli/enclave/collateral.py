"""`velatura enclave collateral`: what has to lie beside a piece of evidence, and where it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from velatura.cli.enclave.app import Companion, Evidence, Format, Time, app
from velatura.cli.options import Json

if TYPE_CHECKING:
    from velatura.enclave.needed import Needed

__all__ = ["collateral"]

EXAMPLE = "Example: velatura enclave collateral report.bin; velatura enclave collateral quote.bin --with dcap=collateral.json"


@app.command("collateral", epilog=EXAMPLE)
def collateral(evidence: Evidence, named: Format = None, time: Time = None, companion: Companion = None, json: Json = False) -> None:
    """Say what this evidence needs beside it (certificates, collateral, logs), where each is, and whether the files given by --with are that.

    Nothing is fetched: fetch it on a machine that may, and bring the files.
    """
    from velatura.cli.enclave.words import companions_of, evidence_of, format_of, time_of
    from velatura.cli.output import emit
    from velatura.enclave.companions import read_companions
    from velatura.enclave.needed import needed
    from velatura.enclave.policy import With

    document = evidence_of(evidence)
    kind = format_of(named, document)
    beside = read_companions(companions_of(companion or (), With()), Path())
    found = needed(document, kind, beside, now=time_of(time))
    warnings = [f"there is no file: {name}" for name in beside.absent]
    result = {"format": kind, "complete": found.complete, "needs": found.needs, "verdict": str(found.appraisal.verdict), "code": found.appraisal.code}
    emit("enclave collateral", result, json=json, text=_text(kind, found), warnings=warnings)


def _text(kind: str, found: Needed) -> str:
    lines = [kind]
    for need in found.needs:
        lines.append(f"{need.state.upper():9s} {need.name:9s} {need.what}" + (f": {need.told}" if need.told else ""))
        lines += [f"{'':20s}{where}" for where in need.where]
    decisive = found.appraisal.decisive
    told = f": {decisive.told} [{decisive.code}]" if decisive else ""
    return "\n".join([*lines, f"with what is given, and any program: {found.appraisal.verdict}{told}"])
