"""The group of `velatura he`; each verb has a file of its own beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["EPILOG", "ClientFile", "Secret", "app"]

EPILOG = "Example: velatura he compile model.onnx --calibration x.npz -o prog; velatura he keygen prog/client.vlhe -o keys"

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    help="Let a server run your model on data that it cannot read (CKKS, by SEAL): compile, encrypt, run, decrypt.",
    epilog=EPILOG,
)

ClientFile = Annotated[Path, typer.Argument(metavar="PROG/client.vlhe", help="what `velatura he compile` wrote for the owner of the data")]
Secret = Annotated[Path, typer.Option("--key", metavar="KEYS/secret.key", help="of `velatura he keygen`; it stays with you")]
