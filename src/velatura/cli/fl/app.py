"""The group of `velatura fl`; each verb has a file of its own beside this one."""

from __future__ import annotations

import typer

__all__ = ["EPILOG", "app"]

EPILOG = "Example: velatura fl run job.toml -o run; velatura fl export run -o model.safetensors"

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    help="Train with several sites without pooling their rows, on Flower; what leaves a site is guarded, bounded and accounted.",
    epilog=EPILOG,
)
