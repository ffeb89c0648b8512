"""`velatura enclave explain`: a format, an assurance, a check, a code, or a verdict that was saved, in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from velatura.cli.enclave.app import app
from velatura.cli.options import Json

__all__ = ["explain"]

EXAMPLE = "Example: velatura enclave explain tcb-status; velatura enclave explain verdict.json"
MOST_BYTES = 1 << 20


@app.command("explain", epilog=EXAMPLE)
def explain(
    word: Annotated[
        str | None, typer.Argument(metavar="[WORD|FILE]", help="a word, or a file of `enclave verify -o` or --json", show_default=False)
    ] = None,
    signer: Annotated[str | None, typer.Option(metavar="KEY.pub", help="who must have signed FILE, a record of `verify --sign`")] = None,
    json: Json = False,
) -> None:
    """Say in plain words what a format, an assurance, a check or a code means, or go through a saved verdict. Without a word: all of them.

    A saved verdict is believed as far as its file is: give --signer to have a signature checked (exit status 3 where it does not verify).
    """
    from velatura.cli.output import emit
    from velatura.enclave.explanations import TABLES
    from velatura.enclave.explanations import explain as of
    from velatura.errors import BadSpec
    from velatura.files import is_there

    if word is None:
        told = {kind: {name: one.means for name, one in table.items()} for kind, table in TABLES.items()}
        lines = [f"{kind}\n" + "\n".join(f"  {name:24s} {means}" for name, means in table.items()) for kind, table in told.items()]
        emit("enclave explain", told, json=json, text="\n\n".join(lines))
        return
    known = any(word in table for table in TABLES.values())
    if signer is not None or (not known and is_there(Path(word))):
        found, text = _saved(Path(word), signer)
        emit("enclave explain", found, json=json, text=text)
        return
    if not known and ("/" in word or Path(word).suffix):
        raise BadSpec("enclave.word", f"{word}: there is no such file", hint="a word such as tcb-status, or a file of `enclave verify -o`")
    meanings = of(word)
    text = "\n".join(f"{word} ({kind}): {one.means}" + (f"\n  {one.next}" if one.next else "") for kind, one in meanings)
    emit("enclave explain", [{"kind": kind, "word": word, "means": one.means, "next": one.next} for kind, one in meanings], json=json, text=text)


def _saved(path: Path, signer: str | None) -> tuple[dict[str, Any], str]:
    from velatura.crypto.keyfile import load_verifier
    from velatura.enclave.ear import open_record, read_record
    from velatura.enclave.verdict_text import record_in_words

    raw = _read(path)
    made = read_record(raw) if signer is None else open_record(raw.decode("ascii", "replace"), load_verifier(signer))
    return made, record_in_words(made, signed=signer is not None)


def _read(path: Path) -> bytes:
    from velatura.errors import BadInput
    from velatura.files import open_regular

    try:
        with open_regular(path) as stream:
            raw: bytes = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadInput("enclave.record", f"{path}: cannot be read: {error.strerror}", hint="a file of `enclave verify -o`") from error
    if len(raw) > MOST_BYTES:
        raise BadInput("enclave.record", f"{path}: is larger than 1 MiB")
    return raw
