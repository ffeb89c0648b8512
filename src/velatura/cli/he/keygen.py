"""`velatura he keygen`: an owner's keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from velatura.cli.he.app import ClientFile, app
from velatura.cli.options import Json

__all__ = ["keygen"]

EXAMPLE = "Example: velatura he keygen prog/client.vlhe -o keys; the server gets keys/eval.keys, and never keys/secret.key"


@app.command("keygen", epilog=EXAMPLE)
def keygen(
    client: ClientFile,
    out: Annotated[Path, typer.Option("--output", "-o", metavar="KEYS", help="a folder: secret.key (0600), eval.keys, the count of queries")],
    force: Annotated[bool, typer.Option("--force", help="replace keys; what was encrypted to them is lost")] = False,
    json: Json = False,
) -> None:
    """Make keys for a program. What they take of this machine's memory is reckoned before any is made."""
    from velatura.cli.output import emit as told
    from velatura.homomorphic.artefacts import load_client
    from velatura.homomorphic.keys import EVALUATION, SECRET, refuse_there, write_keys
    from velatura.homomorphic.keys import keygen as make

    artefact = load_client(client)
    refuse_there(out, force=force)
    keys = make(artefact)
    write_keys(keys, out, force=force)
    limit = artefact.sharing.queries
    result = {"key": keys.id.hex(), "secret": str(out / SECRET), "evaluation": str(out / EVALUATION), "bytes": len(keys.evaluation), "queries": limit}
    text = f"{out / SECRET}: yours alone; {out / EVALUATION}: {len(keys.evaluation) / 1e6:.1f} MB for the server; key {keys.id.hex()}"
    text += f"\nit decrypts {limit} ciphertexts, then make a new one" if limit else ""
    told("he keygen", result, json=json, text=text, warnings=_insecure(artefact.parameters.insecure))


def _insecure(insecure: bool) -> list[str]:
    return ["insecure: these parameters do not give 128 bits of security; for trials alone"] if insecure else []
