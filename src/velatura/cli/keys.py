"""`velatura keys`: make a key, show its public half."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from velatura.cli.options import Json

__all__ = ["app"]

EPILOG = "Example: velatura keys new -o me.key; velatura obfuscate in.jpg -o out.jpg --method seal --recipient me.key.pub"

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    help="Make and show the keys of recipients (X25519) and signers (Ed25519).",
    epilog=EPILOG,
)


class Kind(StrEnum):
    """What a key is for."""

    IDENTITY = "identity"
    SIGNER = "signer"


@app.command("new", epilog=EPILOG)
def new(
    out: Annotated[Path, typer.Option("--output", "-o", metavar="KEY", help="the private key's file, made with mode 0600")],
    kind: Annotated[Kind, typer.Option(help="identity: opens what is sealed to it (X25519); signer: signs (Ed25519)")] = Kind.IDENTITY,
    force: Annotated[bool, typer.Option("--force", help="replace KEY: what was sealed to it can never be opened again")] = False,
    json: Json = False,
) -> None:
    """Make a key pair: the private half goes into KEY, the public half into KEY.pub, and is printed.

    Whoever reads KEY opens what is sealed to it; if it is lost, nobody does.
    """
    import os

    from velatura.crypto import keytext
    from velatura.crypto.keyfile import public_of, save_private
    from velatura.crypto.keys import Identity, Signer
    from velatura.files import atomic_output

    key = Identity.new(os.urandom) if kind is Kind.IDENTITY else Signer.new(os.urandom)
    with atomic_output(out.with_name(out.name + ".pub"), force=force) as part:  # both or none
        part.write_text(keytext.encode(public_of(key)) + "\n", "utf-8")
        save_private(key, out, force=force)
    _tell("keys new", out, key, json=json)


@app.command("show", epilog="Example: velatura keys show me.key > me.pub")
def show(key: Annotated[Path, typer.Argument(metavar="KEY", help="a private key's file")], json: Json = False) -> None:
    """Print the public half of a key: what --recipient takes."""
    from velatura.crypto.keyfile import load_private

    _tell("keys show", key, load_private(key), json=json)


def _tell(command: str, path: Path, key: object, *, json: bool) -> None:
    from velatura.cli.output import emit
    from velatura.crypto import keytext
    from velatura.crypto.keyfile import public_of
    from velatura.crypto.keys import Identity, Signer

    if not isinstance(key, Identity | Signer):
        raise TypeError("only the public half of a private key is told")
    public = public_of(key)
    word = keytext.encode(public)
    result = {"file": str(path), "kind": "identity" if isinstance(key, Identity) else "signer", "id": public.id, "public": word}
    emit(command, result, json=json, text=word)
