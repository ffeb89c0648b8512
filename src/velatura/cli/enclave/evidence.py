"""`velatura enclave evidence`: what this machine can show of a job's process, for a policy to be made from, or for who gave a nonce."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from velatura.cli.enclave.app import app
from velatura.cli.options import Force, Json

if TYPE_CHECKING:
    from velatura.enclave.backends.backend import Collected
    from velatura.enclave.job import Job

__all__ = ["evidence"]

EXAMPLE = "Example: velatura enclave evidence --job job.toml -o e.json; velatura enclave policy e.json -o policy.toml"


@app.command("evidence", epilog=EXAMPLE)
def evidence(
    out: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="the document; what goes with it lies beside, as FILE.NAME")],
    nonce: Annotated[str | None, typer.Option(metavar="HEX", help="32 bytes, of who asks  [default: random]")] = None,
    job: Annotated[
        Path | None, typer.Option(metavar="JOB.toml", help="measure what this job's process is made of; its data need not be there")
    ] = None,
    policy: Annotated[Path | None, typer.Option(metavar="P.toml", help="whose digest is bound in  [default: none's, zeros]")] = None,
    backend: Annotated[str, typer.Option(metavar="NAME", help="auto: the strongest that works here")] = "auto",
    allow_degraded: Annotated[
        list[str] | None, typer.Option(metavar="LAYER", help="start without a layer; the evidence says so; may be repeated")
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Start a process as a job's would be, and write its evidence. The process does nothing and ends.

    Without --job it is a process that imports nothing: a policy made from it takes jobs without imports.
    """
    import os

    from velatura.cli.enclave.words import hex_of
    from velatura.cli.output import emit
    from velatura.enclave.backends.choice import backend as chosen
    from velatura.enclave.backends.idle_job import idle_job
    from velatura.enclave.binding import NONCE_BYTES, report_data
    from velatura.enclave.job import JobFile
    from velatura.enclave.policy import load_policy
    from velatura.errors import BadSpec
    from velatura.files import refuse_same
    from velatura.specs import load_spec

    given = os.urandom(NONCE_BYTES) if nonce is None else hex_of(nonce, "--nonce")
    if len(given) != NONCE_BYTES:
        raise BadSpec("enclave.nonce", f"--nonce has {len(given)} bytes", hint=f"{NONCE_BYTES} bytes, as {2 * NONCE_BYTES} digits of hex")
    if job is not None:
        refuse_same(job, out)
    made = idle_job(None if job is None else load_spec(job, JobFile))
    digest = bytes(32) if policy is None else bytes.fromhex(load_policy(policy).digest)
    degraded = frozenset(allow_degraded or [])
    place = chosen(backend, allow_degraded=degraded)
    with place.start(made, owner=None, allow_degraded=degraded) as enclave:
        bound = report_data(given, enclave.recipient.raw, digest, bytes.fromhex(made.digest))
        collected = enclave.evidence(bound, given)
    written = _write(collected, out, force=force)
    result = {
        "format": collected.format,
        "backend": place.name,
        "assurance": place.assurance.word,
        "nonce": given.hex(),
        "report_data": bound.hex(),
        "files": written,
    }
    emit("enclave evidence", result, json=json, text=_text(collected, made, out, given))


def _write(collected: Collected, out: Path, *, force: bool) -> list[str]:
    """The document, and its companions beside it."""
    from velatura.files import atomic_output

    names = {out: collected.evidence} | {out.with_name(f"{out.name}.{name}"): raw for name, raw in collected.companions.items()}
    for path, raw in reversed(names.items()):  # the document last: what it goes with is there then
        with atomic_output(path, force=force) as part:
            part.write_bytes(raw)
    return [str(path) for path in names]


def _text(collected: Collected, job: Job, out: Path, nonce: bytes) -> str:
    imports = ", ".join(job.imports) or "nothing"
    return f"{out}: {collected.format}, {len(collected.evidence)} bytes, of a process that imports {imports}\nnonce {nonce.hex()}"
