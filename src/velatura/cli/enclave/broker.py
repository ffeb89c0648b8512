"""`velatura enclave broker`: keys of data sets, for enclaves whose evidence meets the policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from velatura.cli.enclave.app import app
from velatura.cli.options import Quiet

__all__ = ["broker"]

EXAMPLE = "Example: velatura enclave broker digits.sealed.key --state broker --cert server.crt --tls-key server.key --host 0.0.0.0"


@app.command("broker", epilog=EXAMPLE)
def broker(
    keys: Annotated[list[Path], typer.Argument(metavar="KEY...", help="of sealed data sets, as `enclave seal` wrote them, each with its KEY.uses")],
    state: Annotated[Path, typer.Option(metavar="FOLDER", help="of the broker: its signer's key, token, signed log, counters; made where it is not")],
    host: Annotated[str, typer.Option(metavar="ADDR", help="to listen on; other machines' need --cert and --tls-key")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="PORT", help="0: a free one")] = 8450,
    cert: Annotated[Path | None, typer.Option(metavar="FILE", help="the server's certificate, PEM")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="its private key, PEM")] = None,
    expire_s: Annotated[float, typer.Option(min=1, max=3600, metavar="S", help="seconds for which a challenge is good")] = 300.0,
    quiet: Quiet = False,
) -> None:
    """Serve until Ctrl-C. A key leaves in a box to an attested key alone; each grant and refusal is in the signed log before it is told."""
    import os
    import time
    from datetime import UTC, datetime

    from velatura.cli.output import note, warn
    from velatura.enclave.assurance import Assurance
    from velatura.enclave.broker_state import open_state
    from velatura.enclave.challenges import Challenges
    from velatura.enclave.dataset_key import load_dataset_key
    from velatura.enclave.holder import Holder
    from velatura.enclave.serving import refuse_plain
    from velatura.enclave.serving import serve as listen
    from velatura.errors import Missing

    try:
        from velatura.enclave.broker import Limits, application
    except ImportError as error:
        raise Missing("enclave.starlette", "starlette, which answers HTTP, is not installed", hint="pip install 'velatura[enclave]'") from error
    refuse_plain(host, cert, tls_key)
    held = [load_dataset_key(path) for path in keys]
    for path, one in zip(keys, held, strict=True):
        if one.policy.least <= Assurance.PROCESS:
            warn(f"{path}: its policy takes evidence that who has the token can write himself: give the token to whom you would give the data")
    with open_state(state, entropy=os.urandom) as kept:
        if kept.broken:
            warn(kept.broken)
        holder = Holder(held, Challenges(os.urandom, time.monotonic, expire_s), now=lambda: datetime.now(UTC), log=kept.log, counters=kept.counters)

        def begun(address: str) -> None:
            if not quiet:
                note(f"{address}: keys of {len(held)} data sets; token in {kept.token_file}; answers are signed by {kept.verifier}; Ctrl-C ends")

        try:
            served = application(holder, kept.counters, kept.token, limits=Limits())
            listen(served, host=host, port=port, certificate=cert, key=tls_key, told=begun)
        except KeyboardInterrupt:
            return  # the way it ends
