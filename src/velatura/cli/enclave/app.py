"""The group of `velatura enclave`; each verb has a file of its own beside this one."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["EPILOG", "Companion", "Evidence", "Format", "Time", "app"]

EPILOG = "Example: velatura enclave verify report.bin --policy p.toml"

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    help="Verify who computes before anything is sent; run a job where the operator cannot look; release what the policy allows.",
    epilog=EPILOG,
)

Evidence = Annotated[str, typer.Argument(metavar="EVIDENCE", help="raw bytes, hex, base64, or JSON where the format has it; - reads standard input")]
Time = Annotated[
    str | None, typer.Option(metavar="T", help="judge at this time: Unix seconds, or ISO 8601 (UTC unless it says otherwise)  [default: now]")
]
Companion = Annotated[
    list[str] | None,
    typer.Option(
        "--with", metavar="NAME=FILE", help="leaf, chain, root, dcap, eventlog, gpu, crl: instead of the policy's [with]; crl may be repeated"
    ),
]
Format = Annotated[str | None, typer.Option("--format", metavar="F", help="of the evidence  [default: what its bytes look like]")]
