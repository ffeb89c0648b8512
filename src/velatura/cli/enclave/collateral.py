"""`velatura enclave collateral`: what has to lie beside a piece of evidence, and where it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.enclave.app import Companion, Evidence, Format, Time, app
from velatura.cli.options import Force, Json

if TYPE_CHECKING:
    from velatura.enclave.needed import Needed

__all__ = ["collateral"]

EXAMPLE = "Example: velatura enclave collateral report.bin; velatura enclave collateral quote.bin --with dcap=collateral.json"
MOST_BYTES = 4 << 20


@app.command("collateral", epilog=EXAMPLE)
def collateral(
    evidence: Evidence,
    named: Format = None,
    time: Time = None,
    companion: Companion = None,
    responses: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="with the answers of Intel's service, as `curl -i -o NAME ADDRESS` saved them")
    ] = None,
    out: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="the collateral made of them, for [with] dcap")] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Say what this evidence needs beside it (certificates, collateral, logs), where each is, and whether the files given by --with are that.

    Nothing is fetched: fetch it on a machine that may, and bring the files.
    """
    from velatura.cli.enclave.words import companions_of, evidence_of, format_of, time_of
    from velatura.cli.output import emit
    from velatura.enclave.companions import read_companions
    from velatura.enclave.needed import needed
    from velatura.enclave.policy import With
    from velatura.errors import BadSpec

    if (responses is None) != (out is None):
        raise BadSpec("enclave.responses", "--responses and -o belong together", hint="--responses FOLDER -o dcap.json")
    document = evidence_of(evidence)
    kind = format_of(named, document)
    beside = read_companions(companions_of(companion or (), With()), Path())
    if responses is not None and out is not None:
        beside = replace(beside, dcap=_assembled(responses, out, force=force))
    found = needed(document, kind, beside, now=time_of(time))
    warnings = [f"there is no file: {name}" for name in beside.absent]
    result = {"format": kind, "complete": found.complete, "needs": found.needs, "verdict": str(found.appraisal.verdict), "code": found.appraisal.code}
    emit("enclave collateral", result, json=json, text=_text(kind, found), warnings=warnings)


def _assembled(folder: Path, out: Path, *, force: bool) -> bytes:
    from velatura.enclave.evidence.dcap_responses import RESPONSES, collateral_from
    from velatura.files import atomic_output

    made = collateral_from({name: _read(folder / name) for name in RESPONSES})
    with atomic_output(out, force=force) as part:
        part.write_bytes(made)
    return made


def _read(path: Path) -> bytes:
    from velatura.errors import BadInput
    from velatura.files import open_regular

    try:
        with open_regular(path) as stream:
            raw: bytes = stream.read(MOST_BYTES + 1)
    except OSError as error:
        hint = "the answers are called tcb_info, qe_identity, pck_crl, root_ca_crl"
        raise BadInput("enclave.response", f"{path}: cannot be read: {error.strerror}", hint=hint) from error
    if len(raw) > MOST_BYTES:
        raise BadInput("enclave.response", f"{path}: is larger than 4 MiB")
    return raw


def _text(kind: str, found: Needed) -> str:
    lines = [kind]
    for need in found.needs:
        lines.append(f"{need.state.upper():9s} {need.name:9s} {need.what}" + (f": {need.told}" if need.told else ""))
        lines += [f"{'':20s}{where}" for where in need.where]
    decisive = found.appraisal.decisive
    told = f": {decisive.told} [{decisive.code}]" if decisive else ""
    return "\n".join([*lines, f"with what is given, and any program: {found.appraisal.verdict}{told}"])
