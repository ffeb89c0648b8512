"""`velatura he run`: a program on ciphertexts, here or at a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from velatura.cli.he.app import app
from velatura.cli.options import Force, Json, Quiet

__all__ = ["run"]

EXAMPLE = "Example: velatura he run prog/server.vlhe --keys keys/eval.keys in.ct -o out.ct"
MOST_KEYS = 64 << 30


@app.command("run", epilog=EXAMPLE)
def run(
    server: Annotated[str, typer.Argument(metavar="PROG/server.vlhe|https://HOST:PORT", help="the program, or a server (`velatura he serve`)")],
    ciphertexts: Annotated[Path, typer.Argument(metavar="IN.ct", help="of `velatura he encrypt`")],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="OUT.ct", help="the result, encrypted")],
    keys: Annotated[Path | None, typer.Option(metavar="KEYS/eval.keys", help="of `velatura he keygen`; a server may have them already")] = None,
    token_file: Annotated[Path | None, typer.Option(metavar="FILE", help="the server's token (0600)")] = None,
    ca: Annotated[Path | None, typer.Option(metavar="CA.crt", help="who signed the server's certificate  [default: the system's]")] = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a program on ciphertexts. Neither inputs nor results are readable here; SEAL runs in a confined process."""
    from velatura.cli.output import emit as told
    from velatura.files import atomic_output, refuse_same
    from velatura.homomorphic.wire import read_header

    refuse_same(ciphertexts, out)
    with atomic_output(out, force=force) as part:
        if server.startswith(("https://", "http://")):
            result = _remote(server, ciphertexts, keys, token_file, ca)
        else:
            result = _here(Path(server), ciphertexts, keys, quiet=quiet)
        part.write_bytes(result)
    count = read_header(result).count
    told(
        "he run",
        {"file": str(out), "ciphertexts": count, "bytes": len(result)},
        json=json,
        text=f"{out}: {count} ciphertexts, {len(result) / 1e3:.0f} kB",
    )


def _here(program: Path, ciphertexts: Path, keys: Path | None, *, quiet: bool) -> bytes:
    from velatura.cli.progress import progress
    from velatura.errors import BadSpec
    from velatura.homomorphic.server import Server
    from velatura.homomorphic.wire import whole_message

    if keys is None:
        raise BadSpec("he.no-keys", "a program runs with evaluation keys", hint="--keys KEYS/eval.keys, of `velatura he keygen`")
    with Server(program) as server:
        key = server.add_keys(whole_message(keys, server.expected_keys))
        return server.run(whole_message(ciphertexts, server.expected_input(key)), progress=progress(quiet=quiet))


def _remote(url: str, ciphertexts: Path, keys: Path | None, token_file: Path | None, ca: Path | None) -> bytes:
    from velatura.crypto.token_file import load_token
    from velatura.errors import BadSpec
    from velatura.homomorphic.remote import RemoteServer
    from velatura.homomorphic.server import MOST_INPUT_BYTES
    from velatura.homomorphic.wire import Expected, Kind, whole_message

    if token_file is None:
        raise BadSpec("he.no-token", "a server wants its token", hint="--token-file FILE")
    remote = RemoteServer(url, token=load_token(token_file), ca=ca)
    # what is sent is looked at here first: a secret key given by mistake does not leave
    message = whole_message(ciphertexts, Expected(Kind.INPUT, MOST_INPUT_BYTES, multiple=1))
    if keys is not None:
        remote.add_keys(whole_message(keys, Expected(Kind.EVALUATION_KEYS, MOST_KEYS)))
    return remote.run(message)
