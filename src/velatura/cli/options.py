"""Options that several verbs have, with one meaning and one sentence of help."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["Audio", "Detectors", "Every", "Force", "Inputs", "Json", "Out", "Preset", "Quiet", "Recheck", "Thorough", "words"]

Inputs = Annotated[list[str], typer.Argument(metavar="IN...", help="pictures, clips, folders or patterns")]
Out = Annotated[str, typer.Option("--output", "-o", metavar="OUT", help="a file; for several inputs a folder")]
Every = Annotated[int, typer.Option(metavar="K", help="search every K-th frame of a clip, at least each .2 seconds")]
Thorough = Annotated[bool, typer.Option("--thorough", help="several detectors, tiles and mirrored views: slower, finds more")]
Detectors = Annotated[
    str,
    typer.Option(
        metavar="NAMES",
        help="of `velatura models list`, instead of the default ones for what they find; separated by commas  [default: the best here]",
    ),
]
Recheck = Annotated[bool, typer.Option("--recheck/--no-recheck", help="search the finished file again before it gets its name")]
Audio = Annotated[str | None, typer.Option(metavar="keep", help="keep the sound track (encoded anew); it is left out by default")]
Preset = Annotated[str, typer.Option(metavar="NAME", help="of the x264 coder: ultrafast ... veryslow")]
Force = Annotated[bool, typer.Option("--force", help="replace outputs that are there")]
Json = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="no progress")]


def words(text: str) -> list[str]:
    """What stands between commas."""
    return [word.strip() for word in text.split(",") if word.strip()]
