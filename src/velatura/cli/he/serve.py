"""`velatura he serve`: programs over HTTPS."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from velatura.cli.he.app import app
from velatura.cli.options import Quiet

__all__ = ["serve"]

EXAMPLE = "Example: velatura he serve prog/server.vlhe --token-file token --cert server.crt --key server.key --host 0.0.0.0"


@app.command("serve", epilog=EXAMPLE)
def serve(
    programs: Annotated[list[Path], typer.Argument(metavar="PROG/server.vlhe...", help="programs to serve, each under its id")],
    token_file: Annotated[Path, typer.Option(metavar="FILE", help="the token that clients show (0600); made where it is not there")],
    host: Annotated[str, typer.Option(metavar="ADDR", help="to listen on; other machines' need --cert and --key")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="PORT", help="0: a free one")] = 8443,
    cert: Annotated[Path | None, typer.Option(metavar="FILE", help="the server's certificate, PEM")] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="its private key, PEM")] = None,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="confined processes at once for each program")] = 2,
    expire_h: Annotated[float, typer.Option(min=0.01, metavar="H", help="hours after their last use in which keys are kept")] = 24.0,
    max_mb: Annotated[int, typer.Option(min=1, metavar="MB", help="of one message of ciphertexts")] = 256,
    max_keys_mb: Annotated[int, typer.Option(min=1, metavar="MB", help="of all evaluation keys together")] = 2048,
    quiet: Quiet = False,
) -> None:
    """Serve programs until Ctrl-C or SIGTERM. Clients send evaluation keys once and ciphertexts then; a secret key is refused and not kept."""
    from velatura.cli.output import note
    from velatura.crypto.token_file import load_token, made_token
    from velatura.errors import Missing
    from velatura.homomorphic.server import Server

    try:
        from velatura.homomorphic.serve import Limits, application, refuse_plain
        from velatura.homomorphic.serve import serve as listen
    except ImportError as error:
        raise Missing("he.starlette", "starlette, which answers HTTP, is not installed", hint="pip install 'velatura[he]'") from error
    refuse_plain(host, cert, key)
    limits = Limits(most_bytes=max_mb << 20, keys_bytes=max_keys_mb << 20, expire_s=expire_h * 3600, workers=workers)
    with ExitStack() as stack:
        servers = [stack.enter_context(Server(path, workers=workers)) for path in programs]
        token = load_token(token_file) if token_file.exists() else made_token(token_file)

        def begun(address: str) -> None:
            if not quiet:
                note(f"{address}: {len(servers)} programs; token in {token_file}; Ctrl-C ends")

        try:
            listen(application(servers, token, limits=limits), host=host, port=port, certificate=cert, key=key, told=begun)
        except KeyboardInterrupt:
            return  # the way it ends
