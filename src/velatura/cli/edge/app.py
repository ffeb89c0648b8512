"""The group of `velatura edge`; each verb has a file of its own beside this one."""

from __future__ import annotations

import typer

__all__ = ["EPILOG", "app"]

EPILOG = "Example: velatura edge run door.mp4 --model yunet-n -o events.jsonl; velatura edge audit events.jsonl"

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    help="Count where the camera is: frames stay in a locked process, signed numbers leave, so many bits an hour.",
    epilog=EPILOG,
)
